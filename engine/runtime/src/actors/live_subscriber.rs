//! A live subscription: its filter, and both ends of its bounded queue.
//!
//! Owns the filter and the gap; which events are offered is left to the channels. A subscriber that does not keep up never delays others: what does
//! not fit is counted, and the next message to it says how much it missed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use larum_event::{Event, FieldValue, limits};
use tokio::sync::mpsc;

use crate::api::{DeliveredEvent, EventDelivery, EventInterest};
use crate::gauges::EngineGauges;

/// One live subscriber, shared by the channels that serve it.
#[derive(Debug)]
pub struct LiveSubscriber {
    interest: RwLock<EventInterest>,
    deliveries: mpsc::Sender<EventDelivery>,
    missed: AtomicU64,
    gauges: Arc<EngineGauges>,
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
            missed: AtomicU64::new(0),
            gauges: Arc::clone(gauges),
        });
        gauges.add_subscriber();
        let subscription = Subscription {
            id,
            subscriber: Arc::downgrade(&subscriber),
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
        // The subscriber takes the gap too, when it has caught up: the one that swaps it out
        // reports it.
        if self.missed.load(Ordering::Relaxed) > 0 {
            // Room for the gap and for what follows it, so that a gap never stands alone.
            if self.deliveries.capacity() < 2 {
                self.count_missed(1);
                return;
            }
            let missed = self.missed.swap(0, Ordering::Relaxed);
            if missed > 0
                && self
                    .deliveries
                    .try_send(EventDelivery::Gap { missed })
                    .is_err()
            {
                self.missed.fetch_add(missed, Ordering::Relaxed);
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

    /// What it missed since this was last reported, if anything; it counts as reported now.
    pub fn take_missed(&self) -> Option<u64> {
        Some(self.missed.swap(0, Ordering::Relaxed)).filter(|missed| *missed > 0)
    }

    /// Notes that `number` events were not offered at all.
    pub fn count_missed(&self, number: u64) {
        self.missed.fetch_add(number, Ordering::Relaxed);
        self.gauges.count_missed(number);
    }
}

/// A live subscription; dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    id: u64,
    /// Held by those who deliver, so that the end of the last of them is heard here.
    subscriber: Weak<LiveSubscriber>,
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
        if let Ok(delivery) = self.events.try_recv() {
            return Some(delivery);
        }
        // It has caught up: report now what it missed on the way, not only with the next event.
        let live = self.subscriber.upgrade();
        if let Some(missed) = live.and_then(|live| live.take_missed()) {
            return Some(EventDelivery::Gap { missed });
        }
        self.events.recv().await
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
