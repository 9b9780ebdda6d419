//! A durable consumer of a channel: where it has come to and what it is given next.
//!
//! Owns the choice of its next events; reading, waiting and keeping cursors is the channel's job.

use std::sync::Arc;

use larum_event::Position;
use tokio::sync::oneshot;

use crate::actors::live::wants;
use crate::api::{Delivered, Interest};
use crate::breaker::{Breaker, Pass};
use crate::clock::Monotonic;

/// Events for a durable consumer.
#[derive(Debug, Clone)]
pub struct Portion {
    /// In order.
    pub events: Vec<Arc<Delivered>>,
    /// With these, everything up to here is done.
    pub upto: Position,
}

/// One durable consumer, as its channel knows it.
pub(super) struct Consumer {
    /// What of the channel it wants.
    pub(super) interest: Interest,
    /// Most events at once.
    pub(super) most: usize,
    /// Everything up to here is done.
    pub(super) cursor: Position,
    /// Keeps it from being hammered while it fails.
    pub(super) breaker: Breaker,
    /// The call under way, and when it began.
    pub(super) pass: Option<(Pass, Monotonic)>,
    /// Where its next events go, while it waits for them.
    pub(super) waiting: Option<oneshot::Sender<Portion>>,
    /// Whether the log is being read for it.
    pub(super) reading: bool,
}

impl Consumer {
    /// Hands over its next events; `pass` is its breaker's leave to.
    pub(super) fn give(&mut self, pass: Pass, now: Monotonic, portion: Portion) {
        let Some(reply) = self.waiting.take() else {
            self.breaker.abandon(pass);
            return;
        };
        match reply.send(portion) {
            Ok(()) => self.pass = Some((pass, now)),
            Err(_) => self.breaker.abandon(pass),
        }
    }
}

/// The next events behind `cursor` that `interest` asks for, at most `most`.
pub(super) fn portion<'a>(
    interest: &Interest,
    most: usize,
    events: impl Iterator<Item = &'a Arc<Delivered>>,
    cursor: Position,
    upto: Position,
) -> Portion {
    let mut portion = Portion {
        events: Vec::new(),
        upto,
    };
    for delivered in events.filter(|delivered| delivered.position > cursor) {
        if !wants(interest, &delivered.event) {
            continue;
        }
        if portion.events.len() == most {
            portion.upto = portion.events.last().map_or(cursor, |last| last.position);
            return portion;
        }
        portion.events.push(Arc::clone(delivered));
    }
    portion
}
