//! A tree for Mermaid, as a flowchart.
//!
//! Owns the syntax of the chart; boxes and arrows come from `drawing`, and nothing of the tree is
//! decided here. Mermaid's text goes through a lexer, a Markdown reader and a browser.
//! Invariant: of what producers wrote only letters, digits, spaces and what joins words pass as
//! they are. All else becomes a numbered entity (`#34;`), which Mermaid turns into text last: no
//! directive, tag, list or link comes from a label.

use std::fmt::Write;

use larum_event::{AlertStatus, Severity};
use larum_tree::{EdgeKind, TreeNode, TreeView};

use super::drawing::{self, DrawingArrows};
use crate::caption;
use crate::text::spell_out_harmful;

/// What Mermaid draws unless `maxEdges` is set; a chart itself cannot set it.
const EDGES_DRAWN: usize = 500;
/// What Mermaid reads unless `maxTextSize` is set.
const CHARACTERS_READ: usize = 50_000;

const CLASSES: &str = "  classDef unseen stroke-dasharray: 4 4
  classDef again color:gray,stroke:gray
  classDef elsewhere stroke-dasharray: 2 2,color:gray
  classDef missing fill:none,stroke:none
";

/// Writes a view as a flowchart; nodes are `n0`, `n1`, .. by their places.
pub(super) fn to_mermaid(view: &TreeView) -> String {
    let arrows = DrawingArrows::from_view(view);
    let mut chart = String::from("flowchart LR\n");
    for (place, node) in view.nodes.iter().enumerate() {
        let (open, close) = node_shape(node);
        push_statement(
            &mut chart,
            &format!(
                "n{place}{open}{}{close}",
                quote_lines(&drawing::box_lines(node))
            ),
        );
        if let Some(class) = node_class(node) {
            push_statement(&mut chart, &format!("class n{place} {class}"));
        }
    }
    // Declare all nodes before arrows, so that each end of an arrow has its label.
    for (number, id) in arrows.elsewhere.iter().enumerate() {
        let place = view.nodes.len() + number;
        let text = quote_lines(&[spell_out_harmful(id), "elsewhere".to_owned()]);
        push_statement(&mut chart, &format!("n{place}[{text}]"));
        push_statement(&mut chart, &format!("class n{place} elsewhere"));
    }
    let gaps = drawing::missing_lines(view);
    if !gaps.is_empty() {
        push_statement(&mut chart, &format!("missing[{}]", quote_lines(&gaps)));
        push_statement(&mut chart, "class missing missing");
    }
    for arrow in &arrows.all {
        let line_kind = match arrow.kind {
            EdgeKind::Parent | EdgeKind::Root => "-->",
            EdgeKind::Causation => "==>",
            EdgeKind::Trace | EdgeKind::Alias => "-.->",
            EdgeKind::Shared => "-.-",
        };
        let word =
            drawing::arrow_label(arrow.kind).map_or_else(String::new, |word| format!("|{word}|"));
        push_statement(
            &mut chart,
            &format!("n{} {line_kind}{word} n{}", arrow.from, arrow.to),
        );
    }
    chart.push_str(CLASSES);
    for severity in Severity::ALL {
        let colour = drawing::severity_colour(severity);
        push_statement(&mut chart, &format!("classDef {severity} fill:{colour}"));
    }
    push_statement(&mut chart, "classDef retracted fill:gainsboro");
    prepend_size_note(chart, arrows.all.len())
}

fn push_statement(chart: &mut String, statement: &str) {
    chart.push_str("  ");
    chart.push_str(statement);
    chart.push('\n');
}

/// A comment on top of what Mermaid will not draw as it comes.
fn prepend_size_note(chart: String, edges: usize) -> String {
    let characters = chart.chars().count();
    if edges <= EDGES_DRAWN && characters <= CHARACTERS_READ {
        return chart;
    }
    let (edges, characters) = (
        caption::format_number(edges as u64),
        caption::format_number(characters as u64),
    );
    format!(
        "%% {edges} edges and {characters} characters: Mermaid draws this only with maxEdges and maxTextSize raised\n{chart}"
    )
}

fn node_shape(node: &TreeNode) -> (&'static str, &'static str) {
    if node.alert.is_some() {
        ("{{", "}}")
    } else {
        ("[", "]")
    }
}

fn node_class(node: &TreeNode) -> Option<&'static str> {
    if node.again {
        return Some("again");
    }
    match &node.alert {
        Some(alert) if alert.status == AlertStatus::Retracted => Some("retracted"),
        Some(alert) => Some(alert.severity.as_str()),
        None if node.seen => None,
        None => Some("unseen"),
    }
}

/// Lines in one quoted label.
fn quote_lines(lines: &[String]) -> String {
    let mut label = String::from("\"");
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            label.push_str("<br/>");
        }
        push_escaped(&mut label, line);
    }
    label.push('"');
    label
}

fn push_escaped(label: &mut String, text: &str) {
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        // Inside of a word these begin no list, rule, emphasis or tag.
        let in_word = matches!(character, '-' | '_' | '/')
            && before.is_ascii_alphanumeric()
            && rest.peek().is_some_and(char::is_ascii_alphanumeric);
        if character.is_ascii_alphanumeric() || character == ' ' || in_word {
            label.push(character);
        } else {
            // Writing to a string does not fail.
            let _ = write!(label, "#{};", u32::from(character));
        }
        before = character;
    }
}
