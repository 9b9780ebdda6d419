//! The switchboard: which channels there are, who listens, and what goes where.
//!
//! Owns the channels and the list of live subscribers. It follows the log and hands every event to its
//! channel, which it creates when the first event comes; a channel that has no credit left gets
//! nothing and reads the log instead.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use actix::{
    Actor, ActorFutureExt, ArbiterHandle, AsyncContext, Context, Handler, Message, WrapFuture,
};
use larum_event::{Channel, Position, limits};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use crate::actors::channel::{
    Attach, ChannelSetup, ChannelUnit, Coverage, Detach, Enrol, PublishBatch, delivered,
};
use crate::actors::handler::HandlerUnit;
use crate::actors::live::Live;
use crate::api::{Delivered, Delivery, HandlerSpec, Interest, SubscribeError};
use crate::credit::{Batch, Credits, send_batch, tell};
use crate::gauges::Gauges;
use crate::messages::{Behind, CommittedBatch, Grown};
use crate::supervise::Seat;

/// Least credit of a channel's edge, so that a small buffer does not mean small batches.
const LEAST_CREDIT: usize = 4_096;

/// See the module's words.
pub struct FrontUnit {
    setup: FrontSetup,
    channels: BTreeMap<Channel, Line>,
    live: Vec<Arc<Live>>,
    /// The engine has ended: nobody new is served.
    ended: bool,
    next_id: u64,
    handlers: Vec<Seat<HandlerUnit>>,
    /// Behind here every record has come.
    covered_from: Position,
    /// Up to here.
    upto: Position,
}

/// What the switchboard is started with.
pub struct FrontSetup {
    /// How channels are made; the channel's name is filled in.
    pub channel: ChannelSetup,
    /// Buffers of channels that are configured.
    pub buffers: Vec<(Channel, usize)>,
    /// Where channels and handlers run.
    pub arbiter: ArbiterHandle,
    /// Counters.
    pub gauges: Arc<Gauges>,
}

/// A channel as seen from here.
struct Line {
    seat: Seat<ChannelUnit>,
    credits: Credits,
    /// Behind here it was sent everything.
    covered_from: Position,
}

/// A live subscriber comes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Subscribe {
    /// What it wants.
    pub interest: Interest,
    /// The subscriber and its end of the way.
    pub reply: oneshot::Sender<Result<Subscribed, SubscribeError>>,
}

/// A live subscription as the subscriber holds it.
pub struct Subscribed {
    /// Its number.
    pub id: u64,
    /// Its filter and its gap, held by those who deliver.
    pub live: Weak<Live>,
    /// Its end of the way.
    pub events: mpsc::Receiver<Delivery>,
}

/// The engine has ended: live subscribers hear what is on its way to them, and then the end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndLive {
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

impl FrontUnit {
    /// A switchboard for a log that ends at `head`.
    pub fn new(setup: FrontSetup, head: Position) -> Self {
        Self {
            setup,
            channels: BTreeMap::new(),
            live: Vec::new(),
            ended: false,
            next_id: 1,
            handlers: Vec::new(),
            covered_from: head,
            upto: head,
        }
    }

    /// The channel's line, made if it is new; `None` when there are too many channels.
    fn line(&mut self, channel: &Channel) -> Option<&mut Line> {
        if !self.channels.contains_key(channel) {
            if self.channels.len() >= limits::CHANNELS {
                warn!(%channel, "there are too many channels, nobody hears this one live");
                return None;
            }
            let line = self.new_line(channel)?;
            self.channels.insert(channel.clone(), line);
        }
        self.channels.get_mut(channel)
    }

    fn new_line(&self, channel: &Channel) -> Option<Line> {
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
        let name = ChannelUnit::name(channel);
        let Some(seat) = ChannelUnit::start_on(&self.setup.arbiter, setup) else {
            warn!(%channel, "there are too many actors, nobody hears this channel live");
            return None;
        };
        if let Some(entry) = self.setup.channel.supervision.registry.entry(&name) {
            entry.show_queue(&credits);
        }
        info!(%channel, buffer, "channel is open");
        Some(Line {
            seat,
            credits,
            covered_from: self.covered_from,
        })
    }

    /// Hands every event to its channel, waiting for channels that are being made.
    fn route(&mut self, batch: &CommittedBatch, ctx: &mut Context<Self>) {
        let (Some(first), Some(last)) = (batch.items.first(), batch.items.last()) else {
            return;
        };
        if first.position != self.upto.next() {
            self.covered_from = Position(first.position.0.saturating_sub(1));
        }
        let mut by_channel: BTreeMap<Channel, Vec<Arc<Delivered>>> = BTreeMap::new();
        for event in batch.items.iter().filter_map(delivered) {
            let channel = event.event.envelope().channel.clone();
            by_channel.entry(channel).or_default().push(event);
        }
        let mut fresh = Vec::new();
        for channel in by_channel.keys() {
            let known = self.channels.contains_key(channel);
            if let Some(line) = self.line(channel).filter(|_| !known) {
                fresh.push(line.seat.clone());
            }
        }
        self.upto = last.position;
        if fresh.is_empty() {
            self.publish(by_channel);
            return;
        }
        let made = async move {
            for seat in &fresh {
                seat.seated().await;
            }
            fresh
        };
        ctx.wait(made.into_actor(self).map(|fresh, actor, _| {
            for seat in fresh {
                actor.attach_all(&seat);
            }
            actor.publish(by_channel);
        }));
    }

    fn publish(&mut self, by_channel: BTreeMap<Channel, Vec<Arc<Delivered>>>) {
        let (covered_from, upto) = (self.covered_from, self.upto);
        for (channel, events) in by_channel {
            let Some(line) = self.channels.get_mut(&channel) else {
                continue;
            };
            let number = u32::try_from(events.len()).unwrap_or(u32::MAX);
            let from = covered_from.max(line.covered_from);
            let sent = line.credits.try_acquire(number).and_then(|permit| {
                let head = Coverage { from, upto };
                let batch: PublishBatch = Batch {
                    head,
                    items: events.into(),
                    permit,
                };
                send_batch(&line.seat.address()?.recipient(), batch).ok()
            });
            if sent.is_none() {
                line.covered_from = upto;
                // Its durable consumers read the log; one that is being restarted does so anyway.
                if let Some(address) = line.seat.address() {
                    drop(tell(&address.recipient(), Behind(upto)));
                }
                self.live
                    .iter()
                    .for_each(|live| live.miss(u64::from(number)));
            }
        }
    }

    fn attach_all(&self, seat: &Seat<ChannelUnit>) {
        if let Some(address) = seat.address() {
            for live in &self.live {
                drop(tell(&address.clone().recipient(), Attach(Arc::clone(live))));
            }
        }
    }

    fn subscribe(&mut self, interest: Interest) -> Result<Subscribed, SubscribeError> {
        if self.ended {
            return Err(SubscribeError::Stopping);
        }
        self.live.retain(|live| !live.is_gone());
        if self.live.len() >= limits::SUBSCRIPTIONS {
            return Err(SubscribeError::TooMany {
                most: limits::SUBSCRIPTIONS,
            });
        }
        let (way, events) = mpsc::channel(limits::SUBSCRIBER_EVENTS);
        let id = self.next_id;
        let live = Arc::new(Live::new(interest, way, Arc::clone(&self.setup.gauges)));
        self.next_id += 1;
        self.live.push(Arc::clone(&live));
        for line in self.channels.values() {
            if let Some(address) = line.seat.address() {
                drop(tell(&address.recipient(), Attach(Arc::clone(&live))));
            }
        }
        Ok(Subscribed {
            id,
            live: Arc::downgrade(&live),
            events,
        })
    }
}

impl Actor for FrontUnit {
    type Context = Context<Self>;
}

impl Handler<CommittedBatch> for FrontUnit {
    type Result = ();

    fn handle(&mut self, batch: CommittedBatch, ctx: &mut Self::Context) {
        self.route(&batch, ctx);
    }
}

impl Handler<Grown> for FrontUnit {
    type Result = ();

    /// The records did not come along: whoever listens live has missed something.
    fn handle(&mut self, _: Grown, _: &mut Self::Context) {
        self.live.iter().for_each(|live| live.miss(1));
    }
}

impl Handler<EndLive> for FrontUnit {
    type Result = ();

    fn handle(&mut self, end: EndLive, ctx: &mut Self::Context) {
        self.ended = true;
        self.live.clear();
        let mut detached = Vec::new();
        for address in self
            .channels
            .values()
            .filter_map(|line| line.seat.address())
        {
            let (reply, done) = oneshot::channel();
            drop(tell(&address.recipient(), Detach { reply }));
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

impl Handler<Subscribe> for FrontUnit {
    type Result = ();

    fn handle(&mut self, subscribe: Subscribe, _: &mut Self::Context) {
        let subscribed = self.subscribe(subscribe.interest);
        drop(subscribe.reply.send(subscribed));
    }
}

impl Handler<StartHandler> for FrontUnit {
    type Result = ();

    fn handle(&mut self, start: StartHandler, ctx: &mut Self::Context) {
        let StartHandler { spec, cursor } = start;
        let Some(line) = self.line(&spec.channel) else {
            return;
        };
        let seat = line.seat.clone();
        let (handle, supervision) = (
            self.setup.arbiter.clone(),
            self.setup.channel.supervision.clone(),
        );
        let enrol = Enrol {
            consumer: spec.id.clone(),
            interest: spec.interest.clone(),
            most: spec.batch,
            cursor,
        };
        let made = async move {
            let address = seat.seated().await;
            drop(tell(&address.recipient(), enrol));
            seat
        };
        ctx.wait(made.into_actor(self).map(move |seat, actor, _| {
            actor.attach_all(&seat);
            actor
                .handlers
                .push(HandlerUnit::start_on(&handle, spec, seat, &supervision));
        }));
    }
}
