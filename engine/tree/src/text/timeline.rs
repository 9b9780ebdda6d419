//! What happened, line by line, in the order of time.

use larum_event::Severity;

use crate::caption::{image_name, number};
use crate::query::TimelineEntry;

use super::TextStyle;
use super::clock::{Day, date_of};
use super::line::{Line, Paint};

/// Writes a timeline with a heading for every day.
pub fn timeline_to_text(entries: &[TimelineEntry], style: TextStyle) -> String {
    let mut text = String::new();
    let mut today = None;
    for entry in entries {
        let day = Day::of(entry.time);
        if today.replace(day) != Some(day) {
            Line::of(Paint::Bold, &date_of(entry.time)).end(&mut text, style);
        }
        line_of(entry, day).end(&mut text, style);
    }
    if entries.is_empty() {
        Line::of(Paint::Faint, "nothing happened").end(&mut text, style);
    }
    text
}

fn line_of(entry: &TimelineEntry, day: Day) -> Line {
    let mut line = Line::of(Paint::Faint, &format!("{}  ", day.clock(entry.time)));
    if entry.alert {
        line.push(Paint::of(entry.severity), "▲ ");
        line.push(Paint::of(entry.severity), entry.severity.as_str());
        line.push(Paint::Bold, &format!(" {}", entry.event_type));
    } else {
        line.push(Paint::Plain, &entry.event_type);
    }
    if entry.count > 1 {
        line.push(Paint::Bold, &format!("  ×{}", number(entry.count)));
    }
    if let Some(until) = entry.until.filter(|until| *until > entry.time) {
        line.push(Paint::Faint, &format!("  until {}", day.clock(until)));
    }
    if let Some(message) = entry.message.as_ref().filter(|text| !text.is_empty()) {
        line.push(Paint::Plain, &format!(": {message}"));
    }
    if !entry.source.is_empty() {
        line.push(Paint::Faint, &format!("  {}", entry.source));
    }
    if !entry.alert && entry.severity != Severity::Info {
        let severity = entry.severity;
        line.push(Paint::of(severity), &format!("  {severity}"));
    }
    if let Some(label) = entry.label.as_deref() {
        line.push(Paint::Plain, &format!("  {}", image_name(label)));
    }
    line.push(Paint::Faint, &format!("  {}", entry.node));
    line
}
