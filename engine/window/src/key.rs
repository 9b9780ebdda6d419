//! One group key: what is settled, what is still open to late events, and what was said.
//!
//! Events at or before the watermark are *settled*: taken into the state for good. Those beyond it are *pending*;
//! rules that fire at once have a second state, *ahead*, which has taken the pending events too. An event that comes
//! between pending ones makes the ahead state anew from the settled one, and what it then says is compared with
//! what was said before. So whatever the order of arrival, what stands in the end is what order would have given.

mod emit;

mod standing;

use std::collections::VecDeque;

use larum_event::{Timestamp, Watermark};

use crate::condition::{Condition, State};
use crate::held::Order;
use crate::state::{Report, Taken, Told};

pub(crate) use emit::Emit;
pub(crate) use standing::{Standing, Stands};

/// The state of one key.
#[derive(Debug)]
pub(crate) struct Keyed {
    /// [`larum_event::GroupKey::to_bytes`].
    pub(crate) key: Box<[u8]>,
    pub(crate) clock: u32,
    /// Every event up to the watermark.
    pub(crate) settled: State,
    /// What is not settled, and alerts that may still change; most keys have nothing of the kind.
    pub(crate) unsettled: Option<Box<Unsettled>>,
}

/// What is open to change.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    /// Events beyond the watermark, in order.
    pub(crate) pending: VecDeque<Taken>,
    /// The settled state with the pending events; `None` when there are none, or when the rule fires at the watermark.
    pub(crate) ahead: Option<State>,
    /// A copy of a large settled state, kept while nothing is pending so that the next event that is need not make one.
    pub(crate) spare: Option<Spare>,
    /// Alerts that are open or not final: first the open one of the settled state, then those of the ahead state.
    pub(crate) said: VecDeque<Standing>,
    /// Settled up to here before its time, because too many were pending.
    pub(crate) forced: Option<Order>,
}

/// See [`Unsettled::spare`].
#[derive(Debug)]
pub(crate) struct Spare {
    state: State,
    /// Events it has taken beside the settled state. It goes when they are as many as a new copy would cost.
    taken: usize,
}

/// States with fewer events are copied when it is needed.
const SPARE_FROM_EVENTS: usize = 8;

impl Unsettled {
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.said.is_empty() && self.spare.is_none()
    }

    /// The ahead state, which is the settled one where nothing is pending yet.
    fn ahead(&mut self, settled: &State) -> &mut State {
        let spare = self.spare.take();
        self.ahead
            .get_or_insert_with(|| spare.map_or_else(|| settled.clone(), |spare| spare.state))
    }

    /// Nothing is pending: the ahead state is the settled one.
    fn drained(&mut self, settled: &State) {
        self.forced = None;
        if let Some(state) = self.ahead.take()
            && settled.events() >= SPARE_FROM_EVENTS
        {
            self.spare = Some(Spare { state, taken: 0 });
        }
    }

    /// What the settled state has taken; what the spare one says of it was said already.
    fn spare_takes(&mut self, event: &Taken, settled: &State, condition: &mut Condition) {
        let Some(spare) = &mut self.spare else { return };
        let mut told = Told::default();
        spare
            .state
            .pass(event.time(), &mut condition.kind, &mut told);
        spare.state.take(event, &mut condition.kind, &mut told);
        spare.taken += 1;
        if spare.taken > settled.events() {
            self.spare = None;
        }
    }
}

impl Keyed {
    pub(crate) fn new(key: &[u8], clock: u32, condition: &Condition) -> Self {
        Self {
            key: key.into(),
            clock,
            settled: condition.fresh(),
            unsettled: None,
        }
    }

    /// Whether an event of this order comes too late here, though the watermark would have it.
    pub(crate) fn is_past(&self, order: Order) -> bool {
        let forced = self.unsettled.as_ref().and_then(|it| it.forced);
        forced.is_some_and(|forced| order < forced)
    }

    /// Adds an event that is not late.
    pub(crate) fn add(
        &mut self,
        event: Taken,
        watermark: Watermark,
        condition: &mut Condition,
        emit: &mut Emit<'_>,
    ) {
        let is_pending = self
            .unsettled
            .as_ref()
            .is_some_and(|it| !it.pending.is_empty());
        if !is_pending && event.held.order.watermark() <= watermark {
            self.settle_one(&event, condition, emit);
            if let Some(unsettled) = &mut self.unsettled {
                unsettled.spare_takes(&event, &self.settled, condition);
            }
            self.tidy(emit);
            return;
        }
        let unsettled = self.unsettled.get_or_insert_default();
        let order = event.held.order;
        let index = unsettled
            .pending
            .iter()
            .rposition(|other| other.held.order <= order)
            .map_or(0, |before| before + 1);
        let is_last = index == unsettled.pending.len();
        unsettled.pending.insert(index, event);
        if condition.fires_early() {
            if is_last {
                self.go_ahead(condition, emit);
            } else {
                self.think_again(condition, emit);
            }
        }
        let excess = self.pending() > emit.pending_most;
        if excess {
            emit.dropped += 1;
            self.force(condition, emit);
        }
    }

    /// Time has come to `watermark`: what lies before it is settled.
    pub(crate) fn settle(
        &mut self,
        watermark: Watermark,
        condition: &mut Condition,
        emit: &mut Emit<'_>,
    ) {
        while let Some(event) = self.pop_settled(watermark) {
            self.settle_one(&event, condition, emit);
        }
        let mut told = Told::default();
        self.settled
            .pass(watermark.time, &mut condition.kind, &mut told);
        self.say_settled(told, emit);
        let unsettled = self.unsettled.as_mut();
        if let Some(spare) = unsettled.and_then(|it| it.spare.as_mut()) {
            let mut told = Told::default();
            spare
                .state
                .pass(watermark.time, &mut condition.kind, &mut told);
        }
        self.tidy(emit);
    }

    /// Time has ended: everything is settled, and what waits is decided.
    pub(crate) fn close(&mut self, condition: &mut Condition, emit: &mut Emit<'_>) {
        self.settle(Watermark::MAX, condition, emit);
        let mut told = Told::default();
        self.settled.close(&mut condition.kind, &mut told);
        self.say_settled(told, emit);
        self.forget(emit);
    }

    /// The key goes before its time: nothing more is decided, and what was said stands.
    pub(crate) fn leave(&mut self, condition: &mut Condition, emit: &mut Emit<'_>) {
        let mut told = Told::default();
        self.settled.leave(&mut condition.kind, &mut told);
        self.say_settled(told, emit);
        self.forget(emit);
    }

    fn forget(&mut self, emit: &mut Emit<'_>) {
        let Some(unsettled) = self.unsettled.take() else {
            return;
        };
        emit.dropped += unsettled.pending.len() as u64;
        for mut standing in unsettled.said {
            standing.leave(&self.key, self.clock, emit);
        }
    }

    /// The state after every event that came.
    pub(crate) fn newest_state(&self) -> &State {
        let ahead = self.unsettled.as_ref().and_then(|it| it.ahead.as_ref());
        ahead.unwrap_or(&self.settled)
    }

    pub(crate) fn has_open_alert(&self) -> bool {
        let said = self.unsettled.as_ref().map(|it| &it.said);
        said.is_some_and(|said| !said.is_empty())
    }

    /// Events that are not settled.
    pub(crate) fn pending(&self) -> usize {
        self.unsettled.as_ref().map_or(0, |it| it.pending.len())
    }

    /// Events held.
    pub(crate) fn events(&self) -> usize {
        self.settled.events() + self.pending()
    }

    /// The last moment before there is something to do; `None` when nothing is left of the key.
    pub(crate) fn due(&self, condition: &Condition) -> Option<Timestamp> {
        let pending = self
            .unsettled
            .as_ref()
            .and_then(|it| it.pending.front())
            .map(Taken::time);
        let settled = self.settled.due(&condition.kind);
        match (pending, settled) {
            (Some(pending), Some(settled)) => Some(pending.min(settled)),
            (one, other) => one.or(other),
        }
    }

    fn pop_settled(&mut self, watermark: Watermark) -> Option<Taken> {
        let pending = &mut self.unsettled.as_mut()?.pending;
        let first = pending.front()?.held.order.watermark();
        if first < watermark {
            pending.pop_front()
        } else {
            None
        }
    }

    fn settle_one(&mut self, event: &Taken, condition: &mut Condition, emit: &mut Emit<'_>) {
        let mut told = Told::default();
        self.settled
            .pass(event.time(), &mut condition.kind, &mut told);
        self.settled.take(event, &mut condition.kind, &mut told);
        self.say_settled(told, emit);
    }

    /// The ahead state takes the last of the pending events.
    fn go_ahead(&mut self, condition: &mut Condition, emit: &mut Emit<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let Some(event) = unsettled.pending.back() else {
            return;
        };
        let (time, event) = (event.time(), event.clone());
        let mut told = Told::default();
        let ahead = unsettled.ahead(&self.settled);
        ahead.pass(time, &mut condition.kind, &mut told);
        ahead.take(&event, &mut condition.kind, &mut told);
        let mut stands = Stands::of(&self.key, self.clock, &mut unsettled.said);
        for report in told.reports {
            stands.ahead(report, emit);
        }
    }

    /// The ahead state is made anew, with an event that came between others.
    fn think_again(&mut self, condition: &mut Condition, emit: &mut Emit<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let mut ahead = self.settled.clone();
        let mut told = Told::default();
        for event in &unsettled.pending {
            ahead.pass(event.time(), &mut condition.kind, &mut told);
            ahead.take(event, &mut condition.kind, &mut told);
        }
        unsettled.ahead = Some(ahead);
        Stands::of(&self.key, self.clock, &mut unsettled.said).compare(told.reports, emit);
    }

    /// Settles the oldest pending event, whatever may still come before it.
    fn force(&mut self, condition: &mut Condition, emit: &mut Emit<'_>) {
        let first = self
            .unsettled
            .as_mut()
            .and_then(|it| it.pending.pop_front());
        if let Some(event) = first {
            self.settle_one(&event, condition, emit);
            if let Some(unsettled) = &mut self.unsettled {
                unsettled.forced = Some(event.held.order);
            }
        }
    }

    fn say_settled(&mut self, told: Told, emit: &mut Emit<'_>) {
        emit.dropped += told.dropped;
        if told.reports.is_empty() {
            return;
        }
        let mut reports = told.reports;
        // Alerts that are final at once and never change need no memory.
        if self.unsettled.is_none() {
            reports.retain(|report| match report {
                Report::Fired(fired) if !fired.open => {
                    Standing::settled(fired).emit(&self.key, self.clock, emit);
                    false
                }
                Report::Fired(_) | Report::Grew(_) | Report::Ended(_) => true,
            });
            if reports.is_empty() {
                return;
            }
        }
        let unsettled = self.unsettled.get_or_insert_default();
        let is_ahead = unsettled.ahead.is_some();
        let mut stands = Stands::of(&self.key, self.clock, &mut unsettled.said);
        for report in reports {
            stands.settled(report, is_ahead, emit);
        }
    }

    /// Lets go of what is not needed when nothing is pending.
    fn tidy(&mut self, emit: &mut Emit<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let first = unsettled.pending.front().map(|event| event.held.order);
        if first.is_none() {
            unsettled.drained(&self.settled);
        }
        Stands::of(&self.key, self.clock, &mut unsettled.said).settled_before(first, emit);
        if unsettled.is_empty() {
            self.unsettled = None;
        }
    }
}
