//! The first and last matches that count, with everything between left out.
//!
//! The outcome depends only on which matches were added, not on their order of arrival.

use std::collections::VecDeque;

use larum_event::EventId;
use larum_event::limits::EVIDENCE_EACH_END;
use serde::{Deserialize, Serialize};

use crate::held::Held;

/// At most [`EVIDENCE_EACH_END`] matches from each end, in window order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// The smallest ones.
    head: Vec<Held>,
    /// The largest of the others; empty as long as the head has room.
    tail: VecDeque<Held>,
}

impl Evidence {
    pub(crate) fn add(&mut self, held: Held) {
        let index = self.head.partition_point(|other| other.order <= held.order);
        if self.head.len() < EVIDENCE_EACH_END {
            self.head.insert(index, held);
            return;
        }
        if index == self.head.len() {
            self.add_to_tail(held);
            return;
        }
        self.head.insert(index, held);
        if let Some(displaced) = self.head.pop() {
            self.add_to_tail(displaced);
        }
    }

    fn add_to_tail(&mut self, held: Held) {
        let index = self.tail.partition_point(|other| other.order <= held.order);
        self.tail.insert(index, held);
        if self.tail.len() > EVIDENCE_EACH_END {
            self.tail.pop_front();
        }
    }

    pub(crate) fn ids(&self) -> Vec<EventId> {
        let ends = self.head.iter().chain(&self.tail);
        ends.map(|held| held.id.clone()).collect()
    }
}

/// The evidence of matches that are at hand in window order, `total` of them.
pub(crate) fn ids_of_ends<'a>(
    matches: impl Iterator<Item = &'a Held>,
    total: usize,
) -> Vec<EventId> {
    let tail_from = total.saturating_sub(EVIDENCE_EACH_END);
    matches
        .enumerate()
        .filter(|(index, _)| *index < EVIDENCE_EACH_END || *index >= tail_from)
        .map(|(_, held)| held.id.clone())
        .collect()
}
