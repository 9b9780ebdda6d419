//! Aggregates: something measured of the matches of a window, as the state of one key.
//!
//! Owns which matches are together in a window, what is measured of them, and when a rule's
//! condition on that begins and ceases to hold. It is given matches in order, as [`crate::state`]
//! describes; disorder is the caller's job.
//! Invariant: a state is as compact as it can be, so equal states have equal bytes, and a key with
//! one match takes 48 bytes whatever the window. Most keys are such.

mod rule;

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
use self::reading::EventReading;
pub(crate) use self::rule::AggregateRule;
use self::rule::StateShape;
use self::running::RunningWindow;
use self::seen_values::SeenValues;
use crate::packed_event_ref::PackedEventRef;
use crate::state::{StateOutput, StateView, WindowEvent};

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) enum AggregateState {
    /// No events and nothing remembered.
    #[default]
    Empty,
    /// One event of a counting rule that has not fired.
    One(PackedEventRef),
    /// Events that enter and leave one by one.
    Running(Box<RunningWindow>),
    /// Windows that follow each other.
    Batch(Box<BatchWindow>),
    /// Values seen so far.
    Seen(Box<SeenValues>),
}

impl AggregateState {
    /// Moves time to `before`: everything whose last moment lies before it ends.
    pub(crate) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        if let Self::One(_) = self {
            if self.due_time(rule).is_none_or(|due| due >= before) {
                return;
            }
            self.expand_state(rule);
        }
        match self {
            Self::Empty | Self::One(_) => {}
            Self::Running(running) => running.advance_to(before, rule, output),
            Self::Batch(batch) => batch.advance_to(before, rule, output),
            Self::Seen(seen) => seen.advance_to(before, rule),
        }
        self.compact_state(rule);
    }

    /// Applies the next event in order, after [`Self::advance_to`] its time.
    pub(crate) fn apply_event(
        &mut self,
        event: &WindowEvent,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        let Some(reading) = EventReading::from_event(event, &rule.measure) else {
            return;
        };
        if matches!(self, Self::Empty) && cannot_fire_at_first(rule) {
            *self = Self::One(PackedEventRef::pack(&event.event_ref));
            return;
        }
        self.expand_state(rule);
        match self {
            Self::Empty | Self::One(_) => {}
            Self::Running(running) => running.apply_event(event, reading, rule, output),
            Self::Batch(batch) => batch.apply_event(event, reading, rule, output),
            Self::Seen(seen) => seen.apply_event(event, reading, rule, output),
        }
        self.compact_state(rule);
    }

    /// The last moment at which the state is unchanged; `None` if it is empty.
    pub(crate) fn due_time(&self, rule: &AggregateRule) -> Option<Timestamp> {
        match self {
            Self::Empty => None,
            Self::One(event) => match (rule.shape, rule.extent) {
                (StateShape::Running, WindowExtent::Sliding { within: span })
                | (StateShape::Running, WindowExtent::Last { keep: span, .. }) => {
                    Some(event.time().saturating_add(span))
                }
                (_, _) => batch::last_moment(event.time(), event.time(), rule),
            },
            Self::Running(running) => running.due_time(rule),
            Self::Batch(batch) => batch.due_time(rule),
            Self::Seen(seen) => seen.due_time(rule),
        }
    }

    /// Removes the key early: an open alert ends, and nothing else is decided.
    pub(crate) fn discard(&mut self, rule: &AggregateRule, output: &mut StateOutput) {
        match self {
            Self::Empty | Self::One(_) | Self::Seen(_) => {}
            Self::Running(running) => running.end_episode(rule, output),
            Self::Batch(batch) => batch.end_alert(rule, output),
        }
        *self = Self::Empty;
    }

    /// Ends time: open windows are decided.
    pub(crate) fn close(&mut self, rule: &AggregateRule, output: &mut StateOutput) {
        if let Self::One(_) = self {
            self.expand_state(rule);
        }
        match self {
            Self::Empty | Self::One(_) | Self::Seen(_) => {}
            Self::Running(running) => running.close(rule, output),
            Self::Batch(batch) => batch.close(rule, output),
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

    /// The state as people see it.
    pub(crate) fn view(&self, rule: &AggregateRule) -> StateView {
        let (events, measured, oldest) = match self {
            Self::Empty => (0, None, None),
            Self::One(event) => (1, None, Some(event.time())),
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

    /// Whether `rule` can make this state, as far as can be checked; a damaged checkpoint may hold
    /// another.
    pub(crate) fn is_sound(&self, rule: &AggregateRule) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) => rule.is_plain_count(),
            Self::Running(running) => rule.shape == StateShape::Running && running.is_sound(rule),
            Self::Batch(batch) => rule.shape == StateShape::Batch && batch.is_sound(rule),
            Self::Seen(seen) => rule.shape == StateShape::Seen && seen.is_sound(rule),
        }
    }

    /// Turns a compact state into one that events can be added to.
    fn expand_state(&mut self, rule: &AggregateRule) {
        let event = match std::mem::take(self) {
            Self::Empty => None,
            Self::One(event) => Some(event),
            full @ (Self::Running(_) | Self::Batch(_) | Self::Seen(_)) => {
                *self = full;
                return;
            }
        };
        *self = match (rule.shape, event) {
            (StateShape::Running, Some(event)) => {
                Self::Running(Box::new(RunningWindow::with_event(event, rule)))
            }
            (StateShape::Running, None) => Self::Running(Box::new(RunningWindow::new(rule))),
            (StateShape::Batch, Some(event)) => {
                Self::Batch(Box::new(BatchWindow::with_event(event, rule)))
            }
            (StateShape::Batch, None) => Self::Batch(Box::new(BatchWindow::new(rule))),
            (StateShape::Seen, _) => Self::Seen(Box::default()),
        };
    }

    /// Turns the state into its most compact form, so that equal states are equal.
    fn compact_state(&mut self, rule: &AggregateRule) {
        let one = match self {
            Self::Empty | Self::One(_) => return,
            Self::Running(running) if running.is_empty() => None,
            Self::Running(running) => {
                let is_free = running.phase == AlertPhase::Free && running.events.len() == 1;
                match running.events.front() {
                    Some(event) if is_free && rule.is_plain_count() => Some(event.clone()),
                    Some(_) | None => return,
                }
            }
            Self::Batch(batch) if batch.is_empty() => None,
            Self::Batch(batch) => match batch.ends.first() {
                Some(event)
                    if batch.count == 1
                        && batch.phase == AlertPhase::Free
                        && rule.is_plain_count() =>
                {
                    Some(event.clone())
                }
                Some(_) | None => return,
            },
            Self::Seen(seen) if seen.is_empty() => None,
            Self::Seen(_) => return,
        };
        *self = one.map_or(Self::Empty, Self::One);
    }
}

/// Whether the first event of a key cannot fire the rule.
fn cannot_fire_at_first(rule: &AggregateRule) -> bool {
    let waits = rule.shape == StateShape::Batch && rule.decided == DecisionTime::AtClose;
    rule.is_plain_count() && (waits || rule.threshold.is_some_and(|threshold| threshold > 1))
}
