//! The events that a key still counts, in window order.
//!
//! Owns their order and their storage. Most keys of most rules hold one event, so one is kept
//! inline and only more go to the heap.

use std::collections::VecDeque;

use larum_event::{EventId, Match, Place, Timestamp, Watermark};
use serde::{Deserialize, Serialize};

/// The one order of events: by time, then the source's own numbering, then the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) time: Timestamp,
    /// 0 for none, else one more than the event's sequence, so that none comes first.
    pub(crate) sequence: u64,
    pub(crate) place: Place,
}

impl Order {
    /// As the watermark that has come exactly so far.
    pub(crate) fn watermark(self) -> Watermark {
        Watermark {
            time: self.time,
            rank: self.sequence,
        }
    }

    /// The source's own number.
    pub(crate) fn sequence(self) -> Option<u64> {
        self.sequence.checked_sub(1)
    }

    pub(crate) fn place(self) -> Place {
        self.place
    }
}

/// What is kept of an event: its order and its id, for the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) order: Order,
    pub(crate) id: EventId,
}

impl Held {
    pub(crate) fn of(matched: &Match) -> Self {
        Self {
            order: Order {
                time: matched.time,
                // The very last number shares its rank with the one before; the place decides then.
                sequence: matched
                    .sequence
                    .map_or(0, |number| number.saturating_add(1)),
                place: matched.place,
            },
            id: matched.event_id.clone(),
        }
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.order.time
    }

    pub(crate) fn id(&self) -> EventId {
        self.id.clone()
    }
}

/// A key's events, sorted.
#[derive(Debug)]
pub(crate) enum HeldEvents {
    One(Held),
    /// Any number, none included.
    #[expect(
        clippy::box_collection,
        reason = "unboxed it would make every key with one event larger too"
    )]
    Many(Box<VecDeque<Held>>),
}

impl HeldEvents {
    pub(crate) fn none() -> Self {
        Self::Many(Box::default())
    }

    /// Events of a checkpoint; `None` when they are not in order.
    pub(crate) fn from_sorted(events: Vec<Held>) -> Option<Self> {
        if !events.is_sorted_by_key(|held| held.order) {
            return None;
        }
        let mut events = VecDeque::from(events);
        if events.len() == 1 {
            return events.pop_front().map(Self::One);
        }
        Some(Self::Many(Box::new(events)))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(events) => events.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Held> {
        match self {
            Self::One(held) => (index == 0).then_some(held),
            Self::Many(events) => events.get(index),
        }
    }

    pub(crate) fn newest(&self) -> Option<&Held> {
        self.len().checked_sub(1).and_then(|last| self.get(last))
    }

    /// Puts `held` in its place and returns where that is.
    pub(crate) fn insert(&mut self, held: Held) -> usize {
        match self {
            Self::Many(events) if events.is_empty() => {
                *self = Self::One(held);
                0
            }
            Self::Many(events) => {
                // In order is the rule; out of order only when sources disagree.
                if events.back().is_none_or(|last| last.order <= held.order) {
                    events.push_back(held);
                    return events.len() - 1;
                }
                let index = events.partition_point(|other| other.order <= held.order);
                events.insert(index, held);
                index
            }
            Self::One(first) => {
                let index = usize::from(first.order <= held.order);
                let Self::One(first) = std::mem::replace(self, Self::none()) else {
                    return index;
                };
                let pair = if index == 0 {
                    [held, first]
                } else {
                    [first, held]
                };
                *self = Self::Many(Box::new(VecDeque::from(pair)));
                index
            }
        }
    }

    /// Takes the oldest event out.
    pub(crate) fn drop_oldest(&mut self) {
        match self {
            Self::One(_) => *self = Self::none(),
            Self::Many(events) => {
                events.pop_front();
            }
        }
    }

    /// Takes out, from the oldest on, what is older than `time`.
    pub(crate) fn drop_before(&mut self, time: Timestamp) {
        while self.get(0).is_some_and(|oldest| oldest.time() < time) {
            self.drop_oldest();
        }
    }

    /// Where the first event at `time` or later stands.
    pub(crate) fn first_at_or_after(&self, time: Timestamp) -> usize {
        match self {
            Self::One(held) => usize::from(held.time() < time),
            Self::Many(events) => {
                // Mostly nothing has expired since the last event, so look before searching.
                if events.front().is_none_or(|oldest| oldest.time() >= time) {
                    return 0;
                }
                events.partition_point(|held| held.time() < time)
            }
        }
    }

    /// The events from `start` up to but not including `end`, oldest first.
    pub(crate) fn range(&self, start: usize, end: usize) -> impl Iterator<Item = &Held> {
        (start..end).filter_map(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use larum_event::Position;

    use super::*;

    fn held(time: i64, sequence: Option<u64>, position: u64) -> Held {
        Held {
            order: Order {
                time: Timestamp::from_nanos(time),
                sequence: sequence.map_or(0, |number| number.saturating_add(1)),
                place: Place::raw(Position(position)),
            },
            id: EventId::new(format!("{time}-{position}")).unwrap(),
        }
    }

    #[test]
    fn events_stay_in_order_of_time_then_sequence_then_place() {
        let mut events = HeldEvents::none();
        for event in [
            held(5, Some(2), 1),
            held(5, Some(1), 2),
            held(4, None, 3),
            held(5, None, 4),
            held(5, Some(2), 0),
            held(9, None, 5),
        ] {
            events.insert(event);
        }
        let ids: Vec<_> = events.range(0, 6).map(|held| held.id.as_str()).collect();
        assert_eq!(ids, ["4-3", "5-4", "5-2", "5-0", "5-1", "9-5"]);
        assert_eq!(events.first_at_or_after(Timestamp::from_nanos(5)), 1);
        events.drop_before(Timestamp::from_nanos(5));
        assert_eq!(events.len(), 5);
    }

    #[test]
    fn a_key_with_one_event_needs_no_heap_for_it() {
        assert_eq!(size_of::<HeldEvents>(), size_of::<Held>());
        let mut events = HeldEvents::none();
        events.insert(held(1, None, 1));
        assert!(matches!(events, HeldEvents::One(_)));
    }
}
