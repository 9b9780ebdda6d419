//! Chains that are complete unless an absent step occurs after them.

use std::cmp::Reverse;
use std::collections::VecDeque;

use larum_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::SequenceRule;
use super::chain_summary::ChainSummary;
use super::join;
use super::partial::PartialChain;
use crate::state::WindowEvent;
use larum_event::EventOrder;

/// One such chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WaitingChain {
    /// The last moment at which it may be cancelled.
    pub(super) deadline: Timestamp,
    pub(super) partial: PartialChain,
    /// Set for a chain with a run, whose events may be gone by the deadline.
    pub(super) summary: Option<Box<ChainSummary>>,
}

impl WaitingChain {
    /// The event that completed it.
    pub(super) fn completion_order(&self) -> EventOrder {
        self.partial.latest.last.order
    }

    fn due_order(&self) -> (Timestamp, EventOrder, Reverse<EventOrder>) {
        let first = Reverse(self.partial.first_event().order);
        (self.deadline, self.completion_order(), first)
    }

    /// Whether `event` is an absent step that cancels it.
    fn is_cancelled_by(&self, event: &WindowEvent, rule: &SequenceRule) -> bool {
        let ended = rule.step(self.partial.latest.step);
        let trailing = ended.map_or(&[][..], |step| &step.trailing);
        let mut absent = trailing.iter().filter_map(|number| rule.step(*number));
        absent.any(|step| {
            let last = self.partial.latest.last.time();
            step.is_satisfied_by(event.steps)
                && event.time() <= last.saturating_add(rule.watch_span(step))
                && join::satisfies_joins(&step.joins, &event.values, &self.partial)
        })
    }
}

/// The waiting chains of a key, in the order in which they come due.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct WaitingChains(VecDeque<WaitingChain>);

impl WaitingChains {
    /// Adds a chain, and returns how many of those due next were dropped to make room.
    pub(super) fn insert_chain(&mut self, chain: WaitingChain, rule: &SequenceRule) -> u64 {
        let turn = chain.due_order();
        if self.0.is_empty() {
            // Most keys have one waiting chain; do not allocate for four.
            self.0.reserve_exact(1);
        }
        if self.0.back().is_none_or(|last| last.due_order() <= turn) {
            self.0.push_back(chain);
        } else {
            let index = self.0.partition_point(|other| other.due_order() <= turn);
            self.0.insert(index, chain);
        }
        let over = self.0.len().saturating_sub(rule.partials_most);
        self.0.drain(..over);
        over as u64
    }

    /// Removes the chains that `event` cancels.
    pub(super) fn cancel_matching(&mut self, event: &WindowEvent, rule: &SequenceRule) {
        self.0.retain(|chain| !chain.is_cancelled_by(event, rule));
    }

    /// Takes the next chain if its deadline was before `time`.
    pub(super) fn pop_due(&mut self, time: Timestamp) -> Option<WaitingChain> {
        self.due_time().filter(|due| *due < time)?;
        self.pop_next()
    }

    pub(super) fn pop_next(&mut self) -> Option<WaitingChain> {
        self.0.pop_front()
    }

    /// The deadline of the next chain.
    pub(super) fn due_time(&self) -> Option<Timestamp> {
        self.0.front().map(|chain| chain.deadline)
    }

    /// Removes the chains that began up to `last`.
    pub(super) fn consume_until(&mut self, last: EventOrder, rule: &SequenceRule) {
        if rule.reopens {
            self.0
                .retain(|chain| chain.partial.first_event().order > last);
            return;
        }
        // Without reopening, chains come due in the order in which they began.
        while self
            .0
            .front()
            .is_some_and(|chain| chain.partial.first_event().order <= last)
        {
            self.0.pop_front();
        }
    }

    /// Removes the other chains that the event at `completed` completed.
    pub(super) fn remove_completed_at(&mut self, completed: EventOrder) {
        self.0.retain(|chain| chain.completion_order() != completed);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &WaitingChain> {
        self.0.iter()
    }

    pub(super) fn is_sorted(&self) -> bool {
        self.0.iter().is_sorted_by_key(WaitingChain::due_order)
    }
}
