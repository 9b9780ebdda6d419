//! What happened in one or several trees, in the order of time.
//!
//! Owns which entries there are and their order; it does not fetch views. This is the definition: a
//! faster way must give the same entries.
//! Invariant: an event or alert has one entry, however many nodes and trees show it, so entries can
//! be counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Position, Severity, Timestamp};
use larum_tree::{EventFold, NodeKind, TreeAlert, TreeEvent, TreeNode, TreeView};

use crate::query::TimelineEntry;

/// The source of every event that the engine makes, such as alerts.
pub(crate) const ENGINE: &str = "larum";

/// What is one and the same, however many nodes and trees show it: an event by its id and place, or
/// an alert.
type TimelineKey = (bool, Arc<str>, Position);

/// Every event and alert that the views show, each once, by time, place in the log and id.
///
/// An event of several nodes is shown on the deepest one, which says most; of equally deep ones on
/// the first. An alert is shown in its own tree rather than in one that its evidence is in. What a
/// view only counts is missing; where a view has folded repeats, each fold is an entry without a
/// place in the log.
pub fn build_timeline<'a>(views: impl IntoIterator<Item = &'a TreeView>) -> Vec<TimelineEntry> {
    let mut shown: BTreeMap<TimelineKey, (bool, usize, TimelineEntry)> = BTreeMap::new();
    let mut entries = Vec::new();
    for view in views {
        for node in view.nodes.iter().filter(|node| !node.again) {
            let is_own = node.kind != NodeKind::LinkedAlert;
            for (identity, entry) in node_entries(node) {
                let rank = (is_own, node.depth);
                match shown.get_mut(&identity) {
                    Some(known) if (known.0, known.1) >= rank => {}
                    Some(known) => *known = (rank.0, rank.1, entry),
                    None => {
                        shown.insert(identity, (rank.0, rank.1, entry));
                    }
                }
            }
            entries.extend(node.folds.iter().map(|fold| fold_entry(node, fold)));
        }
    }
    entries.extend(shown.into_values().map(|(_, _, entry)| entry));
    entries.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    entries
}

/// Entries that follow each other and are of one node, type, source and severity become one that
/// counts them. Alerts stay as they are.
pub fn fold_repeats(entries: Vec<TimelineEntry>) -> Vec<TimelineEntry> {
    let mut folded: Vec<TimelineEntry> = Vec::new();
    for entry in entries {
        let last = folded.last_mut().filter(|last| is_repeat(last, &entry));
        let Some(last) = last else {
            folded.push(entry);
            continue;
        };
        let end = entry.until.unwrap_or(entry.time);
        last.count += entry.count;
        last.until = Some(last.until.map_or(end, |until| until.max(end)));
    }
    folded
}

fn sort_key(entry: &TimelineEntry) -> (Timestamp, Position, &Arc<str>, &Arc<str>) {
    (entry.time, entry.position, &entry.id, &entry.node)
}

fn is_repeat(last: &TimelineEntry, entry: &TimelineEntry) -> bool {
    let kind = |entry: &TimelineEntry| (entry.alert, entry.severity);
    !last.alert
        && kind(last) == kind(entry)
        && last.node == entry.node
        && last.event_type == entry.event_type
        && last.source == entry.source
}

fn node_entries(node: &TreeNode) -> impl Iterator<Item = (TimelineKey, TimelineEntry)> {
    let alert = node.alert.as_ref();
    let raised = alert.map(|alert| {
        let identity = (true, node.id.clone(), Position::START);
        (identity, alert_entry(node, alert))
    });
    // The events that carry the alert say what the alert says.
    let carries = move |event: &TreeEvent| {
        let source = event.source.as_str();
        alert.is_some_and(|alert| {
            source == ENGINE && event.event_type.as_str() == alert.rule.as_str()
        })
    };
    let others = node.events.iter().filter(move |event| !carries(event));
    let events = others.map(|event| {
        let identity = (false, Arc::from(event.id.as_str()), event.position);
        (identity, event_entry(node, event))
    });
    raised.into_iter().chain(events)
}

/// What an entry takes from an event, a fold or an alert.
struct EntryFacts<'a> {
    time: Timestamp,
    id: &'a str,
    event_type: &'a str,
    source: &'a str,
    severity: Severity,
    position: Position,
}

fn alert_entry(node: &TreeNode, alert: &TreeAlert) -> TimelineEntry {
    let facts = EntryFacts {
        time: alert.time,
        id: &node.id,
        event_type: alert.rule.as_str(),
        source: ENGINE,
        severity: alert.severity,
        position: alert.position,
    };
    TimelineEntry {
        alert: true,
        message: Some(alert.message.clone()),
        ..new_entry(node, &facts)
    }
}

fn event_entry(node: &TreeNode, event: &TreeEvent) -> TimelineEntry {
    let facts = EntryFacts {
        time: event.time,
        id: event.id.as_str(),
        event_type: event.event_type.as_str(),
        source: event.source.as_str(),
        severity: event.severity,
        position: event.position,
    };
    new_entry(node, &facts)
}

fn fold_entry(node: &TreeNode, fold: &EventFold) -> TimelineEntry {
    let facts = EntryFacts {
        time: fold.first,
        id: fold.example.as_str(),
        event_type: fold.event_type.as_str(),
        source: fold.source.as_str(),
        severity: fold.severity,
        position: Position::START,
    };
    TimelineEntry {
        count: fold.count,
        until: (fold.count > 1).then_some(fold.last),
        ..new_entry(node, &facts)
    }
}

fn new_entry(node: &TreeNode, facts: &EntryFacts<'_>) -> TimelineEntry {
    TimelineEntry {
        time: facts.time,
        until: None,
        count: 1,
        node: node.id.clone(),
        label: node.label.clone(),
        id: facts.id.into(),
        event_type: facts.event_type.into(),
        source: facts.source.into(),
        severity: facts.severity,
        alert: false,
        message: None,
        position: facts.position,
    }
}

#[cfg(test)]
mod tests;
