//! How much of incidents is kept for one tenant.

use larum_event::limits;
use serde::{Deserialize, Serialize};

/// Runs of touches that are kept of one tree on one node.
const RUNS_PER_TREE: usize = 16;

/// How much is kept for one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IncidentLimits {
    /// Incidents; beyond it the one changed longest ago goes, and with it its names.
    pub(crate) incidents: usize,
    /// Alerts, names, entities, trees of all incidents; beyond it likewise.
    pub(crate) entries: usize,
    /// Alerts listed in one incident; beyond it the youngest are only counted.
    pub(crate) alerts_per_incident: usize,
    /// Aliases of one incident; beyond it those of the incidents opened last go.
    pub(crate) aliases_per_incident: usize,
    /// Values of one kind of entity listed in one incident; beyond it they are counted.
    pub(crate) values_per_kind: usize,
    /// Shared nodes, the trees on them and their runs of touches; beyond it the node touched
    /// longest ago goes.
    pub(crate) touches: usize,
    /// Runs of touches of one tree on one node; beyond it the earliest goes.
    pub(crate) runs: usize,
    /// Trees that may touch a node that joins, whatever its link says.
    pub(crate) trees_per_node: u32,
}

impl Default for IncidentLimits {
    fn default() -> Self {
        Self {
            incidents: limits::INCIDENTS_PER_TENANT,
            entries: limits::INCIDENT_ENTRIES_PER_TENANT,
            alerts_per_incident: limits::ALERTS_PER_INCIDENT,
            aliases_per_incident: limits::ALERTS_PER_INCIDENT,
            values_per_kind: limits::PAGE_MOST,
            touches: limits::TOUCHES_PER_TENANT,
            runs: RUNS_PER_TREE,
            trees_per_node: 1_000,
        }
    }
}
