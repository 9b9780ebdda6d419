//! One incident as a page, many as a table.
//!
//! Owns which facts are shown and how many of each; lines are cut and coloured elsewhere.
//! Invariant: what is not shown is counted in the same line or below, so a short page never looks
//! complete.

use std::fmt::Display;

use larum_event::AlertStatus;
use larum_tree::{IncidentAlert, IncidentStatus, IncidentSummary, TieCause};

use crate::caption::{format_amount, format_number};

use super::TextStyle;
use super::clock::{UtcDay, format_seconds, format_span};
use super::line::{TextLine, TextPaint};

/// Most values of one kind in a line; the others are counted.
const VALUES_SHOWN: usize = 10;
/// Most values of one kind in a row of the table.
const VALUES_IN_ROW: usize = 2;
/// Most roots of trees.
const TREES_SHOWN: usize = 20;

/// Writes an incident: what it comes to, who and what is in it, its trees, and its alerts where
/// they are listed.
pub fn incident_to_text(incident: &IncidentSummary, style: TextStyle) -> String {
    let mut text = String::new();
    heading_line(incident).write_to(&mut text, style);
    let mut facts = Vec::new();
    push_fact(&mut facts, "also known as", &incident.aliases);
    let trees = format_amount(incident.tree_count, "tree");
    let events = format_amount(incident.events, "event");
    let retracted = match incident.retracted {
        0 => String::new(),
        more => format!(", {} more retracted", format_number(more)),
    };
    let alerts = format_amount(incident.alerts, "alert");
    let sum = format!("{alerts}{retracted}; {events} in {trees}");
    facts.push(("alerts".to_owned(), sum));
    for (kind, values) in &incident.entities {
        push_fact(&mut facts, kind, values);
    }
    for (kind, count) in &incident.more_entities {
        // Namings, not values: who is not listed counts each time.
        let unlisted = format!("named {} times without being listed", format_number(*count));
        facts.push((format!("more {kind}"), unlisted));
    }
    push_fact(&mut facts, "techniques", &incident.attack);
    let rules = incident
        .rules
        .iter()
        .map(|(rule, count)| rule_with_count(rule, *count));
    push_fact(&mut facts, "rules", &rules.collect::<Vec<_>>());
    let width = facts.iter().map(|(name, _)| name.chars().count()).max();
    for (name, fact) in &facts {
        let mut line = TextLine::from_text(TextPaint::Plain, "  ");
        line.push_padded(TextPaint::Faint, name, width.unwrap_or(0) + 2);
        line.push(TextPaint::Plain, fact);
        line.write_to(&mut text, style);
    }
    write_trees(&mut text, incident, style);
    write_ties(&mut text, incident, style);
    write_alerts(&mut text, incident, style);
    text
}

fn heading_line(incident: &IncidentSummary) -> TextLine {
    let mut line = TextLine::from_text(TextPaint::Bold, &incident.id.to_string());
    let severity = incident.severity;
    line.push(TextPaint::for_severity(severity), &format!("  {severity}"));
    if incident.status == IncidentStatus::Retracted {
        line.push(TextPaint::Warning, " (retracted)");
    }
    let (first, last) = (incident.first, incident.last);
    let took = format_span(last.duration_since(first));
    let span = format!(
        "  {} to {} UTC ({took})",
        format_seconds(first),
        format_seconds(last)
    );
    line.push(TextPaint::Faint, &span);
    line
}

fn push_fact(facts: &mut Vec<(String, String)>, name: &str, values: &[impl Display]) {
    if !values.is_empty() {
        facts.push((name.to_owned(), join_values(values, VALUES_SHOWN)));
    }
}

/// The first of the values, and how many more there are.
fn join_values(values: &[impl Display], most: usize) -> String {
    let shown = values.iter().take(most).map(ToString::to_string);
    let mut listed = shown.collect::<Vec<_>>().join(", ");
    if values.len() > most {
        let more = format_number((values.len() - most) as u64);
        listed.push_str(&format!(" and {more} more"));
    }
    listed
}

fn rule_with_count(rule: &impl Display, count: u64) -> String {
    match count {
        1 => rule.to_string(),
        _ => format!("{rule} ×{}", format_number(count)),
    }
}

fn write_trees(text: &mut String, incident: &IncidentSummary, style: TextStyle) {
    if incident.trees.is_empty() {
        return;
    }
    TextLine::from_text(TextPaint::Faint, "trees").write_to(text, style);
    for tree in incident.trees.iter().take(TREES_SHOWN) {
        TextLine::from_text(TextPaint::Plain, &format!("  {tree}")).write_to(text, style);
    }
    let shown = incident.trees.len().min(TREES_SHOWN) as u64;
    write_more(
        text,
        incident.tree_count.saturating_sub(shown),
        "tree",
        style,
    );
}

/// Why it is one incident, and what might tie it to others.
fn write_ties(text: &mut String, incident: &IncidentSummary, style: TextStyle) {
    if !incident.ties.is_empty() {
        TextLine::from_text(TextPaint::Faint, "one because").write_to(text, style);
    }
    for tie in &incident.ties {
        let by = match &tie.by {
            TieCause::Tree => "two trees became one".to_owned(),
            TieCause::Evidence(alert) => format!("evidence of alert {alert} hangs in both trees"),
            TieCause::Shared(node) => format!("both trees touched {node}"),
        };
        let joined = tie.joined.as_ref().map(|joined| format!("{joined}: "));
        let position = tie.position;
        let line = format!("  {}{by}, at {position}", joined.unwrap_or_default());
        TextLine::from_text(TextPaint::Plain, &line).write_to(text, style);
    }
    if !incident.crowded.is_empty() {
        let crowded = join_values(&incident.crowded, VALUES_SHOWN);
        let line = format!("! too many trees share {crowded} to tell whose they are");
        TextLine::from_text(TextPaint::Warning, &line).write_to(text, style);
    }
}

fn write_alerts(text: &mut String, incident: &IncidentSummary, style: TextStyle) {
    if incident.listed.is_empty() {
        return;
    }
    TextLine::from_text(TextPaint::Faint, "alerts").write_to(text, style);
    let day = UtcDay::containing(incident.first);
    for alert in &incident.listed {
        alert_line(alert, day).write_to(text, style);
    }
    let all = incident.alerts + incident.retracted;
    let more = all.saturating_sub(incident.listed.len() as u64);
    write_more(text, more, "alert", style);
}

fn write_more(text: &mut String, more: u64, what: &str, style: TextStyle) {
    if more > 0 {
        let line = format!("  and {} more", format_amount(more, what));
        TextLine::from_text(TextPaint::Faint, &line).write_to(text, style);
    }
}

fn alert_line(alert: &IncidentAlert, day: UtcDay) -> TextLine {
    let mut line = TextLine::from_text(TextPaint::for_severity(alert.severity), "  ▲ ");
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
    line.push(TextPaint::Faint, &format!("  {}", alert.id));
    line
}

/// Writes a page of incidents as a table; `total` is how many there are on all pages.
pub fn incidents_to_text(incidents: &[IncidentSummary], total: u64, style: TextStyle) -> String {
    let mut text = String::new();
    if incidents.is_empty() {
        let none = if total == 0 {
            "no incidents".to_owned()
        } else {
            format!("none of {} on this page", format_amount(total, "incident"))
        };
        TextLine::from_text(TextPaint::Faint, &none).write_to(&mut text, style);
        return text;
    }
    let heads = [
        "incident",
        "severity",
        "last (UTC)",
        "took",
        "alerts",
        "host",
        "user",
        "rules",
    ];
    let rows: Vec<_> = incidents.iter().map(table_row).collect();
    // Measure all rows before writing one: columns are as wide as their widest cell.
    let widths: Vec<_> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|cell| cell.chars().count());
            widths.fold(head.chars().count(), usize::max)
        })
        .collect();
    let mut line = TextLine::default();
    for (head, width) in heads.iter().zip(&widths) {
        line.push_padded(TextPaint::Faint, head, width + 2);
    }
    line.write_to(&mut text, style);
    for (incident, row) in incidents.iter().zip(&rows) {
        let mut line = TextLine::default();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let paint = match column {
                0 => TextPaint::Bold,
                1 => TextPaint::for_severity(incident.severity),
                _ => TextPaint::Plain,
            };
            line.push_padded(paint, cell, width + 2);
        }
        line.write_to(&mut text, style);
    }
    let shown = incidents.len() as u64;
    if shown < total {
        let line = format!(
            "{} of {}",
            format_number(shown),
            format_amount(total, "incident")
        );
        TextLine::from_text(TextPaint::Faint, &line).write_to(&mut text, style);
    }
    text
}

fn table_row(incident: &IncidentSummary) -> [String; 8] {
    let entity = |kind: &str| match incident.entities.get(kind) {
        Some(values) => join_values(values, VALUES_IN_ROW),
        None => String::new(),
    };
    let rules: Vec<_> = incident.rules.keys().collect();
    [
        incident.id.to_string(),
        incident.severity.to_string(),
        format_seconds(incident.last),
        format_span(incident.last.duration_since(incident.first)),
        format_number(incident.alerts),
        entity("host"),
        entity("user"),
        join_values(&rules, VALUES_IN_ROW),
    ]
}
