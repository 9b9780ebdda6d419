//! Units that fail: given their state back at once, and left out if that does not help.
//!
//! Owns the promise that a failing unit never holds the epoch for long (design §4): a unit that failed is
//! given its state back and asked again, once, while the epoch waits. If it fails again, or gave no answer at
//! all, it is left out together with the rules that read its alerts, which the log says. What
//! follows from there on is its gap; `attach` makes up for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{Match, Position, RecordBody, RuleId, UnitChange};
use larum_pipeline::{Unit, WatermarkStep, WindowAnswer};
use larum_rule::RuleSet;
use tracing::{error, warn};

use crate::clock::Monotonic;
use crate::messages::UnitFailed;
use crate::sequencing::base::{Base, newest_base};
use crate::sequencing::core::{Core, EpochError};
use crate::sequencing::lost::{Kept, Lost, Turn, ids, needed, numbers, readers};
use crate::sequencing::replay::{Replay, Replayed, replay};
use crate::supervise::{ActorState, Verdict};

/// When a unit that no actor belongs to any more is tried again.
const WITHOUT_ACTOR: larum_event::Span = larum_event::Span::from_seconds(1);

/// A unit is to be left out.
pub(super) struct Failure {
    /// What was wrong.
    reason: String,
    /// When it is tried again.
    turn: Turn,
}

impl Core {
    /// Gives a failed unit its state back and asks it again, once.
    pub(super) async fn restart(
        &mut self,
        unit: Unit,
        matches: &[Match],
        steps: &Arc<[WatermarkStep]>,
        failed: UnitFailed,
    ) -> Result<WindowAnswer, Failure> {
        let name = self.pool.name(unit);
        match &failed {
            UnitFailed::Broken { .. } if !self.is_quarantined(&name) => {}
            UnitFailed::Broken { .. } | UnitFailed::Silent { .. } => {
                return Err(self.failure(&name, &failed));
            }
        }
        warn!(unit = %name, reason = %failed, "window failed, its state is being rebuilt");
        let by = self.pool.deadline();
        let rules = ids(&self.set, &BTreeSet::from([unit.rule]));
        let base = match self.newest_base(&rules).await {
            Ok(base) => base,
            Err(error) => return Err(self.cannot_be_rebuilt(&name, error.to_string())),
        };
        let job = self.replay_of(&name, base, rules);
        let replayed = match self.pool.within(by, self.run_again(job)).await {
            Ok(Ok(replayed)) => replayed,
            Ok(Err(reason)) => return Err(self.cannot_be_rebuilt(&name, reason)),
            Err(silent) => return Err(self.cannot_be_rebuilt(&name, silent.to_string())),
        };
        self.give_back(unit, &replayed.base.parts).await;
        let answer = self.pool.run_one(unit, matches, steps, by).await;
        answer.map_err(|failed| self.failure(&name, &failed))
    }

    /// A unit failed that is not asked again. Panics are counted by its actor, silence is by nobody else.
    fn failure(&self, name: &str, failed: &UnitFailed) -> Failure {
        let entry = self.parts.supervision.registry.entry(name);
        let (reason, turn) = match failed {
            UnitFailed::Broken { .. } if self.is_quarantined(name) => {
                (failed.to_string(), Turn::Never)
            }
            // It cannot take its state back before its pause is over.
            UnitFailed::Broken { .. } => {
                let due = entry.map_or(self.now(), |entry| entry.pauses_until());
                (failed.to_string(), Turn::Due(due))
            }
            // Windows of a shard share a thread: one that has not begun is not to blame, and comes back as
            // soon as the thread is free.
            UnitFailed::Silent { .. } if !self.has_begun(name) => (
                format!("{failed}: it waited behind another window on its thread"),
                Turn::Due(self.now()),
            ),
            UnitFailed::Silent { .. } => {
                let reason = failed.to_string();
                let turn = self.next_turn(name, &reason);
                (reason, turn)
            }
        };
        Failure { reason, turn }
    }

    fn has_begun(&self, unit: &str) -> bool {
        let entry = self.parts.supervision.registry.entry(unit);
        entry.is_some_and(|entry| entry.is_busy())
    }

    fn cannot_be_rebuilt(&self, name: &str, reason: String) -> Failure {
        let reason = format!("its state cannot be rebuilt: {reason}");
        let turn = self.next_turn(name, &reason);
        Failure { reason, turn }
    }

    /// Counts a failure that its actor does not know of, and says when it is tried again.
    pub(super) fn next_turn(&self, name: &str, reason: &str) -> Turn {
        let now = self.parts.supervision.clock.monotonic();
        let Some(entry) = self.parts.supervision.registry.entry(name) else {
            return Turn::Due(now.saturating_add(WITHOUT_ACTOR));
        };
        match entry.failed_elsewhere(reason) {
            Verdict::Quarantine => Turn::Never,
            Verdict::Restart { after } => Turn::Due(now.saturating_add(after)),
        }
    }

    fn is_quarantined(&self, unit: &str) -> bool {
        let entry = self.parts.supervision.registry.entry(unit);
        entry.is_some_and(|entry| entry.state() == ActorState::Quarantined)
    }

    /// The newest checkpoint that holds what `rules` and those they read counted.
    pub(super) async fn newest_base(&self, rules: &BTreeSet<RuleId>) -> Result<Base, EpochError> {
        let (mut reader, shards) = (self.parts.readers.open(), self.settings.shards);
        let read = tokio::task::spawn_blocking(move || newest_base(&mut reader, shards));
        let newest = read.await.map_err(|_| EpochError::LogGone)??;
        let needed = needed(&self.set, &numbers(&self.set, rules));
        Ok(newest.with(&ids(&self.set, &needed)))
    }

    /// The log from `base` up to here for `rules`, to be run again.
    pub(super) fn replay_of(&self, unit: &Arc<str>, base: Base, rules: BTreeSet<RuleId>) -> Replay {
        Replay {
            base,
            upto: self.reached,
            rules,
            settings: self.settings.clone(),
            unit: Arc::clone(unit),
            faults: self.parts.supervision.faults.clone(),
            clock: self.parts.supervision.clock.clone(),
            rulebook: Arc::clone(&self.parts.rulebook),
        }
    }

    /// Runs it and waits for the end.
    pub(super) async fn run_again(&self, job: Replay) -> Result<Replayed, String> {
        let mut reader = self.parts.readers.open();
        let task = tokio::task::spawn_blocking(move || {
            replay(&mut reader, &job).map_err(|error| error.to_string())
        });
        task.await.map_err(|error| error.to_string())?
    }

    /// Leaves a failed unit out, with the rules that read its alerts. The record says so in the log.
    pub(super) async fn leave_out(
        &mut self,
        unit: Unit,
        failure: Failure,
    ) -> Result<RecordBody, EpochError> {
        let name = self.pool.name(unit);
        let Failure { reason, turn } = failure;
        error!(unit = %name, %reason, "unit is left out, its gap begins");
        let affected = readers(&self.set, &BTreeSet::from([unit.rule]));
        let rules = ids(&self.set, &affected);
        let base = self.newest_base(&rules).await?;
        let change = self.change(&name, &rules, self.reached, reason);
        let from = self.reached;
        let rules = rules.into_iter().map(|rule| (rule, from)).collect();
        self.lose(name, rules, base, turn);
        Ok(RecordBody::UnitDetached(change))
    }

    /// What the log is to say of a unit.
    pub(super) fn change(
        &self,
        name: &Arc<str>,
        rules: &BTreeSet<RuleId>,
        from: Position,
        reason: String,
    ) -> UnitChange {
        UnitChange {
            unit: name.to_string(),
            rules: rules.iter().map(ToString::to_string).collect(),
            from,
            reason,
            at: self.parts.supervision.clock.now(),
        }
    }

    /// From now on says nothing for `rules`, until `name` is back. A rule that says nothing already goes on
    /// missing what it has been missing.
    pub(super) fn lose(
        &mut self,
        name: Arc<str>,
        mut rules: BTreeMap<RuleId, Position>,
        base: Base,
        turn: Turn,
    ) {
        for (rule, from) in &mut rules {
            let known = self.lost.iter().filter_map(|lost| lost.rules.get(rule));
            *from = known.copied().fold(*from, Position::min);
        }
        let affected = numbers(&self.set, &rules.keys().cloned().collect());
        self.sequencer.leave_out(affected.iter().copied());
        // Before the rules of today were activated others may have been needed.
        let is_older = base.upto < self.rules_since;
        let wanted = ids(&self.set, &needed(&self.set, &affected));
        let is_wanted = |rule: &str| wanted.iter().any(|one| one.as_str() == rule);
        let base = base.narrowed(|rule| is_older || is_wanted(rule));
        self.lost.retain(|lost| lost.name != name);
        let lost = Lost {
            name: Arc::clone(&name),
            rules,
            base,
            turn,
        };
        let words = format!("{name} is left out after position {}", lost.from());
        self.parts.gauges.problem(&name, words);
        self.lost.push(lost);
        self.wake_when_due();
    }

    /// Takes up units that were left out before other rules were activated at `at`: what their rules missed
    /// is made up for as far as they mean the same as before.
    pub(super) fn lose_still(&mut self, lost: Vec<Lost>, old: &RuleSet, at: Position) {
        let now = self.now();
        for lost in lost {
            let same = |rule: &RuleId| {
                let number = numbers(old, &BTreeSet::from([rule.clone()]));
                let number = number.first();
                number.is_some_and(|number| self.set.successor(old, *number).is_some())
            };
            let mut rules: BTreeMap<RuleId, Position> = lost
                .rules
                .into_iter()
                .filter(|(rule, _)| same(rule))
                .collect();
            if rules.is_empty() {
                self.parts.gauges.problem_over(&lost.name);
                continue;
            }
            let known = numbers(&self.set, &rules.keys().cloned().collect());
            for rule in ids(&self.set, &readers(&self.set, &known)) {
                rules.entry(rule).or_insert(at);
            }
            self.lose(lost.name, rules, lost.base, Turn::Due(now));
        }
    }

    /// Takes up a lost unit that a checkpoint tells of.
    pub(super) fn lose_as_kept(&mut self, kept: Kept) {
        let now = self.now();
        let rules = kept.rules.into_iter().collect();
        self.lose(kept.name.into(), rules, kept.base, Turn::Due(now));
    }

    /// Leaves out, while recovering from `base`, what the log says was left out.
    pub(super) fn lose_as_logged(&mut self, change: &UnitChange, base: &Base) {
        if self.lost.iter().any(|lost| *lost.name == *change.unit) {
            return;
        }
        let rules = change.rules.iter();
        let rules: BTreeSet<RuleId> = rules.filter_map(|rule| RuleId::new(rule).ok()).collect();
        let needed = needed(&self.set, &numbers(&self.set, &rules));
        let base = base.clone().with(&ids(&self.set, &needed));
        let rules = rules.into_iter().map(|rule| (rule, change.from)).collect();
        let now = self.now();
        self.lose(change.unit.as_str().into(), rules, base, Turn::Due(now));
    }

    pub(super) fn now(&self) -> Monotonic {
        self.parts.supervision.clock.monotonic()
    }

    /// Gives `unit` the state that `parts` hold for it.
    pub(super) async fn give_back(&mut self, unit: Unit, parts: &[(String, Vec<u8>)]) {
        let name = unit.name(&self.set);
        let part = parts.iter().find(|(part, _)| *part == name);
        let window = match part.map(|(_, bytes)| self.plan.restored(unit, bytes)) {
            None => self.plan.empty(unit),
            Some(Ok(window)) => window,
            Some(Err(error)) => {
                error!(unit = %name, %error, "state cannot be read, the window starts empty");
                self.plan.empty(unit)
            }
        };
        self.pool.restore(unit, window).await;
    }
}
