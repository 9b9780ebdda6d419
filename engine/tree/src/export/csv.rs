//! A tree as tables (RFC 4180): a heading, lines that end in CR LF, quotes where they are needed.
//!
//! A cell is guarded with a `'` in front where a spreadsheet would take it for a formula, that is when its
//! first character other than white space is one of `= + - @` or their wide forms, or when it begins with a
//! tab or a line break. Cells that begin with `'` get one too, so taking one away gives back what was there.

use larum_event::Timestamp;

use super::drawing::{edge_kinds, events_of, parent_of};
use crate::caption;
use crate::view::{AlertMark, TreeEvent, TreeNode, TreeView};

/// One row per node; `parent` is an id, `tags`, `kept` and `attack` are JSON.
pub(super) fn nodes(view: &TreeView) -> String {
    let mut table = Table::headed(&[
        "id", "kind", "link", "label", "parent", "depth", "edge", "seen", "begun", "first", "last",
        "stage", "tags", "kept", "events", "children", "severity", "rule", "title", "status",
        "message", "attack", "position",
    ]);
    let edges = edge_kinds(view);
    for node in view.nodes.iter().filter(|node| !node.again) {
        let parent = parent_of(&view.nodes, node).map(|(_, parent)| &*parent.id);
        let edge = parent.and_then(|parent| edges.get(&(parent, &*node.id)));
        table.text(&node.id);
        table.text(caption::kind(node.kind));
        table.maybe(node.link.as_deref());
        table.maybe(node.label.as_deref());
        table.maybe(parent);
        table.text(&node.depth.to_string());
        table.maybe(edge.map(|kind| caption::edge(*kind)));
        table.text(&node.seen.to_string());
        table.text(&node.begun.to_string());
        table.time(node.first);
        table.time(node.last);
        table.maybe(node.stage.as_deref());
        table.json(&node.tags, node.tags.is_empty());
        table.json(&node.kept, node.kept.is_empty());
        table.text(&events_of(node).to_string());
        table.text(&node.children.to_string());
        alert_cells(&mut table, node.alert.as_ref());
        table.end_row();
    }
    table.text
}

fn alert_cells(table: &mut Table, alert: Option<&AlertMark>) {
    let Some(alert) = alert else {
        for _ in 0..7 {
            table.text("");
        }
        return;
    };
    table.text(alert.severity.as_str());
    table.text(alert.rule.as_str());
    table.maybe(alert.title.as_deref());
    table.text(caption::status(alert.status));
    table.text(&alert.message);
    table.json(&alert.attack, alert.attack.is_empty());
    table.text(&alert.position.to_string());
}

/// One row per event and alert; where repeats are folded, one per repeat. By time, position and id.
pub(super) fn events(view: &TreeView) -> String {
    let mut table = Table::headed(&[
        "time", "until", "count", "alert", "id", "type", "source", "severity", "node", "label",
        "message", "position",
    ]);
    let mut rows = Vec::new();
    for node in view.nodes.iter().filter(|node| !node.again) {
        rows.extend(node.events.iter().map(|event| Row::of_event(node, event)));
        rows.extend(node.folds.iter().map(|fold| Row {
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
        rows.extend(node.alert.iter().map(|alert| Row {
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
    rows.sort_by_key(|row| (row.time, row.position, row.id));
    for row in rows {
        table.time(Some(row.time));
        table.time(row.until);
        table.text(&row.count.to_string());
        table.text(&row.message.is_some().to_string());
        table.text(row.id);
        table.text(row.event_type);
        table.text(row.source);
        table.text(row.severity);
        table.text(&row.node.id);
        table.maybe(row.node.label.as_deref());
        table.maybe(row.message);
        table.maybe(row.position.map(|at| at.to_string()).as_deref());
        table.end_row();
    }
    table.text
}

struct Row<'a> {
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

impl<'a> Row<'a> {
    fn of_event(node: &'a TreeNode, event: &'a TreeEvent) -> Self {
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
struct Table {
    text: String,
    in_row: bool,
}

impl Table {
    fn headed(names: &[&str]) -> Self {
        let mut table = Self::default();
        for name in names {
            table.text(name);
        }
        table.end_row();
        table
    }

    fn text(&mut self, cell: &str) {
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

    fn maybe(&mut self, cell: Option<&str>) {
        self.text(cell.unwrap_or_default());
    }

    fn time(&mut self, time: Option<Timestamp>) {
        self.maybe(time.map(|time| time.to_string()).as_deref());
    }

    fn json(&mut self, value: &impl serde::Serialize, is_empty: bool) {
        let json = serde_json::to_string(value).expect("keys of maps are texts");
        self.text(if is_empty { "" } else { &json });
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
