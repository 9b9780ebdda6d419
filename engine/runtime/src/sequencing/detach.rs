//! Units that fail: given their state back at once, and left out if that does not help.
//!
//! Owns the promise that a failing unit never holds the epoch for long (design §4): a unit that failed is
//! given its state back and asked again, once, while the epoch waits. If it fails again, or gave no answer at
//! all, it is left out together with the rules that read its alerts, which the log says. What
//! follows from there on is its gap; `attach` makes up for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_actor::{ActorState, MonotonicTime, RestartVerdict};
use larum_event::{Match, Position, RecordBody, RuleId, UnitChange};
use larum_pipeline::{WatermarkStep, WindowAnswer, WindowShard};
use larum_rule::RuleSet;
use tracing::{error, warn};

use crate::messages::UnitFailure;
use crate::sequencing::base_state::{BaseState, read_newest_base};
use crate::sequencing::detached_unit::{
    DetachedUnit, DetachedUnitPart, RetryState, dependent_rules, required_rules, rule_ids,
    rule_numbers,
};
use crate::sequencing::evaluation_core::{EpochError, EvaluationCore};
use crate::sequencing::replay::{UnitReplay, UnitReplayOutcome, replay_guarded};

/// When a unit that no actor belongs to any more is tried again.
const WITHOUT_ACTOR: larum_event::Span = larum_event::Span::from_seconds(1);

/// A unit is to be left out.
pub(super) struct DetachCause {
    /// What was wrong.
    reason: String,
    /// When it is tried again.
    retry: RetryState,
}

impl EvaluationCore {
    /// Gives a failed unit its state back and asks it again, once.
    pub(super) async fn restart_unit(
        &mut self,
        unit: WindowShard,
        matches: &[Match],
        steps: &Arc<[WatermarkStep]>,
        failed: UnitFailure,
    ) -> Result<WindowAnswer, DetachCause> {
        let name = self.pool.unit_name(unit);
        match &failed {
            UnitFailure::Broken { .. } if !self.is_quarantined(&name) => {}
            UnitFailure::Broken { .. } | UnitFailure::Silent { .. } => {
                return Err(self.detach_cause(&name, &failed));
            }
        }
        warn!(unit = %name, reason = %failed, "window failed, its state is being rebuilt");
        let by = self.pool.answer_deadline();
        let rules = rule_ids(&self.set, &BTreeSet::from([unit.rule]));
        let base = match self.find_base(&rules).await {
            Ok(base) => base,
            Err(error) => return Err(self.rebuild_failure(&name, error.to_string())),
        };
        let job = self.replay_job(&name, base, rules);
        let replayed = match self.pool.with_deadline(by, self.run_replay(job)).await {
            Ok(Ok(replayed)) => replayed,
            Ok(Err(reason)) => return Err(self.rebuild_failure(&name, reason)),
            Err(silent) => return Err(self.rebuild_failure(&name, silent.to_string())),
        };
        self.restore_unit(unit, &replayed.base.parts).await;
        let answer = self.pool.run_window(unit, matches, steps, by).await;
        answer.map_err(|failed| self.detach_cause(&name, &failed))
    }

    /// A unit failed that is not asked again. Panics are counted by its actor, silence is by nobody else.
    fn detach_cause(&self, name: &str, failed: &UnitFailure) -> DetachCause {
        let entry = self.parts.supervision.registry.entry(name);
        let (reason, turn) = match failed {
            UnitFailure::Broken { .. } if self.is_quarantined(name) => {
                (failed.to_string(), RetryState::Never)
            }
            // It cannot take its state back before its pause is over.
            UnitFailure::Broken { .. } => {
                let due = entry.map_or(self.now(), |entry| entry.pause_end());
                (failed.to_string(), RetryState::Due(due))
            }
            // Windows of a shard share a thread: one that has not begun is not to blame, and comes back as
            // soon as the thread is free.
            UnitFailure::Silent { .. } if !self.has_begun(name) => (
                format!("{failed}: it waited behind another window on its thread"),
                RetryState::Due(self.now()),
            ),
            UnitFailure::Silent { .. } => {
                let reason = failed.to_string();
                let turn = self.next_retry(name, &reason);
                (reason, turn)
            }
        };
        DetachCause {
            reason,
            retry: turn,
        }
    }

    fn has_begun(&self, unit: &str) -> bool {
        let entry = self.parts.supervision.registry.entry(unit);
        entry.is_some_and(|entry| entry.is_busy())
    }

    fn rebuild_failure(&self, name: &str, reason: String) -> DetachCause {
        let reason = format!("its state cannot be rebuilt: {reason}");
        let turn = self.next_retry(name, &reason);
        DetachCause {
            reason,
            retry: turn,
        }
    }

    /// Counts a failure that its actor does not know of, and says when it is tried again.
    pub(super) fn next_retry(&self, name: &str, reason: &str) -> RetryState {
        let now = self.parts.supervision.clock.monotonic();
        let Some(entry) = self.parts.supervision.registry.entry(name) else {
            return RetryState::Due(now.saturating_add(WITHOUT_ACTOR));
        };
        match entry.record_outside_failure(reason) {
            RestartVerdict::Quarantine => RetryState::Never,
            RestartVerdict::Restart { after } => RetryState::Due(now.saturating_add(after)),
        }
    }

    fn is_quarantined(&self, unit: &str) -> bool {
        let entry = self.parts.supervision.registry.entry(unit);
        entry.is_some_and(|entry| entry.state() == ActorState::Quarantined)
    }

    /// The newest checkpoint that holds what `rules` and those they read counted.
    pub(super) async fn find_base(
        &self,
        rules: &BTreeSet<RuleId>,
    ) -> Result<BaseState, EpochError> {
        let (mut reader, shards) = (self.parts.readers.open_reader(), self.settings.shards);
        let read = tokio::task::spawn_blocking(move || read_newest_base(&mut reader, shards));
        let newest = read.await.map_err(|_| EpochError::LogGone)??;
        let needed = required_rules(&self.set, &rule_numbers(&self.set, rules));
        Ok(newest.complete_for(&rule_ids(&self.set, &needed)))
    }

    /// The log from `base` up to here for `rules`, to be run again.
    pub(super) fn replay_job(
        &self,
        unit: &Arc<str>,
        base: BaseState,
        rules: BTreeSet<RuleId>,
    ) -> UnitReplay {
        UnitReplay {
            base,
            upto: self.windows_upto,
            rules,
            settings: self.settings.clone(),
            unit: Arc::clone(unit),
            faults: self.parts.supervision.faults.clone(),
            clock: self.parts.supervision.clock.clone(),
            rulebook: Arc::clone(&self.parts.rulebook),
        }
    }

    /// Runs it and waits for the end.
    pub(super) async fn run_replay(&self, job: UnitReplay) -> Result<UnitReplayOutcome, String> {
        let mut reader = self.parts.readers.open_reader();
        let task = tokio::task::spawn_blocking(move || {
            replay_guarded(&mut reader, &job).map_err(|error| error.to_string())
        });
        task.await.map_err(|error| error.to_string())?
    }

    /// Leaves a failed unit out, with the rules that read its alerts. The record says so in the log.
    pub(super) async fn detach_unit(
        &mut self,
        unit: WindowShard,
        failure: DetachCause,
    ) -> Result<RecordBody, EpochError> {
        let name = self.pool.unit_name(unit);
        let DetachCause {
            reason,
            retry: turn,
        } = failure;
        error!(unit = %name, %reason, "unit is left out, its gap begins");
        let affected = dependent_rules(&self.set, &BTreeSet::from([unit.rule]));
        let rules = rule_ids(&self.set, &affected);
        let base = self.find_base(&rules).await?;
        let change = self.unit_change(&name, &rules, self.windows_upto, reason);
        let from = self.windows_upto;
        let rules = rules.into_iter().map(|rule| (rule, from)).collect();
        self.add_detached(name, rules, base, turn);
        Ok(RecordBody::UnitDetached(change))
    }

    /// What the log is to say of a unit.
    pub(super) fn unit_change(
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
    pub(super) fn add_detached(
        &mut self,
        name: Arc<str>,
        mut rules: BTreeMap<RuleId, Position>,
        base: BaseState,
        turn: RetryState,
    ) {
        for (rule, from) in &mut rules {
            let known = self.detached.iter().filter_map(|lost| lost.rules.get(rule));
            *from = known.copied().fold(*from, Position::min);
        }
        let affected = rule_numbers(&self.set, &rules.keys().cloned().collect());
        self.sequencer.detach_rules(affected.iter().copied());
        // Before the rules of today were activated others may have been needed.
        let is_older = base.upto < self.rules_since;
        let wanted = rule_ids(&self.set, &required_rules(&self.set, &affected));
        let is_wanted = |rule: &str| wanted.iter().any(|one| one.as_str() == rule);
        let base = base.narrow_to(|rule| is_older || is_wanted(rule));
        self.detached.retain(|lost| lost.name != name);
        let lost = DetachedUnit {
            name: Arc::clone(&name),
            rules,
            base,
            retry: turn,
        };
        let words = format!("{name} is left out after position {}", lost.gap_start());
        self.parts.gauges.report_problem(&name, words);
        self.detached.push(lost);
        self.wake_when_due();
    }

    /// Takes up units that were left out before other rules were activated at `at`: what their rules missed
    /// is made up for as far as they mean the same as before.
    pub(super) fn keep_detached(&mut self, lost: Vec<DetachedUnit>, old: &RuleSet, at: Position) {
        let now = self.now();
        for lost in lost {
            let same = |rule: &RuleId| {
                let number = rule_numbers(old, &BTreeSet::from([rule.clone()]));
                let number = number.first();
                number.is_some_and(|number| self.set.successor(old, *number).is_some())
            };
            let mut rules: BTreeMap<RuleId, Position> = lost
                .rules
                .into_iter()
                .filter(|(rule, _)| same(rule))
                .collect();
            if rules.is_empty() {
                self.parts.gauges.clear_problem(&lost.name);
                continue;
            }
            let known = rule_numbers(&self.set, &rules.keys().cloned().collect());
            for rule in rule_ids(&self.set, &dependent_rules(&self.set, &known)) {
                rules.entry(rule).or_insert(at);
            }
            self.add_detached(lost.name, rules, lost.base, RetryState::Due(now));
        }
    }

    /// Takes up a lost unit that a checkpoint tells of.
    pub(super) fn restore_detached(&mut self, kept: DetachedUnitPart) {
        let now = self.now();
        let rules = kept.rules.into_iter().collect();
        self.add_detached(kept.name.into(), rules, kept.base, RetryState::Due(now));
    }

    /// Leaves out, while recovering from `base`, what the log says was left out.
    pub(super) fn detach_as_logged(&mut self, change: &UnitChange, base: &BaseState) {
        if self.detached.iter().any(|lost| *lost.name == *change.unit) {
            return;
        }
        let rules = change.rules.iter();
        let rules: BTreeSet<RuleId> = rules.filter_map(|rule| RuleId::new(rule).ok()).collect();
        let needed = required_rules(&self.set, &rule_numbers(&self.set, &rules));
        let base = base.clone().complete_for(&rule_ids(&self.set, &needed));
        let rules = rules.into_iter().map(|rule| (rule, change.from)).collect();
        let now = self.now();
        self.add_detached(
            change.unit.as_str().into(),
            rules,
            base,
            RetryState::Due(now),
        );
    }

    pub(super) fn now(&self) -> MonotonicTime {
        self.parts.supervision.clock.monotonic()
    }

    /// Gives `unit` the state that `parts` hold for it.
    pub(super) async fn restore_unit(&mut self, unit: WindowShard, parts: &[(String, Vec<u8>)]) {
        let name = unit.name(&self.set);
        let part = parts.iter().find(|(part, _)| *part == name);
        let window = match part.map(|(_, bytes)| self.plan.restore_window(unit, bytes)) {
            None => self.plan.new_window(unit),
            Some(Ok(window)) => window,
            Some(Err(error)) => {
                error!(unit = %name, %error, "state cannot be read, the window starts empty");
                self.plan.new_window(unit)
            }
        };
        self.pool.restore_window(unit, window).await;
    }
}
