//! The one order of events, which every answer over time depends on.
//!
//! Owns the comparison alone. Who sorts what, and what is done about an event that arrives out of
//! order, is the windows' and the sorter's job.
//! Invariant: the order of two events depends on nothing but these events. When they arrived, and
//! when an alert was decided, is no part of it.

use serde::{Deserialize, Serialize};

use crate::detection::EvaluationPlace;
use crate::names::Source;
use crate::record::Position;
use crate::time::Timestamp;

/// The place of an event, or of an alert that rules read, in the order of what happened: by time,
/// then by source, then by the source's own sequence, then by the log position it came in at.
///
/// Sources of equal time come in the order of a hash of their names: any fixed order serves, and
/// eight bytes compare faster than names. Positions only decide between events of one source with
/// one time and no sequence. An alert comes directly after its trigger, or after everything of its
/// time if that is a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventOrder {
    /// When it happened.
    pub time: Timestamp,
    /// The rank of its source.
    pub source: u64,
    /// 0 without a sequence, else the sequence plus 1, so that events without one come first.
    pub sequence: u64,
    /// The log position of the event. Alerts at that place have a layer above 0, and a number that
    /// follows from their rule, key and anchor.
    pub place: EvaluationPlace,
}

impl EventOrder {
    /// Before every event.
    pub const MIN: Self = Self {
        time: Timestamp::MIN,
        source: 0,
        sequence: 0,
        place: EvaluationPlace::for_raw_event(Position(0)),
    };

    /// The order of an event from outside.
    pub fn of_event(
        time: Timestamp,
        source_rank: u64,
        sequence: Option<u64>,
        position: Position,
    ) -> Self {
        Self {
            time,
            source: source_rank,
            // The very last number shares its rank with the one before.
            sequence: sequence.map_or(0, |sequence| sequence.saturating_add(1)),
            place: EvaluationPlace::for_raw_event(position),
        }
    }

    /// Behind all events and alerts of `time`, and before all later ones.
    pub const fn end_of(time: Timestamp) -> Self {
        Self {
            time,
            source: u64::MAX,
            sequence: u64::MAX,
            place: EvaluationPlace {
                position: Position(u64::MAX),
                layer: u8::MAX,
                ordinal: u32::MAX,
            },
        }
    }

    /// The order of an alert of a rule of layer `layer - 1` with this time and trigger; `number`
    /// follows from its rule, key and anchor.
    pub fn of_alert(time: Timestamp, trigger: Self, layer: u8, number: u32) -> Self {
        let mut order = if time == trigger.time {
            trigger
        } else {
            Self::end_of(time)
        };
        order.place.layer = layer;
        order.place.ordinal = number;
        order
    }

    /// The number that the source gave the event.
    pub fn sequence(self) -> Option<u64> {
        self.sequence.checked_sub(1)
    }

    /// The log position of the event, or of the event that an alert comes directly after; `None`
    /// for a deadline.
    pub fn position(self) -> Option<Position> {
        (self.place.position.0 < u64::MAX).then_some(self.place.position)
    }
}

impl Source {
    /// Where the source comes among others with events of the same time.
    pub fn rank(&self) -> u64 {
        let hash = blake3::hash(self.as_str().as_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(hash.as_bytes().first_chunk::<8>().unwrap_or(&[0; 8]));
        // The greatest rank is left to deadlines.
        u64::from_be_bytes(bytes).min(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(time: i64, source: u64, sequence: Option<u64>, position: u64) -> EventOrder {
        let time = Timestamp::from_nanos(time);
        EventOrder::of_event(time, source, sequence, Position(position))
    }

    #[test]
    fn events_are_ordered_by_time_then_source_then_sequence_then_position() {
        let sorted = [
            order(4, 9, None, 9),
            order(5, 1, None, 4),
            order(5, 1, None, 5),
            order(5, 1, Some(1), 2),
            order(5, 1, Some(2), 0),
            order(5, 1, Some(2), 1),
            order(5, 2, Some(0), 0),
            EventOrder::end_of(Timestamp::from_nanos(5)),
            order(6, 0, None, 0),
        ];
        assert!(sorted.is_sorted());
        assert_eq!(sorted[3].sequence(), Some(1));
        assert_eq!(sorted[0].sequence(), None);
    }

    #[test]
    fn an_alert_comes_after_its_trigger_or_after_all_of_its_time() {
        let trigger = order(5, 1, Some(3), 7);
        let after = EventOrder::of_alert(trigger.time, trigger, 1, 4);
        assert!(trigger < after && after < order(5, 1, Some(3), 8));
        assert!(after < EventOrder::of_alert(trigger.time, trigger, 2, 0));
        let deadline = EventOrder::of_alert(Timestamp::from_nanos(9), trigger, 1, 0);
        assert!(order(9, u64::MAX - 1, Some(u64::MAX), 1) < deadline);
        assert!(deadline < EventOrder::end_of(deadline.time));
        assert!(deadline < order(10, 0, None, 1));
        assert_eq!(
            (after.position(), deadline.position()),
            (Some(Position(7)), None)
        );
    }

    #[test]
    fn a_source_has_one_rank() {
        let [web, db] = ["sshd@web-1", "sshd@db-1"].map(|name| Source::new(name).unwrap());
        assert_eq!(web.rank(), web.rank());
        assert_ne!(web.rank(), db.rank());
    }
}
