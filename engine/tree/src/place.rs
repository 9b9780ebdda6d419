//! Where a step stands: under which other one, as its claims ask for.
//!
//! A step that names its parent hangs there by an edge of the graph. One that has only a root so far
//! is among that root's strays, which is no edge: a root may have very many strays while their
//! parents are on the way, and taking an edge from a node with many means walking them. (Feeding a
//! chain of 100,000 steps in scattered order took 23 s longer with edges, in a debug build.)

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::EdgeRef;

use crate::entry::Entry;
use crate::grove::{Edge, Grove};
use crate::report::TreeReport;
use crate::step::{Reason, Up};

impl Grove {
    /// Puts a step where its claims want it, and reports a circle that this closes.
    pub(crate) fn follow_claims(
        &mut self,
        node: NodeIndex,
        entry: &Entry<'_>,
        out: &mut Vec<TreeReport>,
    ) {
        // A circle needs a step under this one, so a new leaf costs no climb.
        if !self.place(node) || self.children(node).next().is_none() {
            return;
        }
        let Some(summit) = self
            .summit(node)
            .filter(|summit| summit.circle.contains(&node))
        else {
            return;
        };
        let Some(step) = self.step(summit.top) else {
            return;
        };
        if let Some((Reason::Parent | Reason::Root, parent)) = step.claimed_up() {
            out.push(TreeReport::CycleRefused {
                tenant: entry.tenant.clone(),
                step: step.id.clone(),
                parent: parent.what.clone(),
                event: entry.event.envelope().id.clone(),
            });
        }
    }

    /// Puts a step under the one that its claims ask for; true when that is another than before.
    pub(crate) fn place(&mut self, node: NodeIndex) -> bool {
        let Some(step) = self.step(node) else {
            return false;
        };
        let up = step.claimed_up().and_then(|(reason, claimed)| {
            Some(Up {
                reason,
                by: claimed.by.clone(),
                node: *self.steps.get(&claimed.what)?,
            })
        });
        let link = |up: &Up| (up.node, up.reason == Reason::Parent);
        let before = step.up.as_ref().map(link);
        let after = up.as_ref().map(link);
        if let Some(step) = self.step_mut(node) {
            step.up = up;
        }
        if before == after {
            return false;
        }
        self.unlink(node, before);
        match after {
            Some((above, true)) => {
                self.graph.add_edge(above, node, Edge::Child);
            }
            Some((above, false)) => {
                if let Some(step) = self.step_mut(above) {
                    step.strays.insert(node);
                }
            }
            None => {}
        }
        after.is_some()
    }

    fn unlink(&mut self, node: NodeIndex, before: Option<(NodeIndex, bool)>) {
        match before {
            Some((_, true)) => {
                let edge = self.graph.edges_directed(node, Incoming).next();
                if let Some(edge) = edge.map(|edge| edge.id()) {
                    self.graph.remove_edge(edge);
                }
            }
            Some((above, false)) => {
                if let Some(step) = self.step_mut(above) {
                    step.strays.remove(&node);
                }
            }
            None => {}
        }
    }

    /// The steps directly under one, in no particular order.
    pub(crate) fn children(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let edges = self.graph.edges_directed(node, Outgoing);
        let named = edges
            .filter(|edge| *edge.weight() == Edge::Child)
            .map(|edge| edge.target());
        let strays = self.step(node).map(|step| step.strays.iter().copied());
        named.chain(strays.into_iter().flatten())
    }
}
