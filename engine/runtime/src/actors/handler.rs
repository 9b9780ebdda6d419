//! One way out.
//!
//! Owns the handler, which runs on this actor's thread, and the time it may take; the cursor
//! belongs to the channel. It asks its channel for events, hands them over, and reports how that
//! went.
//! Invariant: the channel hears of success only after the handler said so. A handler that failed,
//! hung or panicked is given the same events again, and no other handler notices.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, ArbiterHandle, AsyncContext, Context, Handler, Message, Supervised,
    WrapFuture,
};
use larum_actor::{
    ActorGuard, ActorSlot, ActorState, CaughtPanic, Supervision, catch_panic_async, send_control,
};
use larum_event::Span;
use tokio::sync::oneshot;
use tracing::{error, warn};

use crate::actors::channel::{ChannelActor, ConsumerBatch, ConsumerOutcome, RequestEvents};
use crate::api::{EventHandler as WayOut, HandlerError};
use crate::config::HandlerSpec;

/// Pause before the next try after a failure, besides what the breaker says.
const AFTER_FAILURE: Span = Span::from_nanos(100_000_000);

/// One way out on its thread.
pub struct HandlerActor {
    guard: ActorGuard,
    spec: HandlerSpec,
    channel: ActorSlot<ChannelActor>,
    supervision: Supervision,
    /// Out while it works; `None` after a panic, until it is made again.
    handler: Option<Box<dyn WayOut>>,
}

/// Ask for the next events.
#[derive(Message)]
#[rtype(result = "()")]
struct RequestNext;

/// How a batch went.
enum BatchOutcome {
    Succeeded,
    Failed(HandlerError),
    TooSlow,
    Panicked(CaughtPanic),
}

impl HandlerActor {
    /// Starts it on the thread of `arbiter`.
    pub fn start_on(
        arbiter: &ArbiterHandle,
        spec: HandlerSpec,
        channel: ActorSlot<ChannelActor>,
        supervision: &Supervision,
    ) -> ActorSlot<Self> {
        let name = format!("handler/{}", spec.id);
        let with = supervision.clone();
        let make = move |guard| Self {
            guard,
            handler: Some((spec.make)()),
            spec: spec.clone(),
            channel: channel.clone(),
            supervision: with.clone(),
        };
        let started = supervision.start_actor(&name, arbiter, make);
        started.unwrap_or_else(|error| {
            error!(actor = %name, %error, "a handler is not started");
            ActorSlot::empty()
        })
    }

    fn request_batch(&mut self, ctx: &mut Context<Self>) {
        let channel = self.channel.clone();
        let consumer = self.spec.id.clone();
        let asking = async move {
            let address = channel.wait_for_address().await;
            let (reply, answer) = oneshot::channel();
            send_control(&address.recipient(), RequestEvents { consumer, reply }).ok()?;
            answer.await.ok()
        };
        ctx.spawn(
            asking
                .into_actor(self)
                .map(|batch, actor, ctx| match batch {
                    Some(batch) => actor.handle_batch(batch, ctx),
                    // The channel is being restarted.
                    None => actor.request_later(AFTER_FAILURE, ctx),
                }),
        );
    }

    fn request_later(&self, after: Span, ctx: &mut Context<Self>) {
        let clock = self.supervision.clock.clone();
        ctx.spawn(
            async move { clock.sleep(after).await }
                .into_actor(self)
                .map(|(), _, ctx: &mut Context<Self>| ctx.notify(RequestNext)),
        );
    }

    fn handle_batch(&mut self, batch: ConsumerBatch, ctx: &mut Context<Self>) {
        let Some(mut handler) = self.handler.take() else {
            return;
        };
        let incarnation = self.guard.entry().incarnation();
        let clock = self.supervision.clock.clone();
        let faults = self.supervision.faults.clone();
        let name = Arc::clone(self.guard.entry().name());
        let timeout = i64::try_from(self.spec.timeout.as_nanos()).unwrap_or(i64::MAX);
        let upto = batch.upto;
        self.guard.entry().begin_work();
        let working = async move {
            let began = clock.monotonic();
            let guarded = catch_panic_async("a batch of events", async {
                faults.inject_fault_async(&name, &clock).await;
                handler.handle(batch.events).await
            });
            let outcome = tokio::select! {
                outcome = guarded => match outcome {
                    Ok(Ok(())) => BatchOutcome::Succeeded,
                    Ok(Err(error)) => BatchOutcome::Failed(error),
                    Err(panicked) => BatchOutcome::Panicked(panicked),
                },
                () = clock.sleep(Span::from_nanos(timeout)) => BatchOutcome::TooSlow,
            };
            let took = clock.monotonic().since(began);
            (handler, outcome, took)
        };
        ctx.spawn(
            working
                .into_actor(self)
                .map(move |(handler, outcome, took), actor, ctx| {
                    actor.guard.entry().end_work();
                    // A completion of an earlier life says nothing about this one.
                    if actor.guard.entry().incarnation() == incarnation {
                        let well = matches!(outcome, BatchOutcome::Succeeded);
                        actor.report_outcome(well.then_some(upto), took);
                        actor.finish_batch(handler, outcome, ctx);
                    }
                }),
        );
    }

    fn report_outcome(&self, upto: Option<larum_event::Position>, took: Span) {
        if let Some(channel) = self.channel.address() {
            let handled = ConsumerOutcome {
                consumer: self.spec.id.clone(),
                upto,
                took,
            };
            drop(send_control(&channel.recipient(), handled));
        }
    }

    fn finish_batch(
        &mut self,
        handler: Box<dyn WayOut>,
        outcome: BatchOutcome,
        ctx: &mut Context<Self>,
    ) {
        match outcome {
            BatchOutcome::Succeeded => {
                self.handler = Some(handler);
                ctx.notify(RequestNext);
            }
            BatchOutcome::Failed(error) => {
                warn!(handler = %self.spec.id, %error, "handler failed, the batch comes again");
                self.handler = Some(handler);
                self.request_later(AFTER_FAILURE, ctx);
            }
            BatchOutcome::TooSlow => {
                warn!(handler = %self.spec.id, "handler took too long, the batch comes again");
                // What it was doing is half done: a new one takes over.
                self.handler = Some((self.spec.make)());
                self.request_later(AFTER_FAILURE, ctx);
            }
            BatchOutcome::Panicked(panicked) => self.guard.report_panic(&panicked, ctx),
        }
    }
}

impl Actor for HandlerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.guard.entry().state() == ActorState::Starting {
            self.guard.entry().set_running();
        }
        ctx.notify(RequestNext);
    }
}

impl Supervised for HandlerActor {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        self.handler = None;
        // `started`, which comes after this, asks for events; they wait until there is a handler.
        let _verdict = self.guard.restart_actor(ctx, |actor: &mut Self, _| {
            actor.handler = Some((actor.spec.make)());
            actor.guard.entry().set_running();
        });
    }
}

impl Handler<RequestNext> for HandlerActor {
    type Result = ();

    fn handle(&mut self, _: RequestNext, ctx: &mut Self::Context) {
        if self.guard.check_ready().is_ok() && self.handler.is_some() {
            self.request_batch(ctx);
        }
    }
}
