//! What alerts do to incidents: they come, change and are retracted.
//!
//! Owns the books on which alerts stand in which trees; which incidents are merged by them belongs
//! to [`super::merge_set`].
//! Invariant: a tree counts every listed alert that names it, and those that stand, so it joins
//! others exactly while one does.

use larum_event::AlertStatus;

use super::TieCause;
use super::alert_update::AlertUpdate;
use super::case::{AlertKey, ListedAlert};
use super::merge_set::MergeSet;
use super::slots::{CaseSlot, TreeSlot};
use super::tenant_incidents::TenantIncidents;

impl TenantIncidents {
    /// An alert was raised, revised or retracted.
    pub(crate) fn record_alert(&mut self, alert: &AlertUpdate<'_>) {
        let is_retracted = alert.status == AlertStatus::Retracted;
        match self.cases.find_by_alert(alert.id) {
            Some((slot, key)) => self.revise_alert(slot, key, alert),
            None if is_retracted => self.retract_unlisted(alert),
            None => self.insert_alert(alert),
        }
        self.enforce_limits();
    }

    /// An unknown alert is in force.
    fn insert_alert(&mut self, alert: &AlertUpdate<'_>) {
        let mut trees = Vec::new();
        self.add_trees(&mut trees, alert);
        let reach = self.find_cases_to_merge(&trees, alert);
        let merged = self.merge_all(reach, alert.position);
        let slot = merged.unwrap_or_else(|| self.cases.open_case(alert));
        self.assign_trees(&trees, slot);
        self.cases.add_revision(slot, alert, &self.limits);
        if !self.is_case_full(slot) {
            self.list_alert(slot, alert, trees);
            return;
        }
        for tree in trees {
            if let Some(tree) = self.trees.get_mut(tree) {
                tree.has_counted = true;
            }
        }
        // Later revisions of an alert that is only counted do not count again.
        if alert.revision <= 1 {
            self.cases
                .update_case(slot, |case| case.count_unlisted(alert));
        }
    }

    /// An alert that is not listed does not stand: one that is only counted, or of an incident that
    /// is forgotten.
    fn retract_unlisted(&mut self, alert: &AlertUpdate<'_>) {
        let tree = self.trees.find_slot(alert.tree);
        let found = tree.and_then(|tree| Some((tree, self.case_of_tree(tree)?)));
        let Some((tree, slot)) = found else {
            return;
        };
        self.cases.add_revision(slot, alert, &self.limits);
        if !self.is_case_full(slot) {
            self.list_alert(slot, alert, vec![tree]);
            return;
        }
        self.cases
            .update_case(slot, |case| case.retract_unlisted(alert.severity));
    }

    fn revise_alert(&mut self, slot: CaseSlot, key: AlertKey, alert: &AlertUpdate<'_>) {
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
            let now: Vec<_> = trees
                .iter()
                .map(|tree| self.trees.current_slot(*tree))
                .collect();
            let mut reach = MergeSet::default();
            reach.insert(slot, None);
            for (case, by) in self.find_cases_to_merge(&now, alert).cases {
                reach.insert(case, by);
            }
            slot = self.merge_all(reach, alert.position).unwrap_or(slot);
            self.assign_trees(&now, slot);
        }
        // Merge before adding the revision: the incident may have another number afterwards.
        self.cases.add_revision(slot, alert, &self.limits);
        let mut revised = ListedAlert::from_revision(alert, trees);
        let was = (known.status, known.severity);
        let still = self.cases.update_case(slot, |case| {
            case.tally.uncount_alert(was.0, was.1);
            case.tally.count_alert(alert.status, alert.severity);
            let Some(listed) = case.alerts.get_mut(&key) else {
                // So many became one that it is only counted now.
                case.counted.uncount_alert(was.0, was.1);
                case.counted.count_alert(alert.status, alert.severity);
                return None;
            };
            std::mem::swap(listed, &mut revised);
            Some(listed.clone())
        });
        if let Some(listed) = still.flatten() {
            // `revised` is what was listed until now.
            self.remove_from_trees(&revised);
            self.add_to_trees(&listed);
        }
    }

    /// Adds the trees of an alert to those that are known of it.
    fn add_trees(&mut self, trees: &mut Vec<TreeSlot>, alert: &AlertUpdate<'_>) {
        for name in std::iter::once(&alert.tree).chain(alert.others) {
            let slot = self.trees.find_or_insert(*name);
            if !trees
                .iter()
                .any(|tree| self.trees.current_slot(*tree) == slot)
            {
                trees.push(slot);
            }
        }
    }

    /// The incidents of an alert's trees, and of those near them that did not join before.
    fn find_cases_to_merge(&self, trees: &[TreeSlot], alert: &AlertUpdate<'_>) -> MergeSet {
        let mut reach = MergeSet::default();
        for (place, tree) in trees.iter().enumerate() {
            if let Some(case) = self.case_of_tree(*tree) {
                let by = (place > 0).then(|| TieCause::Evidence(alert.id.clone()));
                reach.insert(case, by);
            }
        }
        for tree in trees
            .iter()
            .filter_map(|tree| Some((*tree, self.trees.get(*tree)?)))
        {
            if !tree.1.can_join() {
                self.add_near_cases(&mut reach, tree.0, &tree.1.touched);
            }
        }
        reach
    }

    fn is_case_full(&self, slot: CaseSlot) -> bool {
        let listed = self.cases.get(slot).map_or(0, |case| case.alerts.len());
        listed >= self.limits.alerts_per_incident
    }

    fn list_alert(&mut self, slot: CaseSlot, alert: &AlertUpdate<'_>, trees: Vec<TreeSlot>) {
        let listed = ListedAlert::from_revision(alert, trees);
        self.add_to_trees(&listed);
        self.cases
            .list_alert(slot, (alert.position, alert.id.clone()), listed);
    }

    /// Its trees know of a listed alert.
    fn add_to_trees(&mut self, alert: &ListedAlert) {
        for tree in &alert.trees {
            let now = self.trees.current_slot(*tree);
            if let Some(tree) = self.trees.get_mut(now) {
                tree.listed += 1;
                tree.standing += u32::from(alert.is_standing());
            }
        }
    }

    /// The opposite of [`TenantIncidents::count`].
    pub(super) fn remove_from_trees(&mut self, alert: &ListedAlert) {
        for tree in &alert.trees {
            let now = self.trees.current_slot(*tree);
            if let Some(tree) = self.trees.get_mut(now) {
                tree.listed = tree.listed.saturating_sub(1);
                let in_force = u32::from(alert.is_standing());
                tree.standing = tree.standing.saturating_sub(in_force);
            }
        }
    }

    /// Its trees know of an alert that is not listed any more.
    pub(super) fn mark_unlisted(&mut self, alert: &ListedAlert) {
        for tree in alert.trees.iter().filter(|_| alert.is_standing()) {
            let now = self.trees.current_slot(*tree);
            if let Some(tree) = self.trees.get_mut(now) {
                tree.has_counted = true;
            }
        }
    }
}
