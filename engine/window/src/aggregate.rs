//! Something measured of the matches of a stretch of time: the state of one key.
//!
//! Owns which matches are together in a window, what is measured of them, and when a rule's condition on that
//! begins and ceases to hold. Is told of matches in order and of the time; see [`crate::state`]. A key that one
//! match came to takes 40 bytes, whatever the window; most keys are such.

mod rule;

mod packed_event_ref;

mod reading;

mod measure_state;

mod distinct;

mod sketch;

mod percentile;

mod baseline;

mod ends;

mod alert;

mod running;

mod hops;

mod batch;

mod seen_values;

#[cfg(test)]
mod tests;

use larum_event::{DecisionTime, Timestamp, WindowExtent};
use serde::{Deserialize, Serialize};

use self::alert::AlertPhase;
use self::batch::BatchWindow;
use self::measure_state::MeasuredValue;
use self::packed_event_ref::PackedEventRef;
use self::reading::EventReading;
pub(crate) use self::rule::AggregateRule;
use self::rule::StateShape;
use self::running::RunningWindow;
use self::seen_values::SeenValues;
use crate::state::{StateOutput, StateView, WindowEvent};

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) enum AggregateState {
    /// It says nothing.
    #[default]
    Empty,
    /// One event of a rule that counts, of which nothing was said.
    One(PackedEventRef),
    /// Events that come and go one by one.
    Running(Box<RunningWindow>),
    /// Windows that follow each other.
    Batch(Box<BatchWindow>),
    /// Values that were seen.
    Seen(Box<SeenValues>),
}

impl AggregateState {
    /// Time has come to `before`: everything whose last moment lies before it ends.
    pub(crate) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &AggregateRule,
        told: &mut StateOutput,
    ) {
        if let Self::One(_) = self {
            if self.due_time(rule).is_none_or(|due| due >= before) {
                return;
            }
            self.expand_state(rule);
        }
        match self {
            Self::Empty | Self::One(_) => {}
            Self::Running(running) => running.advance_to(before, rule, told),
            Self::Batch(batch) => batch.advance_to(before, rule, told),
            Self::Seen(seen) => seen.advance_to(before, rule),
        }
        self.compact_state(rule);
    }

    /// Takes the next event in order, after [`Self::advance_to`] to its time.
    pub(crate) fn apply_event(
        &mut self,
        event: &WindowEvent,
        rule: &AggregateRule,
        told: &mut StateOutput,
    ) {
        let Some(reading) = EventReading::from_event(event, &rule.measure) else {
            return;
        };
        if matches!(self, Self::Empty) && cannot_fire_at_first(rule) {
            *self = Self::One(PackedEventRef::pack(&event.held));
            return;
        }
        self.expand_state(rule);
        match self {
            Self::Empty | Self::One(_) => {}
            Self::Running(running) => running.apply_event(event, reading, rule, told),
            Self::Batch(batch) => batch.apply_event(event, reading, rule, told),
            Self::Seen(seen) => seen.apply_event(event, reading, rule, told),
        }
        self.compact_state(rule);
    }

    /// The last moment at which the state stays as it is; `None` when it says nothing any more.
    pub(crate) fn due_time(&self, rule: &AggregateRule) -> Option<Timestamp> {
        match self {
            Self::Empty => None,
            Self::One(kept) => match (rule.shape, rule.extent) {
                (StateShape::Running, WindowExtent::Sliding { within: span })
                | (StateShape::Running, WindowExtent::Last { keep: span, .. }) => {
                    Some(kept.time().saturating_add(span))
                }
                (_, _) => batch::last_moment(kept.time(), kept.time(), rule),
            },
            Self::Running(running) => running.due_time(rule),
            Self::Batch(batch) => batch.due_time(rule),
            Self::Seen(seen) => seen.due_time(rule),
        }
    }

    /// The key goes before its time: an open alert ends, and nothing else is decided.
    pub(crate) fn discard(&mut self, rule: &AggregateRule, told: &mut StateOutput) {
        match self {
            Self::Empty | Self::One(_) | Self::Seen(_) => {}
            Self::Running(running) => running.end_episode(rule, told),
            Self::Batch(batch) => batch.end_alert(rule, told),
        }
        *self = Self::Empty;
    }

    /// Time has ended.
    pub(crate) fn close(&mut self, rule: &AggregateRule, told: &mut StateOutput) {
        if let Self::One(_) = self {
            self.expand_state(rule);
        }
        match self {
            Self::Empty | Self::One(_) | Self::Seen(_) => {}
            Self::Running(running) => running.close(rule, told),
            Self::Batch(batch) => batch.close(rule, told),
        }
        *self = Self::Empty;
    }

    /// Events held.
    pub(crate) fn event_count(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::Running(running) => running.events.len(),
            Self::Batch(batch) => batch.ends.len(),
            Self::Seen(seen) => seen.len(),
        }
    }

    /// What people see of it.
    pub(crate) fn view(&self, rule: &AggregateRule) -> StateView {
        let (events, measured, oldest) = match self {
            Self::Empty => (0, None, None),
            Self::One(kept) => (1, None, Some(kept.time())),
            Self::Running(running) => {
                let oldest = running.events.front().map(PackedEventRef::time);
                (
                    running.events.len() as u64,
                    running.measured_value(rule),
                    oldest,
                )
            }
            Self::Batch(batch) => {
                let oldest = batch.ends.first().map(PackedEventRef::time);
                (batch.count, batch.measured_value(rule), oldest)
            }
            Self::Seen(seen) => {
                let values = seen.len() as u64;
                (
                    values,
                    Some(MeasuredValue::from_count(values, None)),
                    seen.oldest(),
                )
            }
        };
        StateView {
            events,
            value: measured.and_then(|measured| alert::shown_value(measured, rule).0),
            oldest,
            partials: Vec::new(),
        }
    }

    /// Whether it is one that `rule` makes, as far as can be told; what is read from a checkpoint may not be.
    pub(crate) fn is_sound(&self, rule: &AggregateRule) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) => rule.is_plain_count(),
            Self::Running(running) => rule.shape == StateShape::Running && running.is_sound(rule),
            Self::Batch(batch) => rule.shape == StateShape::Batch && batch.is_sound(rule),
            Self::Seen(seen) => rule.shape == StateShape::Seen && seen.is_sound(rule),
        }
    }

    /// The same as a state that anything can be added to.
    fn expand_state(&mut self, rule: &AggregateRule) {
        let kept = match std::mem::take(self) {
            Self::Empty => None,
            Self::One(kept) => Some(kept),
            full @ (Self::Running(_) | Self::Batch(_) | Self::Seen(_)) => {
                *self = full;
                return;
            }
        };
        *self = match (rule.shape, kept) {
            (StateShape::Running, Some(kept)) => {
                Self::Running(Box::new(RunningWindow::with_event(kept, rule)))
            }
            (StateShape::Running, None) => Self::Running(Box::new(RunningWindow::new(rule))),
            (StateShape::Batch, Some(kept)) => {
                Self::Batch(Box::new(BatchWindow::with_event(kept, rule)))
            }
            (StateShape::Batch, None) => Self::Batch(Box::new(BatchWindow::new(rule))),
            (StateShape::Seen, _) => Self::Seen(Box::default()),
        };
    }

    /// The same in as little space as it takes, so that equal states are equal.
    fn compact_state(&mut self, rule: &AggregateRule) {
        let one = match self {
            Self::Empty | Self::One(_) => return,
            Self::Running(running) if running.is_empty() => None,
            Self::Running(running) => {
                let is_free = running.phase == AlertPhase::Free && running.events.len() == 1;
                match running.events.front() {
                    Some(kept) if is_free && rule.is_plain_count() => Some(kept.clone()),
                    Some(_) | None => return,
                }
            }
            Self::Batch(batch) if batch.is_empty() => None,
            Self::Batch(batch) => match batch.ends.first() {
                Some(kept)
                    if batch.count == 1
                        && batch.phase == AlertPhase::Free
                        && rule.is_plain_count() =>
                {
                    Some(kept.clone())
                }
                Some(_) | None => return,
            },
            Self::Seen(seen) if seen.is_empty() => None,
            Self::Seen(_) => return,
        };
        *self = one.map_or(Self::Empty, Self::One);
    }
}

/// Whether the first event of a key cannot be said anything of.
fn cannot_fire_at_first(rule: &AggregateRule) -> bool {
    let waits = rule.shape == StateShape::Batch && rule.decided == DecisionTime::AtClose;
    rule.is_plain_count() && (waits || rule.threshold.is_some_and(|threshold| threshold > 1))
}
