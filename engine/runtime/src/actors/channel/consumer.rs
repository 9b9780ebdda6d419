//! A durable consumer of a channel: where it has come to and what it is given next.
//!
//! Owns the choice of its next events; reading, waiting and keeping cursors is the channel's job.

use std::sync::Arc;

use larum_actor::MonotonicTime;
use larum_event::Position;
use tokio::sync::oneshot;

use crate::actors::live_subscriber::matches_interest;
use crate::api::{DeliveredEvent, EventInterest};
use crate::breaker::{CallPermit, CircuitBreaker};

/// Events for a durable consumer.
#[derive(Debug, Clone)]
pub struct ConsumerBatch {
    /// In order.
    pub events: Vec<Arc<DeliveredEvent>>,
    /// With these, everything up to here is done.
    pub upto: Position,
}

/// One durable consumer, as its channel knows it.
pub(super) struct DurableConsumer {
    /// What of the channel it wants.
    pub(super) interest: EventInterest,
    /// Most events at once.
    pub(super) most: usize,
    /// Everything up to here is done.
    pub(super) cursor: Position,
    /// Keeps it from being hammered while it fails.
    pub(super) breaker: CircuitBreaker,
    /// The call under way, and when it began.
    pub(super) pass: Option<(CallPermit, MonotonicTime)>,
    /// Where its next events go, while it waits for them.
    pub(super) waiting: Option<oneshot::Sender<ConsumerBatch>>,
    /// Whether the log is being read for it.
    pub(super) reading: bool,
}

impl DurableConsumer {
    /// Hands over its next events; `pass` is its breaker's leave to.
    pub(super) fn hand_over(&mut self, pass: CallPermit, now: MonotonicTime, batch: ConsumerBatch) {
        let Some(reply) = self.waiting.take() else {
            self.breaker.abandon_call(pass);
            return;
        };
        match reply.send(batch) {
            Ok(()) => self.pass = Some((pass, now)),
            Err(_) => self.breaker.abandon_call(pass),
        }
    }
}

/// The next events behind `cursor` that `interest` asks for, at most `most`.
pub(super) fn select_batch<'a>(
    interest: &EventInterest,
    most: usize,
    events: impl Iterator<Item = &'a Arc<DeliveredEvent>>,
    cursor: Position,
    upto: Position,
) -> ConsumerBatch {
    let mut batch = ConsumerBatch {
        events: Vec::new(),
        upto,
    };
    for delivered in events.filter(|delivered| delivered.position > cursor) {
        if !matches_interest(interest, &delivered.event) {
            continue;
        }
        if batch.events.len() == most {
            batch.upto = batch.events.last().map_or(cursor, |last| last.position);
            return batch;
        }
        batch.events.push(Arc::clone(delivered));
    }
    batch
}
