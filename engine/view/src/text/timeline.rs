//! What happened, line by line, in the order of time.

use larum_event::Severity;

use crate::caption::{format_number, image_name};
use crate::query::TimelineEntry;

use super::TextStyle;
use super::clock::{UtcDay, format_date};
use super::line::{TextLine, TextPaint};

/// Writes a timeline with a heading for every day.
pub fn timeline_to_text(entries: &[TimelineEntry], style: TextStyle) -> String {
    let mut text = String::new();
    let mut today = None;
    for entry in entries {
        let day = UtcDay::containing(entry.time);
        if today.replace(day) != Some(day) {
            TextLine::from_text(TextPaint::Bold, &format_date(entry.time))
                .write_to(&mut text, style);
        }
        entry_line(entry, day).write_to(&mut text, style);
    }
    if entries.is_empty() {
        TextLine::from_text(TextPaint::Faint, "nothing happened").write_to(&mut text, style);
    }
    text
}

fn entry_line(entry: &TimelineEntry, day: UtcDay) -> TextLine {
    let mut line = TextLine::from_text(
        TextPaint::Faint,
        &format!("{}  ", day.format_time(entry.time)),
    );
    if entry.alert {
        line.push(TextPaint::for_severity(entry.severity), "▲ ");
        line.push(
            TextPaint::for_severity(entry.severity),
            entry.severity.as_str(),
        );
        line.push(TextPaint::Bold, &format!(" {}", entry.event_type));
    } else {
        line.push(TextPaint::Plain, &entry.event_type);
    }
    if entry.count > 1 {
        line.push(
            TextPaint::Bold,
            &format!("  ×{}", format_number(entry.count)),
        );
    }
    if let Some(until) = entry.until.filter(|until| *until > entry.time) {
        line.push(
            TextPaint::Faint,
            &format!("  until {}", day.format_time(until)),
        );
    }
    if let Some(message) = entry.message.as_ref().filter(|text| !text.is_empty()) {
        line.push(TextPaint::Plain, &format!(": {message}"));
    }
    if !entry.source.is_empty() {
        line.push(TextPaint::Faint, &format!("  {}", entry.source));
    }
    if !entry.alert && entry.severity != Severity::Info {
        let severity = entry.severity;
        line.push(TextPaint::for_severity(severity), &format!("  {severity}"));
    }
    if let Some(label) = entry.label.as_deref() {
        line.push(TextPaint::Plain, &format!("  {}", image_name(label)));
    }
    line.push(TextPaint::Faint, &format!("  {}", entry.node));
    line
}
