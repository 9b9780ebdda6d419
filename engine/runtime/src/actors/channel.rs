//! One channel: its newest events, who wants them, and how far each durable consumer has come.
//!
//! Owns the buffer, the subscribers, the consumers' cursors and their circuit breakers. A channel is the log
//! with cursors: what the buffer no longer holds is read from the log, so a slow consumer costs nobody
//! anything and loses nothing. A consumer that fails is given the same events again; its breaker
//! makes sure that it is not hammered.

mod consumer;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, Supervised, Supervisor,
    WrapFuture,
};
use larum_event::{Channel, CursorMoved, Position, Record, RecordBody, Span};
use tokio::sync::oneshot;
use tracing::warn;

use crate::actors::live::Live;
use crate::actors::log::LogActor;
use crate::api::{Delivered, Interest};
use crate::breaker::{Breaker, BreakerConfig, BreakerState, Decision, Outcome};
use crate::credit::{Batch, tell};
use crate::messages::{AppendControl, Behind};
use crate::readers::Readers;
use crate::supervise::{ActorState, DropNotice, Seat, Unit, Watch};
use crate::supervision::Supervision;

use consumer::{Consumer, portion};

pub use consumer::Portion;

/// Records read from the log at once for a consumer that is behind.
const RECORDS: usize = 1_024;
/// Bytes read at once.
const BYTES: usize = 4 * 1024 * 1024;

/// What a channel is started with.
#[derive(Clone)]
pub struct ChannelSetup {
    /// Its name.
    pub channel: Channel,
    /// Events it keeps in memory.
    pub buffer: usize,
    /// Reads what it does not.
    pub readers: Readers,
    /// Takes its consumers' cursors.
    pub log: Addr<LogActor>,
    /// What all supervised actors share.
    pub supervision: Supervision,
    /// Everything up to here was in the log before the channel was made.
    pub since: Position,
}

/// See the module's words.
pub struct ChannelUnit {
    unit: Unit,
    setup: ChannelSetup,
    buffer: VecDeque<Arc<Delivered>>,
    /// Everything of this channel behind here is in the buffer.
    buffered_from: Position,
    /// The channel has seen the log up to here.
    upto: Position,
    live: Vec<Arc<Live>>,
    consumers: BTreeMap<String, Consumer>,
}

/// Events of this channel, for the channel.
pub type PublishBatch = Batch<Arc<Delivered>, Coverage>;

/// What a channel knows after a batch: all its events between the two are in this batch or in
/// earlier ones.
#[derive(Debug, Clone, Copy)]
pub struct Coverage {
    /// Behind here nothing is missing.
    pub from: Position,
    /// Up to here.
    pub upto: Position,
}

/// A subscriber wants this channel's events from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attach(pub Arc<Live>);

/// No live subscriber is served any more; what came before is still delivered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Detach {
    /// When that is so.
    pub reply: oneshot::Sender<()>,
}

/// A durable consumer introduces itself.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Enrol {
    /// Its name.
    pub consumer: String,
    /// What of the channel it wants.
    pub interest: Interest,
    /// Most events at once.
    pub most: usize,
    /// Where it stopped.
    pub cursor: Position,
}

/// A durable consumer wants its next events.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Want {
    /// Who.
    pub consumer: String,
    /// Where they go, as soon as there are any and its breaker lets them.
    pub reply: oneshot::Sender<Portion>,
}

/// How a durable consumer fared.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Handled {
    /// Who.
    pub consumer: String,
    /// Up to where, when it went well; the same events come again when not.
    pub upto: Option<Position>,
    /// How long it took.
    pub took: Span,
}

/// Looks again whether breakers let consumers pass.
#[derive(Message)]
#[rtype(result = "()")]
struct Again;

impl ChannelUnit {
    /// Its name in the registry.
    pub fn name(channel: &Channel) -> String {
        format!("channel/{channel}")
    }

    /// Has it started on `arbiter`'s thread; `None` when there are too many actors.
    pub fn start_on(arbiter: &actix::ArbiterHandle, setup: ChannelSetup) -> Option<Seat<Self>> {
        let seat = Seat::vacant();
        let supervision = setup.supervision.clone();
        let entry = supervision.registry.register(&Self::name(&setup.channel));
        let entry = entry.ok()?;
        let watch_entry = entry.clone();
        let handle = arbiter.clone();
        let create = move |notice: DropNotice| -> Addr<Self> {
            let unit = Unit::new(entry.clone(), setup.supervision.faults.clone(), notice);
            let setup = setup.clone();
            Supervisor::start_in_arbiter(&handle, move |_| Self {
                unit,
                buffer: VecDeque::new(),
                buffered_from: setup.since,
                upto: setup.since,
                live: Vec::new(),
                consumers: BTreeMap::new(),
                setup,
            })
        };
        supervision.watch(Watch::new(watch_entry, seat.clone(), create));
        Some(seat)
    }

    fn publish(&mut self, batch: &PublishBatch) {
        if batch.head.from > self.buffered_from {
            // Something was not sent here; the log has it.
            self.buffer
                .retain(|delivered| delivered.position > batch.head.from);
            self.buffered_from = batch.head.from;
        }
        self.live.retain(|live| !live.is_gone());
        for delivered in batch.items.iter() {
            for live in &self.live {
                live.offer(delivered);
            }
            self.buffer.push_back(Arc::clone(delivered));
            if self.buffer.len() > self.setup.buffer
                && let Some(oldest) = self.buffer.pop_front()
            {
                self.buffered_from = oldest.position;
            }
        }
        self.upto = self.upto.max(batch.head.upto);
    }

    /// Gives every waiting consumer what it may have.
    fn serve(&mut self, ctx: &mut Context<Self>) {
        let waiting: Vec<String> = self
            .consumers
            .iter()
            .filter(|(_, consumer)| consumer.waiting.is_some() && !consumer.reading)
            .map(|(name, _)| name.clone())
            .collect();
        for name in waiting {
            self.serve_one(&name, ctx);
        }
    }

    fn serve_one(&mut self, name: &str, ctx: &mut Context<Self>) {
        let upto = self.upto;
        let now = self.setup.supervision.clock.monotonic();
        let Some(consumer) = self.consumers.get_mut(name) else {
            return;
        };
        if consumer.cursor >= upto {
            return;
        }
        if consumer.cursor < self.buffered_from {
            consumer.reading = true;
            self.read_for(name.to_owned(), ctx);
            return;
        }
        let portion = portion(
            &consumer.interest,
            consumer.most,
            self.buffer.iter(),
            consumer.cursor,
            upto,
        );
        if portion.events.is_empty() {
            consumer.cursor = portion.upto;
            return;
        }
        match consumer.breaker.allow(now) {
            Decision::Permitted(pass) => consumer.give(pass, now, portion),
            Decision::Denied { until } => {
                let span = until.since(now);
                self.look_again(span, ctx);
            }
        }
        self.show_breaker();
    }

    /// Reads the log for a consumer that is behind the buffer.
    fn read_for(&mut self, name: String, ctx: &mut Context<Self>) {
        let Some(consumer) = self.consumers.get(&name) else {
            return;
        };
        let (after, mut reader) = (consumer.cursor, self.setup.readers.open());
        let read = async move {
            let task = tokio::task::spawn_blocking(move || reader.read(after, RECORDS, BYTES));
            match task.await {
                Ok(Ok(records)) => Ok(records),
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        };
        ctx.spawn(
            read.into_actor(self)
                .map(move |records, actor, ctx| match records {
                    Ok(records) => actor.serve_from_log(&name, &records, ctx),
                    Err(error) => {
                        warn!(consumer = %name, %error, "the log cannot be read for a consumer");
                        if let Some(consumer) = actor.consumers.get_mut(&name) {
                            consumer.reading = false;
                        }
                        actor.look_again(Span::from_seconds(1), ctx);
                    }
                }),
        );
    }

    fn serve_from_log(&mut self, name: &str, records: &[Record], ctx: &mut Context<Self>) {
        let channel = self.setup.channel.clone();
        let now = self.setup.supervision.clock.monotonic();
        let Some(consumer) = self.consumers.get_mut(name) else {
            return;
        };
        consumer.reading = false;
        let last = records.last().map_or(self.upto, |record| record.position);
        let found: Vec<Arc<Delivered>> = records
            .iter()
            .filter_map(delivered)
            .filter(|delivered| delivered.event.envelope().channel == channel)
            .collect();
        let portion = portion(
            &consumer.interest,
            consumer.most,
            found.iter(),
            consumer.cursor,
            last,
        );
        if portion.events.is_empty() {
            consumer.cursor = portion.upto;
            ctx.notify(Again);
            return;
        }
        match consumer.breaker.allow(now) {
            Decision::Permitted(pass) => consumer.give(pass, now, portion),
            Decision::Denied { until } => self.look_again(until.since(now), ctx),
        }
        self.show_breaker();
    }

    fn look_again(&self, after: Span, ctx: &mut Context<Self>) {
        let clock = self.setup.supervision.clock.clone();
        ctx.spawn(
            async move { clock.sleep(after).await }
                .into_actor(self)
                .map(|(), _, ctx: &mut Context<Self>| ctx.notify(Again)),
        );
    }

    /// Shows the breaker that is furthest from closed.
    fn show_breaker(&self) {
        let states = self
            .consumers
            .values()
            .map(|consumer| consumer.breaker.state());
        let badness = |state: &BreakerState| match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        if let Some(worst) = states.max_by_key(badness) {
            self.unit.entry().show_breaker(worst);
        }
    }

    fn keep_cursor(&self, consumer: &str, position: Position) {
        let moved = CursorMoved {
            channel: self.setup.channel.clone(),
            consumer: consumer.to_owned(),
            position,
        };
        let (reply, _nobody_waits) = oneshot::channel();
        let control = AppendControl {
            bodies: vec![RecordBody::CursorMoved(moved)],
            reply,
        };
        drop(tell(&self.setup.log.clone().recipient(), control));
    }
}

/// The event of a record, if it is one.
pub(crate) fn delivered(record: &Record) -> Option<Arc<Delivered>> {
    match &record.body {
        RecordBody::Event { event, .. } | RecordBody::Derived { event } => {
            Some(Arc::new(Delivered {
                position: record.position,
                event: event.clone(),
            }))
        }
        RecordBody::RuleSetActivated(_)
        | RecordBody::EpochCommit(_)
        | RecordBody::UnitDetached(_)
        | RecordBody::UnitAttached(_)
        | RecordBody::CursorMoved(_)
        | RecordBody::Tick { .. } => None,
    }
}

impl Actor for ChannelUnit {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        // Also called after `restarting`, which says itself when the state is back.
        if self.unit.entry().state() == ActorState::Starting {
            self.unit.entry().running();
        }
    }
}

impl Supervised for ChannelUnit {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        let _verdict = self.unit.restart(ctx, |actor: &mut Self, ctx| {
            // What the lost batch held is in the log: consumers read on from their cursors, and what was
            // being read for them went with the context.
            actor
                .consumers
                .values_mut()
                .for_each(|one| one.reading = false);
            actor.buffer.clear();
            actor.buffered_from = actor.upto;
            for live in &actor.live {
                live.miss(1);
            }
            actor.unit.entry().running();
            ctx.notify(Again);
        });
    }
}

impl Handler<PublishBatch> for ChannelUnit {
    type Result = ();

    fn handle(&mut self, batch: PublishBatch, ctx: &mut Self::Context) {
        self.upto = self.upto.max(batch.head.upto);
        if self.unit.check_ready().is_err() {
            return;
        }
        let entry = self.unit.entry().clone();
        entry.begin();
        let faults = self.setup.supervision.faults.clone();
        let clock = self.setup.supervision.clock.clone();
        let outcome = crate::supervise::guard("a batch of events", || {
            faults.strike(entry.name(), &clock);
            self.publish(&batch);
        });
        entry.done();
        match outcome {
            Ok(()) => self.serve(ctx),
            Err(panicked) => self.unit.failed(&panicked, ctx),
        }
    }
}

impl Handler<Behind> for ChannelUnit {
    type Result = ();

    fn handle(&mut self, Behind(upto): Behind, ctx: &mut Self::Context) {
        self.upto = self.upto.max(upto);
        self.buffered_from = self.buffered_from.max(upto);
        self.buffer.retain(|delivered| delivered.position > upto);
        self.serve(ctx);
    }
}

impl Handler<Attach> for ChannelUnit {
    type Result = ();

    fn handle(&mut self, attach: Attach, _: &mut Self::Context) {
        self.live.push(attach.0);
    }
}

impl Handler<Detach> for ChannelUnit {
    type Result = ();

    fn handle(&mut self, detach: Detach, _: &mut Self::Context) {
        self.live.clear();
        let _sent = detach.reply.send(());
    }
}

impl Handler<Enrol> for ChannelUnit {
    type Result = ();

    fn handle(&mut self, enrol: Enrol, _: &mut Self::Context) {
        let breaker = Breaker::new(BreakerConfig::default());
        self.consumers
            .entry(enrol.consumer)
            .or_insert_with(|| Consumer {
                interest: enrol.interest,
                most: enrol.most.max(1),
                cursor: enrol.cursor,
                breaker,
                pass: None,
                waiting: None,
                reading: false,
            });
    }
}

impl Handler<Want> for ChannelUnit {
    type Result = ();

    fn handle(&mut self, want: Want, ctx: &mut Self::Context) {
        if let Some(consumer) = self.consumers.get_mut(&want.consumer) {
            consumer.waiting = Some(want.reply);
            self.serve(ctx);
        }
    }
}

impl Handler<Handled> for ChannelUnit {
    type Result = ();

    fn handle(&mut self, handled: Handled, _: &mut Self::Context) {
        let now = self.setup.supervision.clock.monotonic();
        let Some(consumer) = self.consumers.get_mut(&handled.consumer) else {
            return;
        };
        let outcome = if handled.upto.is_some() {
            Outcome::Success
        } else {
            Outcome::Failure
        };
        if let Some((pass, _)) = consumer.pass.take() {
            consumer.breaker.record(pass, outcome, handled.took, now);
        }
        if let Some(upto) = handled.upto {
            consumer.cursor = consumer.cursor.max(upto);
            self.keep_cursor(&handled.consumer, upto);
        }
        self.show_breaker();
    }
}

impl Handler<Again> for ChannelUnit {
    type Result = ();

    fn handle(&mut self, _: Again, ctx: &mut Self::Context) {
        self.serve(ctx);
    }
}
