//! How much a graph may hold.

use larum_event::limits;

/// How much a graph may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphLimits {
    /// Most nodes of one tree; an event that would add more is left out and reported.
    pub nodes_per_root: usize,
    /// Most events of one node; the earliest are kept, the others counted.
    pub events_per_node: usize,
    /// Most trees of one tenant; beyond it the one added to longest ago is evicted and reported.
    pub roots_per_tenant: usize,
    /// Most nodes of one tenant; beyond it trees are evicted likewise, except the last one.
    pub nodes_per_tenant: usize,
}

impl Default for GraphLimits {
    fn default() -> Self {
        Self {
            nodes_per_root: limits::NODES_PER_ROOT,
            events_per_node: limits::EVENTS_PER_NODE,
            roots_per_tenant: limits::ROOTS_PER_TENANT,
            nodes_per_tenant: limits::NODES_PER_TENANT,
        }
    }
}
