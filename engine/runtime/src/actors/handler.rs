//! One way out.
//!
//! Owns the handler, which runs on this actor's thread, and the time it may take. It asks its channel for events,
//! hands them over, and tells how that went; the channel keeps the cursor, so a handler that failed, hung
//! or panicked is given the same events again and no other handler notices.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message,
    Supervised, Supervisor, WrapFuture,
};
use larum_event::Span;
use tokio::sync::oneshot;
use tracing::warn;

use crate::actors::channel::{ChannelUnit, Handled, Portion, Want};
use crate::api::{Handler as WayOut, HandlerError, HandlerSpec};
use crate::credit::tell;
use crate::supervise::{ActorState, DropNotice, Panicked, Seat, Unit, Watch, guard_async};
use crate::supervision::Supervision;

/// Pause before the next try after a failure, besides what the breaker says.
const AFTER_FAILURE: Span = Span::from_nanos(100_000_000);

/// See the module's words.
pub struct HandlerUnit {
    unit: Unit,
    spec: HandlerSpec,
    channel: Seat<ChannelUnit>,
    supervision: Supervision,
    /// Out while it works; `None` after a panic, until it is made again.
    way_out: Option<Box<dyn WayOut>>,
}

/// Ask for the next events.
#[derive(Message)]
#[rtype(result = "()")]
struct Next;

/// How a batch went.
enum Went {
    Well,
    Badly(HandlerError),
    TooSlow,
    Panicked(Panicked),
}

impl HandlerUnit {
    /// Has it started on `arbiter`'s thread.
    pub fn start_on(
        arbiter: &ArbiterHandle,
        spec: HandlerSpec,
        channel: Seat<ChannelUnit>,
        supervision: &Supervision,
    ) -> Seat<Self> {
        let seat = Seat::vacant();
        let Ok(entry) = supervision
            .registry
            .register(&format!("handler/{}", spec.id))
        else {
            return seat;
        };
        let handle = arbiter.clone();
        let watch_entry = entry.clone();
        let with = supervision.clone();
        let create = move |notice: DropNotice| -> Addr<Self> {
            let unit = Unit::new(entry.clone(), with.faults.clone(), notice);
            let (spec, channel, supervision) = (spec.clone(), channel.clone(), with.clone());
            Supervisor::start_in_arbiter(&handle, move |_| {
                let way_out = Some((spec.make)());
                Self {
                    unit,
                    spec,
                    channel,
                    supervision,
                    way_out,
                }
            })
        };
        supervision.watch(Watch::new(watch_entry, seat.clone(), create));
        seat
    }

    fn ask(&mut self, ctx: &mut Context<Self>) {
        let channel = self.channel.clone();
        let consumer = self.spec.id.clone();
        let asked = async move {
            let address = channel.seated().await;
            let (reply, answer) = oneshot::channel();
            tell(&address.recipient(), Want { consumer, reply }).ok()?;
            answer.await.ok()
        };
        ctx.spawn(
            asked
                .into_actor(self)
                .map(|portion, actor, ctx| match portion {
                    Some(portion) => actor.work(portion, ctx),
                    // The channel is being restarted.
                    None => actor.ask_later(AFTER_FAILURE, ctx),
                }),
        );
    }

    fn ask_later(&self, after: Span, ctx: &mut Context<Self>) {
        let clock = self.supervision.clock.clone();
        ctx.spawn(
            async move { clock.sleep(after).await }
                .into_actor(self)
                .map(|(), _, ctx: &mut Context<Self>| ctx.notify(Next)),
        );
    }

    fn work(&mut self, portion: Portion, ctx: &mut Context<Self>) {
        let Some(mut way_out) = self.way_out.take() else {
            return;
        };
        let incarnation = self.unit.entry().incarnation();
        let clock = self.supervision.clock.clone();
        let faults = self.supervision.faults.clone();
        let name = Arc::clone(self.unit.entry().name());
        let longest = i64::try_from(self.spec.timeout.as_nanos()).unwrap_or(i64::MAX);
        let longest = Span::from_nanos(longest);
        let upto = portion.upto;
        self.unit.entry().begin();
        let working = async move {
            let began = clock.monotonic();
            let guarded = guard_async("a batch of events", async {
                faults.strike_async(&name, &clock).await;
                way_out.handle(portion.events).await
            });
            let went = tokio::select! {
                went = guarded => match went {
                    Ok(Ok(())) => Went::Well,
                    Ok(Err(error)) => Went::Badly(error),
                    Err(panicked) => Went::Panicked(panicked),
                },
                () = clock.sleep(longest) => Went::TooSlow,
            };
            let took = clock.monotonic().since(began);
            (way_out, went, took)
        };
        ctx.spawn(
            working
                .into_actor(self)
                .map(move |(way_out, went, took), actor, ctx| {
                    actor.unit.entry().done();
                    // A completion of an earlier life says nothing about this one.
                    if actor.unit.entry().incarnation() == incarnation {
                        let well = matches!(went, Went::Well);
                        actor.tell(well.then_some(upto), took);
                        actor.went(way_out, went, ctx);
                    }
                }),
        );
    }

    fn tell(&self, upto: Option<larum_event::Position>, took: Span) {
        if let Some(channel) = self.channel.address() {
            let handled = Handled {
                consumer: self.spec.id.clone(),
                upto,
                took,
            };
            drop(tell(&channel.recipient(), handled));
        }
    }

    fn went(&mut self, way_out: Box<dyn WayOut>, went: Went, ctx: &mut Context<Self>) {
        match went {
            Went::Well => {
                self.way_out = Some(way_out);
                ctx.notify(Next);
            }
            Went::Badly(error) => {
                warn!(handler = %self.spec.id, %error, "handler failed, the batch comes again");
                self.way_out = Some(way_out);
                self.ask_later(AFTER_FAILURE, ctx);
            }
            Went::TooSlow => {
                warn!(handler = %self.spec.id, "handler took too long, the batch comes again");
                // What it was doing is half done: a new one takes over.
                self.way_out = Some((self.spec.make)());
                self.ask_later(AFTER_FAILURE, ctx);
            }
            Went::Panicked(panicked) => self.unit.failed(&panicked, ctx),
        }
    }
}

impl Actor for HandlerUnit {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.unit.entry().state() == ActorState::Starting {
            self.unit.entry().running();
        }
        ctx.notify(Next);
    }
}

impl Supervised for HandlerUnit {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        self.way_out = None;
        // `started`, which comes after this, asks for events; they wait until there is a handler.
        let _verdict = self.unit.restart(ctx, |actor: &mut Self, _| {
            actor.way_out = Some((actor.spec.make)());
            actor.unit.entry().running();
        });
    }
}

impl Handler<Next> for HandlerUnit {
    type Result = ();

    fn handle(&mut self, _: Next, ctx: &mut Self::Context) {
        if self.unit.check_ready().is_ok() && self.way_out.is_some() {
            self.ask(ctx);
        }
    }
}
