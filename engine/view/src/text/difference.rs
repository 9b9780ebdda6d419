//! What changed in a tree, as marked lines.

use std::collections::BTreeSet;

use crate::caption::format_amount;
use crate::query::TreeDiff;

use super::TextStyle;
use super::line::{TextLine, TextPaint};

/// Writes what changed: `+` came, `-` went, `!` has spoken since, `>` has another parent, `▲` is an
/// alert.
pub fn diff_to_text(diff: &TreeDiff, style: TextStyle) -> String {
    let mut text = String::new();
    for id in &diff.alerts {
        TextLine::from_text(TextPaint::Alarm, &format!("▲ {id}")).write_to(&mut text, style);
    }
    for id in &diff.added {
        let mut line = TextLine::from_text(TextPaint::Bold, &format!("+ {id}"));
        push_events(&mut line, diff, id, "");
        line.write_to(&mut text, style);
    }
    for id in &diff.gone {
        TextLine::from_text(TextPaint::Warning, &format!("- {id}")).write_to(&mut text, style);
    }
    for id in &diff.seen {
        let mut line = TextLine::from_text(TextPaint::Plain, &format!("! {id}"));
        line.push(TextPaint::Faint, "  seen since");
        push_events(&mut line, diff, id, " more");
        line.write_to(&mut text, style);
    }
    for moved in &diff.moved {
        let mut line = TextLine::from_text(TextPaint::Plain, &format!("> {}", moved.node));
        let from = moved.before.as_deref().unwrap_or("nothing");
        let to = moved.after.as_deref().unwrap_or("nothing");
        line.push(TextPaint::Faint, &format!("  from under {from} to {to}"));
        line.write_to(&mut text, style);
    }
    // A list would be gone through for each of what may be all nodes of a tree.
    let listed: BTreeSet<_> = diff.added.iter().chain(&diff.seen).collect();
    for id in diff.events.keys() {
        if !listed.contains(id) {
            let mut line = TextLine::from_text(TextPaint::Plain, &format!("  {id}"));
            push_events(&mut line, diff, id, " more");
            line.write_to(&mut text, style);
        }
    }
    if text.is_empty() {
        TextLine::from_text(TextPaint::Faint, "nothing changed").write_to(&mut text, style);
    }
    text
}

fn push_events(line: &mut TextLine, diff: &TreeDiff, id: &str, more: &str) {
    if let Some(count) = diff.events.get(id) {
        let events = format_amount(*count, "event");
        line.push(TextPaint::Faint, &format!("  {events}{more}"));
    }
}
