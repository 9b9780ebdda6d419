//! Something measured of the matches of a stretch of time: the state of one key.
//!
//! Owns which matches are together in a window, what is measured of them, and when a rule's condition on that
//! begins and ceases to hold. Is told of matches in order and of the time; see [`crate::state`]. A key that one
//! match came to takes 40 bytes, whatever the window; most keys are such.

mod rule;

mod kept;

mod reading;

mod gauge;

mod distinct;

mod sketch;

mod ranked;

mod baseline;

mod ends;

mod alert;

mod running;

mod hops;

mod batch;

mod seen;

#[cfg(test)]
mod tests;

use larum_event::{Decided, Extent, Timestamp};
use serde::{Deserialize, Serialize};

use self::alert::Standing;
use self::batch::Batch;
use self::gauge::Measured;
use self::kept::Kept;
use self::reading::Reading;
pub(crate) use self::rule::Measuring;
use self::rule::Shape;
use self::running::Running;
use self::seen::Seen;
use crate::state::{StateView, Taken, Told};

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) enum AggregateState {
    /// It says nothing.
    #[default]
    Empty,
    /// One event of a rule that counts, of which nothing was said.
    One(Kept),
    /// Events that come and go one by one.
    Running(Box<Running>),
    /// Windows that follow each other.
    Batch(Box<Batch>),
    /// Values that were seen.
    Seen(Box<Seen>),
}

impl AggregateState {
    /// Time has come to `before`: everything whose last moment lies before it ends.
    pub(crate) fn pass(&mut self, before: Timestamp, rule: &Measuring, told: &mut Told) {
        if let Self::One(_) = self {
            if self.due(rule).is_none_or(|due| due >= before) {
                return;
            }
            self.expand(rule);
        }
        match self {
            Self::Empty | Self::One(_) => {}
            Self::Running(running) => running.pass(before, rule, told),
            Self::Batch(batch) => batch.pass(before, rule, told),
            Self::Seen(seen) => seen.pass(before, rule),
        }
        self.contract(rule);
    }

    /// Takes the next event in order, after [`Self::pass`] to its time.
    pub(crate) fn take(&mut self, event: &Taken, rule: &Measuring, told: &mut Told) {
        let Some(reading) = Reading::of(event, &rule.measure) else {
            return;
        };
        if matches!(self, Self::Empty) && says_nothing_of_one(rule) {
            *self = Self::One(Kept::of(&event.held));
            return;
        }
        self.expand(rule);
        match self {
            Self::Empty | Self::One(_) => {}
            Self::Running(running) => running.take(event, reading, rule, told),
            Self::Batch(batch) => batch.take(event, reading, rule, told),
            Self::Seen(seen) => seen.take(event, reading, rule, told),
        }
        self.contract(rule);
    }

    /// The last moment at which the state stays as it is; `None` when it says nothing any more.
    pub(crate) fn due(&self, rule: &Measuring) -> Option<Timestamp> {
        match self {
            Self::Empty => None,
            Self::One(kept) => match (rule.shape, rule.extent) {
                (Shape::Running, Extent::Sliding { within: span })
                | (Shape::Running, Extent::Last { keep: span, .. }) => {
                    Some(kept.time().saturating_add(span))
                }
                (_, _) => batch::last_moment(kept.time(), kept.time(), rule),
            },
            Self::Running(running) => running.due(rule),
            Self::Batch(batch) => batch.due(rule),
            Self::Seen(seen) => seen.due(rule),
        }
    }

    /// The key goes before its time: an open alert ends, and nothing else is decided.
    pub(crate) fn leave(&mut self, rule: &Measuring, told: &mut Told) {
        match self {
            Self::Empty | Self::One(_) | Self::Seen(_) => {}
            Self::Running(running) => running.end_episode(rule, told),
            Self::Batch(batch) => batch.end_alert(rule, told),
        }
        *self = Self::Empty;
    }

    /// Time has ended.
    pub(crate) fn close(&mut self, rule: &Measuring, told: &mut Told) {
        if let Self::One(_) = self {
            self.expand(rule);
        }
        match self {
            Self::Empty | Self::One(_) | Self::Seen(_) => {}
            Self::Running(running) => running.close(rule, told),
            Self::Batch(batch) => batch.close(rule, told),
        }
        *self = Self::Empty;
    }

    /// Events held.
    pub(crate) fn events(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::Running(running) => running.events.len(),
            Self::Batch(batch) => batch.ends.len(),
            Self::Seen(seen) => seen.len(),
        }
    }

    /// What people see of it.
    pub(crate) fn view(&self, rule: &Measuring) -> StateView {
        let (events, measured, oldest) = match self {
            Self::Empty => (0, None, None),
            Self::One(kept) => (1, None, Some(kept.time())),
            Self::Running(running) => {
                let oldest = running.events.front().map(Kept::time);
                (running.events.len() as u64, running.measured(rule), oldest)
            }
            Self::Batch(batch) => {
                let oldest = batch.ends.first().map(Kept::time);
                (batch.count, batch.measured(rule), oldest)
            }
            Self::Seen(seen) => {
                let values = seen.len() as u64;
                (values, Some(Measured::whole(values, None)), seen.oldest())
            }
        };
        StateView {
            events,
            value: measured.and_then(|measured| alert::shown(measured, rule).0),
            oldest,
            partials: Vec::new(),
        }
    }

    /// Whether it is one that `rule` makes, as far as can be told; what is read from a checkpoint may not be.
    pub(crate) fn is_sound(&self, rule: &Measuring) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) => rule.is_plain_count(),
            Self::Running(running) => rule.shape == Shape::Running && running.is_sound(rule),
            Self::Batch(batch) => rule.shape == Shape::Batch && batch.is_sound(rule),
            Self::Seen(seen) => rule.shape == Shape::Seen && seen.is_sound(rule),
        }
    }

    /// The same as a state that anything can be added to.
    fn expand(&mut self, rule: &Measuring) {
        let kept = match std::mem::take(self) {
            Self::Empty => None,
            Self::One(kept) => Some(kept),
            full @ (Self::Running(_) | Self::Batch(_) | Self::Seen(_)) => {
                *self = full;
                return;
            }
        };
        *self = match (rule.shape, kept) {
            (Shape::Running, Some(kept)) => Self::Running(Box::new(Running::of_one(kept, rule))),
            (Shape::Running, None) => Self::Running(Box::new(Running::empty(rule))),
            (Shape::Batch, Some(kept)) => Self::Batch(Box::new(Batch::of_one(kept, rule))),
            (Shape::Batch, None) => Self::Batch(Box::new(Batch::empty(rule))),
            (Shape::Seen, _) => Self::Seen(Box::default()),
        };
    }

    /// The same in as little space as it takes, so that equal states are equal.
    fn contract(&mut self, rule: &Measuring) {
        let one = match self {
            Self::Empty | Self::One(_) => return,
            Self::Running(running) if running.is_empty() => None,
            Self::Running(running) => {
                let is_free = running.standing == Standing::Free && running.events.len() == 1;
                match running.events.front() {
                    Some(kept) if is_free && rule.is_plain_count() => Some(kept.clone()),
                    Some(_) | None => return,
                }
            }
            Self::Batch(batch) if batch.is_empty() => None,
            Self::Batch(batch) => match batch.ends.first() {
                Some(kept)
                    if batch.count == 1
                        && batch.standing == Standing::Free
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
fn says_nothing_of_one(rule: &Measuring) -> bool {
    let waits = rule.shape == Shape::Batch && rule.decided == Decided::AtClose;
    rule.is_plain_count() && (waits || rule.threshold.is_some_and(|threshold| threshold > 1))
}
