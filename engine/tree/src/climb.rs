//! Up from a step to where its tree begins.
//!
//! The edges to steps follow claims, and claims may lead in a circle. Then the tree begins at the step
//! of the circle whose own claim is the weakest: inferred before said, later before earlier. Nothing
//! here recurses: a chain may be as long as a tree has steps.

use std::collections::HashSet;

use petgraph::stable_graph::NodeIndex;

use crate::grove::Grove;

/// Where a climb ends.
pub(crate) struct Summit {
    /// The step at which the tree begins.
    pub(crate) top: NodeIndex,
    /// The steps of the circle that the climb ended in; none when it came to an end by itself.
    pub(crate) circle: Vec<NodeIndex>,
}

impl Grove {
    /// The top of the tree in which `from` stands; `None` when `from` is no step.
    pub(crate) fn summit(&self, from: NodeIndex) -> Option<Summit> {
        let mut path = Vec::new();
        // Asked only whether it holds a node, never walked.
        let mut passed = HashSet::new();
        let mut node = from;
        while passed.insert(node) {
            path.push(node);
            match &self.step(node)?.up {
                Some(up) => node = up.node,
                None => {
                    return Some(Summit {
                        top: node,
                        circle: Vec::new(),
                    });
                }
            }
        }
        let circle: Vec<_> = path.into_iter().skip_while(|step| *step != node).collect();
        let weakest = circle.iter().copied().max_by_key(|node| {
            let step = self.step(*node)?;
            let up = step.up.as_ref()?;
            Some((up.reason, &up.by, &step.id))
        });
        weakest.map(|top| Summit { top, circle })
    }
}
