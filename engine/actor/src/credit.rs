//! Back-pressure: credits on every data edge, and the one way to send along it.
//!
//! Owns permits and sending. What to do without a permit (wait, refuse, tell the receiver to read
//! the log) is left to the sender.
//!
//! actix has no mailbox limit to rely on: `do_send` ignores it, `send` on a full mailbox still
//! queues, and a message to a closed mailbox vanishes (`tests/actor/actix_facts.rs`). So the sender
//! takes a [`CreditPermit`] for what it is about to send, and the permit travels inside the
//! [`CreditBatch`]. Waiting for a permit is the only place where a data edge waits.
//!
//! [`send_batch`] never fails silently: it answers whether the mailbox took the batch, in one
//! atomic step. A batch that was taken may still be dropped unread when the actor dies; a reply
//! channel in the batch's head reports it closed, and the guardian is notified.
//! Invariant: a permit comes back exactly when its batch is dropped, for whatever reason: handled,
//! panicked over, or lost with a dying mailbox. So no credit is ever lost.

use std::sync::Arc;

use actix::dev::SendError;
use actix::{Message, Recipient};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many items may be under way on an edge. Clones share the same credit.
#[derive(Debug, Clone)]
pub struct Credits {
    free: Arc<Semaphore>,
    capacity: u32,
}

/// Credit that was taken; it goes back when this is dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once holds nothing back"]
pub struct CreditPermit {
    _held: OwnedSemaphorePermit,
}

/// How full an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueGauge {
    /// Items sent and not yet done.
    pub in_flight: u64,
    /// Items that may be under way at once.
    pub capacity: u64,
}

impl Credits {
    /// Credit for `items`: at least one, or nothing could ever be sent, and fewer than 2^29.
    pub fn new(items: u32) -> Self {
        // tokio's semaphore holds 2^29 - 1 permits on the smallest machine.
        let capacity = items.clamp(1, (1 << 29) - 1);
        Self {
            free: Arc::new(Semaphore::new(capacity as usize)),
            capacity,
        }
    }

    /// Waits for credit for `items`, first come first served. A batch larger than the whole credit
    /// takes all of it: it is sent alone instead of never.
    pub async fn acquire(&self, items: u32) -> CreditPermit {
        let taken = Arc::clone(&self.free)
            .acquire_many_owned(items.min(self.capacity))
            .await;
        CreditPermit {
            _held: taken.expect("the semaphore is never closed"),
        }
    }

    /// Credit for `items` if it is free now and nobody waits for it.
    pub fn try_acquire(&self, items: u32) -> Option<CreditPermit> {
        Arc::clone(&self.free)
            .try_acquire_many_owned(items.min(self.capacity))
            .ok()
            .map(|_held| CreditPermit { _held })
    }

    /// How full the edge is.
    pub fn gauge(&self) -> QueueGauge {
        let capacity = u64::from(self.capacity);
        let free = self.free.available_permits() as u64;
        QueueGauge {
            in_flight: capacity.saturating_sub(free),
            capacity,
        }
    }
}

/// What travels along a data edge: items, the credit they hold, and what the receiver must know
/// about them all (an epoch, a channel to answer on).
#[derive(Debug)]
pub struct CreditBatch<T, H = ()> {
    /// What holds for all items.
    pub head: H,
    /// The items, shared with all others that get them.
    pub items: Arc<[T]>,
    /// The credit they hold until this batch is dropped.
    pub permit: CreditPermit,
}

impl<T: 'static, H: 'static> Message for CreditBatch<T, H> {
    type Result = ();
}

/// A message that its mailbox did not take, for it was closed.
#[derive(thiserror::Error)]
#[error("the mailbox is closed")]
pub struct UndeliveredMessage<M>(pub M);

impl<M> std::fmt::Debug for UndeliveredMessage<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Undelivered(..)")
    }
}

/// Sends `batch`, or gives it back with its credit when the receiver is gone. The only way to send
/// along a data edge.
pub fn send_batch<T, H>(
    to: &Recipient<CreditBatch<T, H>>,
    batch: CreditBatch<T, H>,
) -> Result<(), UndeliveredMessage<CreditBatch<T, H>>>
where
    T: Send + Sync + 'static,
    H: Send + 'static,
{
    send_control(to, batch)
}

/// Sends a control message, or gives it back when the receiver is gone. For edges whose traffic is
/// bounded by its own nature (one message per tick, per death, per reload); data goes through
/// [`send_batch`].
///
/// Every clone of an actix address has a place of its own in the mailbox, so `try_send` on a fresh
/// clone is never refused for a full mailbox: it queues, or says that the mailbox is closed. That
/// is `do_send` with the answer that `do_send` throws away.
pub fn send_control<M>(to: &Recipient<M>, message: M) -> Result<(), UndeliveredMessage<M>>
where
    M: Message + Send,
    M::Result: Send,
{
    to.clone()
        .try_send(message)
        .map_err(|refused: SendError<M>| UndeliveredMessage(refused.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_last_credit_is_given_and_one_more_waits_until_a_permit_is_dropped() {
        let credits = Credits::new(3);
        let two = credits.try_acquire(2).unwrap();
        let one = credits.try_acquire(1).unwrap();
        assert!(credits.try_acquire(1).is_none());
        assert_eq!(
            credits.gauge(),
            QueueGauge {
                in_flight: 3,
                capacity: 3
            }
        );

        let mut waiting = Box::pin(credits.acquire(2));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(one);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(two);
        let granted = waiting.as_mut().now_or_never().unwrap();
        assert_eq!(credits.gauge().in_flight, 2);
        drop(granted);
        assert_eq!(credits.gauge().in_flight, 0);
    }

    #[test]
    fn a_batch_larger_than_all_credit_takes_all_of_it_and_does_not_wait_for_ever() {
        let credits = Credits::new(4);
        let all = credits.acquire(1_000).now_or_never().unwrap();
        assert_eq!(credits.gauge().in_flight, 4);
        drop(all);
        assert_eq!(Credits::new(0).gauge().capacity, 1);
    }

    #[test]
    fn a_waiter_that_gives_up_takes_no_credit_with_it() {
        let credits = Credits::new(1);
        let held = credits.try_acquire(1).unwrap();
        let mut waiting = Box::pin(credits.acquire(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        drop(held);
        assert!(credits.try_acquire(1).is_some());
    }
}
