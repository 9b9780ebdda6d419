//! The state between epochs, and what each step of an epoch does to it.
//!
//! Owns the clocks, the chains of causes, the breakers and the set of detached rules. Matching
//! events and running windows is the caller's job, their order the
//! [`EpochDriver`](crate::EpochDriver)'s.
//! Invariant: everything here is a function of the log and the rules, so a recovery from a
//! checkpoint raises the same alerts with the same ids.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use larum_event::{
    Alert, ClockTick, EvaluationPlace, Event, Match, MonotonicTime, Position, RuleId, Timestamp,
};
use larum_rule::RuleSet;
use larum_window::ScriptFault;
use serde::{Deserialize, Serialize};

use crate::breakers::{RuleBreakers, RuleOutage};
use crate::causes::CauseDepths;
use crate::clocks::{ClockStep, EventClocks, EventSighting};
use crate::epoch::Epoch;
use crate::epoch_item::{EpochItem, EventInput};
use crate::epoch_outcome::EpochOutcome;
use crate::error::CheckpointError;
use crate::late_events::{LateMatch, LateMatches};
use crate::matching::{MatchOutput, PlacedFault, SkippedRules};
use crate::system;

mod raising;

/// Changes whenever the same log and rules would give other alerts, so that a recovery does not
/// report the difference as damage.
pub const SEMANTICS_VERSION: u32 = 6;

/// Clocks, causes and breakers, and which rules are detached.
#[derive(Debug)]
pub struct Sequencer {
    set: Arc<RuleSet>,
    state: SequencerState,
    detached: BTreeSet<u32>,
}

/// What a checkpoint holds of the sequencer.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SequencerState {
    clocks: EventClocks,
    causes: CauseDepths,
    breakers: RuleBreakers,
    /// The last position of any epoch so far.
    reached: Position,
    /// The latest known time of arrival; never decreases.
    admitted: MonotonicTime,
}

impl Sequencer {
    /// A sequencer that has seen nothing.
    pub fn new(set: Arc<RuleSet>) -> Self {
        let state = SequencerState {
            clocks: EventClocks::default(),
            causes: CauseDepths::default(),
            breakers: RuleBreakers::default(),
            reached: Position::START,
            admitted: MonotonicTime::default(),
        };
        Self {
            set,
            state,
            detached: BTreeSet::new(),
        }
    }

    /// Continues with other rules. Clocks and causes stay, and so do the breakers of rules whose
    /// meaning is unchanged.
    pub(crate) fn activate_rules(&mut self, set: Arc<RuleSet>) {
        let reached = self.state.reached;
        self.state.breakers.activate_rules(&self.set, &set, reached);
        self.set = set;
        self.detached.clear();
    }

    /// The rules in force.
    pub fn rule_set(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// Raises no alerts for `rules` from now on.
    pub fn detach_rules(&mut self, rules: impl IntoIterator<Item = u32>) {
        self.detached.extend(rules);
    }

    /// Lets `rules` take part again.
    pub fn reattach_rules(&mut self, rules: impl IntoIterator<Item = u32>) {
        for rule in rules {
            self.detached.remove(&rule);
        }
    }

    /// Rules that are detached.
    pub fn detached_rules(&self) -> &BTreeSet<u32> {
        &self.detached
    }

    /// What rules missed because they kept failing, oldest first.
    pub fn outages(&self) -> Vec<RuleOutage> {
        self.state.breakers.outages().cloned().collect()
    }

    /// Takes over the breakers of `rules` from a checkpoint's part of a run that asked them, as
    /// this one did not.
    ///
    /// # Errors
    /// The bytes are not those of [`Sequencer::checkpoint`].
    pub fn adopt_rules(
        &mut self,
        bytes: &[u8],
        rules: impl Fn(&RuleId) -> bool,
    ) -> Result<(), CheckpointError> {
        let state = decode_state(bytes)?;
        self.state.breakers.adopt_rules(&state.breakers, &rules);
        Ok(())
    }

    /// How far event time has come over all tenants.
    pub fn watermark(&self) -> Timestamp {
        self.state.clocks.front()
    }

    /// The position behind everything so far.
    pub(crate) fn next_position(&self) -> Position {
        self.state.reached.next()
    }

    /// Tenants that have a clock.
    pub fn tenant_count(&self) -> usize {
        self.state.clocks.tenant_count()
    }

    /// Whether any tenant's time follows the wall clock, so that ticks move it.
    pub fn follows_wall_clock(&self) -> bool {
        self.state.clocks.follows_wall_clock()
    }

    /// Takes note of an alert that was raised elsewhere, for the depth of what it causes.
    pub fn remember_alert(&mut self, alert: &Event) {
        if let Some(raised) = Alert::from_event(alert) {
            let envelope = alert.envelope();
            self.state
                .causes
                .remember_depth(&envelope.tenant, &envelope.id, raised.depth);
        }
    }

    /// Starts an epoch of `inputs`: the next positions of the log, as one of the pieces that
    /// [`split_inputs`](crate::split_inputs) returns.
    pub(crate) fn begin_epoch(&mut self, inputs: &[EventInput]) -> Epoch {
        let mut raw = Vec::with_capacity(inputs.len());
        let mut steps = Vec::new();
        let mut admitted = Vec::new();
        for input in inputs {
            let envelope = input.event.envelope();
            // Never backwards: arrivals are wall-clock times, which may be set back, and breakers
            // measure how much time passed between them.
            if let Some(arrived) = input.arrived {
                self.state.admitted = self
                    .state
                    .admitted
                    .max(MonotonicTime::from_log_time(arrived));
                admitted.push((input.position, self.state.admitted));
            }
            let sequence = envelope.sequence.or(input.record);
            let place = EvaluationPlace::for_raw_event(input.position);
            let sighting =
                EventSighting::from_event(&input.event, sequence, input.arrived, input.position);
            let stamp = self.state.clocks.observe(sighting, &mut steps);
            // Before the next event, which may name this one as its cause.
            if let Some(cause) = &envelope.causation_id {
                let causes = &mut self.state.causes;
                let depth = causes.depth(&envelope.tenant, cause);
                causes.remember_depth(&envelope.tenant, &envelope.id, depth);
            }
            raw.push(EpochItem {
                place,
                event: input.event.clone(),
                order: stamp.order,
                source: stamp.source,
                front: stamp.front,
                alert_id: None,
                raised_by: None,
                raw_event: None,
            });
        }
        let last = inputs
            .last()
            .map_or(self.state.reached, |input| input.position);
        self.state.reached = last;
        let end = EvaluationPlace {
            position: last,
            layer: u8::MAX,
            ordinal: u32::MAX,
        };
        Epoch {
            admitted,
            ..new_epoch(raw, steps, end)
        }
    }

    /// Starts an epoch without events that moves time: what the engine's clock says at `position`.
    pub(crate) fn begin_tick(&mut self, position: Position, tick: ClockTick) -> Epoch {
        let mut steps = Vec::new();
        let place = EvaluationPlace::for_raw_event(position);
        self.state.clocks.tick(tick, place, &mut steps);
        self.state.reached = position;
        new_epoch(Vec::new(), steps, place)
    }

    /// Starts an epoch without events in which keys are amended, as the record at `position` asks.
    pub(crate) fn begin_amend(&mut self, position: Position) -> Epoch {
        self.state.reached = position;
        new_epoch(
            Vec::new(),
            Vec::new(),
            EvaluationPlace::for_raw_event(position),
        )
    }

    /// Starts the last epoch, after all input, in which everything that is open ends.
    pub(crate) fn begin_close(&mut self) -> Epoch {
        let position = self.state.reached.next();
        new_epoch(
            Vec::new(),
            Vec::new(),
            EvaluationPlace::for_raw_event(position),
        )
    }

    /// The rules that matchers can skip in this epoch.
    pub(crate) fn skipped_rules(&self, epoch: &Epoch) -> SkippedRules {
        let upto = epoch.admitted.last().map(|(_, admitted)| *admitted);
        let breakers = &self.state.breakers;
        breakers.skipped_rules(&self.set, &self.detached, upto)
    }

    /// Records which rules answered about the `items` of a layer and which failed. Answers of rules
    /// that were broken out by then are dropped; faults of the others stay in the epoch.
    pub(crate) fn apply_breakers(
        &mut self,
        epoch: &mut Epoch,
        items: &[EpochItem],
        matched: &mut MatchOutput,
    ) {
        let admitted = |position| epoch.admission_time(position);
        let set = &self.set;
        let breaks = self
            .state
            .breakers
            .record_calls(set, items, admitted, matched);
        for change in breaks {
            let report = system::breaker_event(set, &change);
            epoch
                .system
                .extend(report.map(|event| (change.place, event)));
            epoch.outcome.breaks.push(change);
        }
        epoch.outcome.faults.append(&mut matched.faults);
        epoch.outcome.excepted.append(&mut matched.excepted);
    }

    /// Drops the matches of detached rules.
    pub(crate) fn drop_detached_matches(&self, matches: &mut Vec<Match>) {
        if !self.detached.is_empty() {
            matches.retain(|found| !self.detached.contains(&found.rule));
        }
    }

    /// Records scripts that failed while windows ran them, in any order.
    pub(crate) fn record_faults(
        &self,
        epoch: &mut Epoch,
        mut faults: Vec<(EvaluationPlace, ScriptFault)>,
    ) {
        faults.retain(|(_, fault)| !self.detached.contains(&fault.rule));
        faults.sort_by(|(a, one), (b, other)| {
            (a, one.rule, &one.event).cmp(&(b, other.rule, &other.event))
        });
        for (place, fault) in faults {
            let Some(rule) = self.set.rule(fault.rule) else {
                continue;
            };
            epoch.outcome.faults.push(PlacedFault {
                rule: rule.id.clone(),
                number: fault.rule,
                event: fault.event,
                place,
                message: fault.message,
            });
        }
    }

    /// Counts matches that came too late.
    pub(crate) fn record_late(&self, epoch: &mut Epoch, late: Vec<LateMatch>) {
        for found in late {
            if !self.detached.contains(&found.rule) {
                epoch.late.insert(found);
            }
        }
    }

    /// Ends the epoch and returns its alerts in the order of their places.
    pub(crate) fn finish_epoch(&mut self, mut epoch: Epoch) -> EpochOutcome {
        epoch.outcome.alerts.sort_by_key(|raised| raised.place);
        epoch.outcome.breaks.sort_by_key(|change| change.place);
        for (place, late) in epoch
            .late
            .late_events(&self.set, |place| epoch.find_item(place))
        {
            let report = late.to_event();
            epoch.system.extend(report.map(|event| (place, event)));
            epoch.outcome.late.push(late);
        }
        epoch.system.sort_by_key(|(place, _)| *place);
        epoch.outcome.system.append(&mut epoch.system);
        epoch.outcome
    }

    /// The sequencer's part of a checkpoint.
    pub fn checkpoint(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.state).expect("plain data is always writable to memory")
    }

    /// Continues from the sequencer's part of a checkpoint.
    ///
    /// # Errors
    /// The bytes are not those of [`Sequencer::checkpoint`].
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        self.state = decode_state(bytes)?;
        Ok(())
    }
}

fn decode_state(bytes: &[u8]) -> Result<SequencerState, CheckpointError> {
    postcard::from_bytes(bytes).map_err(|cause| CheckpointError::Unreadable {
        part: "sequencer".to_owned(),
        cause: cause.to_string(),
    })
}

fn new_epoch(raw: Vec<EpochItem>, steps: Vec<ClockStep>, end: EvaluationPlace) -> Epoch {
    Epoch {
        raw: raw.into(),
        alerts: Vec::new(),
        retracted: Vec::new(),
        withdrawn: HashMap::new(),
        steps: steps.into(),
        outcome: EpochOutcome::default(),
        system: Vec::new(),
        late: LateMatches::default(),
        admitted: Vec::new(),
        end,
    }
}
