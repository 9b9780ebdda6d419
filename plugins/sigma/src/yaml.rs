//! YAML as a tree that keeps lines and the order of keys.
//!
//! A plain scalar is the text that was written; `null`, `~` or nothing is null. The caller reads a
//! number or a boolean from the text.
//!
//! Owns documents, nesting and its limits; what members mean is left to the readers of documents.
//! Invariant: a key that occurs twice is an error, as one of its values would otherwise be lost
//! without a word.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::error::{DocumentProblem, SigmaResult};

/// Most nodes of a file, aliases counted as often as they are used.
const NODES: usize = 500_000;
/// Bytes of a text that count as a node.
const NODE_BYTES: usize = 64;
/// Deepest nesting.
const DEPTH: usize = 64;

/// A value and the line it begins at, from 1.
#[derive(Debug, Clone)]
pub(crate) struct YamlNode {
    pub(crate) line: usize,
    pub(crate) value: YamlValue,
}

#[derive(Debug, Clone)]
pub(crate) enum YamlValue {
    Null,
    Text(String),
    List(Vec<YamlNode>),
    Map(Vec<(String, YamlNode)>),
}

impl YamlNode {
    /// The member of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let YamlValue::Map(members) = &self.value else {
            return None;
        };
        members
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, node)| node)
    }

    pub(crate) fn members(&self, what: &str) -> SigmaResult<&[(String, Self)]> {
        match &self.value {
            YamlValue::Map(members) => Ok(members),
            _ => Err(DocumentProblem::new(
                self.line,
                format!("{what} must be a map"),
            )),
        }
    }

    pub(crate) fn text(&self, what: &str) -> SigmaResult<&str> {
        match &self.value {
            YamlValue::Text(text) => Ok(text),
            _ => Err(DocumentProblem::new(
                self.line,
                format!("{what} must be a text"),
            )),
        }
    }

    /// A text, or each of a list of texts.
    pub(crate) fn texts(&self, what: &str) -> SigmaResult<Vec<&str>> {
        match &self.value {
            YamlValue::List(nodes) => nodes.iter().map(|node| node.text(what)).collect(),
            _ => self.text(what).map(|text| vec![text]),
        }
    }

    pub(crate) fn optional_text(&self, key: &str) -> SigmaResult<Option<&str>> {
        self.get(key).map(|node| node.text(key)).transpose()
    }

    fn node_count(&self) -> usize {
        match &self.value {
            YamlValue::Null => 1,
            YamlValue::Text(text) => 1 + text.len() / NODE_BYTES,
            YamlValue::List(nodes) => 1 + nodes.iter().map(Self::node_count).sum::<usize>(),
            YamlValue::Map(members) => {
                1 + members
                    .iter()
                    .map(|(_, node)| node.node_count())
                    .sum::<usize>()
            }
        }
    }
}

/// The documents of a file.
pub(crate) fn parse_documents(text: &str) -> SigmaResult<Vec<YamlNode>> {
    let mut reader = YamlReader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut documents = Vec::new();
    loop {
        match reader.next_event()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::DocumentStart(_), _) => {
                let (event, line) = reader.next_event()?;
                documents.push(reader.read_node(event, line, 0)?);
            }
            _ => {}
        }
    }
}

struct YamlReader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: HashMap<usize, YamlNode>,
    nodes: usize,
}

impl<'t> YamlReader<'t> {
    fn next_event(&mut self) -> SigmaResult<(Event<'t>, usize)> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, 0)),
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(DocumentProblem::new(
                error.marker().line(),
                format!("it is not YAML: {}", error.info()),
            )),
        }
    }

    fn read_node(&mut self, event: Event<'t>, line: usize, depth: usize) -> SigmaResult<YamlNode> {
        self.nodes += 1;
        if depth > DEPTH || self.nodes > NODES {
            return Err(DocumentProblem::new(line, "it is too deep or too large"));
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let anchored = self.anchors.get(&anchor);
                let node =
                    anchored.ok_or_else(|| DocumentProblem::new(line, "an alias names itself"))?;
                // Counted before it is copied: aliases of aliases grow without bound.
                self.nodes += node.node_count();
                if self.nodes > NODES {
                    return Err(DocumentProblem::new(line, "it is too deep or too large"));
                }
                return Ok(node.clone());
            }
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    return Err(DocumentProblem::new(line, "YAML tags are not supported"));
                }
                let quoted = style != ScalarStyle::Plain;
                let is_null = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let text = text.into_owned();
                let value = if is_null {
                    YamlValue::Null
                } else {
                    YamlValue::Text(text)
                };
                (value, anchor)
            }
            Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(DocumentProblem::new(line, "YAML tags are not supported"));
            }
            Event::SequenceStart(anchor, None) => (self.read_list(depth)?, anchor),
            Event::MappingStart(anchor, None) => (self.read_map(depth)?, anchor),
            _ => (YamlValue::Null, 0),
        };
        let node = YamlNode { line, value };
        // Known only once it is read in full, so an alias inside of it names nothing.
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn read_list(&mut self, depth: usize) -> SigmaResult<YamlValue> {
        let mut nodes = Vec::new();
        loop {
            let (event, line) = self.next_event()?;
            if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                return Ok(YamlValue::List(nodes));
            }
            nodes.push(self.read_node(event, line, depth + 1)?);
        }
    }

    fn read_map(&mut self, depth: usize) -> SigmaResult<YamlValue> {
        let mut members: Vec<(String, YamlNode)> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
        loop {
            let (event, line) = self.next_event()?;
            let key = match event {
                Event::MappingEnd | Event::StreamEnd => return Ok(YamlValue::Map(members)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(DocumentProblem::new(line, "a key must be a text")),
            };
            if key == "<<" {
                return Err(DocumentProblem::new(line, "merge keys are not supported"));
            }
            if !known.insert(key.clone()) {
                return Err(DocumentProblem::new(
                    line,
                    format!("the key {key:?} occurs twice"),
                ));
            }
            let (event, line) = self.next_event()?;
            let node = self.read_node(event, line, depth + 1)?;
            members.push((key, node));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_lines_are_kept_and_a_quoted_null_is_a_text() {
        let documents = parse_documents("b: 'null'\na: null\n---\n- x\n- *a\n").unwrap_err();
        assert!(documents.reason.contains("YAML"), "{}", documents.reason);
        let two = super::parse_documents("b: 'null'\na: null\n---\n- x\n- '2'\n").unwrap();
        let [first, second] = &two[..] else {
            panic!("two documents");
        };
        let members = first.members("it").unwrap();
        assert_eq!(members[0].0, "b");
        assert!(matches!(members[0].1.value, YamlValue::Text(_)));
        assert!(matches!(members[1].1.value, YamlValue::Null));
        assert_eq!(members[1].1.line, 2);
        assert_eq!(second.texts("it").unwrap(), ["x", "2"]);
    }

    #[test]
    fn a_key_that_occurs_twice_is_an_error_where_it_stands() {
        let problem = parse_documents("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(
            problem,
            DocumentProblem::new(3, "the key \"a\" occurs twice")
        );
    }
}
