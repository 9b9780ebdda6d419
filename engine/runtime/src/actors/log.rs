//! The one writer of the log.
//!
//! Owns the [`Log`] on a thread of its own. Whatever has come while a commit was under way goes into
//! the next one together (group commit): messages are gathered until the mailbox is empty, then written in one
//! transaction, then answered, then passed on to those who follow the log. A commit that fails is
//! answered to everybody in it; the log is opened again from disk, and until that succeeds
//! nothing is accepted and readiness is false.
//!
//! Invariant: the epochs in the log follow each other without overlap. A commit that begins before the end of
//! one that is durable comes from an evaluation that did not know of it, and is refused.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, WrapFuture,
};
use larum_event::{EpochCommit, Position, Record, Span};
use larum_log::{Log, LogDone, LogError, LogReader, LogWork};
use tracing::{error, info};

use crate::actors::written::{Written, answer, collect, tell_asker};
use crate::api::EmitError;
use crate::clock::Clock;
use crate::credit::{Batch, Credits, send_batch, tell};
use crate::faults::{FaultAction, Faults};
use crate::gauges::Gauges;
use crate::messages::{AppendBatch, AppendControl, CommitEpoch, CommittedBatch, Grown, Reply};
use crate::readers::Readers;

/// How long to wait before the log is opened again after it failed.
const REOPEN_AFTER: Span = Span::from_seconds(1);

/// Somebody who wants every record as soon as it is durable.
pub struct Follower {
    /// Where records go while there is credit.
    pub records: Recipient<CommittedBatch>,
    /// Where word goes that there are more, when there is none.
    pub grown: Recipient<Grown>,
    /// How many records may be on their way.
    pub credits: Credits,
}

/// Opens the log, at the start and after a failure.
pub type OpenLog = Arc<dyn Fn() -> Result<Log, LogError> + Send + Sync>;

/// See the module's words.
pub struct LogActor {
    log: Option<Log>,
    open: OpenLog,
    clock: Clock,
    gauges: Arc<Gauges>,
    readers: Readers,
    faults: Faults,
    followers: Vec<Follower>,
    pending: Vec<Pending>,
    riding: Option<EpochCommit>,
    /// The end of the last epoch whose commit is durable.
    committed: Position,
    flush_due: bool,
    /// It is not opened again.
    closed: bool,
}

enum Pending {
    Append(AppendBatch),
    Control(AppendControl),
    Epoch(CommitEpoch),
}

impl Pending {
    /// Where the epoch begins, if it is one.
    fn begin(&self) -> Option<Position> {
        match self {
            Self::Epoch(epoch) => Some(epoch.commit.from),
            Self::Append(_) | Self::Control(_) => None,
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

/// Adds somebody who follows the log from here on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Follow(pub Follower);

/// Writes what is queued and closes the log for good, so that somebody else may open it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close {
    /// When it is closed.
    pub reply: Reply<()>,
}

/// What the log's actor is started with.
pub struct LogSetup {
    /// Where time comes from.
    pub clock: Clock,
    /// Counters.
    pub gauges: Arc<Gauges>,
    /// Readers of the log, renewed when it is opened again.
    pub readers: Readers,
    /// Faults of test builds: a panic at the point `log` is a commit that fails.
    pub faults: Faults,
    /// The end of the last epoch in the log.
    pub committed: Position,
}

impl LogActor {
    /// The writer of `log`.
    pub fn new(log: Log, open: OpenLog, setup: LogSetup) -> Self {
        let LogSetup {
            clock,
            gauges,
            readers,
            faults,
            committed,
        } = setup;
        Self {
            readers,
            log: Some(log),
            open,
            clock,
            gauges,
            faults,
            committed,
            followers: Vec::new(),
            pending: Vec::new(),
            riding: None,
            flush_due: false,
            closed: false,
        }
    }

    fn queue(&mut self, pending: Pending, ctx: &mut Context<Self>) {
        self.pending.push(pending);
        if !self.flush_due {
            self.flush_due = true;
            // Handled after the messages that are already in the mailbox.
            ctx.notify(Flush);
        }
    }

    fn flush(&mut self, ctx: &mut Context<Self>) {
        self.flush_due = false;
        let pending = std::mem::take(&mut self.pending);
        let Some(log) = &mut self.log else {
            refuse(pending, "it failed and is being opened again, or is closed");
            return;
        };
        let now = self.clock.now();
        let mut work = Vec::with_capacity(pending.len() + 1);
        let mut written = Vec::with_capacity(pending.len() + 1);
        let mut reached = self.committed;
        // Permits go back when the batches are dropped, after the commit.
        let mut held = Vec::new();
        let first = pending.iter().find_map(Pending::begin);
        let riding = self
            .riding
            .take()
            .filter(|riding| first.is_none_or(|first| first >= riding.upto));
        let riding = riding.map(|commit| CommitEpoch {
            derived: Vec::new(),
            commit,
            also: Vec::new(),
            reply: None,
        });
        for pending in riding.map(Pending::Epoch).into_iter().chain(pending) {
            match pending {
                Pending::Append(batch) => {
                    if let Some(deadline) = batch.head.deadline.filter(|deadline| *deadline < now) {
                        answer(
                            batch.head.reply,
                            Err(EmitError::DeadlinePassed { deadline }),
                        );
                        continue;
                    }
                    work.push(LogWork::Append(batch.items.to_vec()));
                    written.push(Written::Append(batch.items, batch.head.reply));
                    held.push(batch.permit);
                }
                Pending::Control(control) => {
                    work.push(LogWork::Control(control.bodies.clone()));
                    written.push(Written::Control(control.bodies, control.reply));
                }
                Pending::Epoch(epoch) if epoch.commit.from < reached => {
                    let refused = LogError::Epoch {
                        from: epoch.commit.from,
                        upto: epoch.commit.upto,
                        derived: epoch.commit.derived,
                        given: epoch.derived.len(),
                        head: reached,
                    };
                    answer(epoch.reply, Err(Arc::new(refused)));
                }
                Pending::Epoch(epoch) => {
                    reached = reached.max(epoch.commit.upto);
                    let (derived, also) = (epoch.derived.clone(), epoch.also.clone());
                    work.push(LogWork::Epoch {
                        derived,
                        commit: epoch.commit.clone(),
                        also,
                    });
                    written.push(Written::Epoch(epoch));
                }
            }
        }
        if work.is_empty() {
            return;
        }
        let began = self.clock.monotonic();
        if self.faults.at("log") == FaultAction::Panic {
            fail_next_commit(log);
        }
        match log.transaction(work) {
            Ok(done) => {
                let took = self.clock.monotonic().since(began);
                self.gauges
                    .grown(log.head(), (took.as_nanos() / 1_000).unsigned_abs());
                self.tell_all(written, done);
            }
            Err(failure) => self.fail(failure, written, ctx),
        }
        drop(held);
    }

    fn tell_all(&mut self, written: Vec<Written>, done: Vec<LogDone>) {
        let mut records = Vec::new();
        for (written, done) in written.iter().zip(&done) {
            if let Written::Epoch(epoch) = written {
                self.committed = self.committed.max(epoch.commit.upto);
            }
            collect(written, done, &mut records);
        }
        // Counted before anybody is told: who has an answer finds its events in every figure.
        let events = records
            .iter()
            .filter_map(|record| Some((record.position, record.body.outside()?)));
        self.gauges.stored(events);
        for (written, done) in written.into_iter().zip(done) {
            tell_asker(written, done);
        }
        self.pass_on(records.into());
    }

    fn pass_on(&mut self, records: Arc<[Record]>) {
        let Some(head) = records.last().map(|record| record.position) else {
            return;
        };
        let number = u32::try_from(records.len()).unwrap_or(u32::MAX);
        self.followers
            .retain(|follower| match follower.credits.try_acquire(number) {
                Some(permit) => {
                    let batch = Batch {
                        head: (),
                        items: Arc::clone(&records),
                        permit,
                    };
                    send_batch(&follower.records, batch).is_ok()
                }
                None => tell(&follower.grown, Grown { head }).is_ok(),
            });
    }

    fn fail(&mut self, failure: LogError, written: Vec<Written>, ctx: &mut Context<Self>) {
        error!(%failure, "the log failed; no event is accepted until it is open again");
        let failure = Arc::new(failure);
        // Before anybody is told: who hears of it finds the engine not ready.
        self.gauges.set_log_ready(false);
        self.gauges
            .problem("log", format!("the log failed: {failure}"));
        for written in written {
            match written {
                Written::Append(_, reply) => {
                    answer(
                        reply,
                        Err(EmitError::LogFailed {
                            cause: failure.to_string(),
                        }),
                    );
                }
                Written::Control(_, reply) => answer(Some(reply), Err(Arc::clone(&failure))),
                Written::Epoch(epoch) => answer(epoch.reply, Err(Arc::clone(&failure))),
            }
        }
        self.log = None;
        self.reopen_later(ctx);
    }

    fn reopen_later(&self, ctx: &mut Context<Self>) {
        let clock = self.clock.clone();
        ctx.spawn(
            async move { clock.sleep(REOPEN_AFTER).await }
                .into_actor(self)
                .map(|(), actor, ctx| actor.reopen(ctx)),
        );
    }

    fn reopen(&mut self, ctx: &mut Context<Self>) {
        if self.closed {
            return;
        }
        let opened = (self.open)().and_then(|log| {
            let committed = committed(&mut log.reader())?;
            Ok((log, committed))
        });
        match opened {
            Ok((log, committed)) => {
                let head = log.head();
                info!(%head, "the log is open again");
                self.readers.replace(log.reader(), log.maintenance());
                self.log = Some(log);
                self.committed = committed;
                self.riding = None;
                // A commit that was answered as failed may be durable all the same.
                self.gauges.at_head(head);
                self.followers
                    .retain(|follower| tell(&follower.grown, Grown { head }).is_ok());
                self.gauges.problem_over("log");
                self.gauges.set_log_ready(true);
            }
            Err(failure) => {
                error!(%failure, "the log cannot be opened");
                self.reopen_later(ctx);
            }
        }
    }
}

/// The end of the last epoch that a log holds.
pub fn committed(reader: &mut LogReader) -> Result<Position, LogError> {
    let last = reader.last_epoch()?;
    Ok(last.map_or(Position::START, |epoch| epoch.upto))
}

#[cfg(feature = "fault-injection")]
fn fail_next_commit(log: &mut Log) {
    log.fail_next_commit();
}

/// Builds without faults never get here.
#[cfg(not(feature = "fault-injection"))]
const fn fail_next_commit(_: &mut Log) {}

fn refuse(pending: Vec<Pending>, cause: &str) {
    for pending in pending {
        match pending {
            Pending::Append(batch) => {
                answer(
                    batch.head.reply,
                    Err(EmitError::LogFailed {
                        cause: cause.to_owned(),
                    }),
                );
            }
            // Dropping the channel is the answer: nobody will.
            Pending::Control(_) | Pending::Epoch(_) => {}
        }
    }
}

impl Actor for LogActor {
    type Context = Context<Self>;
}

impl Handler<AppendBatch> for LogActor {
    type Result = ();

    fn handle(&mut self, batch: AppendBatch, ctx: &mut Self::Context) {
        self.queue(Pending::Append(batch), ctx);
    }
}

impl Handler<AppendControl> for LogActor {
    type Result = ();

    fn handle(&mut self, control: AppendControl, ctx: &mut Self::Context) {
        self.queue(Pending::Control(control), ctx);
    }
}

impl Handler<CommitEpoch> for LogActor {
    type Result = ();

    fn handle(&mut self, mut epoch: CommitEpoch, ctx: &mut Self::Context) {
        let is_behind_another = self
            .pending
            .iter()
            .any(|pending| matches!(pending, Pending::Epoch(_)));
        if epoch.reply.is_some() || is_behind_another {
            // What rides goes first, so that commits stand in the log in their order.
            self.queue(Pending::Epoch(epoch), ctx);
            return;
        }
        // What does not lead up to this one is of an evaluation that has started over since.
        let riding = self.riding.take();
        if let Some(riding) = riding.filter(|riding| riding.upto == epoch.commit.from) {
            epoch.commit.from = riding.from;
        }
        self.riding = Some(epoch.commit);
    }
}

impl Handler<Follow> for LogActor {
    type Result = ();

    fn handle(&mut self, follow: Follow, _: &mut Self::Context) {
        // The log may have grown since the follower was made.
        if let Some(head) = self.log.as_ref().map(Log::head)
            && tell(&follow.0.grown, Grown { head }).is_ok()
        {
            self.followers.push(follow.0);
        }
    }
}

impl Handler<Flush> for LogActor {
    type Result = ();

    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) {
        self.flush(ctx);
    }
}

impl Handler<Close> for LogActor {
    type Result = ();

    fn handle(&mut self, close: Close, ctx: &mut Self::Context) {
        self.flush(ctx);
        self.log = None;
        self.closed = true;
        answer(Some(close.reply), ());
    }
}
