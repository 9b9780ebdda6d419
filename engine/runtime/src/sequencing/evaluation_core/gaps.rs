//! Detached units, attached again.
//!
//! Owns the promise that what a unit missed is made up for. Its gap of the log is run again on
//! another thread while epochs go on without it. When that has caught up, the alerts of the gap are
//! appended and the unit takes part again. A unit that fails again is tried later, and after too
//! many failures never.
//! Invariant: a unit is attached only when its state covers everything that is evaluated, so it
//! misses nothing between its gap and the next epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Event, Position, RecordBody, RuleId};
use larum_pipeline::SEQUENCER_PART;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::EvaluationCore;
use crate::sequencing::detached_units::{DetachedUnit, RetryState, detached_alert, gap_alerts};
use crate::sequencing::epoch_error::EpochError;
use crate::sequencing::replay::{UnitReplay, UnitReplayOutcome, replay_guarded};
use crate::sequencing::rule_relations::rule_numbers;

/// A unit that is no further behind than this catches up while the next epoch waits.
const CATCH_UP_RECORDS: u64 = 20_000;

impl EvaluationCore {
    /// Whether there is something to do for detached units.
    pub(crate) fn has_due_unit(&mut self) -> bool {
        let now = self.now();
        self.detached.has_due(now)
    }

    /// Does what is due for detached units. Called between epochs.
    pub(crate) async fn advance_detached(&mut self) -> Result<(), EpochError> {
        let now = self.now();
        while let Some(mut unit) = self.detached.take_due(now) {
            match std::mem::replace(&mut unit.retry, RetryState::Never) {
                RetryState::Done(Ok(replayed)) => self.continue_replay(unit, replayed).await?,
                RetryState::Done(Err(reason)) => self.postpone_unit(unit, reason).await?,
                RetryState::Due(_) | RetryState::Running(..) | RetryState::Never => {
                    let job = self.replay_job(&unit.name, unit.base.clone(), unit.rule_ids());
                    unit.retry = self.start_replay(job, Vec::new());
                    self.detached.insert(unit);
                }
            }
        }
        Ok(())
    }

    /// Runs a gap again on another thread; `found` are alerts of its beginning.
    fn start_replay(&self, job: UnitReplay, found: Vec<(Position, Event)>) -> RetryState {
        let (reply, answer) = oneshot::channel();
        let mut reader = self.parts.readers.open_reader();
        let wake = Arc::clone(&self.parts.wake);
        // The task need not be awaited: its answer comes by the channel.
        drop(tokio::task::spawn_blocking(move || {
            let replayed = replay_guarded(&mut reader, &job).map_err(|error| error.to_string());
            // A core that has started over since does not want the answer any more.
            drop(reply.send(replayed));
            wake.notify_one();
        }));
        RetryState::Running(answer, found)
    }

    /// A gap was run again, as far as the log reached then.
    async fn continue_replay(
        &mut self,
        mut unit: DetachedUnit,
        replayed: UnitReplayOutcome,
    ) -> Result<(), EpochError> {
        let behind = self.evaluated_upto().0.saturating_sub(replayed.base.upto.0);
        if behind == 0 {
            return self.reattach_unit(unit, replayed).await;
        }
        let UnitReplayOutcome { base, mut alerts } = replayed;
        let job = self.replay_job(&unit.name, base, unit.rule_ids());
        // Far behind, it catches up beside the epochs; only the last bit may hold the next one.
        if behind > CATCH_UP_RECORDS {
            unit.retry = self.start_replay(job, alerts);
            self.detached.insert(unit);
            return Ok(());
        }
        match self.run_replay(job).await {
            Ok(rest) => {
                alerts.extend(rest.alerts);
                let base = rest.base;
                self.reattach_unit(unit, UnitReplayOutcome { base, alerts })
                    .await
            }
            Err(reason) => self.postpone_unit(unit, reason).await,
        }
    }

    /// The gap has been run again: its alerts are appended, and the unit takes part from here on.
    async fn reattach_unit(
        &mut self,
        unit: DetachedUnit,
        replayed: UnitReplayOutcome,
    ) -> Result<(), EpochError> {
        let name = &unit.name;
        let from = unit.gap_start();
        let back = self.detached.rules_only_in(&unit);
        let derived = self.reattach_rules(&back, replayed).await;
        let reason = format!("its gap after position {from} is made up for");
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
        for event in &derived {
            sequencer.remember_alert(event);
        }
        derived
    }

    /// A detached unit has failed again: it is tried later, or never.
    async fn postpone_unit(
        &mut self,
        mut unit: DetachedUnit,
        reason: String,
    ) -> Result<(), EpochError> {
        unit.retry = self.next_retry(&unit.name, &reason);
        let is_over = matches!(unit.retry, RetryState::Never);
        let (name, rules, from) = (Arc::clone(&unit.name), unit.rule_ids(), unit.gap_start());
        self.detached.insert(unit);
        self.wake_when_due();
        if !is_over {
            warn!(unit = %name, %reason, "unit failed again, it will be tried later");
            return Ok(());
        }
        error!(unit = %name, %reason, "unit is quarantined; load other rules or restart the engine");
        let reason = format!("quarantined, it kept failing: {reason}");
        let change = RecordBody::UnitDetached(self.unit_change(&name, &rules, from, reason));
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
