//! Why nodes hang where they do, and what a tree lacks, in words.

use std::collections::BTreeMap;

use crate::caption::amount;
use crate::view::{EdgeKind, NodeKind, Partial, TreeEdge, TreeNode, TreeView, Why};

use super::TextStyle;
use super::line::{Line, Paint};

/// What is told under each node of a page, by its place.
pub(super) struct Reasons {
    lines: BTreeMap<usize, Vec<String>>,
}

impl Reasons {
    /// Each edge is told once: at its lower end, or at the upper one where the lower is not on the page.
    pub(super) fn of(view: &TreeView, style: TextStyle) -> Self {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (place, node) in view
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| !node.again)
        {
            places.entry(&node.id).or_insert(place);
        }
        let mut lines: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for edge in &view.edges {
            let (to, from) = (places.get(&*edge.to), places.get(&*edge.from));
            let (Some(place), other) = (match (to, from) {
                (Some(to), _) => (Some(*to), &edge.from),
                (None, from) => (from.copied(), &edge.to),
            }) else {
                continue;
            };
            let node = view.nodes.get(place);
            if style.why || node.is_some_and(|node| is_surprise(edge, node)) {
                lines
                    .entry(place)
                    .or_default()
                    .push(told(edge, other, style));
            }
        }
        Self { lines }
    }

    /// The lines of a node.
    pub(super) fn lines(&self, place: usize) -> Vec<Line> {
        let lines = self.lines.get(&place).into_iter().flatten();
        lines.map(|line| Line::of(Paint::Faint, line)).collect()
    }
}

/// Whether an edge tells what the outline itself does not.
fn is_surprise(edge: &TreeEdge, node: &TreeNode) -> bool {
    match edge.kind {
        EdgeKind::Alias | EdgeKind::Shared => true,
        // That a span is of its trace stands in its id.
        EdgeKind::Trace => node.kind != NodeKind::Trace,
        EdgeKind::Parent | EdgeKind::Root | EdgeKind::Causation => false,
    }
}

fn told(edge: &TreeEdge, other: &str, style: TextStyle) -> String {
    let kind = match edge.kind {
        EdgeKind::Parent => "parent".to_owned(),
        EdgeKind::Root => "root".to_owned(),
        EdgeKind::Causation => format!("caused by {other}"),
        EdgeKind::Trace => "trace".to_owned(),
        EdgeKind::Shared => format!("shared: {other}"),
        EdgeKind::Alias => "parent by alias".to_owned(),
    };
    let mut told = format!("~ {kind}, {}", source(&edge.why, style));
    if let Some(event) = edge.event.as_ref().filter(|_| style.why) {
        told.push_str(&format!("; event {event}"));
        if let Some(position) = edge.position {
            told.push_str(&format!(" at {position}"));
        }
    }
    told
}

fn source(why: &Why, style: TextStyle) -> String {
    match why {
        Why::Correlation { field, value } => format!("{field} {value}"),
        Why::Link {
            link,
            version,
            fields,
        } => {
            let version = if style.why {
                format!(" (version {version:x})")
            } else {
                String::new()
            };
            let fields = fields.iter().map(|(path, value)| format!("{path} {value}"));
            let fields: Vec<_> = fields.collect();
            format!("link {link}{version}: {}", fields.join(", "))
        }
        Why::Trace { trace } => format!("traceparent {trace}"),
        Why::Rule { rule } => format!("rule {rule}"),
    }
}

/// What a tree lacks.
pub(crate) fn sentence(why: &Partial) -> String {
    match why {
        Partial::StepsNotSeen { count } => {
            format!("{} only named by others so far", amount(*count, "step"))
        }
        Partial::EventsLeftOut { count } => {
            format!("{} only counted, not kept", amount(*count, "event"))
        }
        Partial::EventsRefused { count } => {
            format!(
                "{} left out because the tree is full",
                amount(*count, "event")
            )
        }
        Partial::EventsGone { count, first } => format!(
            "{} no longer in the log, which begins at position {first}",
            amount(*count, "event")
        ),
        Partial::TooLarge { left_out } => {
            format!(
                "{} not read: the tree is too large",
                amount(*left_out, "event")
            )
        }
        Partial::CircleCut { parent } => {
            format!("parents lead in a circle; the root's parent {parent} is left out")
        }
    }
}
