//! The forest: what is public of it.

use std::collections::BTreeMap;

use larum_event::{Alert, CorrelationId, Event, EventId, Position, TenantId, limits};

use crate::entry::Entry;
use crate::grove::Grove;
use crate::report::TreeReport;
use crate::view::TreeView;

/// How much a forest may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForestLimits {
    /// Most steps of one tree; an event that would add more is left out and reported.
    pub nodes_per_root: usize,
    /// Most events of one step; the earliest are kept, the others counted.
    pub events_per_node: usize,
    /// Most trees of one tenant; beyond it the one added to longest ago goes, reported.
    pub roots_per_tenant: usize,
}

impl Default for ForestLimits {
    fn default() -> Self {
        Self {
            nodes_per_root: limits::NODES_PER_ROOT,
            events_per_node: limits::EVENTS_PER_NODE,
            roots_per_tenant: limits::ROOTS_PER_TENANT,
        }
    }
}

/// What a forest holds and what it had to let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForestStats {
    /// Tenants that have trees.
    pub tenants: u64,
    /// Trees, as they are counted for the limit.
    pub roots: u64,
    /// Steps, those included that were only named.
    pub nodes: u64,
    /// Events and revisions of alerts that can be asked for.
    pub events: u64,
    /// Events left out because their tree was full.
    pub refused_events: u64,
    /// Trees that went because there were too many.
    pub evicted_roots: u64,
}

/// One tree, in a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSummary {
    /// The step at which it begins.
    pub root: CorrelationId,
    /// Its steps and what branched off them.
    pub steps: usize,
}

/// The trees of the roots of one shard.
#[derive(Debug)]
pub struct Forest {
    pub(crate) limits: ForestLimits,
    pub(crate) groves: BTreeMap<TenantId, Grove>,
    pub(crate) refused_events: u64,
    pub(crate) evicted_roots: u64,
}

/// The root that an event names, else its own step, else nothing: an event without a workflow hangs
/// on no tree.
///
/// Good for choosing a shard as far as events name their root. A step that names only a parent is
/// joined to it where both are in one forest, so a deployment whose producers leave roots out keeps
/// a tenant's trees in one.
pub fn root_of(event: &Event) -> Option<&CorrelationId> {
    let envelope = event.envelope();
    let correlation = envelope.correlation.as_ref();
    let root = correlation.and_then(|correlation| correlation.root.as_ref());
    root.or(envelope.correlation_id.as_ref())
}

impl Forest {
    /// An empty forest.
    pub fn new(limits: ForestLimits) -> Self {
        Self {
            limits,
            groves: BTreeMap::new(),
            refused_events: 0,
            evicted_roots: 0,
        }
    }

    /// Takes in an event, raw or an alert, that stands at `position` of the log. An event of no
    /// workflow step is passed over: alerts name it by its id. One that was taken in before changes
    /// nothing.
    pub fn insert(
        &mut self,
        tenant: &TenantId,
        event: &Event,
        position: Position,
        out: &mut Vec<TreeReport>,
    ) {
        let alert = Alert::from_event(event);
        let envelope = event.envelope();
        let alert_step = alert
            .as_ref()
            .and_then(|alert| CorrelationId::new(&alert.alert_id).ok());
        let Some(step) = alert_step.as_ref().or(envelope.correlation_id.as_ref()) else {
            return;
        };
        let before = out.len();
        self.report_foreign_root(tenant, event, out);
        let entry = Entry {
            tenant,
            event,
            position,
            step,
            alert: alert.as_ref(),
        };
        let grove = match self.groves.get_mut(tenant) {
            Some(grove) => grove,
            None => self.groves.entry(tenant.clone()).or_default(),
        };
        grove.insert(&entry, &self.limits, out);
        for report in out.iter().skip(before) {
            match report {
                TreeReport::RootFull { .. } => self.refused_events += 1,
                TreeReport::RootEvicted { .. } => self.evicted_roots += 1,
                TreeReport::SelfParent { .. }
                | TreeReport::CycleRefused { .. }
                | TreeReport::ForeignTenantRoot { .. } => {}
            }
        }
    }

    /// Looked into once per tenant and root: when the tenant first names it.
    fn report_foreign_root(&self, tenant: &TenantId, event: &Event, out: &mut Vec<TreeReport>) {
        let envelope = event.envelope();
        let correlation = envelope.correlation.as_ref();
        let Some(root) = correlation.and_then(|correlation| correlation.root.as_ref()) else {
            return;
        };
        let known = self.groves.get(tenant);
        if known.is_some_and(|grove| grove.steps.contains_key(root))
            || envelope.correlation_id.as_ref() == Some(root)
        {
            return;
        }
        if self.groves.values().any(|grove| grove.has_seen(root)) {
            out.push(TreeReport::ForeignTenantRoot {
                tenant: tenant.clone(),
                root: root.clone(),
                event: envelope.id.clone(),
            });
        }
    }

    /// The tree in which `id` stands: a root, a step, an event or an alert of `tenant`.
    pub fn tree(&self, tenant: &TenantId, id: &str) -> Option<TreeView> {
        let grove = self.groves.get(tenant)?;
        let step = grove.steps.get(id).copied();
        let event = || EventId::new(id).ok();
        let node = step
            .or_else(|| grove.step_of(&event()?))
            .or_else(|| grove.first_raised_by(&event()?))?;
        grove.view(tenant, grove.summit(node)?)
    }

    /// At most `most` trees of `tenant`, the one added to last first.
    pub fn roots(&self, tenant: &TenantId, most: usize) -> Vec<RootSummary> {
        let Some(grove) = self.groves.get(tenant) else {
            return Vec::new();
        };
        let families = grove.families.by_age().rev();
        let roots = families.filter_map(|(_, family)| {
            Some(RootSummary {
                root: grove.top_of(family)?.id.clone(),
                steps: family.members.len(),
            })
        });
        roots.take(most).collect()
    }

    /// What it holds and what it had to let go.
    pub fn stats(&self) -> ForestStats {
        let mut stats = ForestStats {
            tenants: self.groves.len() as u64,
            refused_events: self.refused_events,
            evicted_roots: self.evicted_roots,
            ..ForestStats::default()
        };
        for grove in self.groves.values() {
            stats.roots += grove.families.len() as u64;
            stats.nodes += grove.steps.len() as u64;
            stats.events += grove.events.len() as u64;
        }
        stats
    }
}
