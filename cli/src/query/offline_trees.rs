//! Trees and incidents of one tenant of a store that no engine has open, rebuilt from its log.

use larum_event::{Event, Position, RecordBody, RuleSetActivation, TenantId};
use larum_tree::{
    CorrelationGraph, GraphLimits, IncidentQuery, IncidentSummary, RootSummary, TreeView,
};
use larum_view::{TreeQuery, TreeQueryError, select_page as select_tree_page};

use super::{MissingKind, MissingTarget};
use crate::error::CliError;
use crate::rule_files;
use crate::terminal::print_notice;

/// The trees, as of a position.
pub struct OfflineTrees {
    graph: CorrelationGraph,
    tenant: TenantId,
    upto: Position,
}

impl OfflineTrees {
    /// No trees yet. Records after `upto` are ignored.
    pub fn new(tenant: TenantId, upto: Position) -> Self {
        let limits = GraphLimits {
            // Evicted trees are in the log, and this process needs the memory for nothing else.
            roots_per_tenant: usize::MAX,
            nodes_per_tenant: usize::MAX,
            ..GraphLimits::default()
        };
        Self {
            graph: CorrelationGraph::new(limits),
            tenant,
            upto,
        }
    }

    /// Adds a record of the log.
    pub fn apply_record(&mut self, position: Position, body: &RecordBody) {
        match body {
            RecordBody::Event { event, .. } | RecordBody::Derived { event } => {
                self.insert_event(position, event);
            }
            RecordBody::RuleSetActivated(activated) => self.activate_rules(activated),
            RecordBody::EpochCommit(_)
            | RecordBody::UnitDetached(_)
            | RecordBody::UnitAttached(_)
            | RecordBody::GapFilled(_)
            | RecordBody::CursorMoved(_)
            | RecordBody::Tick(_)
            | RecordBody::Amend { .. } => {}
        }
    }

    fn insert_event(&mut self, position: Position, event: &Event) {
        if event.envelope().tenant == self.tenant {
            // Problems of a tree are in its view; reports would say the same.
            let mut reports = Vec::new();
            let tenant = &self.tenant;
            self.graph.insert(tenant, event, position, &mut reports);
        }
    }

    /// Links come from the rules that were in force.
    pub fn activate_rules(&mut self, activated: &RuleSetActivation) {
        match rule_files::rule_loader().load(&activated.files) {
            Ok(set) => self.graph.use_links(set.links()),
            Err(_) => {
                print_notice("rules that were in force no longer load; their links are unknown");
            }
        }
    }

    /// The whole tree that holds `id`.
    pub fn find_tree(&self, id: &str) -> Result<TreeView, MissingTarget> {
        let mut view = self
            .graph
            .find_tree(&self.tenant, id)
            .ok_or_else(|| MissingTarget::unknown_id(format!("no tree holds {id:?}")))?;
        view.as_of = self.upto;
        Ok(view)
    }

    /// The trees that an entity is part of.
    pub fn find_trees(&self, kind: &str, value: &str) -> Vec<RootSummary> {
        self.graph.trees_of_entity(&self.tenant, kind, value)
    }

    /// Incidents, and how many there are on all pages.
    pub fn find_incidents(&self, query: &IncidentQuery) -> (Vec<IncidentSummary>, u64) {
        self.graph.list_incidents(&self.tenant, query)
    }

    /// The incident that an id means.
    pub fn find_incident(&self, id: &str) -> Result<IncidentSummary, MissingTarget> {
        let found = self.graph.find_incident(&self.tenant, id);
        found.ok_or_else(|| MissingTarget::unknown_id(format!("no incident has {id:?} in it")))
    }
}

/// A page of a tree.
pub fn select_page(
    full: &TreeView,
    query: &TreeQuery,
) -> Result<Result<TreeView, MissingTarget>, CliError> {
    match select_tree_page(full, query) {
        Ok(view) => Ok(Ok(view)),
        Err(error @ TreeQueryError::Cursor) => Err(CliError::Usage(format!("--cursor: {error}"))),
        Err(error @ TreeQueryError::NoTree { .. }) => {
            Ok(Err(MissingTarget::unknown_id(error.to_string())))
        }
        Err(error @ TreeQueryError::NotInTree { .. }) => Ok(Err(MissingTarget {
            what: MissingKind::PathEnd,
            message: error.to_string(),
        })),
    }
}

impl MissingTarget {
    fn unknown_id(message: String) -> Self {
        Self {
            what: MissingKind::UnknownId,
            message,
        }
    }
}
