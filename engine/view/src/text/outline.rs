//! A tree as an outline: a line per node, below it why it is there, its events, and the nodes under
//! it.
//!
//! Owns indents and branches; the lines themselves are written in `node` and `edge_notes`, none of
//! them here. Works by loops: a tree may be as deep as it has nodes.
//! Invariant: the lines of a node come before those of the nodes under it, so an indent is all that
//! shows a parent.

use larum_tree::{NodeKind, TreeNode, TreeView};

use crate::caption::{format_amount, format_number};

use super::TextStyle;
use super::clock::{UtcDay, format_date};
use super::edge_notes::{EdgeNotes, describe_missing};
use super::line::{TextLine, TextPaint};
use super::node::{detail_lines, node_line};

/// Levels that are drawn; deeper nodes keep this indent and say their depth.
const DRAWN_DEPTH: usize = 24;

/// Writes a tree with one line per node and per kind of event on it. Repeats of a type from one
/// source are folded into one line. Times are of the day that the first line names, unless they say
/// another.
///
/// What producers wrote cannot control the terminal: control and direction characters are replaced.
pub fn tree_to_text(view: &TreeView, style: TextStyle) -> String {
    let mut text = String::new();
    let first = view.nodes.first().and_then(|root| root.first);
    let day = UtcDay::containing(first.unwrap_or_default());
    write_head(&mut text, view, style);
    let reasons = EdgeNotes::from_view(view, style);
    let branches = layout_branches(&view.nodes);
    let mut outline = OutlineWriter {
        text,
        style,
        top: view.nodes.first().map_or(0, |top| top.depth),
        rails: Vec::new(),
        open: Vec::new(),
    };
    for (place, node) in view.nodes.iter().enumerate() {
        let Some(branch) = branches.get(place) else {
            continue;
        };
        // Close before writing: notes on hidden siblings of the levels above come before this node.
        outline.close_levels(branch.depth);
        let mut line = node_line(node, day);
        if node.again {
            line = line.into_faint();
        }
        outline.write_line(branch.depth, branch.has_next_sibling, line);
        outline.open_level(branch);
        let mut details = reasons.lines_at(place);
        if !node.again {
            details.extend(detail_lines(node, day, style));
        }
        let last = details.len().saturating_sub(1);
        for (index, line) in details.into_iter().enumerate() {
            let goes_on = index < last || branch.has_children || branch.hidden_note.is_some();
            outline.write_line(branch.depth + 1, goes_on, line);
        }
    }
    outline.close_levels(0);
    let mut text = outline.text;
    if let Some(cursor) = &view.next {
        TextLine::from_text(TextPaint::Faint, &format!("next page: --cursor {cursor}"))
            .write_to(&mut text, style);
    }
    text
}

fn write_head(text: &mut String, view: &TreeView, style: TextStyle) {
    let counts = view.counts;
    let mut line = TextLine::from_text(TextPaint::Bold, &view.root);
    let steps = format_amount(counts.steps, "step");
    let events = format_amount(counts.events, "event");
    let alerts = format_amount(counts.alerts, "alert");
    let first = view.nodes.first().and_then(|root| root.first);
    let day = first.map_or_else(String::new, |first| format!(", {}", format_date(first)));
    let tenant = view.tenant.as_str();
    let rest = format!("  {steps}, {events}, {alerts} of tenant {tenant}{day}");
    line.push(TextPaint::Faint, &rest);
    if let Some(incident) = &view.incident {
        line.push(TextPaint::Faint, ", part of ");
        line.push(TextPaint::Bold, incident);
    }
    line.write_to(text, style);
    for why in &view.why {
        TextLine::from_text(TextPaint::Warning, &format!("! {}", describe_missing(why)))
            .write_to(text, style);
    }
}

/// Where a node is in the outline.
#[derive(Default)]
struct OutlineBranch {
    /// Levels below the first line of the page.
    depth: usize,
    /// Whether something beside it follows.
    has_next_sibling: bool,
    /// Whether nodes follow under it.
    has_children: bool,
    /// What is said of children that the page does not show.
    hidden_note: Option<String>,
}

fn layout_branches(nodes: &[TreeNode]) -> Vec<OutlineBranch> {
    let mut branches: Vec<OutlineBranch> = Vec::with_capacity(nodes.len());
    let mut shown = vec![0_u64; nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        let parent = node.parent.filter(|parent| *parent < place);
        let mut branch = OutlineBranch::default();
        if let Some(above) = parent.and_then(|parent| branches.get_mut(parent)) {
            above.has_children = true;
            branch.depth = above.depth + 1;
        }
        branches.push(branch);
        let is_child = !matches!(node.kind, NodeKind::Event | NodeKind::LinkedAlert);
        if let Some(shown) = parent.and_then(|parent| shown.get_mut(parent)) {
            *shown += u64::from(is_child);
        }
    }
    for ((branch, node), shown) in branches.iter_mut().zip(nodes).zip(shown) {
        branch.hidden_note = hidden_children_note(node, shown);
    }
    // From the end: the first one met is the last of its siblings.
    let hides: Vec<bool> = branches
        .iter()
        .map(|branch| branch.hidden_note.is_some())
        .collect();
    let mut followed = hides;
    for (place, node) in nodes.iter().enumerate().rev() {
        let parent = node.parent.filter(|parent| *parent < place);
        let above = parent.and_then(|parent| followed.get_mut(parent));
        if let (Some(followed), Some(branch)) = (above, branches.get_mut(place)) {
            branch.has_next_sibling = std::mem::replace(followed, true);
        }
    }
    branches
}

fn hidden_children_note(node: &TreeNode, shown: u64) -> Option<String> {
    let missing = node.children.checked_sub(shown).filter(|more| *more > 0)?;
    let children = if missing == 1 { "child" } else { "children" };
    let missing = format_number(missing);
    Some(match (node.again, shown) {
        (true, _) => format!("{missing} {children} on other pages"),
        (false, 0) => format!("{missing} {children} not shown"),
        (false, _) => format!("{missing} more {children}"),
    })
}

/// An outline in the making.
struct OutlineWriter {
    text: String,
    style: TextStyle,
    /// Levels above the first line.
    top: usize,
    /// Which of the levels above go on below the current line.
    rails: Vec<bool>,
    /// What is still to be said at the end of each level, the deepest last.
    open: Vec<Option<String>>,
}

impl OutlineWriter {
    /// Ends the levels from `depth` down.
    fn close_levels(&mut self, depth: usize) {
        while self.open.len() > depth {
            if let Some(hidden) = self.open.pop().flatten() {
                let line = TextLine::from_text(TextPaint::Faint, &hidden);
                self.write_line(self.open.len() + 1, false, line);
            }
        }
        self.rails.truncate(depth.saturating_sub(1));
    }

    /// What comes now is under this one.
    fn open_level(&mut self, branch: &OutlineBranch) {
        if branch.depth > 0 {
            self.rails.push(branch.has_next_sibling);
        }
        self.open.push(branch.hidden_note.clone());
    }

    /// Writes a line at a depth; `next` says whether something beside it follows.
    fn write_line(&mut self, depth: usize, next: bool, line: TextLine) {
        let mut indent = String::new();
        let above = depth.saturating_sub(1);
        for goes_on in self.rails.iter().take(above).take(DRAWN_DEPTH) {
            indent.push_str(if *goes_on { "│  " } else { "   " });
        }
        if depth > DRAWN_DEPTH + 1 {
            indent.push_str(&format!("… {} ", self.top + depth));
        }
        if depth > 0 {
            indent.push_str(if next { "├─ " } else { "└─ " });
        }
        line.with_indent(&indent)
            .write_to(&mut self.text, self.style);
    }
}
