//! What incidents do, told by examples; against a reference in [`model`], with hostile input in
//! [`hostile`].

mod hostile;
mod model;
mod queries;
mod short;

use std::sync::Arc;

use larum_event::{AlertStatus, IncidentJoin, Position, RuleId, Severity, Span, Timestamp};

use super::incident_limits::IncidentLimits;
use super::{
    AlertUpdate, IncidentId, IncidentStatus, IncidentSummary, SharedNodeId, TenantIncidents,
    TieCause, TreeFacts, TreeTouch,
};
use crate::tree_members::TreeId;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

pub(super) fn tree(number: u64) -> TreeId {
    TreeId(number)
}

pub(super) fn joins(seconds: u32, most: u32) -> IncidentJoin {
    IncidentJoin {
        within: Span::from_seconds(seconds),
        most,
    }
}

pub(super) fn rule(name: &str) -> RuleId {
    RuleId::new(name).unwrap()
}

pub(super) fn name_of(alert: &str) -> IncidentId {
    IncidentId::from_alert(alert, 0)
}

/// One revision of an alert, as tests tell of it.
#[derive(Debug, Clone)]
pub(super) struct TestRevision {
    pub(super) id: Arc<str>,
    pub(super) revision: u32,
    pub(super) status: AlertStatus,
    pub(super) rule: RuleId,
    pub(super) severity: Severity,
    pub(super) attack: Vec<Arc<str>>,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) message: String,
    pub(super) entities: Vec<(Arc<str>, Arc<str>)>,
    pub(super) tree: u64,
    pub(super) others: Vec<u64>,
}

pub(super) fn alert(id: &str, tree: u64) -> TestRevision {
    TestRevision {
        id: id.into(),
        revision: 1,
        status: AlertStatus::Final,
        rule: rule("auth.guessing"),
        severity: Severity::High,
        attack: vec!["T1110".into()],
        first: 10,
        last: 20,
        message: "five failed logins".into(),
        entities: vec![("user".into(), "eve".into())],
        tree,
        others: Vec::new(),
    }
}

impl TestRevision {
    pub(super) fn evidence(mut self, others: &[u64]) -> Self {
        self.others = others.to_vec();
        self
    }

    pub(super) fn revised(mut self, revision: u32, status: AlertStatus) -> Self {
        self.revision = revision;
        self.status = status;
        self
    }

    pub(super) fn about(mut self, kind: &str, value: &str) -> Self {
        self.entities.push((kind.into(), value.into()));
        self
    }
}

/// Incidents that hear of things in the order in which a test tells them.
#[derive(Default)]
pub(super) struct IncidentScenario {
    pub(super) incidents: TenantIncidents,
    pub(super) position: u64,
}

impl IncidentScenario {
    pub(super) fn with_limits(limits: IncidentLimits) -> Self {
        Self {
            incidents: TenantIncidents::with_limits(limits),
            position: 0,
        }
    }

    pub(super) fn next(&mut self) -> Position {
        self.position += 1;
        Position(self.position)
    }

    pub(super) fn raised(&mut self, told: &TestRevision) -> Position {
        let position = self.next();
        let others: Vec<_> = told.others.iter().map(|number| tree(*number)).collect();
        self.incidents.record_alert(&AlertUpdate {
            id: &told.id,
            revision: told.revision,
            status: told.status,
            rule: &told.rule,
            title: None,
            severity: told.severity,
            attack: &told.attack,
            time: at(told.last),
            first: at(told.first),
            last: at(told.last),
            message: &told.message,
            position,
            entities: &told.entities,
            tree: tree(told.tree),
            others: &others,
        });
        position
    }

    pub(super) fn touched(
        &mut self,
        of: u64,
        shared: u64,
        seconds: i64,
        joins: IncidentJoin,
    ) -> Position {
        let position = self.next();
        let touch = TreeTouch {
            tree: tree(of),
            shared: SharedNodeId(shared),
            joins,
            time: at(seconds),
            position,
        };
        self.incidents
            .record_touch(&touch, || format!("session:{shared}").into());
        position
    }

    pub(super) fn merged(&mut self, survivor: u64, gone: u64) -> Position {
        let position = self.next();
        self.incidents
            .merge_trees(tree(survivor), tree(gone), position);
        position
    }

    pub(super) fn forgotten(&mut self, number: u64) {
        self.incidents.forget_tree(tree(number), &facts_of(number));
    }

    pub(super) fn of_alert(&self, id: &str) -> Option<IncidentId> {
        self.incidents.incident_of_alert(id).cloned()
    }

    pub(super) fn summary(&self, name: &IncidentId) -> IncidentSummary {
        self.incidents.find_summary(&name.0, &look).unwrap()
    }
}

pub(super) fn facts_of(number: u64) -> TreeFacts {
    TreeFacts {
        root: format!("root-{number}").into(),
        events: number * 10,
    }
}

pub(super) fn look(of: TreeId) -> Option<TreeFacts> {
    Some(facts_of(of.0))
}
