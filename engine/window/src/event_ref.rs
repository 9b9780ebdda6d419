//! A reference to an event: its id and its place in the order of events.

use larum_event::{EvaluationPlace, EventId, Match, Timestamp, Watermark};
use serde::{Deserialize, Serialize};

/// The one order of events: by time, then the source's own numbering, then the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct EventOrder {
    pub(crate) time: Timestamp,
    /// 0 without one, else the event's sequence plus 1, so that events without one come first.
    pub(crate) sequence: u64,
    pub(crate) place: EvaluationPlace,
}

impl EventOrder {
    /// The watermark exactly at this event.
    pub(crate) fn watermark(self) -> Watermark {
        Watermark {
            time: self.time,
            rank: self.sequence,
        }
    }

    /// Moves it up to `watermark` if it lies before.
    pub(crate) fn clamp_to_watermark(&mut self, watermark: Watermark) {
        self.time = watermark.clamp_event_time(self.time, self.sequence());
    }

    /// The number that the source gave the event.
    pub(crate) fn sequence(self) -> Option<u64> {
        self.sequence.checked_sub(1)
    }

    pub(crate) fn place(self) -> EvaluationPlace {
        self.place
    }
}

/// What a window stores of an event: its order, and its id for the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventRef {
    pub(crate) order: EventOrder,
    pub(crate) id: EventId,
}

impl EventRef {
    pub(crate) fn from_match(matched: &Match) -> Self {
        Self {
            order: EventOrder {
                time: matched.time,
                sequence: Watermark::of_event(matched.time, matched.sequence).rank,
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

    /// Its id with `time` added, to distinguish several alerts that one event raises.
    pub(crate) fn id_with_time(&self, time: Timestamp) -> EventId {
        let name = format!("{}@{time}", self.id);
        let hashed = || EventId::new(blake3::hash(name.as_bytes()).to_hex().as_str());
        EventId::new(&*name)
            .or_else(|_| hashed())
            .unwrap_or_else(|_| self.id())
    }
}

#[cfg(test)]
mod tests {
    use larum_event::Position;

    use super::*;

    fn event_order(time: i64, sequence: Option<u64>, position: u64) -> EventOrder {
        EventOrder {
            time: Timestamp::from_nanos(time),
            sequence: Watermark::of_event(Timestamp::MIN, sequence).rank,
            place: EvaluationPlace::for_raw_event(Position(position)),
        }
    }

    #[test]
    fn events_are_ordered_by_time_then_sequence_then_place() {
        let sorted = [
            event_order(4, None, 3),
            event_order(5, None, 4),
            event_order(5, Some(1), 2),
            event_order(5, Some(2), 0),
            event_order(5, Some(2), 1),
            event_order(9, None, 5),
        ];
        assert!(sorted.is_sorted());
        assert_eq!(
            sorted.map(EventOrder::sequence),
            [None, None, Some(1), Some(2), Some(2), None]
        );
    }
}
