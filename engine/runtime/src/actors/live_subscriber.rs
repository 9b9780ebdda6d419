//! A live subscription: its filter, and both ends of its bounded queue.
//!
//! Owns the filter and the gap; which events are offered is left to the channels. A subscriber that
//! does not keep up never delays others: what does not fit is counted, and the next message to it
//! says how much it missed.
//! Invariant: a gap is reported without waiting for another event, also to a subscriber that waits
//! already when it arises, and before the end of the subscription.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use larum_event::{Event, FieldValue, limits};
use tokio::sync::{Notify, mpsc};

use crate::api::{DeliveredEvent, EventDelivery, EventInterest};
use crate::gauges::EngineGauges;

/// One live subscriber, shared by the channels that serve it.
#[derive(Debug)]
pub struct LiveSubscriber {
    interest: RwLock<EventInterest>,
    deliveries: mpsc::Sender<EventDelivery>,
    missed: Arc<MissedEvents>,
    gauges: Arc<EngineGauges>,
}

/// What a subscriber missed since it was last told, shared by both ends of its queue.
#[derive(Debug, Default)]
struct MissedEvents {
    number: AtomicU64,
    grown: Notify,
}

impl MissedEvents {
    /// Adds to the gap and wakes the subscriber, which may have emptied its queue and be waiting.
    fn add(&self, number: u64) {
        self.number.fetch_add(number, Ordering::Relaxed);
        // Only after the addition: who is woken finds it.
        self.grown.notify_one();
    }

    fn is_empty(&self) -> bool {
        self.number.load(Ordering::Relaxed) == 0
    }

    /// The gap, if there is one; it counts as reported now.
    fn take(&self) -> Option<u64> {
        Some(self.number.swap(0, Ordering::Relaxed)).filter(|missed| *missed > 0)
    }
}

impl LiveSubscriber {
    /// Both ends of a new subscription.
    pub(crate) fn open_subscription(
        id: u64,
        interest: EventInterest,
        gauges: &Arc<EngineGauges>,
    ) -> (Arc<Self>, Subscription) {
        let (deliveries, events) = mpsc::channel(limits::SUBSCRIBER_EVENTS);
        let subscriber = Arc::new(Self {
            interest: RwLock::new(interest),
            deliveries,
            missed: Arc::default(),
            gauges: Arc::clone(gauges),
        });
        gauges.add_subscriber();
        let subscription = Subscription {
            id,
            subscriber: Arc::downgrade(&subscriber),
            missed: Arc::clone(&subscriber.missed),
            events,
            gauges: Arc::clone(gauges),
        };
        (subscriber, subscription)
    }

    /// Changes what it wants, from the next event on.
    pub fn set_interest(&self, interest: EventInterest) {
        *self
            .interest
            .write()
            .unwrap_or_else(PoisonError::into_inner) = interest;
    }

    /// Whether nobody listens any more.
    pub fn is_gone(&self) -> bool {
        self.deliveries.is_closed()
    }

    /// Gives it `delivered` if it wants it and has room.
    pub fn offer_event(&self, delivered: &Arc<DeliveredEvent>) {
        let wanted = {
            let interest = self.interest.read().unwrap_or_else(PoisonError::into_inner);
            matches_interest(&interest, &delivered.event)
        };
        if !wanted {
            return;
        }
        if !self.missed.is_empty() {
            // Room for the gap and for what follows it, so that a gap never stands alone.
            if self.deliveries.capacity() < 2 {
                self.count_missed(1);
                return;
            }
            // The subscriber takes the gap too, when it has caught up: the one that takes it
            // reports it.
            if let Some(missed) = self.missed.take()
                && self
                    .deliveries
                    .try_send(EventDelivery::Gap { missed })
                    .is_err()
            {
                self.missed.add(missed);
                self.count_missed(1);
                return;
            }
        }
        if self
            .deliveries
            .try_send(EventDelivery::Event(Arc::clone(delivered)))
            .is_err()
        {
            self.count_missed(1);
        }
    }

    /// Notes that `number` events were not offered at all.
    pub fn count_missed(&self, number: u64) {
        self.missed.add(number);
        self.gauges.count_missed(number);
    }
}

/// A live subscription; dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    id: u64,
    /// Held by those who deliver, so that the end of the last of them is heard here.
    subscriber: Weak<LiveSubscriber>,
    missed: Arc<MissedEvents>,
    events: mpsc::Receiver<EventDelivery>,
    gauges: Arc<EngineGauges>,
}

impl Subscription {
    /// Its number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What comes next; `None` when the engine has ended. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<EventDelivery> {
        loop {
            if let Ok(delivery) = self.events.try_recv() {
                return Some(delivery);
            }
            // It has caught up: report now what it missed on the way, not only with the next event.
            if let Some(missed) = self.missed.take() {
                return Some(EventDelivery::Gap { missed });
            }
            tokio::select! {
                biased;
                delivery = self.events.recv() => {
                    // The last of those who deliver may have left a gap just before it ended.
                    let left = || Some(EventDelivery::Gap { missed: self.missed.take()? });
                    return delivery.or_else(left);
                }
                // Look again, at the queue first: what is in it came before the gap.
                () = self.missed.grown.notified() => {}
            }
        }
    }

    /// Changes what it wants, from the next event on.
    pub fn set_interest(&self, interest: EventInterest) {
        if let Some(live) = self.subscriber.upgrade() {
            live.set_interest(interest);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.events.close();
        self.gauges.remove_subscriber();
    }
}

/// Whether `interest` asks for `event`.
pub fn matches_interest(interest: &EventInterest, event: &Event) -> bool {
    let envelope = event.envelope();
    let any = |list_is_empty: bool, hit: bool| list_is_empty || hit;
    any(
        interest.patterns.is_empty(),
        interest.patterns.iter().any(|pattern| pattern.matches(&envelope.topic)),
    ) && any(interest.event_types.is_empty(), interest.event_types.contains(&envelope.event_type))
        && any(interest.severities.is_empty(), interest.severities.contains(&envelope.severity))
        && interest.source.as_ref().is_none_or(|source| *source == envelope.source)
        && interest.tenant.as_ref().is_none_or(|tenant| *tenant == envelope.tenant)
        && interest.correlation.as_ref().is_none_or(|wanted| {
            let root = envelope.correlation.as_ref().and_then(|known| known.root.as_ref());
            envelope.correlation_id.as_ref() == Some(wanted) || root == Some(wanted)
        })
        && interest.user.as_ref().is_none_or(|user| {
            matches!(event.field("metadata.user"), Some(FieldValue::Str(found)) if found == user.as_str())
        })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicBool;
    use std::task::{Context, Poll, Wake, Waker};

    use larum_event::Position;

    use super::*;

    /// Remembers whether it was woken.
    #[derive(Default)]
    struct WokenFlag(AtomicBool);

    impl Wake for WokenFlag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn open() -> (Arc<LiveSubscriber>, Subscription) {
        let gauges = Arc::new(EngineGauges::new(Position::START));
        LiveSubscriber::open_subscription(1, EventInterest::default(), &gauges)
    }

    #[test]
    fn a_subscriber_that_waits_already_is_woken_by_a_gap_though_no_event_follows() {
        let (live, mut subscription) = open();
        let woken = Arc::new(WokenFlag::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut ctx = Context::from_waker(&waker);
        let mut next = pin!(subscription.next());
        assert!(next.as_mut().poll(&mut ctx).is_pending());
        live.count_missed(3);
        assert!(woken.0.load(Ordering::Relaxed), "nobody woke it");
        let gap = next.as_mut().poll(&mut ctx);
        assert!(
            matches!(gap, Poll::Ready(Some(EventDelivery::Gap { missed: 3 }))),
            "{gap:?}"
        );
    }

    #[test]
    fn a_gap_that_nobody_was_told_of_comes_before_the_end() {
        let (live, mut subscription) = open();
        let mut ctx = Context::from_waker(Waker::noop());
        live.count_missed(2);
        drop(live);
        let gap = pin!(subscription.next()).poll(&mut ctx);
        assert!(
            matches!(gap, Poll::Ready(Some(EventDelivery::Gap { missed: 2 }))),
            "{gap:?}"
        );
        let end = pin!(subscription.next()).poll(&mut ctx);
        assert!(matches!(end, Poll::Ready(None)), "{end:?}");
    }
}
