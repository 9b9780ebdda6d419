//! One incident as a page, many as a table.

use std::fmt::Display;

use larum_event::AlertStatus;

use crate::caption::{amount, number};
use crate::incident::{IncidentAlert, IncidentStatus, IncidentSummary, TiedBy};

use super::TextStyle;
use super::clock::{Day, length, to_the_second};
use super::line::{Line, Paint};

/// Most values of one kind in a line; the others are counted.
const VALUES_SHOWN: usize = 10;
/// Most values of one kind in a row of the table.
const VALUES_IN_ROW: usize = 2;
/// Most roots of trees.
const TREES_SHOWN: usize = 20;

/// Writes an incident: what it comes to, who and what is in it, its trees, and its alerts where they are listed.
pub fn incident_to_text(incident: &IncidentSummary, style: TextStyle) -> String {
    let mut text = String::new();
    head(incident).end(&mut text, style);
    let mut facts = Vec::new();
    push_fact(&mut facts, "also known as", &incident.aliases);
    let trees = amount(incident.tree_count, "tree");
    let events = amount(incident.events, "event");
    let retracted = match incident.retracted {
        0 => String::new(),
        more => format!(", {} more retracted", number(more)),
    };
    let alerts = amount(incident.alerts, "alert");
    let sum = format!("{alerts}{retracted}; {events} in {trees}");
    facts.push(("alerts".to_owned(), sum));
    for (kind, values) in &incident.entities {
        push_fact(&mut facts, kind, values);
    }
    for (kind, count) in &incident.more_entities {
        // Namings, not values: who is not listed counts each time.
        let unlisted = format!("named {} times without being listed", number(*count));
        facts.push((format!("more {kind}"), unlisted));
    }
    push_fact(&mut facts, "techniques", &incident.attack);
    let rules = incident
        .rules
        .iter()
        .map(|(rule, count)| times(rule, *count));
    push_fact(&mut facts, "rules", &rules.collect::<Vec<_>>());
    let width = facts.iter().map(|(name, _)| name.chars().count()).max();
    for (name, fact) in &facts {
        let mut line = Line::of(Paint::Plain, "  ");
        line.push_padded(Paint::Faint, name, width.unwrap_or(0) + 2);
        line.push(Paint::Plain, fact);
        line.end(&mut text, style);
    }
    write_trees(&mut text, incident, style);
    write_ties(&mut text, incident, style);
    write_alerts(&mut text, incident, style);
    text
}

fn head(incident: &IncidentSummary) -> Line {
    let mut line = Line::of(Paint::Bold, &incident.id.to_string());
    let severity = incident.severity;
    line.push(Paint::of(severity), &format!("  {severity}"));
    if incident.status == IncidentStatus::Retracted {
        line.push(Paint::Warning, " (retracted)");
    }
    let (first, last) = (incident.first, incident.last);
    let took = length(last.since(first));
    let span = format!(
        "  {} to {} UTC ({took})",
        to_the_second(first),
        to_the_second(last)
    );
    line.push(Paint::Faint, &span);
    line
}

fn push_fact(facts: &mut Vec<(String, String)>, name: &str, values: &[impl Display]) {
    if !values.is_empty() {
        facts.push((name.to_owned(), listed(values, VALUES_SHOWN)));
    }
}

/// The first of the values, and how many more there are.
fn listed(values: &[impl Display], most: usize) -> String {
    let shown = values.iter().take(most).map(ToString::to_string);
    let mut listed = shown.collect::<Vec<_>>().join(", ");
    if values.len() > most {
        let more = number((values.len() - most) as u64);
        listed.push_str(&format!(" and {more} more"));
    }
    listed
}

fn times(rule: &impl Display, count: u64) -> String {
    match count {
        1 => rule.to_string(),
        _ => format!("{rule} ×{}", number(count)),
    }
}

fn write_trees(text: &mut String, incident: &IncidentSummary, style: TextStyle) {
    if incident.trees.is_empty() {
        return;
    }
    Line::of(Paint::Faint, "trees").end(text, style);
    for tree in incident.trees.iter().take(TREES_SHOWN) {
        Line::of(Paint::Plain, &format!("  {tree}")).end(text, style);
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
        Line::of(Paint::Faint, "one because").end(text, style);
    }
    for tie in &incident.ties {
        let by = match &tie.by {
            TiedBy::Tree => "two trees became one".to_owned(),
            TiedBy::Evidence(alert) => format!("evidence of alert {alert} hangs in both trees"),
            TiedBy::Shared(node) => format!("both trees touched {node}"),
        };
        let joined = tie.joined.as_ref().map(|joined| format!("{joined}: "));
        let position = tie.position;
        let line = format!("  {}{by}, at {position}", joined.unwrap_or_default());
        Line::of(Paint::Plain, &line).end(text, style);
    }
    if !incident.crowded.is_empty() {
        let crowded = listed(&incident.crowded, VALUES_SHOWN);
        let line = format!("! too many trees share {crowded} to tell whose they are");
        Line::of(Paint::Warning, &line).end(text, style);
    }
}

fn write_alerts(text: &mut String, incident: &IncidentSummary, style: TextStyle) {
    if incident.listed.is_empty() {
        return;
    }
    Line::of(Paint::Faint, "alerts").end(text, style);
    let day = Day::of(incident.first);
    for alert in &incident.listed {
        alert_line(alert, day).end(text, style);
    }
    let all = incident.alerts + incident.retracted;
    let more = all.saturating_sub(incident.listed.len() as u64);
    write_more(text, more, "alert", style);
}

fn write_more(text: &mut String, more: u64, what: &str, style: TextStyle) {
    if more > 0 {
        let line = format!("  and {} more", amount(more, what));
        Line::of(Paint::Faint, &line).end(text, style);
    }
}

fn alert_line(alert: &IncidentAlert, day: Day) -> Line {
    let mut line = Line::of(Paint::of(alert.severity), "  ▲ ");
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
    line.push(Paint::Faint, &format!("  {}", alert.id));
    line
}

/// Writes a page of incidents as a table; `total` is how many there are on all pages.
pub fn incidents_to_text(incidents: &[IncidentSummary], total: u64, style: TextStyle) -> String {
    let mut text = String::new();
    if incidents.is_empty() {
        let none = if total == 0 {
            "no incidents".to_owned()
        } else {
            format!("none of {} on this page", amount(total, "incident"))
        };
        Line::of(Paint::Faint, &none).end(&mut text, style);
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
    let rows: Vec<_> = incidents.iter().map(row).collect();
    let widths: Vec<_> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|cell| cell.chars().count());
            widths.fold(head.chars().count(), usize::max)
        })
        .collect();
    let mut line = Line::default();
    for (head, width) in heads.iter().zip(&widths) {
        line.push_padded(Paint::Faint, head, width + 2);
    }
    line.end(&mut text, style);
    for (incident, row) in incidents.iter().zip(&rows) {
        let mut line = Line::default();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let paint = match column {
                0 => Paint::Bold,
                1 => Paint::of(incident.severity),
                _ => Paint::Plain,
            };
            line.push_padded(paint, cell, width + 2);
        }
        line.end(&mut text, style);
    }
    let shown = incidents.len() as u64;
    if shown < total {
        let line = format!("{} of {}", number(shown), amount(total, "incident"));
        Line::of(Paint::Faint, &line).end(&mut text, style);
    }
    text
}

fn row(incident: &IncidentSummary) -> [String; 8] {
    let entity = |kind: &str| match incident.entities.get(kind) {
        Some(values) => listed(values, VALUES_IN_ROW),
        None => String::new(),
    };
    let rules: Vec<_> = incident.rules.keys().collect();
    [
        incident.id.to_string(),
        incident.severity.to_string(),
        to_the_second(incident.last),
        length(incident.last.since(incident.first)),
        number(incident.alerts),
        entity("host"),
        entity("user"),
        listed(&rules, VALUES_IN_ROW),
    ]
}
