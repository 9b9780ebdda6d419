//! A tree for Graphviz.
//!
//! Every text is a quoted string of the kind in which Graphviz knows escapes (`escString`) and
//! entities, so backslashes, quotes and `&` are escaped. Characters that control or turn text are
//! named: they would break the XML that Graphviz writes, or show another name than the one that is
//! there.

use larum_event::AlertStatus;
use larum_tree::{EdgeKind, TreeNode, TreeView};

use super::drawing::{self, DrawingArrow, DrawingArrows};
use crate::text::spell_out_harmful;

/// Writes a view as a directed graph; nodes are `n0`, `n1`, .. by their places.
pub(super) fn to_dot(view: &TreeView) -> String {
    let arrows = DrawingArrows::from_view(view);
    let mut dot = String::from("digraph larum {\n");
    let mut heading = vec![spell_out_harmful(&view.root)];
    heading.extend(drawing::missing_lines(view));
    push_statement(
        &mut dot,
        &format!(
            "graph [rankdir=LR, labelloc=t, labeljust=l, label={}]",
            quote_lines(&heading)
        ),
    );
    push_statement(
        &mut dot,
        r#"node [shape=box, style="filled", fillcolor=white, fontname="sans-serif", fontsize=10]"#,
    );
    push_statement(&mut dot, r#"edge [fontname="sans-serif", fontsize=9]"#);
    for (place, node) in view.nodes.iter().enumerate() {
        let label = quote_lines(&drawing::box_lines(node));
        let id = quote_text(&node.id);
        let style = node_style(node);
        push_statement(
            &mut dot,
            &format!("n{place} [label={label}, larum_id={id}{style}]"),
        );
    }
    // Nodes elsewhere get the places after those of the page, as the arrows name them.
    for (number, other) in arrows.elsewhere.iter().enumerate() {
        let place = view.nodes.len() + number;
        let label = quote_lines(&[spell_out_harmful(other), "elsewhere".to_owned()]);
        let id = quote_text(other);
        push_statement(
            &mut dot,
            &format!(
                r#"n{place} [label={label}, larum_id={id}, style="dotted", fontcolor=gray40]"#
            ),
        );
    }
    for arrow in &arrows.all {
        push_statement(
            &mut dot,
            &format!("n{} -> n{}{}", arrow.from, arrow.to, arrow_style(arrow)),
        );
    }
    dot.push_str("}\n");
    dot
}

fn push_statement(dot: &mut String, statement: &str) {
    dot.push_str("  ");
    dot.push_str(statement);
    dot.push_str(";\n");
}

/// Colour tells how bad an alert is, a broken border what has not spoken for itself.
fn node_style(node: &TreeNode) -> String {
    let mut style = String::new();
    if let Some(alert) = &node.alert {
        let fill = match alert.severity {
            _ if alert.status == AlertStatus::Retracted => "gray90",
            severity => drawing::severity_colour(severity),
        };
        style.push_str(&format!(", shape=octagon, fillcolor={fill}"));
    }
    if !node.seen {
        style.push_str(r#", style="filled,dashed""#);
    }
    if node.again {
        style.push_str(", color=gray60, fontcolor=gray40");
    }
    style
}

fn arrow_style(arrow: &DrawingArrow) -> String {
    let style = match arrow.kind {
        EdgeKind::Parent | EdgeKind::Root => "",
        EdgeKind::Causation => "color=red",
        EdgeKind::Trace => "style=dotted",
        EdgeKind::Shared => "style=dashed, dir=none",
        EdgeKind::Alias => "style=dashed",
    };
    let word = drawing::arrow_label(arrow.kind).map(|word| format!("label={word}"));
    // Arrows across would pull the tree out of shape.
    let across = if arrow.is_tree_edge {
        ""
    } else {
        "constraint=false"
    };
    let word = word.unwrap_or_default();
    let mut all = vec![style, word.as_str(), across];
    all.retain(|part| !part.is_empty());
    if all.is_empty() {
        String::new()
    } else {
        format!(" [{}]", all.join(", "))
    }
}

/// Lines in one quoted string, each ending to the left.
fn quote_lines(lines: &[String]) -> String {
    let mut quoted = String::from("\"");
    for line in lines {
        push_escaped(&mut quoted, line);
        quoted.push_str("\\l");
    }
    quoted.push('"');
    quoted
}

fn quote_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    push_escaped(&mut quoted, &spell_out_harmful(text));
    quoted.push('"');
    quoted
}

fn push_escaped(quoted: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '&' => quoted.push_str("&#38;"),
            _ => quoted.push(character),
        }
    }
}
