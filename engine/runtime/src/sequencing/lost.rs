//! Units that failed: restarted at once, left out if that does not help, and brought back.
//!
//! Owns the promise that a failing unit never holds the epoch for long, and that what it missed is made up
//! for (design §4): a unit that failed is given its state back and asked again, once, while the epoch
//! waits. If it fails again it is left out together with the rules that read its alerts, which the log
//! says; later its range of the log is run again and its alerts are appended. That range is its gap.

use std::collections::BTreeSet;
use std::sync::Arc;

use larum_event::{Detection, Event, Match, Position, RecordBody, RuleId, UnitChange};
use larum_pipeline::{Unit, WatermarkStep, new_window, restored, unit_detached_alert};
use larum_rule::RuleSet;
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};

use crate::clock::Monotonic;
use crate::messages::UnitFailed;
use crate::sequencing::core::{Core, EpochError};
use crate::sequencing::replay::{Base, Replay, Replayed, newest_base, replay};
use crate::supervise::{ActorState, Verdict};

/// Begins the names of checkpoint parts of lost units.
pub(super) const LOST_PART: &str = "lost/";

/// A unit that is left out.
#[derive(Debug)]
pub(crate) struct Lost {
    /// Its name.
    pub(super) name: Arc<str>,
    /// The rules that say nothing because of it.
    rules: BTreeSet<RuleId>,
    /// All units of those rules.
    pub(super) units: Vec<Unit>,
    /// The last position its rules were evaluated at.
    from: Position,
    /// State to run the gap from.
    base: Base,
    /// When to try again; `None` when it is quarantined.
    due: Option<Monotonic>,
}

/// A unit that is about to be left out.
struct Loss {
    name: Arc<str>,
    /// Numbers of the rules that say nothing because of it.
    affected: BTreeSet<u32>,
    from: Position,
    base: Base,
    due: Option<Monotonic>,
}

/// What a checkpoint holds of a lost unit.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    rules: Vec<RuleId>,
    from: Position,
    base: Base,
}

impl Lost {
    /// The name of its part of a checkpoint.
    pub(super) fn part_name(&self) -> String {
        format!("{LOST_PART}{}", self.name)
    }

    /// Its part of a checkpoint.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let kept = Kept {
            name: self.name.to_string(),
            rules: self.rules.iter().cloned().collect(),
            from: self.from,
            base: self.base.clone(),
        };
        postcard::to_stdvec(&kept).expect("plain data is always writable to memory")
    }
}

/// The alert that a unit was left out; others make none.
pub(super) fn alert_of(body: &RecordBody) -> Option<Event> {
    match body {
        RecordBody::UnitDetached(change) => unit_detached_alert(change),
        RecordBody::Event { .. }
        | RecordBody::Derived { .. }
        | RecordBody::RuleSetActivated(_)
        | RecordBody::EpochCommit(_)
        | RecordBody::UnitAttached(_)
        | RecordBody::CursorMoved(_) => None,
    }
}

/// The rules that read `rule`'s alerts, and those that read theirs, itself included.
fn readers(set: &RuleSet, rule: u32) -> BTreeSet<u32> {
    closure(set, rule, |set, other, known| set.sees(other, known))
}

/// The rules whose alerts `rules` read, and those they read, themselves included.
fn needed(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<u32> {
    rules
        .iter()
        .flat_map(|rule| closure(set, *rule, |set, other, known| set.sees(known, other)))
        .collect()
}

fn closure(set: &RuleSet, rule: u32, next: fn(&RuleSet, u32, u32) -> bool) -> BTreeSet<u32> {
    let mut known = BTreeSet::from([rule]);
    let mut open = vec![rule];
    while let Some(rule) = open.pop() {
        for other in 0..set.rules().len() as u32 {
            if !known.contains(&other) && next(set, other, rule) {
                known.insert(other);
                open.push(other);
            }
        }
    }
    known
}

fn ids(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<RuleId> {
    rules
        .iter()
        .filter_map(|rule| set.rule(*rule))
        .map(|rule| rule.id.clone())
        .collect()
}

impl Core {
    /// Gives a failed unit its state back and asks it again, once.
    pub(super) async fn restart(
        &mut self,
        unit: Unit,
        matches: &[Match],
        steps: &Arc<[WatermarkStep]>,
        failed: UnitFailed,
    ) -> Result<Vec<Detection>, UnitFailed> {
        let name = self.pool.name(unit);
        warn!(unit = %name, panic = %failed.message, "window failed, its state is being rebuilt");
        if self.is_quarantined(&name) {
            return Err(failed);
        }
        let rules = ids(&self.set, &needed(&self.set, &BTreeSet::from([unit.rule])));
        let replayed = self.run_again(&name, Base::default(), rules, true).await;
        let replayed = replayed.map_err(|message| UnitFailed { message })?;
        self.give_back(unit, &replayed.base.parts).await;
        self.pool.run_one(unit, matches, steps).await
    }

    /// Whether `unit` has failed too often. Its actor counts its failures, and so does [`Core::next_try`].
    fn is_quarantined(&self, unit: &str) -> bool {
        let entry = self.parts.supervision.registry.entry(unit);
        entry.is_some_and(|entry| entry.state() == ActorState::Quarantined)
    }

    /// Runs the log up to here again for `rules`, from `base` or the newest checkpoint.
    async fn run_again(
        &self,
        unit: &Arc<str>,
        base: Base,
        rules: BTreeSet<RuleId>,
        from_checkpoint: bool,
    ) -> Result<Replayed, String> {
        let mut job = Replay {
            base,
            upto: self.evaluated,
            rules,
            shards: self.settings.shards,
            settings: self.settings.clone(),
            unit: Arc::clone(unit),
            faults: self.parts.supervision.faults.clone(),
            clock: self.parts.supervision.clock.clone(),
        };
        let mut reader = self.parts.readers.open();
        let task = tokio::task::spawn_blocking(move || {
            if from_checkpoint {
                job.base = newest_base(&mut reader).map_err(|error| error.to_string())?;
            }
            replay(&mut reader, &job).map_err(|error| error.to_string())
        });
        task.await.map_err(|error| error.to_string())?
    }
}

impl Core {
    /// Leaves a failed unit out, with the rules that read its alerts. The records say so in the log.
    pub(super) async fn leave_out(
        &mut self,
        unit: Unit,
        failed: &UnitFailed,
    ) -> Result<RecordBody, EpochError> {
        let name = self.pool.name(unit);
        error!(unit = %name, reason = %failed.message, "unit is left out, its gap begins");
        let mut reader = self.parts.readers.open();
        let newest = tokio::task::spawn_blocking(move || newest_base(&mut reader)).await;
        let base = newest.map_err(|_| EpochError::LogGone)??;
        let now = self.parts.supervision.clock.monotonic();
        let due = (!self.is_quarantined(&name)).then_some(now);
        let affected = readers(&self.set, unit.rule);
        let change = self.change(&name, &affected, self.evaluated, failed.message.clone());
        self.lose(Loss {
            name,
            affected,
            from: self.evaluated,
            base,
            due,
        });
        Ok(RecordBody::UnitDetached(change))
    }

    /// When a unit that failed again may be tried the next time; never when that was once too often.
    fn next_try(&mut self, name: &str, reason: &str) -> Option<Monotonic> {
        let now = self.parts.supervision.clock.monotonic();
        let Some(entry) = self.parts.supervision.registry.entry(name) else {
            return Some(now);
        };
        entry.failed(reason);
        match entry.take_verdict(reason) {
            Verdict::Quarantine => None,
            Verdict::Restart { after } => Some(now.saturating_add(after)),
        }
    }

    fn change(
        &self,
        name: &Arc<str>,
        affected: &BTreeSet<u32>,
        from: Position,
        reason: String,
    ) -> UnitChange {
        UnitChange {
            unit: name.to_string(),
            rules: ids(&self.set, affected)
                .iter()
                .map(ToString::to_string)
                .collect(),
            from,
            reason,
            at: self.parts.supervision.clock.now(),
        }
    }

    /// From now on says nothing for the rules affected, until the unit is back.
    fn lose(&mut self, loss: Loss) {
        let Loss {
            name,
            affected,
            from,
            base,
            due,
        } = loss;
        self.sequencer.leave_out(affected.iter().copied());
        let units = affected
            .iter()
            .flat_map(|rule| self.pool.units_of(*rule))
            .collect();
        let wanted: BTreeSet<String> = needed(&self.set, &affected)
            .iter()
            .flat_map(|rule| self.pool.units_of(*rule))
            .map(|unit| unit.name(&self.set))
            .chain([super::recover::SEQUENCER_PART.to_owned()])
            .collect();
        let parts = base
            .parts
            .into_iter()
            .filter(|(part, _)| wanted.contains(part))
            .collect();
        let rules = ids(&self.set, &affected);
        self.parts
            .gauges
            .problem(&name, format!("{name} is left out after position {from}"));
        self.lost.retain(|lost| lost.name != name);
        let base = Base {
            upto: base.upto,
            parts,
        };
        self.lost.push(Lost {
            name,
            rules,
            units,
            from,
            base,
            due,
        });
    }

    /// Whether a unit that is left out is to be tried now.
    pub(crate) fn is_due(&self) -> bool {
        let now = self.parts.supervision.clock.monotonic();
        self.lost
            .iter()
            .any(|lost| lost.due.is_some_and(|due| due <= now))
    }

    /// Brings back what is due. Called between epochs.
    pub(crate) async fn tend(&mut self) -> Result<(), EpochError> {
        let now = self.parts.supervision.clock.monotonic();
        let due = |lost: &Lost| lost.due.is_some_and(|due| due <= now);
        let Some(index) = self.lost.iter().position(due) else {
            return Ok(());
        };
        let lost = self.lost.swap_remove(index);
        let name = Arc::clone(&lost.name);
        let affected = self.numbers(&lost.rules);
        let rules = ids(&self.set, &needed(&self.set, &affected));
        match self.run_again(&name, lost.base.clone(), rules, false).await {
            Ok(replayed) => self.bring_back(lost, replayed).await,
            Err(reason) => self.put_off(lost, affected, reason).await,
        }
    }

    fn numbers(&self, rules: &BTreeSet<RuleId>) -> BTreeSet<u32> {
        let numbered = self.set.rules().iter().enumerate();
        numbered
            .filter(|(_, rule)| rules.contains(&rule.id))
            .map(|(n, _)| n as u32)
            .collect()
    }

    /// The gap has been run again: its alerts are appended, and the unit takes part from here on.
    async fn bring_back(&mut self, lost: Lost, replayed: Replayed) -> Result<(), EpochError> {
        let affected = self.numbers(&lost.rules);
        let derived = gap_alerts(&self.set, &affected, lost.from, replayed.alerts);
        for unit in &lost.units {
            self.give_back(*unit, &replayed.base.parts).await;
        }
        self.sequencer.take_back(affected.iter().copied());
        let reason = format!("its gap after position {} is made up for", lost.from);
        let change = self.change(&lost.name, &affected, self.evaluated, reason);
        info!(unit = %lost.name, alerts = derived.len(), "unit is back, its gap is closed");
        self.parts.gauges.problem_over(&lost.name);
        let at = self.evaluated;
        self.commit((at, at), derived, vec![RecordBody::UnitAttached(change)])
            .await
    }

    /// It failed again: later, or never.
    async fn put_off(
        &mut self,
        lost: Lost,
        affected: BTreeSet<u32>,
        reason: String,
    ) -> Result<(), EpochError> {
        let Lost {
            name, from, base, ..
        } = lost;
        let due = self.next_try(&name, &reason);
        self.lose(Loss {
            name: Arc::clone(&name),
            affected: affected.clone(),
            from,
            base,
            due,
        });
        if due.is_some() {
            warn!(unit = %name, %reason, "unit failed again, it will be tried later");
            return Ok(());
        }
        error!(unit = %name, %reason, "unit is quarantined; load other rules or restart the engine");
        let reason = format!("quarantined, it kept failing: {reason}");
        let change = RecordBody::UnitDetached(self.change(&name, &affected, from, reason));
        let derived = alert_of(&change).into_iter().collect();
        let at = self.evaluated;
        self.commit((at, at), derived, vec![change]).await
    }

    /// Gives `unit` the state that `parts` hold for it.
    pub(super) async fn give_back(&mut self, unit: Unit, parts: &[(String, Vec<u8>)]) {
        let name = unit.name(&self.set);
        let part = parts.iter().find(|(part, _)| *part == name);
        let window = match part.map(|(_, bytes)| restored(&self.set, unit, &self.settings, bytes)) {
            None => new_window(&self.set, unit, &self.settings),
            Some(Ok(window)) => window,
            Some(Err(error)) => {
                error!(unit = %name, %error, "state cannot be read, the window starts empty");
                new_window(&self.set, unit, &self.settings)
            }
        };
        self.pool.restore(unit, window).await;
    }

    /// Takes up a lost unit that a checkpoint or the log tells of.
    pub(super) fn remember_lost(&mut self, bytes: &[u8]) {
        let Ok(kept) = postcard::from_bytes::<Kept>(bytes) else {
            error!(
                "a lost unit in the checkpoint cannot be read; it takes part again, its gap stays"
            );
            return;
        };
        let affected = self.numbers(&kept.rules.into_iter().collect());
        let now = self.parts.supervision.clock.monotonic();
        self.lose(Loss {
            name: kept.name.into(),
            affected,
            from: kept.from,
            base: kept.base,
            due: Some(now),
        });
    }

    /// Leaves out, while recovering, what the log says was left out.
    pub(super) fn leave_out_as_logged(&mut self, change: &UnitChange, base: &Base) {
        if self.is_lost(&change.unit) {
            return;
        }
        let rules = change
            .rules
            .iter()
            .filter_map(|rule| RuleId::new(rule).ok())
            .collect();
        let affected = self.numbers(&rules);
        let now = self.parts.supervision.clock.monotonic();
        self.lose(Loss {
            name: change.unit.as_str().into(),
            affected,
            from: change.from,
            base: base.clone(),
            due: Some(now),
        });
    }

    /// Whether the unit of that name is left out.
    pub(super) fn is_lost(&self, name: &str) -> bool {
        self.lost.iter().any(|lost| *lost.name == *name)
    }

    /// Brings back, while recovering, what the log says was back; its alerts are in the log.
    pub(super) async fn bring_back_as_logged(&mut self, change: &UnitChange) -> Vec<Event> {
        let Some(index) = self.lost.iter().position(|lost| *lost.name == *change.unit) else {
            return Vec::new();
        };
        let lost = self.lost.swap_remove(index);
        let affected = self.numbers(&lost.rules);
        let rules = ids(&self.set, &needed(&self.set, &affected));
        let name = Arc::clone(&lost.name);
        match self.run_again(&name, lost.base.clone(), rules, false).await {
            Ok(replayed) => {
                for unit in &lost.units {
                    self.give_back(*unit, &replayed.base.parts).await;
                }
                self.sequencer.take_back(affected.iter().copied());
                self.parts.gauges.problem_over(&name);
                gap_alerts(&self.set, &affected, lost.from, replayed.alerts)
            }
            Err(reason) => {
                warn!(unit = %name, %reason, "unit fails while recovering, it stays left out");
                self.lost.push(lost);
                Vec::new()
            }
        }
    }
}

/// The alerts of `affected` rules that were set off behind `from`.
fn gap_alerts(
    set: &RuleSet,
    affected: &BTreeSet<u32>,
    from: Position,
    alerts: Vec<(Position, Event)>,
) -> Vec<Event> {
    let rules = ids(set, affected);
    alerts
        .into_iter()
        .filter(|(position, event)| {
            *position > from
                && rules
                    .iter()
                    .any(|rule| rule.as_str() == event.envelope().event_type.as_str())
        })
        .map(|(_, event)| event)
        .collect()
}
