//! What changed in a tree, as marked lines.

use std::collections::BTreeSet;

use crate::caption::amount;
use crate::query::TreeDiff;

use super::TextStyle;
use super::line::{Line, Paint};

/// Writes what changed: `+` came, `-` went, `!` has spoken since, `>` hangs elsewhere, `▲` is an alert.
pub fn diff_to_text(diff: &TreeDiff, style: TextStyle) -> String {
    let mut text = String::new();
    for id in &diff.alerts {
        Line::of(Paint::Alarm, &format!("▲ {id}")).end(&mut text, style);
    }
    for id in &diff.added {
        let mut line = Line::of(Paint::Bold, &format!("+ {id}"));
        push_events(&mut line, diff, id, "");
        line.end(&mut text, style);
    }
    for id in &diff.gone {
        Line::of(Paint::Warning, &format!("- {id}")).end(&mut text, style);
    }
    for id in &diff.seen {
        let mut line = Line::of(Paint::Plain, &format!("! {id}"));
        line.push(Paint::Faint, "  seen since");
        push_events(&mut line, diff, id, " more");
        line.end(&mut text, style);
    }
    for moved in &diff.moved {
        let mut line = Line::of(Paint::Plain, &format!("> {}", moved.node));
        let from = moved.before.as_deref().unwrap_or("nothing");
        let to = moved.after.as_deref().unwrap_or("nothing");
        line.push(Paint::Faint, &format!("  from under {from} to {to}"));
        line.end(&mut text, style);
    }
    // A list would be gone through for each of what may be all nodes of a tree.
    let told: BTreeSet<_> = diff.added.iter().chain(&diff.seen).collect();
    for id in diff.events.keys() {
        if !told.contains(id) {
            let mut line = Line::of(Paint::Plain, &format!("  {id}"));
            push_events(&mut line, diff, id, " more");
            line.end(&mut text, style);
        }
    }
    if text.is_empty() {
        Line::of(Paint::Faint, "nothing changed").end(&mut text, style);
    }
    text
}

fn push_events(line: &mut Line, diff: &TreeDiff, id: &str, more: &str) {
    if let Some(count) = diff.events.get(id) {
        let events = amount(*count, "event");
        line.push(Paint::Faint, &format!("  {events}{more}"));
    }
}
