//! Why nodes are where they are, and what a tree lacks, in words.

use std::collections::BTreeMap;

use larum_tree::{EdgeKind, EdgeSource, MissingPart, NodeKind, TreeEdge, TreeNode, TreeView};

use crate::caption::format_amount;

use super::TextStyle;
use super::line::{TextLine, TextPaint};

/// What is said under each node of a page, by its place.
pub(super) struct EdgeNotes {
    lines: BTreeMap<usize, Vec<String>>,
}

impl EdgeNotes {
    /// Each edge is described once: at its lower end, or at the upper one where the lower is not on
    /// the page.
    pub(super) fn from_view(view: &TreeView, style: TextStyle) -> Self {
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
                    .push(describe_edge(edge, other, style));
            }
        }
        Self { lines }
    }

    /// The lines of a node.
    pub(super) fn lines_at(&self, place: usize) -> Vec<TextLine> {
        let lines = self.lines.get(&place).into_iter().flatten();
        lines
            .map(|line| TextLine::from_text(TextPaint::Faint, line))
            .collect()
    }
}

/// Whether an edge tells what the outline itself does not.
fn is_surprise(edge: &TreeEdge, node: &TreeNode) -> bool {
    match edge.kind {
        EdgeKind::Alias | EdgeKind::Shared => true,
        // That a span is of its trace is in its id.
        EdgeKind::Trace => node.kind != NodeKind::Trace,
        EdgeKind::Parent | EdgeKind::Root | EdgeKind::Causation => false,
    }
}

fn describe_edge(edge: &TreeEdge, other: &str, style: TextStyle) -> String {
    let kind = match edge.kind {
        EdgeKind::Parent => "parent".to_owned(),
        EdgeKind::Root => "root".to_owned(),
        EdgeKind::Causation => format!("caused by {other}"),
        EdgeKind::Trace => "trace".to_owned(),
        EdgeKind::Shared => format!("shared: {other}"),
        EdgeKind::Alias => "parent by alias".to_owned(),
    };
    let mut line = format!("~ {kind}, {}", describe_source(&edge.why, style));
    if let Some(event) = edge.event.as_ref().filter(|_| style.why) {
        line.push_str(&format!("; event {event}"));
        if let Some(position) = edge.position {
            line.push_str(&format!(" at {position}"));
        }
    }
    line
}

fn describe_source(why: &EdgeSource, style: TextStyle) -> String {
    match why {
        EdgeSource::Correlation { field, value } => format!("{field} {value}"),
        EdgeSource::Link {
            link,
            version,
            fields,
        } => {
            let version = if style.why {
                format!(" (version {version:x})")
            } else {
                String::new()
            };
            let fields = fields.iter();
            let texts: Vec<_> = fields
                .map(|(path, value)| format!("{path} {value}"))
                .collect();
            format!("link {link}{version}: {}", texts.join(", "))
        }
        EdgeSource::Trace { trace } => format!("traceparent {trace}"),
        EdgeSource::Rule { rule } => format!("rule {rule}"),
    }
}

/// What a tree lacks.
pub(crate) fn describe_missing(why: &MissingPart) -> String {
    match why {
        MissingPart::StepsNotSeen { count } => {
            format!(
                "{} only named by others so far",
                format_amount(*count, "step")
            )
        }
        MissingPart::EventsLeftOut { count } => {
            format!("{} only counted, not kept", format_amount(*count, "event"))
        }
        MissingPart::EventsRefused { count } => {
            format!(
                "{} left out because the tree is full",
                format_amount(*count, "event")
            )
        }
        MissingPart::EventsGone { count, first } => format!(
            "{} no longer in the log, which begins at position {first}",
            format_amount(*count, "event")
        ),
        MissingPart::TooLarge { left_out } => {
            format!(
                "{} not read: the tree is too large",
                format_amount(*left_out, "event")
            )
        }
        MissingPart::CircleCut { parent } => {
            format!("parents lead in a circle; the root's parent {parent} is left out")
        }
    }
}
