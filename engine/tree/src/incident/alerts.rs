//! What alerts do to incidents: they come, change and are retracted.
//!
//! Owns the books on which alerts stand in which trees. Holds at all times: a tree counts every listed alert that
//! names it, and those that stand.

use std::sync::Arc;

use larum_event::{AlertStatus, Position, RuleId, Severity, Timestamp};

use super::TiedBy;
use super::case::{AlertKey, Listed};
use super::cases::CaseSlot;
use super::reach::Reach;
use super::state::Incidents;
use super::trees::TreeSlot;
use crate::members::TreeId;

/// One revision of an alert.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raised<'a> {
    /// The alert's id.
    pub(crate) id: &'a Arc<str>,
    /// 1, 2, .. One that is not above the last one is passed over.
    pub(crate) revision: u32,
    pub(crate) status: AlertStatus,
    pub(crate) rule: &'a RuleId,
    pub(crate) title: Option<&'a Arc<str>>,
    pub(crate) severity: Severity,
    pub(crate) attack: &'a [Arc<str>],
    /// The alert's own time.
    pub(crate) time: Timestamp,
    /// Time of the first event behind it.
    pub(crate) first: Timestamp,
    /// Time of the last event behind it.
    pub(crate) last: Timestamp,
    pub(crate) message: &'a str,
    /// Where this revision stands.
    pub(crate) position: Position,
    /// Kind and value of what its evidence and its key name.
    pub(crate) entities: &'a [(Arc<str>, Arc<str>)],
    /// The tree that the alert is a node of.
    pub(crate) tree: TreeId,
    /// Other trees in which its evidence hangs.
    pub(crate) others: &'a [TreeId],
}

impl Incidents {
    /// An alert was raised, revised or retracted.
    pub(crate) fn raised(&mut self, alert: &Raised<'_>) {
        let is_retracted = alert.status == AlertStatus::Retracted;
        match self.cases.of_alert(alert.id) {
            Some((slot, key)) => self.revise(slot, key, alert),
            None if is_retracted => self.retract_unknown(alert),
            None => self.appear(alert),
        }
        self.keep_bounds();
    }

    /// An alert of which nothing is known stands.
    fn appear(&mut self, alert: &Raised<'_>) {
        let mut trees = Vec::new();
        self.add_trees(&mut trees, alert);
        let reach = self.reach_of(&trees, alert);
        let slot = self.unite(reach, alert.position);
        let slot = slot.unwrap_or_else(|| self.cases.open(alert));
        self.move_in(&trees, slot);
        self.cases.widen(slot, alert, &self.limits);
        if !self.is_full(slot) {
            self.add(slot, alert, trees);
            return;
        }
        for tree in trees {
            if let Some(tree) = self.trees.get_mut(tree) {
                tree.has_counted = true;
            }
        }
        // Later revisions of an alert that is only counted do not count again.
        if alert.revision <= 1 {
            self.cases.change(slot, |case| case.count(alert));
        }
    }

    /// An alert that is not listed does not stand: one that is only counted, or of an incident that is forgotten.
    fn retract_unknown(&mut self, alert: &Raised<'_>) {
        let tree = self.trees.known(alert.tree);
        let found = tree.and_then(|tree| Some((tree, self.case_of(tree)?)));
        let Some((tree, slot)) = found else {
            return;
        };
        self.cases.widen(slot, alert, &self.limits);
        if !self.is_full(slot) {
            self.add(slot, alert, vec![tree]);
            return;
        }
        self.cases
            .change(slot, |case| case.retract_counted(alert.severity));
    }

    fn revise(&mut self, slot: CaseSlot, key: AlertKey, alert: &Raised<'_>) {
        let case = self.cases.get(slot);
        let Some(known) = case.and_then(|case| case.alerts.get(&key)) else {
            return;
        };
        if alert.revision <= known.revision {
            return;
        }
        let known = known.clone();
        let mut trees = known.trees.clone();
        let mut slot = slot;
        if alert.status != AlertStatus::Retracted {
            self.add_trees(&mut trees, alert);
            let now: Vec<_> = trees.iter().map(|tree| self.trees.now(*tree)).collect();
            let mut reach = Reach::default();
            reach.add(slot, None);
            for (case, by) in self.reach_of(&now, alert).cases {
                reach.add(case, by);
            }
            slot = self.unite(reach, alert.position).unwrap_or(slot);
            self.move_in(&now, slot);
        }
        self.cases.widen(slot, alert, &self.limits);
        let mut revised = Listed::of(alert, trees);
        let was = (known.status, known.severity);
        let still = self.cases.change(slot, |case| {
            case.tally.remove(was.0, was.1);
            case.tally.add(alert.status, alert.severity);
            let Some(listed) = case.alerts.get_mut(&key) else {
                // So many became one that it is only counted now.
                case.counted.remove(was.0, was.1);
                case.counted.add(alert.status, alert.severity);
                return None;
            };
            std::mem::swap(listed, &mut revised);
            Some(listed.clone())
        });
        if let Some(listed) = still.flatten() {
            // `revised` is what was listed until now.
            self.unlist(&revised);
            self.count(&listed);
        }
    }

    /// Adds the trees of an alert to those that are known of it.
    fn add_trees(&mut self, trees: &mut Vec<TreeSlot>, alert: &Raised<'_>) {
        for name in std::iter::once(&alert.tree).chain(alert.others) {
            let slot = self.trees.known_or_new(*name);
            if !trees.iter().any(|tree| self.trees.now(*tree) == slot) {
                trees.push(slot);
            }
        }
    }

    /// The incidents of an alert's trees, and of those near them that did not join before.
    fn reach_of(&self, trees: &[TreeSlot], alert: &Raised<'_>) -> Reach {
        let mut reach = Reach::default();
        for (place, tree) in trees.iter().enumerate() {
            if let Some(case) = self.case_of(*tree) {
                let by = (place > 0).then(|| TiedBy::Evidence(alert.id.clone()));
                reach.add(case, by);
            }
        }
        for tree in trees
            .iter()
            .filter_map(|tree| Some((*tree, self.trees.get(*tree)?)))
        {
            if !tree.1.joins() {
                self.reach_near(&mut reach, tree.0, &tree.1.touched);
            }
        }
        reach
    }

    fn is_full(&self, slot: CaseSlot) -> bool {
        let listed = self.cases.get(slot).map_or(0, |case| case.alerts.len());
        listed >= self.limits.alerts_per_incident
    }

    fn add(&mut self, slot: CaseSlot, alert: &Raised<'_>, trees: Vec<TreeSlot>) {
        let listed = Listed::of(alert, trees);
        self.count(&listed);
        self.cases
            .list(slot, (alert.position, alert.id.clone()), listed);
    }

    /// Its trees know of a listed alert.
    fn count(&mut self, alert: &Listed) {
        for tree in &alert.trees {
            let now = self.trees.now(*tree);
            if let Some(tree) = self.trees.get_mut(now) {
                tree.listed += 1;
                tree.standing += u32::from(alert.stands());
            }
        }
    }

    /// The opposite of [`Incidents::count`].
    pub(super) fn unlist(&mut self, alert: &Listed) {
        for tree in &alert.trees {
            let now = self.trees.now(*tree);
            if let Some(tree) = self.trees.get_mut(now) {
                tree.listed = tree.listed.saturating_sub(1);
                let stands = u32::from(alert.stands());
                tree.standing = tree.standing.saturating_sub(stands);
            }
        }
    }

    /// Its trees know of an alert that is not listed any more.
    pub(super) fn only_count(&mut self, alert: &Listed) {
        for tree in alert.trees.iter().filter(|_| alert.stands()) {
            let now = self.trees.now(*tree);
            if let Some(tree) = self.trees.get_mut(now) {
                tree.has_counted = true;
            }
        }
    }
}
