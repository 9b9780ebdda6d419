//! A tree as boxes and arrows, before it is written for a drawing program.
//!
//! Owns which lines are in a box and which arrows there are; escaping is each format's job.
//! Invariant: nodes are named by their place in the view, so that what producers wrote is never
//! part of the program's own names. What edges name beyond the page comes after them.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{AlertStatus, Severity, Timestamp};
use larum_tree::{EdgeKind, NodeKind, TreeAlert, TreeEdge, TreeNode, TreeView};

use crate::caption;
use crate::text::spell_out_harmful;

/// Longest line of a box, an id excepted.
const LINE_CHARACTERS: usize = 120;
/// Longest id in a box; those of workflows are never longer.
const ID_CHARACTERS: usize = larum_event::limits::CORRELATION_ID_BYTES;

/// The colour of an alert's box, by a name that both SVG and Graphviz know.
pub(super) const fn severity_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "azure",
        Severity::Low => "lightblue",
        Severity::Medium => "khaki",
        Severity::High => "orange",
        Severity::Critical => "tomato",
    }
}

/// One arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DrawingArrow {
    /// Where it begins: the place of a node, or beyond those of one elsewhere.
    pub(super) from: usize,
    /// Where it ends.
    pub(super) to: usize,
    /// What it means.
    pub(super) kind: EdgeKind,
    /// Whether the tree is made of it; others only lead across.
    pub(super) is_tree_edge: bool,
}

/// All arrows of a page.
pub(super) struct DrawingArrows<'a> {
    /// Those that hold the tree first, in the order of nodes.
    pub(super) all: Vec<DrawingArrow>,
    /// Ids of nodes elsewhere, which go by the numbers behind those of the page.
    pub(super) elsewhere: Vec<&'a str>,
    /// Nodes on the page.
    count: usize,
}

impl<'a> DrawingArrows<'a> {
    /// Reads them off a view: parents, edges and what raised the alerts.
    pub(super) fn from_view(view: &'a TreeView) -> Self {
        let places = first_places(&view.nodes);
        let kinds = edge_kinds(view);
        let mut arrows = Self {
            all: Vec::with_capacity(view.nodes.len()),
            elsewhere: Vec::new(),
            count: view.nodes.len(),
        };
        let mut drawn = BTreeSet::new();
        for (place, node) in view.nodes.iter().enumerate() {
            let Some((parent, above)) = find_parent(&view.nodes, node) else {
                continue;
            };
            let known_kind = kinds.get(&(&*above.id, &*node.id)).copied();
            // Evidence of no tree is under the alert that it raised.
            let (from, to) = if node.kind == NodeKind::Event {
                (place, parent)
            } else {
                (parent, place)
            };
            drawn.insert((from, to));
            arrows.all.push(DrawingArrow {
                from,
                to,
                kind: known_kind.unwrap_or(default_edge_kind(node)),
                is_tree_edge: true,
            });
        }
        let mut numbers = BTreeMap::new();
        for edge in &view.edges {
            let Some((from, to)) = arrows.edge_ends(edge, &places, &mut numbers) else {
                continue;
            };
            if drawn.insert((from, to)) {
                arrows.all.push(DrawingArrow {
                    from,
                    to,
                    kind: edge.kind,
                    is_tree_edge: false,
                });
            }
        }
        for (place, node) in view.nodes.iter().enumerate() {
            let causes = node.alert.iter().flat_map(|alert| &alert.causes);
            for from in causes.filter_map(|cause| cause.node) {
                if from < view.nodes.len() && from != place && drawn.insert((from, place)) {
                    arrows.all.push(DrawingArrow {
                        from,
                        to: place,
                        kind: EdgeKind::Causation,
                        is_tree_edge: false,
                    });
                }
            }
        }
        arrows
    }

    /// The numbers of an edge's ends; `None` when neither is on the page.
    fn edge_ends(
        &mut self,
        edge: &'a TreeEdge,
        places: &BTreeMap<&str, usize>,
        numbers: &mut BTreeMap<&'a str, usize>,
    ) -> Option<(usize, usize)> {
        let (from, to) = (places.get(&*edge.from), places.get(&*edge.to));
        let mut number = |id: &'a str| {
            *numbers.entry(id).or_insert_with(|| {
                self.elsewhere.push(id);
                self.count + self.elsewhere.len() - 1
            })
        };
        match (from, to) {
            (Some(from), Some(to)) => Some((*from, *to)),
            (Some(from), None) => Some((*from, number(&edge.to))),
            (None, Some(to)) => Some((number(&edge.from), *to)),
            (None, None) => None,
        }
    }
}

/// The first place of each id.
pub(super) fn first_places(nodes: &[TreeNode]) -> BTreeMap<&str, usize> {
    let mut places = BTreeMap::new();
    for (place, node) in nodes.iter().enumerate() {
        places.entry(&*node.id).or_insert(place);
    }
    places
}

/// What holds two nodes together, by their ids; the first edge between them counts.
pub(super) fn edge_kinds(view: &TreeView) -> BTreeMap<(&str, &str), EdgeKind> {
    let mut kinds = BTreeMap::new();
    for edge in &view.edges {
        kinds.entry((&*edge.from, &*edge.to)).or_insert(edge.kind);
    }
    kinds
}

/// The parent of a node and its place, which is always before the node's own.
pub(super) fn find_parent<'a>(
    nodes: &'a [TreeNode],
    node: &TreeNode,
) -> Option<(usize, &'a TreeNode)> {
    let place = node.parent?;
    Some((place, nodes.get(place)?))
}

/// What holds a node of which no edge tells.
fn default_edge_kind(node: &TreeNode) -> EdgeKind {
    match node.kind {
        NodeKind::Alert | NodeKind::LinkedAlert | NodeKind::Event => EdgeKind::Causation,
        NodeKind::Step | NodeKind::Trace | NodeKind::Linked => EdgeKind::Parent,
    }
}

/// What an arrow says; nothing where it is the usual one.
pub(super) const fn arrow_label(kind: EdgeKind) -> Option<&'static str> {
    match kind {
        EdgeKind::Parent | EdgeKind::Root => None,
        EdgeKind::Causation => Some("raised"),
        EdgeKind::Trace => Some("trace"),
        EdgeKind::Shared => Some("shared"),
        EdgeKind::Alias => Some("alias"),
    }
}

/// The lines of a node's box, harmless but not escaped for any program.
pub(super) fn box_lines(node: &TreeNode) -> Vec<String> {
    let mut lines = Vec::new();
    let mut push = |line: &str, most| {
        lines.push(caption::truncate_text(&spell_out_harmful(line), most).into_owned())
    };
    match &node.alert {
        Some(alert) => {
            push(&alert_line(alert), LINE_CHARACTERS);
            let message = if alert.message.is_empty() {
                alert.title.as_deref().unwrap_or_default()
            } else {
                &alert.message
            };
            if !message.is_empty() {
                push(message, LINE_CHARACTERS);
            }
        }
        None => {
            let name = caption::node_caption(node);
            if name != &*node.id {
                let pid = caption::process_id(node).map(|pid| format!(" {pid}"));
                push(
                    &format!("{name}{}", pid.unwrap_or_default()),
                    LINE_CHARACTERS,
                );
            }
        }
    }
    push(&node.id, ID_CHARACTERS);
    if let Some(command) = caption::command_line(node) {
        push(command, LINE_CHARACTERS);
    }
    if let Some(stage) = &node.stage {
        push(&format!("stage {stage}"), LINE_CHARACTERS);
    }
    for (name, value) in &node.tags {
        push(&format!("{name}={value}"), LINE_CHARACTERS);
    }
    let events = node.event_count();
    if events > 0 {
        let span = format_times(node.first, node.last);
        push(
            &format!("{}{span}", caption::format_amount(events, "event")),
            LINE_CHARACTERS,
        );
    }
    if !node.seen {
        push("not seen", LINE_CHARACTERS);
    }
    lines
}

/// What is missing, as lines.
pub(super) fn missing_lines(view: &TreeView) -> Vec<String> {
    let mut lines: Vec<_> = view
        .why
        .iter()
        .map(|why| spell_out_harmful(&crate::text::describe_missing(why)))
        .collect();
    if view.next.is_some() {
        lines.push("more nodes on the next page".to_owned());
    }
    lines
}

fn alert_line(alert: &TreeAlert) -> String {
    let retracted = if alert.status == AlertStatus::Retracted {
        " (retracted)"
    } else {
        ""
    };
    format!("{} {}{retracted}", alert.severity, alert.rule)
}

fn format_times(first: Option<Timestamp>, last: Option<Timestamp>) -> String {
    match (first, last) {
        (Some(first), Some(last)) if last > first => format!(", {first} to {last}"),
        (Some(time), Some(_) | None) | (None, Some(time)) => format!(", {time}"),
        (None, None) => String::new(),
    }
}
