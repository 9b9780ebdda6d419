//! One channel: its newest events, its subscribers, and how far each durable consumer has come.
//!
//! Owns the buffer, the subscribers, the consumers' cursors and their circuit breakers; what a
//! consumer does with events is left to its handler. A channel is the log with cursors: what the
//! buffer no longer holds is read from the log, so a slow consumer costs others nothing. A consumer
//! that fails is given the same events again, and its breaker makes sure that it is not hammered.
//! Invariant: everything of this channel behind `buffered_from` is in the buffer, so a cursor that
//! is not before it can be served from memory without losing an event.

mod consumer;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, Supervised, WrapFuture,
};
use larum_actor::{
    ActorGuard, ActorSlot, ActorState, CreditBatch, RegistryFull, Supervision, send_control,
};
use larum_event::{Channel, CursorMove, Position, Record, RecordBody, Span};
use larum_query::ReaderFactory;
use tokio::sync::oneshot;
use tracing::warn;

use crate::actors::live_subscriber::LiveSubscriber;
use crate::actors::log::LogActor;
use crate::api::{DeliveredEvent, EventInterest};
use crate::breaker::{BreakerConfig, BreakerState, CallDecision, CallOutcome, CircuitBreaker};
use crate::messages::{AppendControl, SkippedEvents};

use consumer::{DurableConsumer, select_batch};

pub use consumer::ConsumerBatch;

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
    pub readers: ReaderFactory,
    /// Takes its consumers' cursors.
    pub log: Addr<LogActor>,
    /// What all supervised actors share.
    pub supervision: Supervision,
    /// Everything up to here was in the log before the channel was made.
    pub since: Position,
}

/// One channel.
pub struct ChannelActor {
    guard: ActorGuard,
    setup: ChannelSetup,
    buffer: VecDeque<Arc<DeliveredEvent>>,
    /// Everything of this channel behind here is in the buffer.
    buffered_from: Position,
    /// The channel has seen the log up to here.
    upto: Position,
    subscribers: Vec<Arc<LiveSubscriber>>,
    consumers: BTreeMap<String, DurableConsumer>,
}

/// Events of this channel, for the channel.
pub type PublishBatch = CreditBatch<Arc<DeliveredEvent>, BatchCoverage>;

/// What a channel knows after a batch: all its events between the two are in this batch or in
/// earlier ones.
#[derive(Debug, Clone, Copy)]
pub struct BatchCoverage {
    /// Behind here nothing is missing.
    pub from: Position,
    /// Up to here.
    pub upto: Position,
}

/// A subscriber wants this channel's events from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AttachSubscriber(pub Arc<LiveSubscriber>);

/// No live subscriber is served any more; what came before is still delivered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DetachSubscribers {
    /// When that is so.
    pub reply: oneshot::Sender<()>,
}

/// A durable consumer introduces itself.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RegisterConsumer {
    /// Its name.
    pub consumer: String,
    /// What of the channel it wants.
    pub interest: EventInterest,
    /// Most events at once.
    pub most: usize,
    /// Where it stopped.
    pub cursor: Position,
}

/// A durable consumer wants its next events.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RequestEvents {
    /// The consumer's name.
    pub consumer: String,
    /// Where they go, as soon as there are any and its breaker lets them.
    pub reply: oneshot::Sender<ConsumerBatch>,
}

/// How a durable consumer fared.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ConsumerOutcome {
    /// The consumer's name.
    pub consumer: String,
    /// Up to where, when it went well; the same events come again when not.
    pub upto: Option<Position>,
    /// How long it took.
    pub took: Span,
}

/// Looks again whether breakers let consumers pass.
#[derive(Message)]
#[rtype(result = "()")]
struct ServeConsumers;

impl ChannelActor {
    /// Its name in the registry.
    pub fn actor_name(channel: &Channel) -> String {
        format!("channel/{channel}")
    }

    /// Starts it on the thread of `arbiter`.
    ///
    /// # Errors
    /// There are too many actors.
    pub fn start_on(
        arbiter: &actix::ArbiterHandle,
        setup: ChannelSetup,
    ) -> Result<ActorSlot<Self>, RegistryFull> {
        let name = Self::actor_name(&setup.channel);
        let supervision = setup.supervision.clone();
        supervision.start_actor(&name, arbiter, move |guard| Self {
            guard,
            buffer: VecDeque::new(),
            buffered_from: setup.since,
            upto: setup.since,
            subscribers: Vec::new(),
            consumers: BTreeMap::new(),
            setup: setup.clone(),
        })
    }

    fn publish_batch(&mut self, batch: &PublishBatch) {
        if batch.head.from > self.buffered_from {
            // Something was not sent here; the log has it.
            self.buffer
                .retain(|delivered| delivered.position > batch.head.from);
            self.buffered_from = batch.head.from;
        }
        self.subscribers.retain(|live| !live.is_gone());
        for delivered in batch.items.iter() {
            for live in &self.subscribers {
                live.offer_event(delivered);
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

    /// Tells live subscribers of a batch that is not published as a whole. Consumers read the log.
    fn count_missed(&self, batch: &PublishBatch) {
        let number = batch.items.len() as u64;
        for live in &self.subscribers {
            live.count_missed(number);
        }
    }

    /// Gives every waiting consumer what it may have.
    fn serve_consumers(&mut self, ctx: &mut Context<Self>) {
        let waiting: Vec<String> = self
            .consumers
            .iter()
            .filter(|(_, consumer)| consumer.waiting.is_some() && !consumer.reading)
            .map(|(name, _)| name.clone())
            .collect();
        for name in waiting {
            self.serve_consumer(&name, ctx);
        }
    }

    fn serve_consumer(&mut self, name: &str, ctx: &mut Context<Self>) {
        let upto = self.upto;
        let Some(consumer) = self.consumers.get_mut(name) else {
            return;
        };
        if consumer.cursor >= upto {
            return;
        }
        // The log before the buffer: what fell out of the buffer must not be skipped.
        if consumer.cursor < self.buffered_from {
            consumer.reading = true;
            self.read_log_for(name.to_owned(), ctx);
            return;
        }
        let batch = select_batch(
            &consumer.interest,
            consumer.most,
            self.buffer.iter(),
            consumer.cursor,
            upto,
        );
        if batch.events.is_empty() {
            // Nothing for it up to here: its cursor moves on without a call.
            consumer.cursor = batch.upto;
            return;
        }
        self.deliver_batch(name, batch, ctx);
    }

    /// Hands `batch` over, unless the consumer's breaker is open: then it is selected again later.
    fn deliver_batch(&mut self, name: &str, batch: ConsumerBatch, ctx: &mut Context<Self>) {
        let now = self.setup.supervision.clock.monotonic();
        let Some(consumer) = self.consumers.get_mut(name) else {
            return;
        };
        match consumer.breaker.request_call(now) {
            CallDecision::Permitted(pass) => consumer.hand_over(pass, now, batch),
            CallDecision::Denied { until } => self.serve_later(until.since(now), ctx),
        }
        self.show_worst_breaker();
    }

    /// Reads the log for a consumer that is behind the buffer.
    fn read_log_for(&mut self, name: String, ctx: &mut Context<Self>) {
        let Some(consumer) = self.consumers.get(&name) else {
            return;
        };
        let (after, mut reader) = (consumer.cursor, self.setup.readers.open_reader());
        let read = async move {
            let task =
                tokio::task::spawn_blocking(move || reader.read_after(after, RECORDS, BYTES));
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
                        actor.serve_later(Span::from_seconds(1), ctx);
                    }
                }),
        );
    }

    fn serve_from_log(&mut self, name: &str, records: &[Record], ctx: &mut Context<Self>) {
        let channel = self.setup.channel.clone();
        let Some(consumer) = self.consumers.get_mut(name) else {
            return;
        };
        consumer.reading = false;
        let last = records.last().map_or(self.upto, |record| record.position);
        let events: Vec<Arc<DeliveredEvent>> = records
            .iter()
            .filter_map(DeliveredEvent::from_record)
            .filter(|delivered| delivered.event.envelope().channel == channel)
            .collect();
        let batch = select_batch(
            &consumer.interest,
            consumer.most,
            events.iter(),
            consumer.cursor,
            last,
        );
        if batch.events.is_empty() {
            consumer.cursor = batch.upto;
            ctx.notify(ServeConsumers);
            return;
        }
        self.deliver_batch(name, batch, ctx);
    }

    fn serve_later(&self, after: Span, ctx: &mut Context<Self>) {
        let clock = self.setup.supervision.clock.clone();
        ctx.spawn(
            async move { clock.sleep(after).await }
                .into_actor(self)
                .map(|(), _, ctx: &mut Context<Self>| ctx.notify(ServeConsumers)),
        );
    }

    /// Shows the breaker that is furthest from closed.
    fn show_worst_breaker(&self) {
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
            self.guard.entry().show_breaker(worst.as_str());
        }
    }

    fn store_cursor(&self, consumer: &str, position: Position) {
        let moved = CursorMove {
            channel: self.setup.channel.clone(),
            consumer: consumer.to_owned(),
            position,
        };
        let (reply, _nobody_waits) = oneshot::channel();
        let control = AppendControl {
            bodies: vec![RecordBody::CursorMoved(moved)],
            reply,
        };
        drop(send_control(&self.setup.log.clone().recipient(), control));
    }
}

impl Actor for ChannelActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        // Also called after `restarting`, which says itself when the state is back.
        if self.guard.entry().state() == ActorState::Starting {
            self.guard.entry().set_running();
        }
    }
}

impl Supervised for ChannelActor {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        let _verdict = self.guard.restart_actor(ctx, |actor: &mut Self, ctx| {
            // What the lost batch held is in the log: consumers read on from their cursors, and
            // what was being read for them went with the context.
            actor
                .consumers
                .values_mut()
                .for_each(|one| one.reading = false);
            actor.buffer.clear();
            actor.buffered_from = actor.upto;
            actor.guard.entry().set_running();
            ctx.notify(ServeConsumers);
        });
    }
}

impl Handler<PublishBatch> for ChannelActor {
    type Result = ();

    fn handle(&mut self, batch: PublishBatch, ctx: &mut Self::Context) {
        self.upto = self.upto.max(batch.head.upto);
        if self.guard.check_ready().is_err() {
            self.count_missed(&batch);
            return;
        }
        let entry = self.guard.entry().clone();
        entry.begin_work();
        let faults = self.setup.supervision.faults.clone();
        let clock = self.setup.supervision.clock.clone();
        let outcome = larum_actor::catch_panic("a batch of events", || {
            faults.inject_fault(entry.name(), &clock);
            self.publish_batch(&batch);
        });
        entry.end_work();
        match outcome {
            Ok(()) => self.serve_consumers(ctx),
            Err(panicked) => {
                // Now and not after the restart: there is none when the channel is quarantined.
                self.count_missed(&batch);
                self.guard.report_panic(&panicked, ctx);
            }
        }
    }
}

impl Handler<SkippedEvents> for ChannelActor {
    type Result = ();

    fn handle(&mut self, SkippedEvents(upto): SkippedEvents, ctx: &mut Self::Context) {
        self.upto = self.upto.max(upto);
        self.buffered_from = self.buffered_from.max(upto);
        self.buffer.retain(|delivered| delivered.position > upto);
        self.serve_consumers(ctx);
    }
}

impl Handler<AttachSubscriber> for ChannelActor {
    type Result = ();

    fn handle(&mut self, attach: AttachSubscriber, _: &mut Self::Context) {
        self.subscribers.push(attach.0);
    }
}

impl Handler<DetachSubscribers> for ChannelActor {
    type Result = ();

    fn handle(&mut self, detach: DetachSubscribers, _: &mut Self::Context) {
        self.subscribers.clear();
        let _sent = detach.reply.send(());
    }
}

impl Handler<RegisterConsumer> for ChannelActor {
    type Result = ();

    fn handle(&mut self, enrol: RegisterConsumer, _: &mut Self::Context) {
        let breaker = CircuitBreaker::new(BreakerConfig::default());
        self.consumers
            .entry(enrol.consumer)
            .or_insert_with(|| DurableConsumer {
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

impl Handler<RequestEvents> for ChannelActor {
    type Result = ();

    fn handle(&mut self, want: RequestEvents, ctx: &mut Self::Context) {
        if let Some(consumer) = self.consumers.get_mut(&want.consumer) {
            consumer.waiting = Some(want.reply);
            self.serve_consumers(ctx);
        }
    }
}

impl Handler<ConsumerOutcome> for ChannelActor {
    type Result = ();

    fn handle(&mut self, handled: ConsumerOutcome, _: &mut Self::Context) {
        let now = self.setup.supervision.clock.monotonic();
        let Some(consumer) = self.consumers.get_mut(&handled.consumer) else {
            return;
        };
        let outcome = if handled.upto.is_some() {
            CallOutcome::Success
        } else {
            CallOutcome::Failure
        };
        if let Some((pass, _)) = consumer.pass.take() {
            consumer
                .breaker
                .record_call(pass, outcome, handled.took, now);
        }
        if let Some(upto) = handled.upto {
            consumer.cursor = consumer.cursor.max(upto);
            self.store_cursor(&handled.consumer, upto);
        }
        self.show_worst_breaker();
    }
}

impl Handler<ServeConsumers> for ChannelActor {
    type Result = ();

    fn handle(&mut self, _: ServeConsumers, ctx: &mut Self::Context) {
        self.serve_consumers(ctx);
    }
}
