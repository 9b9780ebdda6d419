//! Chains that are complete but for what must not come after them.

use std::cmp::Reverse;
use std::collections::VecDeque;

use larum_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::Following;
use super::join;
use super::partial::Partial;
use super::report::Summary;
use crate::held::Order;
use crate::state::Taken;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The last moment at which it may be undone.
    pub(super) deadline: Timestamp,
    pub(super) partial: Partial,
    /// Of a chain with events of which only the run knows.
    pub(super) summary: Option<Box<Summary>>,
}

impl Pending {
    /// The event that completed it.
    pub(super) fn completed(&self) -> Order {
        self.partial.latest.last.order
    }

    fn turn(&self) -> (Timestamp, Order, Reverse<Order>) {
        let first = Reverse(self.partial.first().order);
        (self.deadline, self.completed(), first)
    }

    /// Whether `event` is what must not come after it.
    fn is_undone_by(&self, event: &Taken, rule: &Following) -> bool {
        let ended = rule.step(self.partial.latest.step);
        let trailing = ended.map_or(&[][..], |step| &step.trailing);
        let mut absent = trailing.iter().filter_map(|number| rule.step(*number));
        absent.any(|step| {
            let last = self.partial.latest.last.time();
            step.is_satisfied_by(event.steps)
                && event.time() <= last.saturating_add(rule.watch(step))
                && join::all_hold(&step.joins, &event.values, &self.partial)
        })
    }
}

/// All of a key, in the order in which they come due.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Waiting(VecDeque<Pending>);

impl Waiting {
    /// Adds one; how many of those next due that cost their place.
    pub(super) fn add(&mut self, pending: Pending, rule: &Following) -> u64 {
        let turn = pending.turn();
        if self.0.is_empty() {
            // Most keys have one.
            self.0.reserve_exact(1);
        }
        if self.0.back().is_none_or(|last| last.turn() <= turn) {
            self.0.push_back(pending);
        } else {
            let index = self.0.partition_point(|other| other.turn() <= turn);
            self.0.insert(index, pending);
        }
        let over = self.0.len().saturating_sub(rule.partials_most);
        self.0.drain(..over);
        over as u64
    }

    /// Ends those that `event` undoes.
    pub(super) fn undo(&mut self, event: &Taken, rule: &Following) {
        self.0.retain(|pending| !pending.is_undone_by(event, rule));
    }

    /// Takes the next one whose last moment was before `time`.
    pub(super) fn next_before(&mut self, time: Timestamp) -> Option<Pending> {
        self.due().filter(|due| *due < time)?;
        self.next()
    }

    pub(super) fn next(&mut self) -> Option<Pending> {
        self.0.pop_front()
    }

    /// The last moment of the next one.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.0.front().map(|pending| pending.deadline)
    }

    /// Ends those that began up to `last`.
    pub(super) fn consume(&mut self, last: Order, rule: &Following) {
        if rule.reopens {
            self.0
                .retain(|pending| pending.partial.first().order > last);
            return;
        }
        // Then they come due in the order in which they began.
        while self
            .0
            .front()
            .is_some_and(|pending| pending.partial.first().order <= last)
        {
            self.0.pop_front();
        }
    }

    /// Ends the others that the event at `completed` completed.
    pub(super) fn settle(&mut self, completed: Order) {
        self.0.retain(|pending| pending.completed() != completed);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Pending> {
        self.0.iter()
    }

    pub(super) fn is_sorted(&self) -> bool {
        self.0.iter().is_sorted_by_key(Pending::turn)
    }
}
