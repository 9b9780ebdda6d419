//! Units that are left out, brought back.
//!
//! Owns the promise that what a unit missed is made up for: its range of the log is run again on another
//! thread while epochs go on without it. When that has caught up its alerts are appended, and the unit takes
//! part again. A unit that fails again is tried later, and after too many failures never.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{Event, Position, RecordBody, RuleId, UnitChange};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::sequencing::base_state::SEQUENCER_PART;
use crate::sequencing::detached_unit::{
    DetachedUnit, RetryState, detached_alert, gap_alerts, rule_numbers,
};
use crate::sequencing::evaluation_core::{EpochError, EvaluationCore};
use crate::sequencing::replay::{UnitReplay, UnitReplayOutcome, replay_guarded};

/// A unit that is no further behind than this catches up while the next epoch waits.
const CATCH_UP_RECORDS: u64 = 20_000;

impl EvaluationCore {
    /// Whether there is something to do for units that are left out.
    pub(crate) fn has_due_unit(&mut self) -> bool {
        if self.detached.is_empty() {
            return false;
        }
        let now = self.now();
        self.detached.iter_mut().for_each(DetachedUnit::poll_replay);
        self.detached.iter().any(|lost| lost.is_due(now))
    }

    /// Does it. Called between epochs.
    pub(crate) async fn advance_detached(&mut self) -> Result<(), EpochError> {
        let now = self.now();
        while let Some(index) = self.detached.iter().position(|lost| lost.is_due(now)) {
            let mut lost = self.detached.swap_remove(index);
            match std::mem::replace(&mut lost.retry, RetryState::Never) {
                RetryState::Done(Ok(replayed)) => self.continue_replay(lost, replayed).await?,
                RetryState::Done(Err(reason)) => self.postpone_unit(lost, reason).await?,
                RetryState::Due(_) | RetryState::Running(..) | RetryState::Never => {
                    let rules = lost.rules.keys().cloned().collect();
                    let job = self.replay_job(&lost.name, lost.base.clone(), rules);
                    lost.retry = self.start_replay(job, Vec::new());
                    self.detached.push(lost);
                }
            }
        }
        Ok(())
    }

    /// Runs a gap again on another thread; `found` are alerts of its beginning.
    fn start_replay(&self, job: UnitReplay, found: Vec<(Position, Event)>) -> RetryState {
        let (reply, answer) = oneshot::channel();
        let (mut reader, wake) = (
            self.parts.readers.open_reader(),
            Arc::clone(&self.parts.wake),
        );
        // Nobody waits for the task: its answer comes by the channel.
        drop(tokio::task::spawn_blocking(move || {
            let replayed = replay_guarded(&mut reader, &job).map_err(|error| error.to_string());
            // A core that has started over since does not want it any more.
            drop(reply.send(replayed));
            wake.notify_one();
        }));
        RetryState::Running(answer, found)
    }

    /// A gap was run again, as far as the log reached then.
    async fn continue_replay(
        &mut self,
        mut lost: DetachedUnit,
        replayed: UnitReplayOutcome,
    ) -> Result<(), EpochError> {
        let behind = self.evaluated.0.saturating_sub(replayed.base.upto.0);
        if behind == 0 {
            return self.reattach_unit(lost, replayed).await;
        }
        let UnitReplayOutcome { base, mut alerts } = replayed;
        let job = self.replay_job(&lost.name, base, lost.rules.keys().cloned().collect());
        if behind > CATCH_UP_RECORDS {
            lost.retry = self.start_replay(job, alerts);
            self.detached.push(lost);
            return Ok(());
        }
        let by = self.pool.answer_deadline();
        match self.pool.with_deadline(by, self.run_replay(job)).await {
            Ok(Ok(rest)) => {
                alerts.extend(rest.alerts);
                let base = rest.base;
                self.reattach_unit(lost, UnitReplayOutcome { base, alerts })
                    .await
            }
            Ok(Err(reason)) => self.postpone_unit(lost, reason).await,
            Err(silent) => self.postpone_unit(lost, silent.to_string()).await,
        }
    }

    /// The gap has been run again: its alerts are appended, and the unit takes part from here on.
    async fn reattach_unit(
        &mut self,
        lost: DetachedUnit,
        replayed: UnitReplayOutcome,
    ) -> Result<(), EpochError> {
        let name = Arc::clone(&lost.name);
        let (from, back) = (lost.gap_start(), self.rules_only_in(&lost));
        let derived = self.reattach_rules(&back, replayed).await;
        let reason = format!("its gap after position {from} is made up for");
        let change = self.unit_change(&name, &back.into_keys().collect(), self.evaluated, reason);
        info!(unit = %name, alerts = derived.len(), "unit is back, its gap is closed");
        let at = self.evaluated;
        self.commit_epoch((at, at), derived, vec![RecordBody::UnitAttached(change)])
            .await?;
        self.parts.gauges.clear_problem(&name);
        self.publish_outages();
        // The newest checkpoint knows nothing of what these rules counted.
        self.take_checkpoint().await
    }

    /// The rules that no other lost unit keeps from saying anything.
    fn rules_only_in(&self, lost: &DetachedUnit) -> BTreeMap<RuleId, Position> {
        let by_others = |rule: &RuleId| {
            self.detached
                .iter()
                .any(|other| other.rules.contains_key(rule))
        };
        let rules = lost.rules.iter().filter(|(rule, _)| !by_others(rule));
        rules.map(|(rule, from)| (rule.clone(), *from)).collect()
    }

    /// Lets `rules` take part again with the state that was made; returns the alerts they owe.
    async fn reattach_rules(
        &mut self,
        rules: &BTreeMap<RuleId, Position>,
        replayed: UnitReplayOutcome,
    ) -> Vec<Event> {
        let affected = rule_numbers(&self.set, &rules.keys().cloned().collect());
        for rule in &affected {
            for unit in self.pool.units_of_rule(*rule) {
                self.restore_unit(unit, &replayed.base.parts).await;
            }
        }
        self.sequencer.reattach_rules(affected);
        let adopted = replayed.base.part_bytes(SEQUENCER_PART).map(|bytes| {
            let sequencer = &mut self.sequencer;
            sequencer.adopt_rules(bytes, |rule| rules.contains_key(rule))
        });
        if let Some(Err(error)) = adopted {
            warn!(%error, "what is known of rules that are back is as it was");
        }
        let derived = gap_alerts(rules, replayed.alerts);
        for event in &derived {
            self.sequencer.remember_alert(event);
        }
        derived
    }

    /// It failed again: later, or never.
    async fn postpone_unit(
        &mut self,
        lost: DetachedUnit,
        reason: String,
    ) -> Result<(), EpochError> {
        let (name, from) = (Arc::clone(&lost.name), lost.gap_start());
        let turn = self.next_retry(&name, &reason);
        let is_over = matches!(turn, RetryState::Never);
        let rules: BTreeSet<RuleId> = lost.rules.keys().cloned().collect();
        self.detached.push(DetachedUnit {
            retry: turn,
            ..lost
        });
        self.wake_when_due();
        if !is_over {
            warn!(unit = %name, %reason, "unit failed again, it will be tried later");
            return Ok(());
        }
        error!(unit = %name, %reason, "unit is quarantined; load other rules or restart the engine");
        let reason = format!("quarantined, it kept failing: {reason}");
        let change = RecordBody::UnitDetached(self.unit_change(&name, &rules, from, reason));
        let derived = detached_alert(&change).into_iter().collect();
        let at = self.evaluated;
        self.commit_epoch((at, at), derived, vec![change]).await
    }

    /// Sees to it that somebody looks again when the next unit is due.
    pub(super) fn wake_when_due(&self) {
        let due = self.detached.iter().filter_map(|lost| match lost.retry {
            RetryState::Due(at) => Some(at),
            RetryState::Running(..) | RetryState::Done(_) | RetryState::Never => None,
        });
        let Some(due) = due.min() else { return };
        let (clock, wake) = (
            self.parts.supervision.clock.clone(),
            Arc::clone(&self.parts.wake),
        );
        actix::spawn(async move {
            clock.sleep_until(due).await;
            wake.notify_one();
        });
    }

    /// Brings back, while recovering, what the log says was back; its alerts are in the log.
    pub(super) async fn reattach_as_logged(&mut self, change: &UnitChange) -> Vec<Event> {
        let Some(index) = self
            .detached
            .iter()
            .position(|lost| *lost.name == *change.unit)
        else {
            return Vec::new();
        };
        let mut lost = self.detached.swap_remove(index);
        let at = self.evaluated;
        let rules = lost.rules.keys().cloned().collect();
        let job = self.replay_job(&lost.name, lost.base.clone(), rules);
        let replayed = self.run_replay(job).await;
        // Whoever of them stays left out owes nothing up to here: it is in the log.
        let said = |rule: &RuleId| change.rules.iter().any(|said| said == rule.as_str());
        let others = self.detached.iter_mut().flat_map(|lost| &mut lost.rules);
        for (_, from) in others.filter(|(rule, _)| said(rule)) {
            *from = at.max(*from);
        }
        match replayed {
            Ok(replayed) => {
                let back = self.rules_only_in(&lost);
                self.parts.gauges.clear_problem(&lost.name);
                self.reattach_rules(&back, replayed).await
            }
            Err(reason) => {
                warn!(unit = %lost.name, %reason, "unit fails while recovering, it stays left out");
                for (_, from) in lost.rules.iter_mut().filter(|(rule, _)| said(rule)) {
                    *from = at.max(*from);
                }
                lost.retry = self.next_retry(&lost.name, &reason);
                self.unlogged.insert(Arc::clone(&lost.name));
                self.detached.push(lost);
                Vec::new()
            }
        }
    }
}
