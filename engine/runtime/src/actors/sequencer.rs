//! The order of evaluation.
//!
//! Owns the `EvaluationCore` and lends it to one epoch at a time; while an epoch runs, what becomes
//! durable gathers in the tail. What an epoch does is the core's job. An epoch that fails as a
//! whole (the log is gone, a matcher died, the code of an `.alert` closure panicked) costs the
//! core: a new one is recovered from disk, which is where all state comes from anyway.
//! Invariant: at most one epoch has the core, and nothing starts before a failed core is recovered.

use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use larum_actor::{ActorEntry, RestartVerdict, catch_panic_async};
use larum_event::{Position, Span};
use larum_log::LogReader;
use tokio::sync::oneshot;
use tracing::{error, info};

use crate::gauges::EngineGauges;
use crate::messages::{CommittedBatch, LogGrowth};
use crate::sequencing::{
    CoreParts, EpochError, EvaluationCore, NextStretch, RecordTail, max_records,
};

/// Runs one epoch after the other.
pub struct SequencerActor {
    parts: CoreParts,
    entry: ActorEntry,
    gauges: Arc<EngineGauges>,
    core: Option<EvaluationCore>,
    tail: RecordTail,
    is_recovered: bool,
    waiting: Vec<oneshot::Sender<()>>,
    finishing: Option<FinishEvaluation>,
    /// An epoch was run last, so that a slice of a gap is next.
    is_gap_next: bool,
}

/// What an epoch brings back.
struct ReturnedCore {
    core: EvaluationCore,
    reader: Option<LogReader>,
}

/// The core is recovered, or a step of it is done.
type CoreResult = Result<ReturnedCore, EpochError>;

/// There may be something to do besides the log.
#[derive(Message)]
#[rtype(result = "()")]
struct WakeSequencer;

/// Asks for an answer once the core is recovered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AwaitRecovery {
    /// The answer.
    pub reply: oneshot::Sender<()>,
}

/// Take a checkpoint when that is done, and then run no further epoch.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FinishEvaluation {
    /// What is to be done first.
    pub scope: FinishScope,
    /// When it is done.
    pub reply: oneshot::Sender<()>,
}

/// What a sequencer does before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishScope {
    /// Everything in the log is evaluated.
    WholeLog,
    /// The epoch that is running ends; the next start evaluates the rest.
    CurrentEpoch,
}

impl SequencerActor {
    /// A sequencer that recovers first.
    pub(crate) fn new(parts: CoreParts, entry: ActorEntry, head: Position) -> Self {
        let gauges = Arc::clone(&parts.gauges);
        let readers = parts.readers.clone();
        Self {
            parts,
            entry,
            gauges,
            core: None,
            tail: RecordTail::new(readers, head),
            is_recovered: false,
            waiting: Vec::new(),
            finishing: None,
            is_gap_next: true,
        }
    }

    /// Recovers a new core.
    fn recover_core(&mut self, after: Span, ctx: &mut Context<Self>) {
        let parts = self.parts.clone();
        let clock = parts.supervision.clock.clone();
        self.lend_core(ctx, async move {
            clock.sleep(after).await;
            let reader = parts.readers.open_reader();
            let mut core = EvaluationCore::new(parts);
            core.recover_from_log(reader).await?;
            Ok(ReturnedCore { core, reader: None })
        });
    }

    /// Runs `work`, which has the core, under guard; goes on when it is done.
    fn lend_core(
        &mut self,
        ctx: &mut Context<Self>,
        work: impl Future<Output = CoreResult> + 'static,
    ) {
        self.entry.begin_work();
        let guarded = catch_panic_async("an epoch", work);
        ctx.spawn(guarded.into_actor(self).map(|outcome, actor, ctx| {
            actor.entry.end_work();
            match outcome {
                Ok(Ok(ran)) => {
                    actor.entry.set_running();
                    actor.gauges.clear_problem("sequencer");
                    // State before answers: who waited for the recovery may look at once.
                    actor.is_recovered = true;
                    for reply in actor.waiting.drain(..) {
                        // One that does not wait any more needs no answer.
                        let _sent = reply.send(());
                    }
                    actor.core = Some(ran.core);
                    if let Some(reader) = ran.reader {
                        actor.tail.return_reader(reader);
                    }
                    actor.start_next(ctx);
                }
                Ok(Err(failure)) => actor.handle_failure(&failure, ctx),
                Err(panicked) => actor.handle_failure(&panicked, ctx),
            }
        }));
    }

    fn handle_failure(&mut self, failure: &dyn std::error::Error, ctx: &mut Context<Self>) {
        let reason = match failure.source() {
            Some(cause) => format!("{failure}: {cause}"),
            None => failure.to_string(),
        };
        error!(%reason, "evaluation stopped, it starts over from disk");
        self.gauges
            .report_problem("sequencer", format!("evaluation stopped: {reason}"));
        self.entry.record_failure(&reason);
        let after = match self.entry.take_verdict(&reason) {
            RestartVerdict::Restart { after } => after,
            // Without evaluation there is no engine: it is tried for ever, and readiness is false.
            RestartVerdict::Quarantine => {
                self.entry.end_quarantine();
                Span::from_seconds(5)
            }
        };
        self.recover_core(after, ctx);
    }

    /// Starts whatever is to be done next, if nothing runs.
    fn start_next(&mut self, ctx: &mut Context<Self>) {
        let Some(mut core) = self.core.take() else {
            return;
        };
        let scope = self.finishing.as_ref().map(|finish| finish.scope);
        if scope == Some(FinishScope::CurrentEpoch) {
            self.enter_idle(core, ctx);
            return;
        }
        // Epochs and slices of gaps take turns: while the log is busy there would never be a moment
        // for a gap, and a long gap must not hold up the epochs. An engine that ends leaves gaps to
        // the next start.
        let may_fill = scope.is_none() && core.has_due_unit();
        let is_turn = self.is_gap_next || !self.tail.has_more(core.evaluated_upto());
        self.is_gap_next = !(may_fill && is_turn);
        if may_fill && is_turn {
            self.lend_core(ctx, async move {
                core.advance_detached().await?;
                Ok(ReturnedCore { core, reader: None })
            });
            return;
        }
        let most = max_records(&self.parts.config);
        match self.tail.next_stretch(core.evaluated_upto(), most) {
            NextStretch::Nothing if core.is_committing() => self.lend_core(ctx, async move {
                core.finish_commit().await?;
                Ok(ReturnedCore { core, reader: None })
            }),
            NextStretch::Nothing => self.enter_idle(core, ctx),
            NextStretch::Ready(stretch) => self.lend_core(ctx, async move {
                core.run_stretch(stretch).await?;
                Ok(ReturnedCore { core, reader: None })
            }),
            NextStretch::Read(reading) => self.lend_core(ctx, async move {
                let (reader, stretch) = reading.read_stretch().await?;
                core.run_stretch(stretch).await?;
                Ok(ReturnedCore {
                    core,
                    reader: Some(reader),
                })
            }),
        }
    }

    fn enter_idle(&mut self, mut core: EvaluationCore, ctx: &mut Context<Self>) {
        let Some(finish) = self.finishing.take() else {
            self.core = Some(core);
            return;
        };
        let (evaluated, scope) = (core.evaluated_upto(), finish.scope);
        info!(%evaluated, ?scope, "evaluation ends, keeping a last checkpoint");
        ctx.spawn(
            async move {
                // Without a checkpoint the next start reads more of the log, nothing worse.
                if let Err(failure) = core.take_checkpoint().await {
                    error!(%failure, "no last checkpoint");
                }
                let _sent = finish.reply.send(());
            }
            .into_actor(self),
        );
    }
}

impl Actor for SequencerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.recover_core(Span::ZERO, ctx);
        self.listen_for_wake(ctx);
    }
}

impl SequencerActor {
    fn listen_for_wake(&mut self, ctx: &mut Context<Self>) {
        let wake = Arc::clone(&self.parts.wake);
        ctx.spawn(
            async move { wake.notified().await }
                .into_actor(self)
                .map(|(), _, ctx: &mut Context<Self>| ctx.notify(WakeSequencer)),
        );
    }
}

impl Handler<WakeSequencer> for SequencerActor {
    type Result = ();

    fn handle(&mut self, _: WakeSequencer, ctx: &mut Self::Context) {
        self.start_next(ctx);
        self.listen_for_wake(ctx);
    }
}

impl Handler<CommittedBatch> for SequencerActor {
    type Result = ();

    fn handle(&mut self, batch: CommittedBatch, ctx: &mut Self::Context) {
        self.tail.push_batch(batch);
        self.start_next(ctx);
    }
}

impl Handler<LogGrowth> for SequencerActor {
    type Result = ();

    fn handle(&mut self, grown: LogGrowth, ctx: &mut Self::Context) {
        self.tail.advance_head(grown.head);
        self.start_next(ctx);
    }
}

impl Handler<AwaitRecovery> for SequencerActor {
    type Result = ();

    fn handle(&mut self, recovered: AwaitRecovery, _: &mut Self::Context) {
        if self.is_recovered {
            let _sent = recovered.reply.send(());
        } else {
            self.waiting.push(recovered.reply);
        }
    }
}

impl Handler<FinishEvaluation> for SequencerActor {
    type Result = ();

    fn handle(&mut self, finish: FinishEvaluation, ctx: &mut Self::Context) {
        self.finishing = Some(finish);
        self.start_next(ctx);
    }
}
