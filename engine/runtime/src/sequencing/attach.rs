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

use crate::sequencing::base::SEQUENCER_PART;
use crate::sequencing::core::{Core, EpochError};
use crate::sequencing::lost::{Lost, Turn, alert_of, gap_alerts, numbers};
use crate::sequencing::replay::{Replay, Replayed, replay};

/// A unit that is no further behind than this catches up while the next epoch waits.
const CATCH_UP_RECORDS: u64 = 20_000;

impl Core {
    /// Whether there is something to do for units that are left out.
    pub(crate) fn is_due(&mut self) -> bool {
        if self.lost.is_empty() {
            return false;
        }
        let now = self.now();
        self.lost.iter_mut().for_each(Lost::look);
        self.lost.iter().any(|lost| lost.is_due(now))
    }

    /// Does it. Called between epochs.
    pub(crate) async fn tend(&mut self) -> Result<(), EpochError> {
        let now = self.now();
        while let Some(index) = self.lost.iter().position(|lost| lost.is_due(now)) {
            let mut lost = self.lost.swap_remove(index);
            match std::mem::replace(&mut lost.turn, Turn::Never) {
                Turn::Done(Ok(replayed)) => self.ran_again(lost, replayed).await?,
                Turn::Done(Err(reason)) => self.put_off(lost, reason).await?,
                Turn::Due(_) | Turn::Running(..) | Turn::Never => {
                    let rules = lost.rules.keys().cloned().collect();
                    let job = self.replay_of(&lost.name, lost.base.clone(), rules);
                    lost.turn = self.start(job, Vec::new());
                    self.lost.push(lost);
                }
            }
        }
        Ok(())
    }

    /// Runs a gap again on another thread; `found` are alerts of its beginning.
    fn start(&self, job: Replay, found: Vec<(Position, Event)>) -> Turn {
        let (reply, answer) = oneshot::channel();
        let (mut reader, wake) = (self.parts.readers.open(), Arc::clone(&self.parts.wake));
        // Nobody waits for the task: its answer comes by the channel.
        drop(tokio::task::spawn_blocking(move || {
            let replayed = replay(&mut reader, &job).map_err(|error| error.to_string());
            // A core that has started over since does not want it any more.
            drop(reply.send(replayed));
            wake.notify_one();
        }));
        Turn::Running(answer, found)
    }

    /// A gap was run again, as far as the log reached then.
    async fn ran_again(&mut self, mut lost: Lost, replayed: Replayed) -> Result<(), EpochError> {
        let behind = self.evaluated.0.saturating_sub(replayed.base.upto.0);
        if behind == 0 {
            return self.bring_back(lost, replayed).await;
        }
        let Replayed { base, mut alerts } = replayed;
        let job = self.replay_of(&lost.name, base, lost.rules.keys().cloned().collect());
        if behind > CATCH_UP_RECORDS {
            lost.turn = self.start(job, alerts);
            self.lost.push(lost);
            return Ok(());
        }
        let by = self.pool.deadline();
        match self.pool.within(by, self.run_again(job)).await {
            Ok(Ok(rest)) => {
                alerts.extend(rest.alerts);
                let base = rest.base;
                self.bring_back(lost, Replayed { base, alerts }).await
            }
            Ok(Err(reason)) => self.put_off(lost, reason).await,
            Err(silent) => self.put_off(lost, silent.to_string()).await,
        }
    }

    /// The gap has been run again: its alerts are appended, and the unit takes part from here on.
    async fn bring_back(&mut self, lost: Lost, replayed: Replayed) -> Result<(), EpochError> {
        let name = Arc::clone(&lost.name);
        let (from, back) = (lost.from(), self.only_lost_by(&lost));
        let derived = self.take_back(&back, replayed).await;
        let reason = format!("its gap after position {from} is made up for");
        let change = self.change(&name, &back.into_keys().collect(), self.evaluated, reason);
        info!(unit = %name, alerts = derived.len(), "unit is back, its gap is closed");
        let at = self.evaluated;
        self.commit((at, at), derived, vec![RecordBody::UnitAttached(change)])
            .await?;
        self.parts.gauges.problem_over(&name);
        self.show_missed();
        // The newest checkpoint knows nothing of what these rules counted.
        self.checkpoint().await
    }

    /// The rules that no other lost unit keeps from saying anything.
    fn only_lost_by(&self, lost: &Lost) -> BTreeMap<RuleId, Position> {
        let by_others =
            |rule: &RuleId| self.lost.iter().any(|other| other.rules.contains_key(rule));
        let rules = lost.rules.iter().filter(|(rule, _)| !by_others(rule));
        rules.map(|(rule, from)| (rule.clone(), *from)).collect()
    }

    /// Lets `rules` take part again with the state that was made; returns the alerts they owe.
    async fn take_back(
        &mut self,
        rules: &BTreeMap<RuleId, Position>,
        replayed: Replayed,
    ) -> Vec<Event> {
        let affected = numbers(&self.set, &rules.keys().cloned().collect());
        for rule in &affected {
            for unit in self.pool.units_of(*rule) {
                self.give_back(unit, &replayed.base.parts).await;
            }
        }
        self.sequencer.take_back(affected);
        let adopted = replayed.base.part(SEQUENCER_PART).map(|bytes| {
            let sequencer = &mut self.sequencer;
            sequencer.adopt(bytes, |rule| rules.contains_key(rule))
        });
        if let Some(Err(error)) = adopted {
            warn!(%error, "what is known of rules that are back is as it was");
        }
        let derived = gap_alerts(rules, replayed.alerts);
        for event in &derived {
            self.sequencer.recall(event);
        }
        derived
    }

    /// It failed again: later, or never.
    async fn put_off(&mut self, lost: Lost, reason: String) -> Result<(), EpochError> {
        let (name, from) = (Arc::clone(&lost.name), lost.from());
        let turn = self.next_turn(&name, &reason);
        let is_over = matches!(turn, Turn::Never);
        let rules: BTreeSet<RuleId> = lost.rules.keys().cloned().collect();
        self.lost.push(Lost { turn, ..lost });
        self.wake_when_due();
        if !is_over {
            warn!(unit = %name, %reason, "unit failed again, it will be tried later");
            return Ok(());
        }
        error!(unit = %name, %reason, "unit is quarantined; load other rules or restart the engine");
        let reason = format!("quarantined, it kept failing: {reason}");
        let change = RecordBody::UnitDetached(self.change(&name, &rules, from, reason));
        let derived = alert_of(&change).into_iter().collect();
        let at = self.evaluated;
        self.commit((at, at), derived, vec![change]).await
    }

    /// Sees to it that somebody looks again when the next unit is due.
    pub(super) fn wake_when_due(&self) {
        let due = self.lost.iter().filter_map(|lost| match lost.turn {
            Turn::Due(at) => Some(at),
            Turn::Running(..) | Turn::Done(_) | Turn::Never => None,
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
    pub(super) async fn bring_back_as_logged(&mut self, change: &UnitChange) -> Vec<Event> {
        let Some(index) = self.lost.iter().position(|lost| *lost.name == *change.unit) else {
            return Vec::new();
        };
        let mut lost = self.lost.swap_remove(index);
        let at = self.evaluated;
        let rules = lost.rules.keys().cloned().collect();
        let job = self.replay_of(&lost.name, lost.base.clone(), rules);
        let replayed = self.run_again(job).await;
        // Whoever of them stays left out owes nothing up to here: it is in the log.
        let said = |rule: &RuleId| change.rules.iter().any(|said| said == rule.as_str());
        let others = self.lost.iter_mut().flat_map(|lost| &mut lost.rules);
        for (_, from) in others.filter(|(rule, _)| said(rule)) {
            *from = at.max(*from);
        }
        match replayed {
            Ok(replayed) => {
                let back = self.only_lost_by(&lost);
                self.parts.gauges.problem_over(&lost.name);
                self.take_back(&back, replayed).await
            }
            Err(reason) => {
                warn!(unit = %lost.name, %reason, "unit fails while recovering, it stays left out");
                for (_, from) in lost.rules.iter_mut().filter(|(rule, _)| said(rule)) {
                    *from = at.max(*from);
                }
                lost.turn = self.next_turn(&lost.name, &reason);
                self.unsaid.insert(Arc::clone(&lost.name));
                self.lost.push(lost);
                Vec::new()
            }
        }
    }
}
