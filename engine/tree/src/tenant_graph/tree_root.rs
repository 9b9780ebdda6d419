//! Up from a node to where its tree begins.
//!
//! Where nodes are follows from claims, and claims may lead in a circle. Then the tree begins at
//! the node of the circle whose own claim is the weakest: inferred before said, later before
//! earlier. Nothing here recurses: a chain may be as long as a tree has nodes.

use std::collections::HashSet;

use larum_event::Position;
use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;

/// Where a climb ends.
pub(crate) struct TreeRoot {
    /// The node at which the tree begins.
    pub(crate) top: NodeIndex,
    /// The nodes of the circle that the climb ended in; none when it came to an end by itself.
    pub(crate) cycle: Vec<NodeIndex>,
}

impl TenantGraph {
    /// The top of the tree that holds `from`; `None` when `from` is no node.
    pub(crate) fn find_root(&self, from: NodeIndex) -> Option<TreeRoot> {
        self.find_root_by(
            from,
            |node| self.nodes.get(node)?.parent_edge.map(|(_, above)| above),
            Self::has_weaker_claim,
        )
    }

    /// The nodes from one up to the top of its tree, itself first.
    pub(crate) fn ancestors(&self, from: NodeIndex) -> Option<Vec<NodeIndex>> {
        let top = self.find_root(from)?.top;
        let mut lineage = vec![from];
        let mut at = from;
        while at != top {
            at = self.nodes.get(at)?.parent_edge?.1;
            lineage.push(at);
        }
        Some(lineage)
    }

    /// The same with the event at a position of this batch. Which claims there were then is not
    /// kept, so of a circle the node with the least name is the top.
    pub(crate) fn find_root_at(&self, from: NodeIndex, at: Position) -> Option<TreeRoot> {
        let name = |node| self.nodes.get(node).map(|node| &node.name);
        self.find_root_by(
            from,
            |node| self.parent_at(node, at),
            |_, one, other| name(one) < name(other),
        )
    }

    fn find_root_by(
        &self,
        from: NodeIndex,
        up: impl Fn(NodeIndex) -> Option<NodeIndex>,
        goes_before: impl Fn(&Self, NodeIndex, NodeIndex) -> bool,
    ) -> Option<TreeRoot> {
        self.nodes.get(from)?;
        // Two feet, one of which takes two steps at a time: they meet only in a circle.
        let (mut slow, mut fast) = (from, from);
        loop {
            let Some(one) = up(fast) else {
                return Some(root_without_cycle(fast));
            };
            let Some(two) = up(one) else {
                return Some(root_without_cycle(one));
            };
            fast = two;
            slow = up(slow)?;
            if slow == fast {
                break;
            }
        }
        let circle: Vec<_> =
            std::iter::successors(Some(slow), |node| up(*node).filter(|next| *next != slow))
                .collect();
        // Asked only whether it holds a node, never walked.
        let in_circle: HashSet<_> = circle.iter().copied().collect();
        let mut entered = from;
        while !in_circle.contains(&entered) {
            entered = up(entered)?;
        }
        let mut top = entered;
        for node in &circle {
            if goes_before(self, *node, top) {
                top = *node;
            }
        }
        Some(TreeRoot { top, cycle: circle })
    }

    /// Whether what the first node's place rests on is weaker than the second one's.
    fn has_weaker_claim(&self, one: NodeIndex, other: NodeIndex) -> bool {
        let (Some(first), Some(second)) = (self.claimed_parent(one), self.claimed_parent(other))
        else {
            return false;
        };
        let name = |node| self.nodes.get(node).map(|node| &node.name);
        let order = first.kind.cmp(&second.kind);
        order
            .then_with(|| self.events.compare(first.by, second.by))
            .then_with(|| name(one).cmp(&name(other)))
            .is_gt()
    }
}

fn root_without_cycle(top: NodeIndex) -> TreeRoot {
    TreeRoot {
        top,
        cycle: Vec::new(),
    }
}
