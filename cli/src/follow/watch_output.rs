//! The messages of a watch, as lines.
//!
//! Owns reading messages and writing them; the connection is the parent module's job.
//! Invariant: a message of an unknown type is passed over, so that an older `larum` can follow a
//! newer engine.

use std::io::{self, Write};

use larum_event::{Severity, Timestamp};
use serde::Deserialize;

use crate::terminal::{self, BufferedStdout, DIM, HEADING, escape_controls, style_text};

/// A message of the engine.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum WatchMessage {
    /// Something came or changed.
    TreeChange(WatchChange),
    /// It was too slow here; it continues after this position.
    Gap {
        /// That position.
        resume: u64,
    },
    /// Anything else.
    #[serde(other)]
    Other,
}

/// What came with one event.
#[derive(Debug, Deserialize)]
pub struct WatchChange {
    /// The position of that event.
    pub position: u64,
    nodes: Vec<WatchNode>,
    edges: Vec<WatchEdge>,
    #[serde(default)]
    gone: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct WatchNode {
    id: String,
    label: Option<String>,
    #[serde(default)]
    seen: bool,
    #[serde(default)]
    events: Vec<WatchEvent>,
    alert: Option<WatchAlert>,
}

#[derive(Debug, Deserialize)]
struct WatchEvent {
    #[serde(rename = "type")]
    event_type: String,
    source: String,
    time: Timestamp,
    severity: Severity,
    position: u64,
}

#[derive(Debug, Deserialize)]
struct WatchAlert {
    rule: String,
    severity: Severity,
    time: Timestamp,
    message: String,
    status: String,
    position: u64,
}

#[derive(Debug, Deserialize)]
struct WatchEdge {
    from: String,
    to: String,
    kind: String,
}

impl WatchMessage {
    /// What a message says; what is not understood is [`WatchMessage::Other`].
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::Other)
    }
}

/// A message as it came.
pub fn write_json(out: &mut BufferedStdout, text: &str) -> io::Result<()> {
    writeln!(out, "{text}")?;
    out.flush()
}

/// A line for the event and the nodes that it belongs to, and one for each new edge.
pub fn write_change(out: &mut BufferedStdout, change: &WatchChange) -> io::Result<()> {
    for line in change_lines(change) {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// A node that is unchanged itself and only has new children has no line.
fn change_lines(change: &WatchChange) -> Vec<String> {
    let mut lines = Vec::new();
    for node in &change.nodes {
        let label = node.label.as_deref().unwrap_or(&node.id);
        let name = style_text(HEADING, escape_controls(label));
        let alert = node.alert.as_ref();
        // The node is sent whole with each change. Only what has the position of the change is new;
        // the rest was written before.
        if let Some(alert) = alert.filter(|alert| alert.position == change.position) {
            lines.push(alert_line(alert));
        }
        let events = node.events.iter();
        for event in events.filter(|event| event.position == change.position) {
            lines.push(format!("{}  on {name}", event_line(event)));
        }
        if !node.seen {
            lines.push(format!("  {name} is named, and not seen yet"));
        }
    }
    lines.extend(change.edges.iter().map(|edge| {
        let (from, to) = (escape_controls(&edge.from), escape_controls(&edge.to));
        let line = match edge.kind.as_str() {
            "causation" => format!("  {to} raised by {from}"),
            "shared" => format!("  {to} shares {from}"),
            _ => format!("  {to} under {from}"),
        };
        style_text(DIM, line)
    }));
    let gone = change.gone.iter();
    lines.extend(
        gone.map(|id| style_text(DIM, format!("  {} is here no more", escape_controls(id)))),
    );
    lines
}

fn alert_line(alert: &WatchAlert) -> String {
    let status = match alert.status.as_str() {
        "retracted" => " (retracted)",
        _ => "",
    };
    let time = style_text(DIM, alert.time);
    let severity = style_text(terminal::severity_style(alert.severity), alert.severity);
    let (rule, message) = (
        escape_controls(&alert.rule),
        escape_controls(&alert.message),
    );
    format!("{time}  ▲ {severity} {rule}: {message}{status}")
}

fn event_line(event: &WatchEvent) -> String {
    let time = style_text(DIM, event.time);
    let severity = match event.severity {
        Severity::Info => String::new(),
        other => format!("  {}", style_text(terminal::severity_style(other), other)),
    };
    let (event_type, source) = (
        escape_controls(&event.event_type),
        escape_controls(&event.source),
    );
    let source = style_text(DIM, source);
    format!("{time}  {event_type}  {source}{severity}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &str) -> Vec<String> {
        let WatchMessage::TreeChange(change) = WatchMessage::parse(text) else {
            panic!("no change: {text}");
        };
        let lines = change_lines(&change);
        let lines = lines.iter();
        lines
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect()
    }

    #[test]
    fn an_event_is_told_once_with_where_it_hangs_and_events_told_before_are_not() {
        let lines = lines_of(
            r#"{"type":"tree_change","position":7,"root":"r","nodes":[
                {"id":"b","seen":true,"label":"cmd\u001b.exe","events":[
                    {"id":"1","type":"a.old","source":"s","time":"2026-11-20T12:00:00Z","severity":"info","position":3},
                    {"id":"2","type":"a.b","source":"s","time":"2026-11-20T12:00:01Z","severity":"high","position":7}]},
                {"id":"r","seen":false},{"id":"x","seen":true}],
               "gone":["y"],"edges":[{"from":"r","to":"b","kind":"parent","why":{"by":"trace","trace":"x"}}]}"#,
        );
        assert_eq!(
            lines,
            [
                "2026-11-20T12:00:01Z  a.b  s  high  on cmd\\u{1b}.exe",
                "  r is named, and not seen yet",
                "  b under r",
                "  y is here no more",
            ]
        );
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        for text in [
            "",
            "[]",
            r#"{"type":"watching","after":0}"#,
            r#"{"type":"new"}"#,
        ] {
            assert!(
                matches!(WatchMessage::parse(text), WatchMessage::Other),
                "{text}"
            );
        }
        assert!(matches!(
            WatchMessage::parse(r#"{"type":"gap","resume":9}"#),
            WatchMessage::Gap { resume: 9 }
        ));
    }
}
