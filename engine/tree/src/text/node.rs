//! The line of a node and those of what hangs on it.

use std::collections::BTreeMap;

use larum_event::{AlertStatus, Severity, Timestamp};

use crate::caption::{self, amount, number};
use crate::view::{AlertMark, Fold, NodeKind, TreeEvent, TreeNode};

use super::TextStyle;
use super::clock::Day;
use super::line::{Line, Paint};

/// Longest command line in a line.
const COMMAND_CHARACTERS: usize = 60;

/// The line of a node.
pub(super) fn node_line(node: &TreeNode, day: Day) -> Line {
    let mut line = Line::default();
    match (&node.alert, node.kind) {
        (Some(alert), NodeKind::LinkedAlert) => {
            line.push(Paint::Faint, "△ ");
            push_alert(&mut line, alert, day);
            line.push(Paint::Faint, &format!("  in the tree of alert {}", node.id));
        }
        (
            Some(alert),
            NodeKind::Alert | NodeKind::Step | NodeKind::Event | NodeKind::Trace | NodeKind::Linked,
        ) => {
            line.push(Paint::of(alert.severity), "▲ ");
            push_alert(&mut line, alert, day);
        }
        (None, NodeKind::Event) => match node.events.first() {
            Some(event) => push_event(&mut line, &Repeat::of(event), day),
            None => line.push(Paint::Plain, &format!("event {}", node.id)),
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
        line.push(Paint::Faint, " (from an earlier page)");
    }
    line
}

fn push_step(line: &mut Line, node: &TreeNode) {
    let name = caption::name(node);
    line.push(Paint::Bold, name);
    if let Some(pid) = caption::pid(node) {
        line.push(Paint::Plain, &format!(" {pid}"));
    }
    if let Some(stage) = &node.stage {
        line.push(Paint::Plain, &format!(" ({stage})"));
    }
    for (name, value) in &node.tags {
        line.push(Paint::Faint, &format!(" {name}={value}"));
    }
    if !node.seen {
        line.push(Paint::Warning, " not seen yet");
    } else if !node.begun {
        line.push(Paint::Faint, " beginning not seen");
    }
    if let Some(command) = caption::command_line(node) {
        let command = caption::cut(command, COMMAND_CHARACTERS);
        line.push(Paint::Plain, &format!("  {command}"));
    }
    if name != &*node.id {
        line.push(Paint::Faint, &format!("  {}", node.id));
    }
}

fn push_alert(line: &mut Line, alert: &AlertMark, day: Day) {
    line.push(Paint::Faint, &format!("{} ", day.clock(alert.time)));
    line.push(Paint::of(alert.severity), alert.severity.as_str());
    line.push(Paint::Bold, &format!(" {}", alert.rule));
    let message = if alert.message.is_empty() {
        alert.title.as_deref().unwrap_or_default()
    } else {
        &alert.message
    };
    if !message.is_empty() {
        line.push(Paint::Plain, &format!(": {message}"));
    }
    if alert.status == AlertStatus::Retracted {
        line.push(Paint::Warning, " (retracted)");
    }
    let plural = if alert.count == 1 { "" } else { "es" };
    let matches = format!("  {} match{plural}", number(alert.count));
    line.push(Paint::Faint, &matches);
    if alert.revision > 1 {
        line.push(Paint::Faint, &format!(", revision {}", alert.revision));
    }
}

/// The lines of a node's events, folded unless the style says otherwise, and of those that are only counted.
pub(super) fn detail_lines(node: &TreeNode, day: Day, style: TextStyle) -> Vec<Line> {
    // An event that is a node of its own stands in its line.
    let mut repeats = match node.kind {
        NodeKind::Event => Vec::new(),
        NodeKind::Step
        | NodeKind::Alert
        | NodeKind::LinkedAlert
        | NodeKind::Trace
        | NodeKind::Linked
            if style.every_event =>
        {
            node.events.iter().map(Repeat::of).collect()
        }
        NodeKind::Step
        | NodeKind::Alert
        | NodeKind::LinkedAlert
        | NodeKind::Trace
        | NodeKind::Linked => folded(&node.events),
    };
    repeats.extend(node.folds.iter().map(Repeat::of_fold));
    let lines = repeats.iter().map(|repeat| {
        let mut line = Line::default();
        push_event(&mut line, repeat, day);
        line
    });
    let mut lines: Vec<_> = lines.collect();
    if node.events_left_out > 0 {
        let more = amount(node.events_left_out, "event");
        lines.push(Line::of(Paint::Faint, &format!("and {more} more")));
    }
    lines
}

/// Events of one type, source and severity on one node.
struct Repeat<'a> {
    event_type: &'a str,
    source: &'a str,
    severity: Severity,
    first: Timestamp,
    last: Timestamp,
    times: u64,
}

impl<'a> Repeat<'a> {
    fn of(event: &'a TreeEvent) -> Self {
        Self {
            event_type: event.event_type.as_str(),
            source: event.source.as_str(),
            severity: event.severity,
            first: event.time,
            last: event.time,
            times: 1,
        }
    }

    fn of_fold(fold: &'a Fold) -> Self {
        Self {
            event_type: fold.event_type.as_str(),
            source: fold.source.as_str(),
            severity: fold.severity,
            first: fold.first,
            last: fold.last,
            times: fold.count,
        }
    }
}

fn folded(events: &[TreeEvent]) -> Vec<Repeat<'_>> {
    let mut places = BTreeMap::new();
    let mut repeats: Vec<Repeat<'_>> = Vec::new();
    for event in events {
        let like = (&event.event_type, &event.source, event.severity);
        let place = *places.entry(like).or_insert(repeats.len());
        match repeats.get_mut(place) {
            Some(repeat) => {
                repeat.times += 1;
                repeat.last = event.time;
            }
            None => repeats.push(Repeat::of(event)),
        }
    }
    repeats
}

fn push_event(line: &mut Line, repeat: &Repeat<'_>, day: Day) {
    line.push(Paint::Faint, &format!("{} ", day.clock(repeat.first)));
    line.push(Paint::Plain, repeat.event_type);
    line.push(Paint::Faint, &format!("  {}", repeat.source));
    if repeat.severity != Severity::Info {
        let paint = Paint::of(repeat.severity);
        line.push(paint, &format!("  {}", repeat.severity));
    }
    if repeat.times > 1 {
        line.push(Paint::Bold, &format!("  ×{}", number(repeat.times)));
    }
    if repeat.last > repeat.first {
        let until = format!("  until {}", day.clock(repeat.last));
        line.push(Paint::Faint, &until);
    }
}
