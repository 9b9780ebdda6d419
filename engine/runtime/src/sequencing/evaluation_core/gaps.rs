//! Detached units, attached again.
//!
//! Owns the promise that what a unit missed is made up for. One gap at a time is filled, the oldest
//! first, in slices between epochs: a slice of the log is run again for the unit's rules, and the
//! alerts of the gap are appended. When that has caught up, the unit takes part again. A unit that
//! fails again is tried later, and after too many failures never.
//!
//! A gap always closes: each slice covers at least [`SLICE_FACTOR`] times what epochs have added to
//! it since the last one. If that slows evaluation below ingest, the backlog grows and producers
//! are told to wait, as for any other load.
//! Invariant: a unit is attached only when its state covers everything that is evaluated, so it
//! misses nothing between its gap and the next epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Event, Position, RecordBody, RuleId};
use larum_pipeline::SEQUENCER_PART;
use tracing::{error, info, warn};

use super::{EvaluationCore, max_records};
use crate::sequencing::detached_units::{DetachedUnit, RetryState, detached_alert, gap_alerts};
use crate::sequencing::epoch_error::EpochError;
use crate::sequencing::gap_fill::{FilledSlice, GapFill, SliceRequest};
use crate::sequencing::replay::UnitReplayOutcome;
use crate::sequencing::rule_relations::rule_numbers;

/// A slice covers this many times the records that were evaluated since the last one.
const SLICE_FACTOR: usize = 2;

impl EvaluationCore {
    /// Whether there is something to do for detached units.
    pub(crate) fn has_due_unit(&self) -> bool {
        self.filling.is_some() || self.detached.has_due(self.now())
    }

    /// Fills the next slice of the gap that is being filled. Called between epochs.
    pub(crate) async fn advance_detached(&mut self) -> Result<(), EpochError> {
        let Some(fill) = self.filling.take().or_else(|| self.begin_fill()) else {
            return Ok(());
        };
        let request = SliceRequest {
            reader: self.parts.readers.open_reader(),
            upto: self.windows_upto,
            most: self.next_slice_records(),
        };
        match fill.run_slice(request).await {
            Ok(slice) => {
                let is_closed = slice.upto >= self.windows_upto;
                self.append_gap_alerts(fill.unit(), slice).await?;
                if is_closed {
                    self.finish_fill(fill).await?;
                } else {
                    self.filling = Some(fill);
                }
            }
            Err(reason) => self.postpone_unit(fill.unit(), reason).await?,
        }
        self.publish_gaps();
        Ok(())
    }

    /// Shows how much there is to be made up for.
    pub(super) fn publish_gaps(&self) {
        let units = self.detached.iter();
        let oldest = units.clone().map(DetachedUnit::gap_start).min();
        let records = oldest.map_or(0, |from| self.windows_upto.0.saturating_sub(from.0));
        self.parts.gauges.set_gaps(units.count(), records);
    }

    fn begin_fill(&mut self) -> Option<GapFill> {
        let now = self.now();
        let unit = self.detached.next_to_fill(now)?;
        unit.retry = RetryState::Filling;
        let (name, base, rules) = (Arc::clone(&unit.name), unit.base.clone(), unit.rule_ids());
        info!(unit = %name, from = %base.upto, "filling the gap of a detached unit");
        self.slices_upto = self.windows_upto;
        Some(GapFill::begin(self.replay_job(&name, base, rules)))
    }

    /// How many records the next slice covers, so that the gap gets smaller whatever is ingested.
    fn next_slice_records(&mut self) -> usize {
        let before = std::mem::replace(&mut self.slices_upto, self.windows_upto);
        let positions = self.windows_upto.0.saturating_sub(before.0);
        let added = usize::try_from(positions).unwrap_or(usize::MAX);
        // While epochs are small it is still as much as an epoch may be.
        let least = max_records(&self.parts.config);
        added.saturating_mul(SLICE_FACTOR).max(least)
    }

    /// Writes the alerts of a slice into the log. Those of a rule that other units keep silent too
    /// are among them, and are not owed by those any more.
    async fn append_gap_alerts(
        &mut self,
        name: &Arc<str>,
        slice: FilledSlice,
    ) -> Result<(), EpochError> {
        let Some(unit) = self.detached.get(name) else {
            return Ok(());
        };
        let rules = unit.rules.clone();
        let derived = gap_alerts(&rules, slice.alerts);
        self.detached
            .advance_gaps(slice.upto, |_, rule, _| rules.contains_key(rule));
        if let Some(unit) = self.detached.get(name) {
            self.report_detached(unit);
        }
        if derived.is_empty() {
            return Ok(());
        }
        self.remember_alerts(&derived);
        let reason = "the alerts of its gap are in the log up to there".to_owned();
        let rules = rules.into_keys().collect();
        let change = self.unit_change(name, &rules, slice.upto, reason);
        self.commit_unit_changes(derived, vec![RecordBody::GapFilled(change)])
            .await
    }

    /// Events may name these alerts as their causes.
    pub(super) fn remember_alerts(&mut self, alerts: &[Event]) {
        let sequencer = self.driver.sequencer_mut();
        for alert in alerts {
            sequencer.remember_alert(alert);
        }
    }

    /// A gap was filled up to here: the unit takes part again.
    async fn finish_fill(&mut self, fill: GapFill) -> Result<(), EpochError> {
        let Some(base) = fill.save_state().await else {
            let reason = "its thread died".to_owned();
            return self.postpone_unit(fill.unit(), reason).await;
        };
        let Some(unit) = self.detached.remove(fill.unit()) else {
            return Ok(());
        };
        // Its alerts are in the log.
        let alerts = Vec::new();
        self.reattach_unit(unit, UnitReplayOutcome { base, alerts })
            .await
    }

    /// Keeps the state of the gap that is being filled, so that a restart goes on from there.
    pub(super) async fn save_fill(&mut self) {
        let Some(fill) = &self.filling else {
            return;
        };
        if let Some(base) = fill.save_state().await
            && let Some(unit) = self.detached.get_mut(fill.unit())
        {
            unit.base = base;
        }
    }

    /// The gap has been run again: its alerts are appended, and the unit takes part from here on.
    async fn reattach_unit(
        &mut self,
        unit: DetachedUnit,
        replayed: UnitReplayOutcome,
    ) -> Result<(), EpochError> {
        let name = &unit.name;
        let back = self.detached.rules_only_in(&unit);
        let derived = self.reattach_rules(&back, replayed).await;
        let reason = "its gap is made up for".to_owned();
        let rules = back.into_keys().collect();
        let change = self.unit_change(name, &rules, self.evaluated_upto(), reason);
        info!(unit = %name, alerts = derived.len(), "unit is attached, its gap is closed");
        self.commit_unit_changes(derived, vec![RecordBody::UnitAttached(change)])
            .await?;
        self.parts.gauges.clear_problem(name);
        self.publish_outages();
        // At once: the newest checkpoint lacks what these rules counted.
        self.take_checkpoint().await
    }

    /// Lets `rules` take part again with the state that was made; returns the alerts they owe.
    pub(super) async fn reattach_rules(
        &mut self,
        rules: &BTreeMap<RuleId, Position>,
        replayed: UnitReplayOutcome,
    ) -> Vec<Event> {
        let ids = rules.keys().cloned().collect();
        let affected = rule_numbers(self.driver.rule_set(), &ids);
        // State before attaching: a window must never be asked without its state.
        for rule in &affected {
            for unit in self.pool.units_of_rule(*rule) {
                self.restore_unit(unit, &replayed.base.parts).await;
            }
        }
        let sequencer = self.driver.sequencer_mut();
        sequencer.reattach_rules(affected);
        if let Some(bytes) = replayed.base.part_bytes(SEQUENCER_PART)
            && let Err(error) = sequencer.adopt_rules(bytes, |rule| rules.contains_key(rule))
        {
            warn!(%error, "breakers and early alerts of attached rules stay as they were");
        }
        let derived = gap_alerts(rules, replayed.alerts);
        self.remember_alerts(&derived);
        derived
    }

    /// A detached unit has failed again: it is tried later, or never.
    async fn postpone_unit(&mut self, name: &Arc<str>, reason: String) -> Result<(), EpochError> {
        let retry = self.next_retry(name, &reason);
        let is_over = matches!(retry, RetryState::Never);
        let Some(unit) = self.detached.get_mut(name) else {
            return Ok(());
        };
        unit.retry = retry;
        let (rules, from) = (unit.rule_ids(), unit.gap_start());
        self.wake_when_due();
        if !is_over {
            warn!(unit = %name, %reason, "unit failed again, it will be tried later");
            return Ok(());
        }
        error!(unit = %name, %reason, "unit is quarantined; load other rules or restart the engine");
        let reason = format!("quarantined, it kept failing: {reason}");
        let change = RecordBody::UnitDetached(self.unit_change(name, &rules, from, reason));
        let derived = detached_alert(&change).into_iter().collect();
        self.commit_unit_changes(derived, vec![change]).await
    }

    /// Wakes the sequencer when the next detached unit is due.
    pub(super) fn wake_when_due(&self) {
        let Some(due) = self.detached.next_due() else {
            return;
        };
        let clock = self.parts.supervision.clock.clone();
        let wake = Arc::clone(&self.parts.wake);
        actix::spawn(async move {
            clock.sleep_until(due).await;
            wake.notify_one();
        });
    }
}
