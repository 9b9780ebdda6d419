//! Trees and incidents of a store that no engine has open, grown from its log.

use larum_event::{Event, Position, RecordBody, RuleSetActivated, TenantId, Timestamp};
use larum_log::EventQuery;
use larum_tree::{
    AskError, Forest, ForestLimits, IncidentSummary, TimelineEntry, TreeDiff, TreeQuery, TreeView,
    fold_repeats, select, timeline,
};

use super::{Answer, Missing, Reply, Store, What};
use crate::error::CliError;
use crate::rule_files;
use crate::terminal::{plain, say};

/// The trees of one tenant, as of a position.
pub struct Grown {
    forest: Forest,
    tenant: TenantId,
    upto: Position,
    /// The last event that was taken in.
    at: Position,
}

impl Grown {
    /// Trees without a root; `upto` is the last position that counts.
    pub fn new(tenant: TenantId, upto: Position) -> Self {
        let limits = ForestLimits {
            // Nothing else has to have room beside it, and what had to go in an engine is here all the same.
            roots_per_tenant: usize::MAX,
            nodes_per_tenant: usize::MAX,
            ..ForestLimits::default()
        };
        Self {
            forest: Forest::new(limits),
            tenant,
            upto,
            at: Position::START,
        }
    }

    /// The last position that counts.
    pub fn upto(&self) -> Position {
        self.upto
    }

    /// Takes in what stands at a position.
    pub fn take(&mut self, position: Position, body: &RecordBody) {
        match body {
            RecordBody::Event { event, .. } | RecordBody::Derived { event } => {
                self.insert(position, event);
            }
            RecordBody::RuleSetActivated(activated) => self.activate(activated),
            RecordBody::EpochCommit(_)
            | RecordBody::UnitDetached(_)
            | RecordBody::UnitAttached(_)
            | RecordBody::CursorMoved(_)
            | RecordBody::Tick { .. } => {}
        }
    }

    fn insert(&mut self, position: Position, event: &Event) {
        self.at = position;
        if event.envelope().tenant == self.tenant {
            // What is odd about a tree stands in its view.
            let mut reports = Vec::new();
            self.forest
                .insert(&self.tenant, event, position, &mut reports);
        }
    }

    /// Links come from the rules that were in force.
    pub fn activate(&mut self, activated: &RuleSetActivated) {
        match rule_files::loader().load(&activated.files) {
            Ok(set) => self.forest.use_links(set.links()),
            Err(_) => {
                say("rules that were in force do not load any more; their links are not known")
            }
        }
    }
}
