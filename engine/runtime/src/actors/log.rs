//! The only writer of the log.
//!
//! Owns the [`Log`] on a thread of its own; evaluating what is in it belongs to the sequencer.
//! Messages that arrive during a commit are written together in the next one (group commit): they
//! are gathered until the mailbox is empty, written in one transaction, answered, and passed on to
//! the followers of the log. If a commit fails, every sender in it is told; the log is reopened
//! from disk, and until that succeeds nothing is accepted and readiness is false.
//!
//! Invariant: the epochs in the log follow each other without overlap. A commit that begins before
//! the end of a durable one comes from an evaluation that did not know of it, and is refused.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, WrapFuture,
};
use larum_actor::{
    CreditBatch, CreditPermit, Credits, FaultAction, Faults, RuntimeClock, send_batch, send_control,
};
use larum_event::{EpochCommit, Position, Record, Span, Timestamp};
use larum_log::{Log, LogError, LogReader, LogWrite, WriteReceipt};
use larum_query::ReaderFactory;
use tracing::{error, info};

use crate::actors::in_flight_write::{InFlightWrite, answer_write, collect_records, send_reply};
use crate::api::EmitError;
use crate::gauges::EngineGauges;
use crate::messages::{
    AppendBatch, AppendControl, AppendHead, CommitEpoch, CommittedBatch, LogGrowth, ReplySender,
};

/// How long to wait before a failed log is opened again.
const REOPEN_AFTER: Span = Span::from_seconds(1);

/// A receiver of every record as soon as it is durable.
pub struct LogFollower {
    /// Receives the records while there is credit.
    pub records: Recipient<CommittedBatch>,
    /// Receives a notice that there are more, when there is no credit.
    pub growth: Recipient<LogGrowth>,
    /// How many records may be in flight.
    pub credits: Credits,
}

/// Opens the log, at the start and after a failure.
pub type OpenLog = Arc<dyn Fn() -> Result<Log, LogError> + Send + Sync>;

/// The writer of the log.
pub struct LogActor {
    log: Option<Log>,
    open: OpenLog,
    clock: RuntimeClock,
    gauges: Arc<EngineGauges>,
    readers: ReaderFactory,
    faults: Faults,
    followers: Vec<LogFollower>,
    pending: Vec<PendingWrite>,
    deferred_commit: Option<EpochCommit>,
    /// The end of the last epoch whose commit is durable.
    committed: Position,
    flush_due: bool,
    /// Closed for good; it is not opened again.
    closed: bool,
}

enum PendingWrite {
    Append(AppendBatch),
    Control(AppendControl),
    Epoch(CommitEpoch),
}

impl PendingWrite {
    /// The position after which the epoch begins, if this is one.
    fn epoch_start(&self) -> Option<Position> {
        match self {
            Self::Epoch(epoch) => Some(epoch.commit.from),
            Self::Append(_) | Self::Control(_) => None,
        }
    }
}

/// What one transaction writes, and what is held until it is done.
struct WriteGroup {
    work: Vec<LogWrite>,
    written: Vec<InFlightWrite>,
    /// Released when the transaction has ended, whether it succeeded or not.
    permits: Vec<CreditPermit>,
    /// The end of the last epoch in the log or in this group.
    reached: Position,
}

impl WriteGroup {
    fn new(committed: Position) -> Self {
        Self {
            work: Vec::new(),
            written: Vec::new(),
            permits: Vec::new(),
            reached: committed,
        }
    }

    /// Adds one piece of work, or refuses it at once if it is past its deadline or is an epoch that
    /// overlaps another.
    fn add(&mut self, pending: PendingWrite, now: Timestamp) {
        match pending {
            PendingWrite::Append(batch) => {
                let AppendHead { deadline, reply } = batch.head;
                if let Some(deadline) = deadline.filter(|deadline| *deadline < now) {
                    send_reply(reply, Err(EmitError::DeadlinePassed { deadline }));
                    return;
                }
                self.work.push(LogWrite::Append(batch.items.to_vec()));
                self.written.push(InFlightWrite::Append(batch.items, reply));
                self.permits.push(batch.permit);
            }
            PendingWrite::Control(control) => {
                self.work.push(LogWrite::Control(control.bodies.clone()));
                let written = InFlightWrite::Control(control.bodies, control.reply);
                self.written.push(written);
            }
            PendingWrite::Epoch(epoch) if epoch.commit.from < self.reached => {
                let refused = LogError::Epoch {
                    from: epoch.commit.from,
                    upto: epoch.commit.upto,
                    derived: epoch.commit.derived,
                    given: epoch.derived.len(),
                    head: self.reached,
                };
                send_reply(epoch.reply, Err(Arc::new(refused)));
            }
            PendingWrite::Epoch(epoch) => {
                self.reached = self.reached.max(epoch.commit.upto);
                self.work.push(LogWrite::Epoch {
                    derived: epoch.derived.clone(),
                    commit: epoch.commit.clone(),
                    controls: epoch.unit_changes.clone(),
                });
                self.written.push(InFlightWrite::Epoch(epoch));
            }
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct FlushPending;

/// Adds a follower of the log, from here on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FollowLog(pub LogFollower);

/// Writes what is queued and closes the log for good, so that it can be opened elsewhere.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseLog {
    /// Answered when the log is closed.
    pub reply: ReplySender<()>,
}

/// What the log's actor needs to start.
pub struct LogSetup {
    /// Where time comes from.
    pub clock: RuntimeClock,
    /// The engine's counters.
    pub gauges: Arc<EngineGauges>,
    /// Readers of the log, renewed when it is opened again.
    pub readers: ReaderFactory,
    /// Faults of test builds: a panic at the point `log` makes the commit fail.
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
            deferred_commit: None,
            flush_due: false,
            closed: false,
        }
    }

    fn queue_write(&mut self, pending: PendingWrite, ctx: &mut Context<Self>) {
        self.pending.push(pending);
        if !self.flush_due {
            self.flush_due = true;
            // Handled after the messages that are already in the mailbox.
            ctx.notify(FlushPending);
        }
    }

    fn flush_pending(&mut self, ctx: &mut Context<Self>) {
        self.flush_due = false;
        let pending = std::mem::take(&mut self.pending);
        let Some(log) = &mut self.log else {
            refuse_writes(
                pending,
                "it is being reopened after a failure, or is closed",
            );
            return;
        };
        let now = self.clock.now();
        let first = pending.iter().find_map(PendingWrite::epoch_start);
        // A deferred commit that overlaps one of these belongs to an evaluation that has been
        // restarted.
        let deferred = self
            .deferred_commit
            .take()
            .filter(|deferred| first.is_none_or(|first| first >= deferred.upto));
        // It is written before the epochs that follow it, or they would leave a gap in the log.
        let riding = deferred.map(|commit| {
            PendingWrite::Epoch(CommitEpoch {
                derived: Vec::new(),
                commit,
                unit_changes: Vec::new(),
                reply: None,
            })
        });
        let mut group = WriteGroup::new(self.committed);
        for pending in riding.into_iter().chain(pending) {
            group.add(pending, now);
        }
        let WriteGroup {
            work,
            written,
            permits,
            ..
        } = group;
        if work.is_empty() {
            return;
        }
        let began = self.clock.monotonic();
        if self.faults.next_action("log") == FaultAction::Panic {
            fail_next_commit(log);
        }
        match log.execute_writes(work) {
            Ok(done) => {
                let took = self.clock.monotonic().since(began);
                self.gauges
                    .record_commit(log.head(), (took.as_nanos() / 1_000).unsigned_abs());
                self.complete_writes(written, done);
            }
            Err(failure) => self.fail_writes(failure, written, ctx),
        }
        // Held until here: a producer gets room again only when its events are durable or refused.
        drop(permits);
    }

    fn complete_writes(&mut self, written: Vec<InFlightWrite>, done: Vec<WriteReceipt>) {
        let mut records = Vec::new();
        for (written, done) in written.iter().zip(&done) {
            if let InFlightWrite::Epoch(epoch) = written {
                self.committed = self.committed.max(epoch.commit.upto);
            }
            collect_records(written, done, &mut records);
        }
        // Count before answering: by the time a producer has its answer, every counter includes its
        // events.
        let events = records
            .iter()
            .filter_map(|record| Some((record.position, record.body.outside_event()?)));
        self.gauges.count_stored(events);
        for (written, done) in written.into_iter().zip(done) {
            answer_write(written, done);
        }
        self.forward_records(records.into());
    }

    fn forward_records(&mut self, records: Arc<[Record]>) {
        let Some(head) = records.last().map(|record| record.position) else {
            return;
        };
        let number = u32::try_from(records.len()).unwrap_or(u32::MAX);
        self.followers
            .retain(|follower| match follower.credits.try_acquire(number) {
                Some(permit) => {
                    let batch = CreditBatch {
                        head: (),
                        items: Arc::clone(&records),
                        permit,
                    };
                    send_batch(&follower.records, batch).is_ok()
                }
                None => send_control(&follower.growth, LogGrowth { head }).is_ok(),
            });
    }

    fn fail_writes(
        &mut self,
        failure: LogError,
        written: Vec<InFlightWrite>,
        ctx: &mut Context<Self>,
    ) {
        error!(%failure, "the log failed; no event is accepted until it is open again");
        let failure = Arc::new(failure);
        // Before anyone is answered: a client that sees the failure must find the engine not ready.
        self.gauges.set_log_ready(false);
        self.gauges
            .report_problem("log", format!("the log failed: {failure}"));
        for written in written {
            match written {
                InFlightWrite::Append(_, reply) => {
                    send_reply(
                        reply,
                        Err(EmitError::LogFailed {
                            cause: failure.to_string(),
                        }),
                    );
                }
                InFlightWrite::Control(_, reply) => {
                    send_reply(Some(reply), Err(Arc::clone(&failure)))
                }
                InFlightWrite::Epoch(epoch) => send_reply(epoch.reply, Err(Arc::clone(&failure))),
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
                .map(|(), actor, ctx| actor.reopen_log(ctx)),
        );
    }

    fn reopen_log(&mut self, ctx: &mut Context<Self>) {
        if self.closed {
            return;
        }
        let opened = (self.open)().and_then(|log| {
            let committed = last_committed(&mut log.reader())?;
            Ok((log, committed))
        });
        match opened {
            Ok((log, committed)) => {
                let head = log.head();
                info!(%head, "log reopened");
                self.readers.replace_log(log.reader(), log.maintenance());
                self.log = Some(log);
                self.committed = committed;
                self.deferred_commit = None;
                // A commit that was reported as failed may be durable nevertheless.
                self.gauges.set_head(head);
                self.followers
                    .retain(|follower| send_control(&follower.growth, LogGrowth { head }).is_ok());
                self.gauges.clear_problem("log");
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
pub fn last_committed(reader: &mut LogReader) -> Result<Position, LogError> {
    let last = reader.last_epoch()?;
    Ok(last.map_or(Position::START, |epoch| epoch.upto))
}

#[cfg(feature = "fault-injection")]
fn fail_next_commit(log: &mut Log) {
    log.fail_next_commit();
}

/// Never called: builds without fault injection inject nothing.
#[cfg(not(feature = "fault-injection"))]
const fn fail_next_commit(_: &mut Log) {}

fn refuse_writes(pending: Vec<PendingWrite>, cause: &str) {
    for pending in pending {
        match pending {
            PendingWrite::Append(batch) => {
                send_reply(
                    batch.head.reply,
                    Err(EmitError::LogFailed {
                        cause: cause.to_owned(),
                    }),
                );
            }
            // Dropping the reply channel tells the sender that there will be no answer.
            PendingWrite::Control(_) | PendingWrite::Epoch(_) => {}
        }
    }
}

impl Actor for LogActor {
    type Context = Context<Self>;
}

impl Handler<AppendBatch> for LogActor {
    type Result = ();

    fn handle(&mut self, batch: AppendBatch, ctx: &mut Self::Context) {
        self.queue_write(PendingWrite::Append(batch), ctx);
    }
}

impl Handler<AppendControl> for LogActor {
    type Result = ();

    fn handle(&mut self, control: AppendControl, ctx: &mut Self::Context) {
        self.queue_write(PendingWrite::Control(control), ctx);
    }
}

impl Handler<CommitEpoch> for LogActor {
    type Result = ();

    fn handle(&mut self, mut epoch: CommitEpoch, ctx: &mut Self::Context) {
        let is_behind_another = self
            .pending
            .iter()
            .any(|pending| matches!(pending, PendingWrite::Epoch(_)));
        if epoch.reply.is_some() || is_behind_another {
            // The deferred commit is written first, so that commits are in the log in their order.
            self.queue_write(PendingWrite::Epoch(epoch), ctx);
            return;
        }
        // A deferred commit that does not end where this one begins is from an evaluation that has
        // been restarted.
        let riding = self.deferred_commit.take();
        if let Some(riding) = riding.filter(|riding| riding.upto == epoch.commit.from) {
            epoch.commit.from = riding.from;
        }
        self.deferred_commit = Some(epoch.commit);
    }
}

impl Handler<FollowLog> for LogActor {
    type Result = ();

    fn handle(&mut self, follow: FollowLog, _: &mut Self::Context) {
        // The log may have grown since the follower was made.
        if let Some(head) = self.log.as_ref().map(Log::head)
            && send_control(&follow.0.growth, LogGrowth { head }).is_ok()
        {
            self.followers.push(follow.0);
        }
    }
}

impl Handler<FlushPending> for LogActor {
    type Result = ();

    fn handle(&mut self, _: FlushPending, ctx: &mut Self::Context) {
        self.flush_pending(ctx);
    }
}

impl Handler<CloseLog> for LogActor {
    type Result = ();

    fn handle(&mut self, close: CloseLog, ctx: &mut Self::Context) {
        self.flush_pending(ctx);
        self.log = None;
        self.closed = true;
        send_reply(Some(close.reply), ());
    }
}
