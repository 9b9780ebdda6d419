//! Units that fail: given their state back at once, and detached if that does not help.
//!
//! Owns the decision between the two. A unit that failed gets its state back and is asked again,
//! once, while the epoch waits, however long that takes. If it fails again it is detached together
//! with the rules that read its alerts, and the log says so. Closing the gap that begins there is
//! `gaps`' job.
//! Invariant: a unit is detached only after a failure, never because of the time it takes (design
//! section 4), and never takes part with a state that lacks matches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_actor::{ActorState, MonotonicTime, RestartVerdict};
use larum_event::{Position, RecordBody, RuleId, UnitChange};
use larum_pipeline::{EpochMoves, WindowAnswer, WindowShard};
use larum_rule::RuleSet;
use tracing::{error, warn};

use super::EvaluationCore;
use crate::messages::UnitFailure;
use crate::sequencing::actor_pool::FailedWindow;
use crate::sequencing::base_state::{BaseState, read_newest_base};
use crate::sequencing::detached_units::{DetachedUnit, RetryState};
use crate::sequencing::epoch_error::EpochError;
use crate::sequencing::replay::{UnitReplay, UnitReplayOutcome, replay_guarded};
use crate::sequencing::rule_relations::{dependent_rules, required_rules, rule_ids, rule_numbers};
use crate::watchdog::EVALUATION;

/// How long a unit that has no actor any more waits before it is tried again.
const WITHOUT_ACTOR: larum_event::Span = larum_event::Span::from_seconds(1);

/// Why a unit is to be detached.
pub(super) struct DetachCause {
    /// What went wrong.
    reason: String,
    /// When it is tried again.
    retry: RetryState,
}

impl EvaluationCore {
    /// Gives a failed unit its state back and asks it again, once.
    pub(super) async fn restart_unit(
        &mut self,
        failed: FailedWindow,
        moves: &Arc<EpochMoves>,
    ) -> Result<WindowAnswer, DetachCause> {
        let FailedWindow {
            unit,
            matches,
            failure,
        } = failed;
        let name = self.pool.unit_name(unit);
        if self.is_quarantined(&name) {
            return Err(self.detach_cause(&name, &failure));
        }
        warn!(unit = %name, reason = %failure, "window failed, its state is being rebuilt");
        let rules = rule_ids(self.driver.rule_set(), &BTreeSet::from([unit.rule]));
        let base = match self.find_base(&rules).await {
            Ok(base) => base,
            Err(error) => return Err(self.rebuild_failure(&name, error.to_string())),
        };
        let job = self.replay_job(&name, base, rules);
        let replayed = match self.run_replay(job).await {
            Ok(replayed) => replayed,
            Err(reason) => return Err(self.rebuild_failure(&name, reason)),
        };
        self.restore_unit(unit, &replayed.base.parts).await;
        let answer = self.pool.run_window(unit, &matches, moves).await;
        answer.map_err(|failed| self.detach_cause(&name, &failed))
    }

    /// Why a unit that is not asked again is detached. Its actor counts panics itself.
    fn detach_cause(&self, name: &str, failed: &UnitFailure) -> DetachCause {
        let retry = match self.parts.supervision.registry.entry(name) {
            // Without an actor it has no better luck before other rules are loaded.
            None => RetryState::Never,
            Some(_) if self.is_quarantined(name) => RetryState::Never,
            // It cannot take its state back before its pause is over.
            Some(entry) => RetryState::Due(entry.pause_end()),
        };
        let reason = failed.to_string();
        DetachCause { reason, retry }
    }

    fn rebuild_failure(&self, name: &str, reason: String) -> DetachCause {
        let reason = format!("its state cannot be rebuilt: {reason}");
        let retry = self.next_retry(name, &reason);
        DetachCause { reason, retry }
    }

    /// Counts a failure that the unit's actor did not see, and says when the unit is tried again.
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
        let (mut reader, shards) = (
            self.parts.readers.open_reader(),
            self.driver.settings().shards,
        );
        let read = tokio::task::spawn_blocking(move || read_newest_base(&mut reader, shards));
        let newest = read.await.map_err(|_| EpochError::LogGone)??;
        let set = self.driver.rule_set();
        let required = required_rules(set, &rule_numbers(set, rules));
        Ok(newest.complete_for(&rule_ids(set, &required)))
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
            settings: self.driver.settings().clone(),
            unit: Arc::clone(unit),
            faults: self.parts.supervision.faults.clone(),
            clock: self.parts.supervision.clock.clone(),
            rulebook: Arc::clone(&self.parts.rulebook),
            evaluation: self.parts.supervision.registry.entry(EVALUATION),
        }
    }

    /// Runs `job` on a thread that may block, and waits for its end.
    pub(super) async fn run_replay(&self, job: UnitReplay) -> Result<UnitReplayOutcome, String> {
        let mut reader = self.parts.readers.open_reader();
        let task = tokio::task::spawn_blocking(move || {
            replay_guarded(&mut reader, &job).map_err(|error| error.to_string())
        });
        task.await.map_err(|error| error.to_string())?
    }

    /// Detaches a failed unit, with the rules that read its alerts. The record says so in the log.
    pub(super) async fn detach_unit(
        &mut self,
        unit: WindowShard,
        cause: DetachCause,
    ) -> Result<RecordBody, EpochError> {
        let name = self.pool.unit_name(unit);
        let DetachCause { reason, retry } = cause;
        error!(unit = %name, %reason, "unit is detached, its gap begins");
        let set = self.driver.rule_set();
        let rules = rule_ids(set, &dependent_rules(set, &BTreeSet::from([unit.rule])));
        let from = self.windows_upto;
        let change = self.unit_change(&name, &rules, from, reason);
        let base = self.find_base(&rules).await?;
        self.add_detached(DetachedUnit {
            name,
            rules: rules.into_iter().map(|rule| (rule, from)).collect(),
            base,
            retry,
        });
        Ok(RecordBody::UnitDetached(change))
    }

    /// What the log says of a unit that is detached or attached.
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

    /// Silences the rules of `unit` until it is back. The gap of a rule that is silent already goes
    /// on.
    pub(super) fn add_detached(&mut self, mut unit: DetachedUnit) {
        for (rule, from) in &mut unit.rules {
            if let Some(begun) = self.detached.rule_gap(rule) {
                *from = begun.min(*from);
            }
        }
        let set = Arc::clone(self.driver.rule_set());
        let affected = rule_numbers(&set, &unit.rule_ids());
        let required = rule_ids(&set, &required_rules(&set, &affected));
        self.driver.sequencer_mut().detach_rules(affected);
        // A base from before the rules in force keeps every window: those rules may have needed
        // others.
        let is_older = unit.base.upto < self.rules_since;
        let is_required = |rule: &str| required.iter().any(|one| one.as_str() == rule);
        unit.base = unit.base.narrow_to(|rule| is_older || is_required(rule));
        self.report_detached(&unit);
        self.detached.insert(unit);
        self.wake_when_due();
    }

    /// Shows to operators that `unit` is detached.
    pub(super) fn report_detached(&self, unit: &DetachedUnit) {
        let name = &unit.name;
        let words = format!("{name} is detached after position {}", unit.gap_start());
        self.parts.gauges.report_problem(name, words);
    }

    /// Keeps units detached that were so under the rules of `old`, before others were activated at
    /// `at`. What their rules missed is made up for as far as they mean the same as before.
    pub(super) fn keep_detached(&mut self, units: Vec<DetachedUnit>, old: &RuleSet, at: Position) {
        let now = self.now();
        // Its pipeline runs the rules of before; it begins again with what was saved of it.
        self.filling = None;
        for unit in units {
            let set = Arc::clone(self.driver.rule_set());
            let is_unchanged = |rule: &RuleId| {
                let numbers = rule_numbers(old, &BTreeSet::from([rule.clone()]));
                let number = numbers.first();
                number.is_some_and(|number| set.successor(old, *number).is_some())
            };
            let mut rules: BTreeMap<RuleId, Position> = unit.rules;
            rules.retain(|rule, _| is_unchanged(rule));
            if rules.is_empty() {
                self.parts.gauges.clear_problem(&unit.name);
                continue;
            }
            // Rules that read their alerts only since `at` miss something from there on.
            let known = rule_numbers(&set, &rules.keys().cloned().collect());
            for rule in rule_ids(&set, &dependent_rules(&set, &known)) {
                rules.entry(rule).or_insert(at);
            }
            self.add_detached(DetachedUnit {
                rules,
                retry: RetryState::Due(now),
                ..unit
            });
        }
    }

    /// The time by which retries are due.
    pub(super) fn now(&self) -> MonotonicTime {
        self.parts.supervision.clock.monotonic()
    }

    /// Gives `unit` the state that `parts` hold for it.
    pub(super) async fn restore_unit(&mut self, unit: WindowShard, parts: &[(String, Vec<u8>)]) {
        let name = unit.name(self.driver.rule_set());
        let part = parts.iter().find(|(part, _)| *part == name);
        let plan = self.driver.plan();
        let window = match part.map(|(_, bytes)| plan.restore_window(unit, bytes)) {
            None => plan.new_window(unit),
            Some(Ok(window)) => window,
            Some(Err(error)) => {
                error!(unit = %name, %error, "state cannot be read, the window starts empty");
                plan.new_window(unit)
            }
        };
        self.pool.restore_window(unit, window).await;
    }
}
