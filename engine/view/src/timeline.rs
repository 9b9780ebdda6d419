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

/// Whose alerts are: the source of every event that the engine makes.
pub(crate) const ENGINE: &str = "larum";

/// What is one and the same, however many nodes and trees show it: an event by its id and place, or
/// an alert.
type TimelineKey = (bool, Arc<str>, Position);

/// Every event and alert that the views show, each once, by time, place in the log and id.
///
/// An event that hangs on several nodes is told of the deepest one, which says most; of equally
/// deep ones the first. An alert is told of its own tree rather than of one that its evidence hangs
/// in. What a view only counts is missing; where a view has folded repeats, each fold is an entry
/// without a place in the log.
pub fn build_timeline<'a>(views: impl IntoIterator<Item = &'a TreeView>) -> Vec<TimelineEntry> {
    let mut told: BTreeMap<TimelineKey, (bool, usize, TimelineEntry)> = BTreeMap::new();
    let mut entries = Vec::new();
    for view in views {
        for node in view.nodes.iter().filter(|node| !node.again) {
            let is_own = node.kind != NodeKind::LinkedAlert;
            for (identity, entry) in node_entries(node) {
                let rank = (is_own, node.depth);
                match told.get_mut(&identity) {
                    Some(known) if (known.0, known.1) >= rank => {}
                    Some(known) => *known = (rank.0, rank.1, entry),
                    None => {
                        told.insert(identity, (rank.0, rank.1, entry));
                    }
                }
            }
            entries.extend(node.folds.iter().map(|fold| fold_entry(node, fold)));
        }
    }
    entries.extend(told.into_values().map(|(_, _, entry)| entry));
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
    let events = node.events.iter().filter(move |event| !carries(event));
    let events = events.map(|event| {
        let identity = (false, Arc::from(event.id.as_str()), event.position);
        (identity, event_entry(node, event))
    });
    raised.into_iter().chain(events)
}

fn alert_entry(node: &TreeNode, alert: &TreeAlert) -> TimelineEntry {
    TimelineEntry {
        alert: true,
        message: Some(alert.message.clone()),
        ..new_entry(
            node,
            alert.time,
            &node.id,
            (alert.rule.as_str(), ENGINE, alert.severity),
            alert.position,
        )
    }
}

fn event_entry(node: &TreeNode, event: &TreeEvent) -> TimelineEntry {
    let kind = (
        event.event_type.as_str(),
        event.source.as_str(),
        event.severity,
    );
    new_entry(node, event.time, event.id.as_str(), kind, event.position)
}

fn fold_entry(node: &TreeNode, fold: &EventFold) -> TimelineEntry {
    let kind = (
        fold.event_type.as_str(),
        fold.source.as_str(),
        fold.severity,
    );
    TimelineEntry {
        count: fold.count,
        until: (fold.count > 1).then_some(fold.last),
        ..new_entry(
            node,
            fold.first,
            fold.example.as_str(),
            kind,
            Position::START,
        )
    }
}

fn new_entry(
    node: &TreeNode,
    time: Timestamp,
    id: &str,
    (event_type, source, severity): (&str, &str, Severity),
    position: Position,
) -> TimelineEntry {
    TimelineEntry {
        time,
        until: None,
        count: 1,
        node: node.id.clone(),
        label: node.label.clone(),
        id: id.into(),
        event_type: event_type.into(),
        source: source.into(),
        severity,
        alert: false,
        message: None,
        position,
    }
}

#[cfg(test)]
mod tests;
