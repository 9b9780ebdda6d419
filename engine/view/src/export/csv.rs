//! A tree as tables (RFC 4180): a heading, lines that end in CR LF, quotes where they are needed.
//!
//! Owns the columns and the guard against formulas; it does not decide what a tree holds. A cell
//! gets a `'` in front where a spreadsheet would take it for a formula: when its first character
//! other than white space is one of `= + - @` or their wide forms, or when it begins with a tab or
//! a line break.
//! Invariant: cells that begin with `'` get one too, so taking one away gives back what was there.

use larum_event::Timestamp;
use larum_tree::{TreeAlert, TreeEvent, TreeNode, TreeView};

use super::drawing::{edge_kinds, find_parent};
use crate::caption;

/// One row per node; `parent` is an id, `tags`, `kept` and `attack` are JSON.
pub(super) fn nodes_to_csv(view: &TreeView) -> String {
    let mut table = CsvTable::with_header(&[
        "id", "kind", "link", "label", "parent", "depth", "edge", "seen", "begun", "first", "last",
        "stage", "tags", "kept", "events", "children", "severity", "rule", "title", "status",
        "message", "attack", "position",
    ]);
    let edges = edge_kinds(view);
    for node in view.nodes.iter().filter(|node| !node.again) {
        let parent = find_parent(&view.nodes, node).map(|(_, parent)| &*parent.id);
        let edge = parent.and_then(|parent| edges.get(&(parent, &*node.id)));
        table.push_text(&node.id);
        table.push_text(caption::kind_word(node.kind));
        table.push_optional(node.link.as_deref());
        table.push_optional(node.label.as_deref());
        table.push_optional(parent);
        table.push_text(&node.depth.to_string());
        table.push_optional(edge.map(|kind| caption::edge_word(*kind)));
        table.push_text(&node.seen.to_string());
        table.push_text(&node.begun.to_string());
        table.push_time(node.first);
        table.push_time(node.last);
        table.push_optional(node.stage.as_deref());
        table.push_json(&node.tags, node.tags.is_empty());
        table.push_json(&node.kept, node.kept.is_empty());
        table.push_text(&node.event_count().to_string());
        table.push_text(&node.children.to_string());
        push_alert_cells(&mut table, node.alert.as_ref());
        table.end_row();
    }
    table.text
}

fn push_alert_cells(table: &mut CsvTable, alert: Option<&TreeAlert>) {
    let Some(alert) = alert else {
        for _ in 0..7 {
            table.push_text("");
        }
        return;
    };
    table.push_text(alert.severity.as_str());
    table.push_text(alert.rule.as_str());
    table.push_optional(alert.title.as_deref());
    table.push_text(caption::status_word(alert.status));
    table.push_text(&alert.message);
    table.push_json(&alert.attack, alert.attack.is_empty());
    table.push_text(&alert.position.to_string());
}

/// One row per event and alert; where repeats are folded, one per repeat. By time, position and id.
pub(super) fn events_to_csv(view: &TreeView) -> String {
    let mut table = CsvTable::with_header(&[
        "time", "until", "count", "alert", "id", "type", "source", "severity", "node", "label",
        "message", "position",
    ]);
    let mut rows = Vec::new();
    for node in view.nodes.iter().filter(|node| !node.again) {
        rows.extend(
            node.events
                .iter()
                .map(|event| EventRow::from_event(node, event)),
        );
        rows.extend(node.folds.iter().map(|fold| EventRow {
            time: fold.first,
            until: Some(fold.last),
            count: fold.count,
            id: fold.example.as_str(),
            event_type: fold.event_type.as_str(),
            source: fold.source.as_str(),
            severity: fold.severity.as_str(),
            node,
            message: None,
            position: None,
        }));
        rows.extend(node.alert.iter().map(|alert| EventRow {
            time: alert.time,
            until: None,
            count: 1,
            id: &node.id,
            event_type: alert.rule.as_str(),
            source: "",
            severity: alert.severity.as_str(),
            node,
            message: Some(&alert.message),
            position: Some(alert.position.0),
        }));
    }
    // Sort over all nodes: the table is a timeline, and the same event on two nodes has two rows
    // side by side.
    rows.sort_by_key(|row| (row.time, row.position, row.id));
    for row in rows {
        table.push_time(Some(row.time));
        table.push_time(row.until);
        table.push_text(&row.count.to_string());
        table.push_text(&row.message.is_some().to_string());
        table.push_text(row.id);
        table.push_text(row.event_type);
        table.push_text(row.source);
        table.push_text(row.severity);
        table.push_text(&row.node.id);
        table.push_optional(row.node.label.as_deref());
        table.push_optional(row.message);
        table.push_optional(row.position.map(|at| at.to_string()).as_deref());
        table.end_row();
    }
    table.text
}

struct EventRow<'a> {
    time: Timestamp,
    until: Option<Timestamp>,
    count: u64,
    id: &'a str,
    event_type: &'a str,
    source: &'a str,
    severity: &'static str,
    node: &'a TreeNode,
    /// There for alerts only.
    message: Option<&'a str>,
    position: Option<u64>,
}

impl<'a> EventRow<'a> {
    fn from_event(node: &'a TreeNode, event: &'a TreeEvent) -> Self {
        Self {
            time: event.time,
            until: None,
            count: 1,
            id: event.id.as_str(),
            event_type: event.event_type.as_str(),
            source: event.source.as_str(),
            severity: event.severity.as_str(),
            node,
            message: None,
            position: Some(event.position.0),
        }
    }
}

/// A table in the making.
#[derive(Default)]
struct CsvTable {
    text: String,
    in_row: bool,
}

impl CsvTable {
    fn with_header(names: &[&str]) -> Self {
        let mut table = Self::default();
        for name in names {
            table.push_text(name);
        }
        table.end_row();
        table
    }

    fn push_text(&mut self, cell: &str) {
        if self.in_row {
            self.text.push(',');
        }
        self.in_row = true;
        let guard = if is_formula(cell) { "'" } else { "" };
        if cell.contains(['"', ',', '\r', '\n']) {
            let doubled = cell.replace('"', "\"\"");
            self.text.push_str(&format!("\"{guard}{doubled}\""));
        } else {
            self.text.push_str(guard);
            self.text.push_str(cell);
        }
    }

    fn push_optional(&mut self, cell: Option<&str>) {
        self.push_text(cell.unwrap_or_default());
    }

    fn push_time(&mut self, time: Option<Timestamp>) {
        self.push_optional(time.map(|time| time.to_string()).as_deref());
    }

    fn push_json(&mut self, value: &impl serde::Serialize, is_empty: bool) {
        let json = serde_json::to_string(value).expect("keys of maps are texts");
        self.push_text(if is_empty { "" } else { &json });
    }

    fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.in_row = false;
    }
}

fn is_formula(cell: &str) -> bool {
    cell.starts_with(['\t', '\r', '\n', '\''])
        || cell
            .trim_start()
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}
