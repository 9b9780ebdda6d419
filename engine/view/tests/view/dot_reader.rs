//! Reads Graphviz's language (its published grammar, as far as it goes without ports and subgraphs)
//! and texts in it (`escString` and entities).

use std::collections::BTreeMap;

/// What a file says.
#[derive(Debug, Default)]
pub struct DotGraph {
    /// Attributes by the names of nodes.
    pub nodes: BTreeMap<String, BTreeMap<String, String>>,
    /// Ends and attributes.
    pub edges: Vec<(String, String, BTreeMap<String, String>)>,
    /// Attributes of the graph.
    pub graph: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
enum DotToken {
    Id(String),
    Quoted(String),
    Arrow,
    Mark(char),
}

pub fn read(text: &str) -> DotGraph {
    let tokens = tokens(text);
    let mut at = tokens.iter().peekable();
    assert_eq!(at.next(), Some(&DotToken::Id("digraph".into())));
    assert!(matches!(at.next(), Some(DotToken::Id(_))));
    assert_eq!(at.next(), Some(&DotToken::Mark('{')));
    let mut graph = DotGraph::default();
    loop {
        let name = match at.next() {
            Some(DotToken::Mark('}')) => break,
            Some(DotToken::Id(name)) => name.clone(),
            other => panic!("a statement begins with {other:?}"),
        };
        let mut to = None;
        if at.peek() == Some(&&DotToken::Arrow) {
            at.next();
            let Some(DotToken::Id(name)) = at.next() else {
                panic!("an arrow to nowhere")
            };
            to = Some(name.clone());
        }
        let mut attributes = BTreeMap::new();
        if at.peek() == Some(&&DotToken::Mark('[')) {
            at.next();
            loop {
                let Some(DotToken::Id(key)) = at.next() else {
                    panic!("an attribute without a name")
                };
                assert_eq!(at.next(), Some(&DotToken::Mark('=')));
                let value = match at.next() {
                    Some(DotToken::Id(value)) => value.clone(),
                    Some(DotToken::Quoted(value)) => unescaped(value),
                    other => panic!("a value is {other:?}"),
                };
                assert_eq!(attributes.insert(key.clone(), value), None);
                match at.next() {
                    Some(DotToken::Mark(',')) => {}
                    Some(DotToken::Mark(']')) => break,
                    other => panic!("behind a value stands {other:?}"),
                }
            }
        }
        assert_eq!(at.next(), Some(&DotToken::Mark(';')));
        match (to, name.as_str()) {
            (Some(to), _) => graph.edges.push((name, to, attributes)),
            (None, "graph") => graph.graph = attributes,
            (None, "node" | "edge") => {}
            (None, _) => assert_eq!(graph.nodes.insert(name, attributes), None),
        }
    }
    assert_eq!(at.next(), None);
    graph
}

fn tokens(text: &str) -> Vec<DotToken> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\n' => {}
            '"' => {
                let mut quoted = String::new();
                loop {
                    match rest.next().expect("a quote that ends") {
                        '"' => break,
                        '\\' => {
                            quoted.push('\\');
                            quoted.push(rest.next().unwrap());
                        }
                        other => quoted.push(other),
                    }
                }
                tokens.push(DotToken::Quoted(quoted));
            }
            '-' => {
                assert_eq!(rest.next(), Some('>'));
                tokens.push(DotToken::Arrow);
            }
            '{' | '}' | '[' | ']' | '=' | ',' | ';' => tokens.push(DotToken::Mark(character)),
            _ if character.is_ascii_alphanumeric() => {
                let mut id = String::from(character);
                while let Some(next) =
                    rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_')
                {
                    id.push(next);
                }
                tokens.push(DotToken::Id(id));
            }
            other => panic!("{other:?} outside of a quoted text"),
        }
    }
    tokens
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next().unwrap() {
                'l' => plain.push('\n'),
                other @ ('\\' | '"') => plain.push(other),
                other => panic!("an escape of {other:?}"),
            },
            '&' => {
                let entity: String = rest.by_ref().take_while(|next| *next != ';').collect();
                let number = entity.strip_prefix('#').unwrap().parse().unwrap();
                plain.push(char::from_u32(number).unwrap());
            }
            other => plain.push(other),
        }
    }
    plain
}
