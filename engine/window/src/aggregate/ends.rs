//! The first and last events that count, for the evidence. Events come in order.

use std::collections::VecDeque;

use larum_event::EventId;
use larum_event::limits::EVIDENCE_EACH_END;
use serde::{Deserialize, Serialize};

use crate::packed_event_ref::PackedEventRef;

/// At most [`EVIDENCE_EACH_END`] events from each end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct EvidenceEnds {
    head: Vec<PackedEventRef>,
    /// The last events that are not in the head; empty while the head has room.
    tail: VecDeque<PackedEventRef>,
}

impl EvidenceEnds {
    pub(super) fn push_event(&mut self, event: PackedEventRef) {
        if self.head.len() < EVIDENCE_EACH_END {
            self.head.push(event);
            return;
        }
        self.tail.push_back(event);
        if self.tail.len() > EVIDENCE_EACH_END {
            self.tail.pop_front();
        }
    }

    pub(super) fn first(&self) -> Option<&PackedEventRef> {
        self.head.first()
    }

    pub(super) fn last(&self) -> Option<&PackedEventRef> {
        self.tail.back().or(self.head.last())
    }

    pub(super) fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    pub(super) fn event_ids(&self) -> Vec<EventId> {
        self.iter().map(PackedEventRef::id).collect()
    }

    fn iter(&self) -> impl Iterator<Item = &PackedEventRef> {
        self.head.iter().chain(&self.tail)
    }

    /// Whether these are the ends of `count` events in order.
    pub(super) fn is_sound(&self, count: u64) -> bool {
        let head_most = self.head.len() <= EVIDENCE_EACH_END;
        let tail_most = self.tail.len() <= EVIDENCE_EACH_END;
        let is_full = self.head.len() == EVIDENCE_EACH_END || self.tail.is_empty();
        let are_all = u64::try_from(self.len()).is_ok_and(|len| len <= count);
        let is_empty = self.head.is_empty() == (count == 0);
        // Events that were moved up to the same time keep their order of arrival, so places are not
        // compared.
        let is_sorted = self.iter().is_sorted_by_key(PackedEventRef::time);
        head_most && tail_most && is_full && are_all && is_empty && is_sorted
    }
}

/// The ids of the first and last of `events`.
pub(super) fn evidence_ids(events: &VecDeque<PackedEventRef>) -> Vec<EventId> {
    let tail_from = events.len().saturating_sub(EVIDENCE_EACH_END);
    let head = events.iter().take(EVIDENCE_EACH_END);
    let tail = events.iter().skip(tail_from.max(EVIDENCE_EACH_END));
    head.chain(tail).map(PackedEventRef::id).collect()
}
