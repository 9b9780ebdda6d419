//! Reads flowcharts as far as we write them: one statement a line, labels in quotes with numbered
//! entities.

use std::collections::BTreeMap;

/// What a chart says.
#[derive(Debug, Default)]
pub struct Chart {
    /// The lines of labels by the names of nodes.
    pub nodes: BTreeMap<String, Vec<String>>,
    /// Classes by the names of nodes.
    pub classes: BTreeMap<String, String>,
    /// Ends, arrow and label.
    pub edges: Vec<(String, String, String)>,
    /// Comments.
    pub comments: Vec<String>,
}

pub fn read(text: &str) -> Chart {
    let mut chart = Chart::default();
    let mut lines = text.lines().peekable();
    while let Some(comment) = lines.next_if(|line| line.starts_with("%% ")) {
        assert!(!comment.contains(['{', '}']), "{comment}");
        chart.comments.push(comment.to_owned());
    }
    assert_eq!(lines.next(), Some("flowchart LR"));
    for line in lines {
        let line = line.strip_prefix("  ").unwrap();
        let mut words = line.split(' ');
        match words.next().unwrap() {
            "classDef" => assert!(!line.contains('"')),
            "class" => {
                let (name, class) = (words.next().unwrap(), words.next().unwrap());
                assert_eq!(words.next(), None);
                let before = chart.classes.insert(name.to_owned(), class.to_owned());
                assert_eq!(before, None);
            }
            _ => statement(&mut chart, line),
        }
    }
    chart
}

fn statement(chart: &mut Chart, line: &str) {
    let end = line
        .find(|character: char| !character.is_ascii_alphanumeric())
        .unwrap();
    let (name, rest) = line.split_at(end);
    if let Some(arrow) = rest.strip_prefix(' ') {
        let (arrow, to) = arrow.split_once(' ').unwrap();
        assert!(to.chars().all(|letter| letter.is_ascii_alphanumeric()));
        chart
            .edges
            .push((name.to_owned(), to.to_owned(), arrow.to_owned()));
        return;
    }
    let label = rest
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let alert = rest
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    let quoted = label.or(alert).expect("a box around a label");
    let label = quoted.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    let lines = label.split("<br/>").map(plain).collect();
    assert_eq!(chart.nodes.insert(name.to_owned(), lines), None);
}

/// The text of an escaped line, in which nothing stands that Mermaid, Markdown or a browser acts
/// on.
fn plain(line: &str) -> String {
    assert!(!line.starts_with(['-', '_', '/']) && !line.contains("--"));
    let mut plain = String::new();
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        if character == '#' {
            let number: String = rest.by_ref().take_while(|next| *next != ';').collect();
            plain.push(char::from_u32(number.parse().unwrap()).unwrap());
        } else {
            assert!(
                character.is_ascii_alphanumeric() || " -_/".contains(character),
                "{character:?} in {line}"
            );
            plain.push(character);
        }
    }
    plain
}
