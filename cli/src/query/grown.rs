//! Trees and incidents of one tenant of a store that no engine has open, grown from its log.

use larum_event::{Event, Position, RecordBody, RuleSetActivated, TenantId};
use larum_tree::{
    AskError, Forest, ForestLimits, IncidentQuery, IncidentSummary, RootSummary, TreeQuery,
    TreeView, select,
};

use super::{Missing, What};
use crate::error::CliError;
use crate::rule_files;
use crate::terminal::say;

/// The trees, as of a position.
pub struct Grown {
    forest: Forest,
    tenant: TenantId,
    upto: Position,
}

impl Grown {
    /// No trees yet; `upto` is the last position that counts.
    pub fn new(tenant: TenantId, upto: Position) -> Self {
        let limits = ForestLimits {
            // What an engine had to let go of is in the log, and here nothing else needs the room.
            roots_per_tenant: usize::MAX,
            nodes_per_tenant: usize::MAX,
            ..ForestLimits::default()
        };
        Self {
            forest: Forest::new(limits),
            tenant,
            upto,
        }
    }

    /// Takes in a record of the log.
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
        if event.envelope().tenant == self.tenant {
            // What is odd about a tree stands in its view.
            let mut reports = Vec::new();
            let tenant = &self.tenant;
            self.forest.insert(tenant, event, position, &mut reports);
        }
    }

    /// Links come from the rules that were in force.
    pub fn activate(&mut self, activated: &RuleSetActivated) {
        match rule_files::loader().load(&activated.files) {
            Ok(set) => self.forest.use_links(set.links()),
            Err(_) => {
                say("rules that were in force do not load any more; their links are not known");
            }
        }
    }

    /// The tree that holds `id`, all of it.
    pub fn tree(&self, id: &str) -> Result<TreeView, Missing> {
        let mut view = self
            .forest
            .tree(&self.tenant, id)
            .ok_or_else(|| Missing::everything(format!("no tree holds {id:?}")))?;
        view.as_of = self.upto;
        Ok(view)
    }

    /// The trees that an entity is part of.
    pub fn trees_of(&self, kind: &str, value: &str) -> Vec<RootSummary> {
        self.forest.trees_of(&self.tenant, kind, value)
    }

    /// Incidents, and how many there are on all pages.
    pub fn incidents(&self, query: &IncidentQuery) -> (Vec<IncidentSummary>, u64) {
        self.forest.incidents(&self.tenant, query)
    }

    /// The incident that an id means.
    pub fn incident(&self, id: &str) -> Result<IncidentSummary, Missing> {
        let found = self.forest.incident(&self.tenant, id);
        found.ok_or_else(|| Missing::everything(format!("no incident has {id:?} in it")))
    }
}

/// A page of a tree.
pub fn page(full: &TreeView, query: &TreeQuery) -> Result<Result<TreeView, Missing>, CliError> {
    match select(full, query) {
        Ok(view) => Ok(Ok(view)),
        Err(error @ AskError::Cursor) => Err(CliError::Usage(format!("--cursor: {error}"))),
        Err(error @ AskError::NoTree { .. }) => Ok(Err(Missing::everything(error.to_string()))),
        Err(error @ AskError::NotInTree { .. }) => Ok(Err(Missing {
            what: What::OtherEnd,
            message: error.to_string(),
        })),
    }
}

impl Missing {
    fn everything(message: String) -> Self {
        Self {
            what: What::Everything,
            message,
        }
    }
}
