//! All incidents of a tenant and what finds them.
//!
//! Owns the indexes by name, alert, entity and last change; when incidents are merged is decided
//! elsewhere. An incident has a number of its own here: when two become one, what is known of the
//! larger one stays where it is, whichever of their names survives. So a chain of merges costs each
//! entry a move for every doubling.
//! Invariant: the indexes hold exactly what the incidents list; every change goes through
//! [`CaseTable::update_case`] or a method that keeps them, so a lookup never finds an incident that
//! is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::Position;
use serde::{Deserialize, Serialize};

use super::IncidentId;
use super::alert_update::AlertUpdate;
use super::case::{AlertKey, IncidentCase, ListedAlert};
use super::incident_limits::IncidentLimits;
use super::slots::{CaseSlot, TreeSlot};

/// All incidents of a tenant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct CaseTable {
    next: u64,
    pub(super) slots: BTreeMap<CaseSlot, IncidentCase>,
    /// By id and alias.
    #[serde(skip)]
    names: BTreeMap<IncidentId, CaseSlot>,
    /// By the id of an alert that is listed.
    #[serde(skip)]
    alerts: BTreeMap<Arc<str>, (CaseSlot, Position)>,
    #[serde(skip)]
    entities: BTreeSet<(Arc<str>, Arc<str>, CaseSlot)>,
    #[serde(skip)]
    changed: BTreeSet<(Position, CaseSlot)>,
    #[serde(skip)]
    entries: usize,
}

/// What became of two incidents that are one.
#[derive(Debug)]
pub(super) struct CaseMerge {
    /// The number that lives on.
    pub(super) slot: CaseSlot,
    /// The trees that had the other one.
    pub(super) trees: BTreeSet<TreeSlot>,
    /// The name that is an alias now.
    pub(super) alias: IncidentId,
    /// Alerts that are not listed any more.
    pub(super) unlisted: Vec<ListedAlert>,
}

impl CaseTable {
    pub(super) fn get(&self, slot: CaseSlot) -> Option<&IncidentCase> {
        self.slots.get(&slot)
    }

    pub(super) fn find_by_name(&self, name: &str) -> Option<CaseSlot> {
        self.names.get(name).copied()
    }

    pub(super) fn find_by_alert(&self, alert: &str) -> Option<(CaseSlot, AlertKey)> {
        let (id, (slot, position)) = self.alerts.get_key_value(alert)?;
        Some((*slot, (*position, id.clone())))
    }

    pub(super) fn find_by_entity(
        &self,
        kind: &str,
        value: &str,
    ) -> impl DoubleEndedIterator<Item = CaseSlot> {
        let key = |slot| (Arc::from(kind), Arc::from(value), slot);
        let range = key(CaseSlot(0))..=key(CaseSlot(u64::MAX));
        self.entities.range(range).map(|(_, _, slot)| *slot)
    }

    /// Those changed last first, and for the same change those opened first.
    pub(super) fn iter_by_change(&self) -> impl Iterator<Item = (CaseSlot, &IncidentCase)> {
        let slots = self.changed.iter().rev();
        slots.filter_map(|(_, slot)| Some((*slot, self.get(*slot)?)))
    }

    /// Those changed after a position, in the order of their changes.
    pub(super) fn iter_changed_after(
        &self,
        after: Position,
    ) -> impl Iterator<Item = &IncidentCase> {
        let from = (after.next(), CaseSlot(0));
        self.changed
            .range(from..)
            .filter_map(|(_, slot)| self.get(*slot))
    }

    /// Changes one and keeps the books.
    pub(super) fn update_case<T>(
        &mut self,
        slot: CaseSlot,
        change: impl FnOnce(&mut IncidentCase) -> T,
    ) -> Option<T> {
        let case = self.slots.get_mut(&slot)?;
        let (entries, changed) = (case.entry_count(), case.changed);
        let result = change(case);
        self.entries = self.entries + case.entry_count() - entries;
        if case.changed != changed {
            self.changed.remove(&(changed, slot));
            self.changed.insert((case.changed, slot));
        }
        Some(result)
    }

    /// A new incident, named after its first alert.
    pub(super) fn open_case(&mut self, alert: &AlertUpdate<'_>) -> CaseSlot {
        let slot = CaseSlot(self.next);
        self.next += 1;
        let name = self.unused_name(alert.id);
        let case = IncidentCase::new((alert.position, name.clone()), alert);
        self.names.insert(name, slot);
        self.changed.insert((case.changed, slot));
        self.entries += case.entry_count();
        self.slots.insert(slot, case);
        slot
    }

    /// Two alerts whose hashes begin alike: the later one's name is that of another try, which a
    /// replay repeats.
    fn unused_name(&self, alert: &str) -> IncidentId {
        let mut name = IncidentId::from_alert(alert, 0);
        let mut attempt = 0;
        while self.names.contains_key(&name) {
            attempt += 1;
            name = IncidentId::from_alert(alert, attempt);
        }
        name
    }

    /// Takes in what a revision adds.
    pub(super) fn add_revision(
        &mut self,
        slot: CaseSlot,
        alert: &AlertUpdate<'_>,
        limits: &IncidentLimits,
    ) {
        let added = self.update_case(slot, |case| case.add_revision(alert, limits));
        for (kind, value) in added.into_iter().flatten() {
            self.entities.insert((kind, value, slot));
        }
    }

    /// Lists an alert that is not listed yet.
    pub(super) fn list_alert(&mut self, slot: CaseSlot, key: AlertKey, alert: ListedAlert) {
        self.alerts.insert(key.1.clone(), (slot, key.0));
        self.update_case(slot, |case| {
            case.tally.count_alert(alert.status, alert.severity);
            *case.rules.entry(alert.rule.clone()).or_default() += 1;
            case.alerts.insert(key, alert);
        });
    }

    /// Makes one of two. The caller moves the trees.
    pub(super) fn merge_cases(
        &mut self,
        one: CaseSlot,
        two: CaseSlot,
        limits: &IncidentLimits,
    ) -> Option<CaseMerge> {
        let size = |slot| self.get(slot).map(IncidentCase::entry_count);
        let (slot, gone) = if size(one)? >= size(two)? {
            (one, two)
        } else {
            (two, one)
        };
        // Remove the smaller one with its index entries first: they are added again under the
        // larger one's number.
        let mut case = self.remove_case(gone)?;
        let alias = {
            let own = &self.get(slot)?.name;
            own.max(&case.name).1.clone()
        };
        for name in case.names() {
            self.names.insert(name.clone(), slot);
        }
        for (position, id) in case.alerts.keys() {
            self.alerts.insert(id.clone(), (slot, *position));
        }
        let (added, left) = self.update_case(slot, |into| {
            let added = into.merge_totals(&mut case, limits);
            (added, into.merge_names_and_alerts(&mut case, limits))
        })?;
        let added = added.into_iter().map(|(kind, value)| (kind, value, slot));
        self.entities.extend(added);
        // Unlist last: what overflows may have come from either of the two.
        for (_, id) in left.alerts.keys() {
            self.alerts.remove(id);
        }
        for name in &left.names {
            self.names.remove(name);
        }
        Some(CaseMerge {
            slot,
            trees: std::mem::take(&mut case.trees),
            alias,
            unlisted: left.alerts.into_values().collect(),
        })
    }

    /// Forgets the one changed longest ago, if there are more than may be.
    pub(super) fn evict_oldest(&mut self, limits: &IncidentLimits) -> Option<IncidentCase> {
        let is_over = self.slots.len() > limits.incidents || self.entries > limits.entries;
        // What is left alone is bounded by itself.
        if !is_over || self.slots.len() == 1 {
            return None;
        }
        let (_, slot) = *self.changed.first()?;
        self.remove_case(slot)
    }

    fn remove_case(&mut self, slot: CaseSlot) -> Option<IncidentCase> {
        let case = self.slots.remove(&slot)?;
        self.entries -= case.entry_count();
        self.changed.remove(&(case.changed, slot));
        for name in case.names() {
            self.names.remove(name);
        }
        for (_, id) in case.alerts.keys() {
            self.alerts.remove(id);
        }
        for (kind, values) in &case.entities {
            for value in &values.listed {
                self.entities.remove(&(kind.clone(), value.clone(), slot));
            }
        }
        Some(case)
    }

    /// Fills in what follows from the incidents; `None` when two share what only one may have.
    pub(super) fn rebuild_indexes(&mut self) -> Option<()> {
        for (slot, case) in &mut self.slots {
            case.values = case.entities.values().map(|kind| kind.listed.len()).sum();
            let mut is_sound = slot.0 < self.next;
            for name in case.names() {
                is_sound &= self.names.insert(name.clone(), *slot).is_none();
            }
            for (position, id) in case.alerts.keys() {
                let alert = (*slot, *position);
                is_sound &= self.alerts.insert(id.clone(), alert).is_none();
            }
            if !is_sound {
                return None;
            }
            for (kind, values) in &case.entities {
                let values = values.listed.iter();
                let entities = values.map(|value| (kind.clone(), value.clone(), *slot));
                self.entities.extend(entities);
            }
            self.changed.insert((case.changed, *slot));
        }
        Some(())
    }

    /// What [`CaseTable::rebuild_indexes`] leaves open: trees are filled in between.
    pub(super) fn count_entries(&mut self) {
        self.entries = self.slots.values().map(IncidentCase::entry_count).sum();
    }
}
