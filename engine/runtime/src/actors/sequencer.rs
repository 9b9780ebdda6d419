//! The order of evaluation.
//!
//! Owns the `Core` and lends it to one epoch at a time; while an epoch runs, what becomes durable gathers in
//! the tail. An epoch that fails as a whole (the log is gone, a matcher died, the code of an `.alert`
//! closure panicked) costs the core: a new one is recovered from disk, which is where all state comes
//! from anyway.

use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use larum_event::{Position, Span};
use larum_log::LogReader;
use tokio::sync::oneshot;
use tracing::{error, info};

use crate::gauges::Gauges;
use crate::messages::{CommittedBatch, Grown};
use crate::sequencing::{Core, EpochError, Next, Parts, Tail, most_records};
use crate::supervise::{ActorEntry, Verdict, guard_async};

/// See the module's words.
pub struct SequencerUnit {
    parts: Parts,
    entry: ActorEntry,
    gauges: Arc<Gauges>,
    core: Option<Core>,
    tail: Tail,
    is_recovered: bool,
    waiting: Vec<oneshot::Sender<()>>,
    finishing: Option<oneshot::Sender<()>>,
}

/// What an epoch brings back.
struct Ran {
    core: Core,
    reader: Option<LogReader>,
}

/// The core is recovered, or a step of it is done.
type Outcome = Result<Ran, EpochError>;

/// There may be something to do besides the log.
#[derive(Message)]
#[rtype(result = "()")]
struct Woken;

/// Asks to be told when the core is recovered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Recovered {
    /// The answer.
    pub reply: oneshot::Sender<()>,
}

/// Take a checkpoint as soon as no epoch is running, and then no further epoch.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Finish {
    /// When it is done.
    pub reply: oneshot::Sender<()>,
}

impl SequencerUnit {
    /// A sequencer that recovers first.
    pub(crate) fn new(parts: Parts, entry: ActorEntry, head: Position) -> Self {
        let gauges = Arc::clone(&parts.gauges);
        let readers = parts.readers.clone();
        Self {
            parts,
            entry,
            gauges,
            core: None,
            tail: Tail::new(readers, head),
            is_recovered: false,
            waiting: Vec::new(),
            finishing: None,
        }
    }

    /// Recovers a new core.
    fn recover(&mut self, after: Span, ctx: &mut Context<Self>) {
        let parts = self.parts.clone();
        let clock = parts.supervision.clock.clone();
        self.lend(ctx, async move {
            clock.sleep(after).await;
            let reader = parts.readers.open();
            let mut core = Core::new(parts);
            core.recover(reader).await?;
            Ok(Ran { core, reader: None })
        });
    }

    /// Runs `work`, which has the core, under guard; goes on when it is done.
    fn lend(&mut self, ctx: &mut Context<Self>, work: impl Future<Output = Outcome> + 'static) {
        self.entry.begin();
        let guarded = guard_async("an epoch", work);
        ctx.spawn(guarded.into_actor(self).map(|outcome, actor, ctx| {
            actor.entry.done();
            match outcome {
                Ok(Ok(ran)) => {
                    actor.entry.running();
                    actor.gauges.problem_over("sequencer");
                    actor.is_recovered = true;
                    for reply in actor.waiting.drain(..) {
                        // One that does not wait any more needs no answer.
                        let _sent = reply.send(());
                    }
                    actor.core = Some(ran.core);
                    if let Some(reader) = ran.reader {
                        actor.tail.give_back(reader);
                    }
                    actor.go(ctx);
                }
                Ok(Err(failure)) => actor.failed(&failure, ctx),
                Err(panicked) => actor.failed(&panicked, ctx),
            }
        }));
    }

    fn failed(&mut self, failure: &dyn std::error::Error, ctx: &mut Context<Self>) {
        let reason = match failure.source() {
            Some(cause) => format!("{failure}: {cause}"),
            None => failure.to_string(),
        };
        error!(%reason, "evaluation stopped, it starts over from disk");
        self.gauges
            .problem("sequencer", format!("evaluation stopped: {reason}"));
        self.entry.failed(&reason);
        let after = match self.entry.take_verdict(&reason) {
            Verdict::Restart { after } => after,
            // Without evaluation there is no engine: it is tried for ever, and readiness is false.
            Verdict::Quarantine => {
                self.entry.readmit();
                Span::from_seconds(5)
            }
        };
        self.recover(after, ctx);
    }

    /// Starts whatever is to be done next, if nothing runs.
    fn go(&mut self, ctx: &mut Context<Self>) {
        let Some(mut core) = self.core.take() else {
            return;
        };
        if core.is_due() {
            self.lend(ctx, async move {
                core.tend().await?;
                Ok(Ran { core, reader: None })
            });
            return;
        }
        let most = most_records(&self.parts.config);
        match self.tail.next(core.evaluated(), most) {
            Next::Nothing if core.is_committing() => self.lend(ctx, async move {
                core.committed().await?;
                Ok(Ran { core, reader: None })
            }),
            Next::Nothing => self.idle(core, ctx),
            Next::Ready(stretch) => self.lend(ctx, async move {
                core.run(stretch).await?;
                Ok(Ran { core, reader: None })
            }),
            Next::Read(reading) => self.lend(ctx, async move {
                let (reader, stretch) = reading.read().await?;
                core.run(stretch).await?;
                Ok(Ran {
                    core,
                    reader: Some(reader),
                })
            }),
        }
    }

    fn idle(&mut self, mut core: Core, ctx: &mut Context<Self>) {
        let Some(done) = self.finishing.take() else {
            self.core = Some(core);
            return;
        };
        info!(evaluated = %core.evaluated(), "everything is evaluated, keeping a last checkpoint");
        ctx.spawn(
            async move {
                // Without a checkpoint the next start reads more of the log, nothing worse.
                if let Err(failure) = core.checkpoint().await {
                    error!(%failure, "no last checkpoint");
                }
                let _sent = done.send(());
            }
            .into_actor(self),
        );
    }
}

impl Actor for SequencerUnit {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.recover(Span::ZERO, ctx);
        self.listen(ctx);
    }
}

impl SequencerUnit {
    fn listen(&mut self, ctx: &mut Context<Self>) {
        let wake = Arc::clone(&self.parts.wake);
        ctx.spawn(
            async move { wake.notified().await }
                .into_actor(self)
                .map(|(), _, ctx: &mut Context<Self>| ctx.notify(Woken)),
        );
    }
}

impl Handler<Woken> for SequencerUnit {
    type Result = ();

    fn handle(&mut self, _: Woken, ctx: &mut Self::Context) {
        self.go(ctx);
        self.listen(ctx);
    }
}

impl Handler<CommittedBatch> for SequencerUnit {
    type Result = ();

    fn handle(&mut self, batch: CommittedBatch, ctx: &mut Self::Context) {
        self.tail.push(batch);
        self.go(ctx);
    }
}

impl Handler<Grown> for SequencerUnit {
    type Result = ();

    fn handle(&mut self, grown: Grown, ctx: &mut Self::Context) {
        self.tail.grown(grown.head);
        self.go(ctx);
    }
}

impl Handler<Recovered> for SequencerUnit {
    type Result = ();

    fn handle(&mut self, recovered: Recovered, _: &mut Self::Context) {
        if self.is_recovered {
            let _sent = recovered.reply.send(());
        } else {
            self.waiting.push(recovered.reply);
        }
    }
}

impl Handler<Finish> for SequencerUnit {
    type Result = ();

    fn handle(&mut self, finish: Finish, ctx: &mut Self::Context) {
        self.finishing = Some(finish.reply);
        self.go(ctx);
    }
}
