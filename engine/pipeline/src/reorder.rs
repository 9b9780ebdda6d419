//! Events held back for an allowed lateness, so that what follows sees them in order.
//!
//! Owns the order of offline input: with a lateness of 30 s an event is released when some
//! event 30 s later, of the same tenant, has come. What comes later than that is released at once, and
//! the clocks find it late. Memory holds what lies within the lateness.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use larum_event::{Position, Span, TenantId, Timestamp};

use crate::epoch::Input;

/// Sorts input by (time, sequence, arrival) within an allowed lateness, per tenant.
#[derive(Debug)]
pub struct Reorder {
    lateness: Span,
    tenants: BTreeMap<TenantId, Held>,
    taken: u64,
    released: u64,
}

#[derive(Debug, Default)]
struct Held {
    front: Option<Timestamp>,
    waiting: BinaryHeap<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    input: Input,
    arrival: u64,
}

impl Waiting {
    fn order(&self) -> (Timestamp, Option<u64>, u64) {
        let envelope = self.input.event.envelope();
        (
            envelope.time,
            envelope.sequence.or(self.input.record),
            self.arrival,
        )
    }
}

impl Ord for Waiting {
    /// The earliest is the greatest, since the heap yields its greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.order().cmp(&self.order())
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Waiting {}

impl Reorder {
    /// Holds events back for `lateness`; zero lets everything pass at once.
    pub fn new(lateness: Span) -> Self {
        Self {
            lateness,
            tenants: BTreeMap::new(),
            taken: 0,
            released: 0,
        }
    }

    /// Takes one event and adds to `out` those that are released by it. What comes out is numbered
    /// anew: its position is its place in the order of release, from 1.
    pub fn push(&mut self, input: Input, out: &mut Vec<Input>) {
        self.taken += 1;
        if self.lateness.is_zero() {
            out.push(numbered(input, &mut self.released));
            return;
        }
        let held = self
            .tenants
            .entry(input.event.envelope().tenant.clone())
            .or_default();
        let time = input.event.envelope().time;
        let front = held.front.map_or(time, |front| front.max(time));
        held.front = Some(front);
        held.waiting.push(Waiting {
            input,
            arrival: self.taken,
        });
        // An event exactly `lateness` behind may still come, so its equals wait for it.
        let release = front.saturating_sub(self.lateness);
        while held
            .waiting
            .peek()
            .is_some_and(|first| first.order().0 < release)
        {
            if let Some(waiting) = held.waiting.pop() {
                out.push(numbered(waiting.input, &mut self.released));
            }
        }
    }

    /// Releases everything that is left.
    pub fn finish(&mut self, out: &mut Vec<Input>) {
        for held in self.tenants.values_mut() {
            while let Some(waiting) = held.waiting.pop() {
                out.push(numbered(waiting.input, &mut self.released));
            }
        }
    }
}

fn numbered(mut input: Input, released: &mut u64) -> Input {
    *released += 1;
    input.position = Position(*released);
    input
}

#[cfg(test)]
mod tests;
