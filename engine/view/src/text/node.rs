//! The line of a node and those of its events.
//!
//! Owns what a line says of a node; indents and edges belong to the outline.
//! Invariant: events that are not listed are counted, folded or not, so the lines of a node add up
//! to its events.

use std::collections::BTreeMap;

use larum_event::{AlertStatus, Severity, Timestamp};
use larum_tree::{EventFold, NodeKind, TreeAlert, TreeEvent, TreeNode};

use crate::caption::{self, format_amount, format_number};

use super::TextStyle;
use super::clock::UtcDay;
use super::line::{TextLine, TextPaint};

/// Longest command line in a line.
const COMMAND_CHARACTERS: usize = 60;

/// The line of a node.
pub(super) fn node_line(node: &TreeNode, day: UtcDay) -> TextLine {
    let mut line = TextLine::default();
    match (&node.alert, node.kind) {
        (Some(alert), NodeKind::LinkedAlert) => {
            line.push(TextPaint::Faint, "△ ");
            push_alert(&mut line, alert, day);
            line.push(
                TextPaint::Faint,
                &format!("  in the tree of alert {}", node.id),
            );
        }
        (
            Some(alert),
            NodeKind::Alert | NodeKind::Step | NodeKind::Event | NodeKind::Trace | NodeKind::Linked,
        ) => {
            line.push(TextPaint::for_severity(alert.severity), "▲ ");
            push_alert(&mut line, alert, day);
        }
        (None, NodeKind::Event) => match node.events.first() {
            Some(event) => push_event(&mut line, &EventRepeat::from_event(event), day),
            None => line.push(TextPaint::Plain, &format!("event {}", node.id)),
        },
        (
            None,
            NodeKind::Step
            | NodeKind::Alert
            | NodeKind::LinkedAlert
            | NodeKind::Trace
            | NodeKind::Linked,
        ) => push_step(&mut line, node),
    }
    if node.again {
        line.push(TextPaint::Faint, " (from an earlier page)");
    }
    line
}

fn push_step(line: &mut TextLine, node: &TreeNode) {
    let name = caption::node_caption(node);
    line.push(TextPaint::Bold, name);
    if let Some(pid) = caption::process_id(node) {
        line.push(TextPaint::Plain, &format!(" {pid}"));
    }
    if let Some(stage) = &node.stage {
        line.push(TextPaint::Plain, &format!(" ({stage})"));
    }
    for (name, value) in &node.tags {
        line.push(TextPaint::Faint, &format!(" {name}={value}"));
    }
    if !node.seen {
        line.push(TextPaint::Warning, " not seen yet");
    } else if !node.begun {
        line.push(TextPaint::Faint, " beginning not seen");
    }
    if let Some(command) = caption::command_line(node) {
        let command = caption::truncate_text(command, COMMAND_CHARACTERS);
        line.push(TextPaint::Plain, &format!("  {command}"));
    }
    if name != &*node.id {
        line.push(TextPaint::Faint, &format!("  {}", node.id));
    }
}

fn push_alert(line: &mut TextLine, alert: &TreeAlert, day: UtcDay) {
    line.push(
        TextPaint::Faint,
        &format!("{} ", day.format_time(alert.time)),
    );
    line.push(
        TextPaint::for_severity(alert.severity),
        alert.severity.as_str(),
    );
    line.push(TextPaint::Bold, &format!(" {}", alert.rule));
    let message = if alert.message.is_empty() {
        alert.title.as_deref().unwrap_or_default()
    } else {
        &alert.message
    };
    if !message.is_empty() {
        line.push(TextPaint::Plain, &format!(": {message}"));
    }
    if alert.status == AlertStatus::Retracted {
        line.push(TextPaint::Warning, " (retracted)");
    }
    let plural = if alert.count == 1 { "" } else { "es" };
    let matches = format!("  {} match{plural}", format_number(alert.count));
    line.push(TextPaint::Faint, &matches);
    if alert.revision > 1 {
        line.push(TextPaint::Faint, &format!(", revision {}", alert.revision));
    }
}

/// The lines of a node's events, folded unless the style says otherwise, and of those that are only
/// counted.
pub(super) fn detail_lines(node: &TreeNode, day: UtcDay, style: TextStyle) -> Vec<TextLine> {
    // An event that is a node of its own is in its line.
    let mut repeats = match node.kind {
        NodeKind::Event => Vec::new(),
        NodeKind::Step
        | NodeKind::Alert
        | NodeKind::LinkedAlert
        | NodeKind::Trace
        | NodeKind::Linked
            if style.every_event =>
        {
            node.events.iter().map(EventRepeat::from_event).collect()
        }
        NodeKind::Step
        | NodeKind::Alert
        | NodeKind::LinkedAlert
        | NodeKind::Trace
        | NodeKind::Linked => collect_repeats(&node.events),
    };
    repeats.extend(node.folds.iter().map(EventRepeat::from_fold));
    let repeat_lines = repeats.iter().map(|repeat| {
        let mut line = TextLine::default();
        push_event(&mut line, repeat, day);
        line
    });
    let mut lines: Vec<_> = repeat_lines.collect();
    if node.events_left_out > 0 {
        let more = format_amount(node.events_left_out, "event");
        lines.push(TextLine::from_text(
            TextPaint::Faint,
            &format!("and {more} more"),
        ));
    }
    lines
}

/// Events of one type, source and severity on one node.
struct EventRepeat<'a> {
    event_type: &'a str,
    source: &'a str,
    severity: Severity,
    first: Timestamp,
    last: Timestamp,
    count: u64,
}

impl<'a> EventRepeat<'a> {
    fn from_event(event: &'a TreeEvent) -> Self {
        Self {
            event_type: event.event_type.as_str(),
            source: event.source.as_str(),
            severity: event.severity,
            first: event.time,
            last: event.time,
            count: 1,
        }
    }

    fn from_fold(fold: &'a EventFold) -> Self {
        Self {
            event_type: fold.event_type.as_str(),
            source: fold.source.as_str(),
            severity: fold.severity,
            first: fold.first,
            last: fold.last,
            count: fold.count,
        }
    }
}

fn collect_repeats(events: &[TreeEvent]) -> Vec<EventRepeat<'_>> {
    let mut places = BTreeMap::new();
    let mut repeats: Vec<EventRepeat<'_>> = Vec::new();
    for event in events {
        let like = (&event.event_type, &event.source, event.severity);
        let place = *places.entry(like).or_insert(repeats.len());
        match repeats.get_mut(place) {
            Some(repeat) => {
                repeat.count += 1;
                repeat.last = event.time;
            }
            None => repeats.push(EventRepeat::from_event(event)),
        }
    }
    repeats
}

fn push_event(line: &mut TextLine, repeat: &EventRepeat<'_>, day: UtcDay) {
    line.push(
        TextPaint::Faint,
        &format!("{} ", day.format_time(repeat.first)),
    );
    line.push(TextPaint::Plain, repeat.event_type);
    line.push(TextPaint::Faint, &format!("  {}", repeat.source));
    if repeat.severity != Severity::Info {
        let paint = TextPaint::for_severity(repeat.severity);
        line.push(paint, &format!("  {}", repeat.severity));
    }
    if repeat.count > 1 {
        line.push(
            TextPaint::Bold,
            &format!("  ×{}", format_number(repeat.count)),
        );
    }
    if repeat.last > repeat.first {
        let until = format!("  until {}", day.format_time(repeat.last));
        line.push(TextPaint::Faint, &until);
    }
}
