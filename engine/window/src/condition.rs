//! A rule's window, compiled, and the state of one key of any kind.
//!
//! Owns the choice between aggregates, sequences and scripts; what each of them counts belongs to
//! its own module, and what is settled or late to `key`.
//! Invariant: a state is always of its rule's kind. Restoring a checkpoint checks it, so the arms
//! for mixed kinds do nothing instead of panicking.

use larum_event::{DecisionTime, Timestamp, WindowSpec};
use serde::{Deserialize, Serialize};

use crate::aggregate::{AggregateRule, AggregateState};
use crate::limits::WindowLimits;
use crate::script::{ScriptRule, ScriptState};
use crate::sequence::{SequenceRule, SequenceState};
use crate::state::{StateOutput, StateView, WindowEvent};

/// A rule's window, compiled.
#[derive(Debug)]
pub(crate) struct WindowCondition {
    pub(crate) kind: WindowKind,
    pub(crate) decided: DecisionTime,
}

/// The compiled form of each kind of [`WindowSpec`].
#[derive(Debug)]
pub(crate) enum WindowKind {
    Aggregate(AggregateRule),
    Sequence(Box<SequenceRule>),
    Scripted(ScriptRule),
}

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum ConditionState {
    Aggregate(AggregateState),
    Sequence(Box<SequenceState>),
    Scripted(Box<ScriptState>),
}

impl WindowCondition {
    /// `None` for rules that keep no state: each match is a detection.
    pub(crate) fn compile(spec: &WindowSpec, limits: &WindowLimits) -> Option<Self> {
        let kind =
            match spec {
                WindowSpec::Single => return None,
                WindowSpec::Aggregate(aggregate) => {
                    WindowKind::Aggregate(AggregateRule::new(aggregate, limits.events_per_key))
                }
                WindowSpec::Sequence(sequence) => WindowKind::Sequence(Box::new(
                    SequenceRule::new(sequence, limits.partials_per_key, limits.events_per_key),
                )),
                WindowSpec::Scripted(scripted) => WindowKind::Scripted(ScriptRule::new(scripted)),
            };
        Some(Self {
            kind,
            decided: spec.decision_time(),
        })
    }

    /// The state of a new key.
    pub(crate) fn new_state(&self) -> ConditionState {
        match self.kind {
            WindowKind::Aggregate(_) => ConditionState::Aggregate(AggregateState::default()),
            WindowKind::Sequence(_) => ConditionState::Sequence(Box::default()),
            WindowKind::Scripted(_) => ConditionState::Scripted(Box::default()),
        }
    }

    /// Whether an alert is raised with the match that completes it. Other alerts wait until nothing
    /// is to be expected any more that could undo them.
    pub(crate) fn fires_at_once(&self) -> bool {
        self.decided == DecisionTime::AtOnce
    }
}

impl ConditionState {
    pub(crate) fn advance_to(
        &mut self,
        before: Timestamp,
        kind: &mut WindowKind,
        output: &mut StateOutput,
    ) {
        match (self, kind) {
            (Self::Aggregate(state), WindowKind::Aggregate(rule)) => {
                state.advance_to(before, rule, output)
            }
            (Self::Sequence(state), WindowKind::Sequence(rule)) => {
                state.advance_to(before, rule, output)
            }
            (Self::Scripted(state), WindowKind::Scripted(rule)) => {
                state.advance_to(before, rule, output)
            }
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => {}
        }
    }

    /// Applies the next event, after [`Self::advance_to`] its time.
    pub(crate) fn apply_event(
        &mut self,
        event: &WindowEvent,
        kind: &mut WindowKind,
        output: &mut StateOutput,
    ) {
        match (self, kind) {
            (Self::Aggregate(state), WindowKind::Aggregate(rule)) => {
                state.apply_event(event, rule, output)
            }
            (Self::Sequence(state), WindowKind::Sequence(rule)) => {
                state.apply_event(event, rule, output)
            }
            (Self::Scripted(state), WindowKind::Scripted(rule)) => {
                state.apply_event(event, rule, output)
            }
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => {}
        }
    }

    pub(crate) fn close(&mut self, kind: &mut WindowKind, output: &mut StateOutput) {
        match (self, kind) {
            (Self::Aggregate(state), WindowKind::Aggregate(rule)) => state.close(rule, output),
            (Self::Sequence(state), WindowKind::Sequence(rule)) => state.close(rule, output),
            (Self::Scripted(_), WindowKind::Scripted(_)) => {}
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => {}
        }
    }

    /// Ends an open alert and decides nothing else: the key is removed early.
    pub(crate) fn discard(&mut self, kind: &mut WindowKind, output: &mut StateOutput) {
        if let (Self::Aggregate(state), WindowKind::Aggregate(rule)) = (self, kind) {
            state.discard(rule, output);
        }
    }

    pub(crate) fn due_time(&self, kind: &WindowKind) -> Option<Timestamp> {
        match (self, kind) {
            (Self::Aggregate(state), WindowKind::Aggregate(rule)) => state.due_time(rule),
            (Self::Sequence(state), WindowKind::Sequence(rule)) => state.due_time(rule),
            (Self::Scripted(state), WindowKind::Scripted(rule)) => state.due_time(rule),
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => None,
        }
    }

    /// The state as of `time`, without what has left it by then. That of a script stays as it is.
    pub(crate) fn as_of(&self, time: Timestamp, kind: &WindowKind) -> Self {
        let mut state = self.clone();
        let mut output = StateOutput::default();
        match (&mut state, kind) {
            (Self::Aggregate(state), WindowKind::Aggregate(rule)) => {
                state.advance_to(time, rule, &mut output)
            }
            (Self::Sequence(state), WindowKind::Sequence(rule)) => {
                state.advance_to(time, rule, &mut output)
            }
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => {}
        }
        state
    }

    /// Events it holds.
    pub(crate) fn event_count(&self) -> usize {
        match self {
            Self::Aggregate(state) => state.event_count(),
            Self::Sequence(state) => state.event_count(),
            Self::Scripted(_) => 0,
        }
    }

    pub(crate) fn view(&self, kind: &WindowKind) -> StateView {
        match (self, kind) {
            (Self::Aggregate(state), WindowKind::Aggregate(rule)) => state.view(rule),
            (Self::Sequence(state), WindowKind::Sequence(rule)) => state.view(rule),
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => StateView::default(),
        }
    }

    /// Whether the rule can have this state; a damaged checkpoint may hold one that it cannot.
    pub(crate) fn is_sound(&self, kind: &WindowKind) -> bool {
        match (self, kind) {
            (Self::Aggregate(state), WindowKind::Aggregate(rule)) => state.is_sound(rule),
            (Self::Sequence(state), WindowKind::Sequence(rule)) => state.is_sound(rule),
            (Self::Scripted(_), WindowKind::Scripted(_)) => true,
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => false,
        }
    }
}
