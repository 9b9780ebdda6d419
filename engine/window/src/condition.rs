//! A rule's window made ready to run, and the state of one key of whatever kind.

use larum_event::{Decided, Timestamp, WindowSpec};
use serde::{Deserialize, Serialize};

use crate::aggregate::{AggregateState, Measuring};
use crate::script::{ScriptState, Scripting};
use crate::sequence::{Following, SequenceState};
use crate::state::{StateView, Taken, Told};
use crate::window::WindowLimits;

/// What a rule's window asks, made ready.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) kind: Kind,
    pub(crate) decided: Decided,
}

/// See [`WindowSpec`].
#[derive(Debug)]
pub(crate) enum Kind {
    Aggregate(Measuring),
    Sequence(Box<Following>),
    Scripted(Scripting),
}

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum State {
    Aggregate(AggregateState),
    Sequence(Box<SequenceState>),
    Scripted(Box<ScriptState>),
}

impl Condition {
    /// `None` for rules whose matches leave nothing behind.
    pub(crate) fn of(spec: &WindowSpec, limits: &WindowLimits) -> Option<Self> {
        let kind = match spec {
            WindowSpec::Single => return None,
            WindowSpec::Aggregate(aggregate) => {
                Kind::Aggregate(Measuring::new(aggregate, limits.events_per_key))
            }
            WindowSpec::Sequence(sequence) => Kind::Sequence(Box::new(Following::new(
                sequence,
                limits.partials_per_key,
                limits.events_per_key,
            ))),
            WindowSpec::Scripted(scripted) => Kind::Scripted(Scripting::new(scripted)),
        };
        Some(Self {
            kind,
            decided: spec.decided(),
        })
    }

    /// The state of a key that has seen nothing.
    pub(crate) fn fresh(&self) -> State {
        match self.kind {
            Kind::Aggregate(_) => State::Aggregate(AggregateState::default()),
            Kind::Sequence(_) => State::Sequence(Box::default()),
            Kind::Scripted(_) => State::Scripted(Box::default()),
        }
    }

    /// Whether alerts are raised ahead of the watermark.
    pub(crate) fn fires_early(&self) -> bool {
        self.decided == Decided::AtOnce
    }
}

impl State {
    pub(crate) fn pass(&mut self, before: Timestamp, kind: &mut Kind, told: &mut Told) {
        match (self, kind) {
            (Self::Aggregate(state), Kind::Aggregate(rule)) => state.pass(before, rule, told),
            (Self::Sequence(state), Kind::Sequence(rule)) => state.pass(before, rule, told),
            (Self::Scripted(state), Kind::Scripted(rule)) => state.pass(before, rule, told),
            // A state is always of its rule's kind: restoring checks it.
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => {}
        }
    }

    pub(crate) fn take(&mut self, event: &Taken, kind: &mut Kind, told: &mut Told) {
        match (self, kind) {
            (Self::Aggregate(state), Kind::Aggregate(rule)) => state.take(event, rule, told),
            (Self::Sequence(state), Kind::Sequence(rule)) => state.take(event, rule, told),
            (Self::Scripted(state), Kind::Scripted(rule)) => state.take(event, rule, told),
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => {}
        }
    }

    pub(crate) fn close(&mut self, kind: &mut Kind, told: &mut Told) {
        match (self, kind) {
            (Self::Aggregate(state), Kind::Aggregate(rule)) => state.close(rule, told),
            (Self::Sequence(state), Kind::Sequence(rule)) => state.close(rule, told),
            (Self::Scripted(_), Kind::Scripted(_)) => {}
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => {}
        }
    }

    /// The key goes before its time: an open alert ends, and nothing else is decided.
    pub(crate) fn leave(&mut self, kind: &mut Kind, told: &mut Told) {
        if let (Self::Aggregate(state), Kind::Aggregate(rule)) = (self, kind) {
            state.leave(rule, told);
        }
    }

    pub(crate) fn due(&self, kind: &Kind) -> Option<Timestamp> {
        match (self, kind) {
            (Self::Aggregate(state), Kind::Aggregate(rule)) => state.due(rule),
            (Self::Sequence(state), Kind::Sequence(rule)) => state.due(rule),
            (Self::Scripted(state), Kind::Scripted(rule)) => state.due(rule),
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => None,
        }
    }

    /// Events it holds.
    pub(crate) fn events(&self) -> usize {
        match self {
            Self::Aggregate(state) => state.events(),
            Self::Sequence(state) => state.events(),
            Self::Scripted(_) => 0,
        }
    }

    pub(crate) fn view(&self, kind: &Kind) -> StateView {
        match (self, kind) {
            (Self::Aggregate(state), Kind::Aggregate(rule)) => state.view(rule),
            (Self::Sequence(state), Kind::Sequence(rule)) => state.view(rule),
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => StateView::default(),
        }
    }

    /// Whether it can be a state of the rule: what a damaged checkpoint must not break.
    pub(crate) fn is_sound(&self, kind: &Kind) -> bool {
        match (self, kind) {
            (Self::Aggregate(state), Kind::Aggregate(rule)) => state.is_sound(rule),
            (Self::Sequence(state), Kind::Sequence(rule)) => state.is_sound(rule),
            (Self::Scripted(_), Kind::Scripted(_)) => true,
            (Self::Aggregate(_) | Self::Sequence(_) | Self::Scripted(_), _) => false,
        }
    }
}
