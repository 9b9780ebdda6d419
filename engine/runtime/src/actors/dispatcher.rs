//! Which channels there are, who listens, and what goes where.
//!
//! Owns the channels and the list of live subscribers; delivering is the channels' job. It follows
//! the log and hands every event to its channel, which it creates when the first event comes.
//! Invariant: a channel is sent every event behind its `covered_from`. One that has no credit left
//! gets nothing, is notified up to where, and reads the log instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, ArbiterHandle, AsyncContext, Context, Handler, Message, WrapFuture,
};
use larum_actor::{ActorSlot, CreditBatch, Credits, send_batch, send_control};
use larum_event::{Channel, Position, limits};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::actors::channel::{
    AttachSubscriber, BatchCoverage, ChannelActor, ChannelSetup, DetachSubscribers, PublishBatch,
    RegisterConsumer,
};
use crate::actors::handler::HandlerActor;
use crate::actors::live_subscriber::{LiveSubscriber, Subscription};
use crate::api::{DeliveredEvent, EventInterest, SubscribeError};
use crate::config::HandlerSpec;
use crate::gauges::EngineGauges;
use crate::messages::{CommittedBatch, LogGrowth, SkippedEvents};

/// Least credit of a channel's edge, so that a small buffer does not mean small batches.
const LEAST_CREDIT: usize = 4_096;

/// The dispatcher of all channels.
pub struct Dispatcher {
    setup: DispatcherSetup,
    channels: BTreeMap<Channel, ChannelRoute>,
    subscribers: Vec<Arc<LiveSubscriber>>,
    /// The engine has ended: nobody new is served.
    has_ended: bool,
    next_id: u64,
    handlers: Vec<ActorSlot<HandlerActor>>,
    /// Behind here every record has come.
    covered_from: Position,
    /// Up to here.
    upto: Position,
}

/// What the dispatcher is started with.
pub struct DispatcherSetup {
    /// How channels are made; the channel's name is filled in.
    pub channel: ChannelSetup,
    /// Buffers of channels that are configured.
    pub buffers: Vec<(Channel, usize)>,
    /// Where channels and handlers run.
    pub arbiter: ArbiterHandle,
    /// What the engine counts.
    pub gauges: Arc<EngineGauges>,
}

/// A channel as seen from here.
struct ChannelRoute {
    slot: ActorSlot<ChannelActor>,
    credits: Credits,
    /// Behind here it was sent everything.
    covered_from: Position,
}

/// A live subscriber comes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AddSubscriber {
    /// What it wants.
    pub interest: EventInterest,
    /// Its end of the queue.
    pub reply: oneshot::Sender<Result<Subscription, SubscribeError>>,
}

/// The engine has ended: live subscribers hear what is on its way to them, and then the end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndSubscriptions {
    /// When everything that came before is on its way to them.
    pub reply: oneshot::Sender<()>,
}

/// Starts a handler where it stopped.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StartHandler {
    /// The handler.
    pub spec: HandlerSpec,
    /// Where it stopped.
    pub cursor: Position,
}

impl Dispatcher {
    /// A dispatcher for a log that ends at `head`.
    pub fn new(setup: DispatcherSetup, head: Position) -> Self {
        Self {
            setup,
            channels: BTreeMap::new(),
            subscribers: Vec::new(),
            has_ended: false,
            next_id: 1,
            handlers: Vec::new(),
            covered_from: head,
            upto: head,
        }
    }

    /// The channel's route, made if it is new; `None` when there are too many channels.
    fn ensure_route(&mut self, channel: &Channel) -> Option<&mut ChannelRoute> {
        if !self.channels.contains_key(channel) {
            if self.channels.len() >= limits::CHANNELS {
                warn!(%channel, "there are too many channels, nobody hears this one live");
                return None;
            }
            let route = self.create_route(channel)?;
            self.channels.insert(channel.clone(), route);
        }
        self.channels.get_mut(channel)
    }

    fn create_route(&self, channel: &Channel) -> Option<ChannelRoute> {
        let configured = self.setup.buffers.iter().find(|(name, _)| name == channel);
        let buffer = configured.map_or(limits::UNKNOWN_CHANNEL_EVENTS, |(_, buffer)| *buffer);
        let credits = u32::try_from(buffer.max(LEAST_CREDIT)).unwrap_or(u32::MAX);
        let setup = ChannelSetup {
            channel: channel.clone(),
            buffer,
            since: self.upto,
            ..self.setup.channel.clone()
        };
        let credits = Credits::new(credits);
        let name = ChannelActor::actor_name(channel);
        let started = ChannelActor::start_on(&self.setup.arbiter, setup);
        let slot = started
            .inspect_err(|error| warn!(%channel, %error, "the channel has no live delivery"))
            .ok()?;
        if let Some(entry) = self.setup.channel.supervision.registry.entry(&name) {
            entry.show_queue(&credits);
        }
        info!(%channel, buffer, "channel is open");
        Some(ChannelRoute {
            slot,
            credits,
            covered_from: self.covered_from,
        })
    }

    /// Hands every event to its channel, waiting for channels that are being made.
    fn dispatch_batch(&mut self, batch: &CommittedBatch, ctx: &mut Context<Self>) {
        let (Some(first), Some(last)) = (batch.items.first(), batch.items.last()) else {
            return;
        };
        if first.position != self.upto.next() {
            self.covered_from = Position(first.position.0.saturating_sub(1));
        }
        let mut by_channel: BTreeMap<Channel, Vec<Arc<DeliveredEvent>>> = BTreeMap::new();
        for event in batch.items.iter().filter_map(DeliveredEvent::from_record) {
            let channel = event.event.envelope().channel.clone();
            by_channel.entry(channel).or_default().push(event);
        }
        // New channels first: a batch is sent only when all its channels have an address.
        let mut fresh = Vec::new();
        for channel in by_channel.keys() {
            let known = self.channels.contains_key(channel);
            if let Some(route) = self.ensure_route(channel).filter(|_| !known) {
                fresh.push(route.slot.clone());
            }
        }
        self.upto = last.position;
        if fresh.is_empty() {
            self.publish_events(by_channel);
            return;
        }
        // `ctx.wait` holds the mailbox, so no later batch overtakes this one.
        let made = async move {
            for slot in &fresh {
                slot.wait_for_address().await;
            }
            fresh
        };
        ctx.wait(made.into_actor(self).map(|fresh, actor, _| {
            for slot in fresh {
                actor.attach_subscribers(&slot);
            }
            actor.publish_events(by_channel);
        }));
    }

    fn publish_events(&mut self, by_channel: BTreeMap<Channel, Vec<Arc<DeliveredEvent>>>) {
        let (covered_from, upto) = (self.covered_from, self.upto);
        for (channel, events) in by_channel {
            let Some(route) = self.channels.get_mut(&channel) else {
                continue;
            };
            let number = u32::try_from(events.len()).unwrap_or(u32::MAX);
            let from = covered_from.max(route.covered_from);
            let sent = route.credits.try_acquire(number).and_then(|permit| {
                let head = BatchCoverage { from, upto };
                let batch: PublishBatch = CreditBatch {
                    head,
                    items: events.into(),
                    permit,
                };
                send_batch(&route.slot.address()?.recipient(), batch).ok()
            });
            if sent.is_none() {
                route.covered_from = upto;
                // Its durable consumers read the log; one that is being restarted does so anyway.
                if let Some(address) = route.slot.address() {
                    drop(send_control(&address.recipient(), SkippedEvents(upto)));
                }
                self.subscribers
                    .iter()
                    .for_each(|live| live.count_missed(u64::from(number)));
            }
        }
    }

    fn attach_subscribers(&self, slot: &ActorSlot<ChannelActor>) {
        if let Some(address) = slot.address() {
            for live in &self.subscribers {
                drop(send_control(
                    &address.clone().recipient(),
                    AttachSubscriber(Arc::clone(live)),
                ));
            }
        }
    }

    fn add_subscriber(&mut self, interest: EventInterest) -> Result<Subscription, SubscribeError> {
        if self.has_ended {
            return Err(SubscribeError::Stopping);
        }
        // Those that have gone are dropped before the limit is checked: they take no room.
        self.subscribers.retain(|live| !live.is_gone());
        if self.subscribers.len() >= limits::SUBSCRIPTIONS {
            return Err(SubscribeError::TooMany {
                most: limits::SUBSCRIPTIONS,
            });
        }
        let (live, subscription) =
            LiveSubscriber::open_subscription(self.next_id, interest, &self.setup.gauges);
        self.next_id += 1;
        self.subscribers.push(Arc::clone(&live));
        for route in self.channels.values() {
            if let Some(address) = route.slot.address() {
                drop(send_control(
                    &address.recipient(),
                    AttachSubscriber(Arc::clone(&live)),
                ));
            }
        }
        Ok(subscription)
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;
}

impl Handler<CommittedBatch> for Dispatcher {
    type Result = ();

    fn handle(&mut self, batch: CommittedBatch, ctx: &mut Self::Context) {
        self.dispatch_batch(&batch, ctx);
    }
}

impl Handler<LogGrowth> for Dispatcher {
    type Result = ();

    /// The records did not come along: all live subscribers have missed something.
    fn handle(&mut self, _: LogGrowth, _: &mut Self::Context) {
        self.subscribers
            .iter()
            .for_each(|live| live.count_missed(1));
    }
}

impl Handler<EndSubscriptions> for Dispatcher {
    type Result = ();

    fn handle(&mut self, end: EndSubscriptions, ctx: &mut Self::Context) {
        self.has_ended = true;
        self.subscribers.clear();
        let mut detached = Vec::new();
        for address in self
            .channels
            .values()
            .filter_map(|route| route.slot.address())
        {
            let (reply, done) = oneshot::channel();
            drop(send_control(
                &address.recipient(),
                DetachSubscribers { reply },
            ));
            detached.push(done);
        }
        let all = async move {
            for done in detached {
                // A channel that is gone has nothing on its way any more.
                drop(done.await);
            }
            let _sent = end.reply.send(());
        };
        ctx.spawn(all.into_actor(self));
    }
}

impl Handler<AddSubscriber> for Dispatcher {
    type Result = ();

    fn handle(&mut self, subscribe: AddSubscriber, _: &mut Self::Context) {
        let subscribed = self.add_subscriber(subscribe.interest);
        drop(subscribe.reply.send(subscribed));
    }
}

impl Handler<StartHandler> for Dispatcher {
    type Result = ();

    fn handle(&mut self, start: StartHandler, ctx: &mut Self::Context) {
        let StartHandler { spec, cursor } = start;
        let Some(route) = self.ensure_route(&spec.channel) else {
            return;
        };
        let slot = route.slot.clone();
        let (handle, supervision) = (
            self.setup.arbiter.clone(),
            self.setup.channel.supervision.clone(),
        );
        let registration = RegisterConsumer {
            consumer: spec.id.clone(),
            interest: spec.interest.clone(),
            most: spec.batch,
            cursor,
        };
        let made = async move {
            let address = slot.wait_for_address().await;
            drop(send_control(&address.recipient(), registration));
            slot
        };
        ctx.wait(made.into_actor(self).map(move |slot, actor, _| {
            actor.attach_subscribers(&slot);
            actor
                .handlers
                .push(HandlerActor::start_on(&handle, spec, slot, &supervision));
        }));
    }
}
