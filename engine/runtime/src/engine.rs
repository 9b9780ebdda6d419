//! The engine as its users hold it.
//!
//! Owns admission, health and shutdown; evaluating is the actors' job, and questions are answered
//! in `engine/queries.rs`. An [`Engine`] is a handle: cloning it is cheap, and the engine runs
//! until [`Engine::shutdown`].
//! Invariant: nothing of a request is stored when it is answered with an [`EmitError`] before the
//! log was asked: overload and shutdown are decided first.

mod start;

pub(crate) mod reload;

mod queries;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::Addr;
use larum_actor::{ActorSnapshot, CreditBatch, Credits, Supervision, send_batch, send_control};
use larum_event::{
    Channel, Event, EventDefaults, EventId, RecordBody, Rejection, RejectionReason, Source, Span,
    Timestamp, limits,
};
use larum_log::AppendOutcome;
use larum_query::{ReaderFactory, TreeClient};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::actors::LogActor;
use crate::actors::dispatcher::{AddSubscriber, Dispatcher, EndSubscriptions};
use crate::actors::live_subscriber::Subscription;
use crate::actors::log::CloseLog;
use crate::actors::sequencer::{FinishEvaluation, FinishScope, SequencerActor};
use crate::api::{
    EmitError, EmitOptions, EmitReceipt, EngineHealth, EventInterest, SubscribeError,
};
use crate::config::EngineConfig;
use crate::gauges::EngineGauges;
use crate::messages::AppendHead;
use crate::metrics::{EngineMetrics, Metric};
use crate::rulebook::Rulebook;
use crate::sequencing::EngineThreads;
use crate::ticker::write_records;
use crate::upkeep::LogUpkeep;
use crate::watchdog::{FROZEN, Watchdog};

/// Longest a producer waits for room before it is asked to retry.
const CREDIT_WAIT: Span = Span::from_nanos(500_000_000);
/// What a problem with evaluation is about.
const SEQUENCER: &str = "sequencer";
/// How often a shutdown looks whether evaluation fails.
const LOOK_EVERY: Span = Span::from_nanos(100_000_000);
/// So many looks in a row that found it failing end the wait for it.
const FAILING_LOOKS_MOST: u32 = 50;
/// Longest that a shutdown evaluates what is in the log. The next start evaluates the rest.
const EVALUATE_MOST: Span = Span::from_nanos(1_500_000_000);
/// Longest that it then waits for the running epoch and a last checkpoint.
const CHECKPOINT_MOST: Span = Span::from_seconds(1);
/// Longest that it waits for the log and the channels to close.
const CLOSE_MOST: Span = Span::from_nanos(1_500_000_000);
/// When a producer that was turned away may come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A running engine.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<EngineInner>);

pub(crate) struct EngineInner {
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) log: Addr<LogActor>,
    pub(crate) dispatcher: Addr<Dispatcher>,
    pub(crate) sequencer: Addr<SequencerActor>,
    pub(crate) tree_client: TreeClient,
    pub(crate) gauges: Arc<EngineGauges>,
    pub(crate) supervision: Supervision,
    pub(crate) threads: Arc<EngineThreads>,
    pub(crate) append_credits: Credits,
    pub(crate) readers: ReaderFactory,
    pub(crate) rulebook: Arc<Rulebook>,
    pub(crate) upkeep: LogUpkeep,
    pub(crate) watchdog: Mutex<Option<Watchdog>>,
}

impl Engine {
    /// Gives `read` what a door fills into events: the time of arrival, ids, severity, tenant and
    /// channel. Events without a source get `source`; without one they are rejected.
    pub fn with_fill<T>(
        &self,
        source: Option<&Source>,
        read: impl FnOnce(&EventDefaults<'_>) -> T,
    ) -> T {
        let config = &self.0.config;
        let arrived = self.0.supervision.clock.now();
        let new_id = || new_event_id(arrived);
        read(&EventDefaults {
            arrived,
            new_id: &new_id,
            source,
            channel: &Channel::default_channel(),
            tenant: &config.tenants.fallback_tenant(),
            severity: &|event_type| config.severities.severity(event_type),
        })
    }

    /// Queues events for the log. Refusals that are known at once are reported; the other events
    /// may still turn out to be duplicates, and are not durable yet.
    ///
    /// # Errors
    /// Nothing was taken: see [`EmitError`].
    pub async fn emit(&self, events: Vec<Event>) -> Result<Vec<EmitReceipt>, EmitError> {
        let (receipts, admitted) = self.admit_events(events);
        self.append_events(admitted, EmitOptions::default(), None)
            .await?;
        Ok(receipts
            .into_iter()
            .map(|refused| refused.unwrap_or(EmitReceipt::Queued))
            .collect())
    }

    /// Takes events and answers, one receipt each and in order, when they are in the log.
    ///
    /// # Errors
    /// Nothing was taken: see [`EmitError`].
    pub async fn emit_with_guarantee(
        &self,
        events: Vec<Event>,
        options: EmitOptions,
    ) -> Result<Vec<EmitReceipt>, EmitError> {
        let (receipts, admitted) = self.admit_events(events);
        if admitted.is_empty() {
            return Ok(receipts.into_iter().flatten().collect());
        }
        let (reply, answer) = oneshot::channel();
        self.append_events(admitted, options, Some(reply)).await?;
        let gone = || EmitError::LogFailed {
            cause: "it is being reopened".to_owned(),
        };
        let outcomes = answer.await.map_err(|_| gone())??;
        let mut appended = outcomes.into_iter();
        let receipts = receipts.into_iter().map(|refused| match refused {
            Some(refused) => refused,
            None => appended
                .next()
                .map_or(EmitReceipt::Queued, |appended| self.to_receipt(appended)),
        });
        Ok(receipts.collect())
    }

    /// Decides about each event; those that enter have no receipt yet.
    fn admit_events(&self, events: Vec<Event>) -> (Vec<Option<EmitReceipt>>, Vec<Event>) {
        let mut admitted = Vec::with_capacity(events.len());
        let mut receipts = Vec::with_capacity(events.len());
        for event in events {
            match larum_admit::admit_event(&event, &self.0.config.tenants) {
                Ok(()) => {
                    receipts.push(None);
                    admitted.push(event);
                }
                Err(rejection) => {
                    self.0.gauges.count_rejected(rejection.reason);
                    receipts.push(Some(EmitReceipt::Rejected(rejection)));
                }
            }
        }
        (receipts, admitted)
    }

    fn to_receipt(&self, appended: AppendOutcome) -> EmitReceipt {
        match appended {
            AppendOutcome::Stored(position) => EmitReceipt::Stored { position },
            AppendOutcome::Duplicate(position) => {
                self.0.gauges.count(Metric::EventsDuplicate, 1);
                EmitReceipt::Duplicate { position }
            }
            AppendOutcome::Conflict { first } => {
                self.0.gauges.count_rejected(RejectionReason::IdConflict);
                EmitReceipt::Rejected(Rejection::for_member(
                    RejectionReason::IdConflict,
                    "id",
                    format!("the event at position {first} has the same id and other content"),
                ))
            }
        }
    }

    pub(crate) async fn append_events(
        &self,
        events: Vec<Event>,
        options: EmitOptions,
        reply: Option<oneshot::Sender<Result<Vec<AppendOutcome>, EmitError>>>,
    ) -> Result<(), EmitError> {
        if events.is_empty() {
            return Ok(());
        }
        let gauges = &self.0.gauges;
        if gauges.is_stopping() {
            return Err(EmitError::Stopping);
        }
        let overloaded = || {
            gauges.count(Metric::RequestsOverloaded, 1);
            EmitError::Overloaded {
                behind: gauges.backlog(),
                retry_after: RETRY_AFTER,
            }
        };
        // Refused before it waits for room: a producer must not queue behind a backlog that is too
        // long.
        if gauges.backlog() > self.0.config.evaluation_lag_events {
            return Err(overloaded());
        }
        let number = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let clock = &self.0.supervision.clock;
        let permit = tokio::select! {
            biased;
            permit = self.0.append_credits.acquire(number) => permit,
            () = clock.sleep(CREDIT_WAIT) => return Err(overloaded()),
        };
        // Asked again after the wait: a shutdown takes all permits first, and what is sent after
        // that would reach a log that is being closed.
        if gauges.is_stopping() {
            return Err(EmitError::Stopping);
        }
        // The time of arrival is taken last, so that waiting does not make events look older.
        let arrived = clock.now();
        let items = events.into_iter().map(|event| (event, arrived)).collect();
        let head = AppendHead {
            deadline: options.delivery_deadline,
            reply,
        };
        send_batch(
            &self.0.log.clone().recipient(),
            CreditBatch {
                head,
                items,
                permit,
            },
        )
        .map_err(|_| EmitError::LogFailed {
            cause: "its actor has ended".to_owned(),
        })
    }

    /// Counts an input that a door refused itself.
    pub fn count_rejection(&self, reason: RejectionReason) {
        self.0.gauges.count_rejected(reason);
    }

    /// Subscribes to what happens from now on. Dropping the subscription ends it.
    ///
    /// # Errors
    /// There are too many subscriptions, or the engine is shutting down.
    pub async fn subscribe(&self, interest: EventInterest) -> Result<Subscription, SubscribeError> {
        let (reply, answer) = oneshot::channel();
        send_control(
            &self.0.dispatcher.clone().recipient(),
            AddSubscriber { interest, reply },
        )
        .map_err(|_| SubscribeError::Stopping)?;
        answer.await.map_err(|_| SubscribeError::Stopping)?
    }

    /// The time it is here; what a search such as `last:1h` counts from.
    pub fn now(&self) -> Timestamp {
        self.0.supervision.clock.now()
    }

    /// Every actor and how it is.
    pub fn actors(&self) -> Vec<ActorSnapshot> {
        self.0.supervision.registry.snapshot()
    }

    /// How the engine is. It is ready while the log takes events, evaluation works and every actor
    /// makes progress; a frozen actor is a matter of restarting the process.
    pub fn health(&self) -> EngineHealth {
        let gauges = &self.0.gauges;
        let is_stuck = gauges.has_problem(SEQUENCER) || gauges.has_problem_starting(FROZEN);
        EngineHealth {
            ready: gauges.is_log_ready() && !gauges.is_stopping() && !is_stuck,
            problems: gauges.problems(),
            head: *gauges.watch_head().borrow(),
            evaluated: *gauges.watch_evaluated().borrow(),
            lag: gauges.backlog(),
            rules: gauges.rule_count(),
        }
    }

    /// What the engine counts.
    pub fn metrics(&self) -> EngineMetrics {
        let mut metrics = self.0.gauges.metrics();
        metrics.read_health(&self.health());
        self.0.rulebook.add_metrics(&mut metrics);
        let watchers = self.0.tree_client.watchers();
        metrics.set(
            Metric::TreeWatchesTooSlow,
            watchers.count_ended_as_too_slow(),
        );
        metrics
    }

    /// Resolves when everything in the log is evaluated and what came out is in the log too, or
    /// when the engine has ended. Units that are left out may still have their gaps to make up for.
    pub async fn wait_until_evaluated(&self) {
        let gauges = &self.0.gauges;
        let (mut head, mut evaluated) = (gauges.watch_head(), gauges.watch_evaluated());
        let mut stopped = gauges.watch_stopped();
        loop {
            let done = *evaluated.borrow_and_update() >= *head.borrow_and_update();
            if done || *stopped.borrow_and_update() {
                return;
            }
            tokio::select! {
                _ = evaluated.changed() => {}
                _ = head.changed() => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// Stops taking events, evaluates what is in the log, keeps a checkpoint and ends, within five
    /// seconds. The store may be opened again right after. What is not evaluated by then, because
    /// there is much of it, a unit is slow, or the log or the rules fail, is left for the next
    /// start; so are the gaps of detached units.
    pub async fn shutdown(&self) {
        self.0.gauges.set_stopping();
        let clock = &self.0.supervision.clock;
        tokio::select! {
            biased;
            () = self.finish_whole_log() => {}
            () = self.wait_for_stall() => warn!("the engine ends without evaluating all that is in the log"),
            () = clock.sleep(EVALUATE_MOST) => {
                let left = self.0.gauges.backlog();
                info!(left, "the next start evaluates the events that are left");
                tokio::select! {
                    biased;
                    () = self.finish_evaluation(FinishScope::CurrentEpoch) => {}
                    () = clock.sleep(CHECKPOINT_MOST) => {
                        warn!("an epoch still runs, the engine ends without a last checkpoint");
                    }
                }
            }
        }
        self.close_and_stop().await;
    }

    /// Evaluates what is in the log, and what is on its way there, and keeps a checkpoint.
    async fn finish_whole_log(&self) {
        // What is on its way to the log gets there first: all room is free again.
        let room = limits::APPEND_QUEUE_EVENTS as u32;
        drop(self.0.append_credits.acquire(room).await);
        self.wait_until_evaluated().await;
        // What came out of order last has not been amended yet, and its alerts are wanted now.
        while self.0.gauges.has_dirty_keys() {
            let amend = RecordBody::Amend {
                most_rows: u64::MAX,
            };
            if !write_records(&self.0.log, vec![amend]).await {
                break;
            }
            self.wait_until_evaluated().await;
        }
        self.finish_evaluation(FinishScope::WholeLog).await;
    }

    /// Ends evaluation with a checkpoint.
    async fn finish_evaluation(&self, scope: FinishScope) {
        let (reply, done) = oneshot::channel();
        let finish = FinishEvaluation { scope, reply };
        if send_control(&self.0.sequencer.clone().recipient(), finish).is_ok() {
            drop(done.await);
        }
    }

    /// Resolves when evaluation or the log have failed for so long that waiting for them is in
    /// vain.
    async fn wait_for_stall(&self) {
        let gauges = &self.0.gauges;
        let mut failing = 0;
        while failing < FAILING_LOOKS_MOST {
            self.0.supervision.clock.sleep(LOOK_EVERY).await;
            let fails = !gauges.is_log_ready() || gauges.has_problem(SEQUENCER);
            failing = if fails { failing + 1 } else { 0 };
        }
    }

    /// Closes the log and stops every thread, whatever is still to be done.
    pub(crate) async fn close_and_stop(&self) {
        self.0.gauges.set_stopping();
        tokio::select! {
            biased;
            () = self.close_log_and_channels() => {}
            () = self.0.supervision.clock.sleep(CLOSE_MOST) => {
                warn!("the engine ends before the log and the channels have closed");
            }
        }
        self.0.supervision.retire_guardian();
        drop(
            self.0
                .watchdog
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.0.threads.stop();
        self.0.gauges.set_stopped();
    }

    async fn close_log_and_channels(&self) {
        self.0.upkeep.stop().await;
        // The last commit of an epoch without outcome is written on the way.
        let (reply, closed) = oneshot::channel();
        if send_control(&self.0.log.clone().recipient(), CloseLog { reply }).is_ok() {
            drop(closed.await);
        }
        let (reply, told) = oneshot::channel();
        if send_control(
            &self.0.dispatcher.clone().recipient(),
            EndSubscriptions { reply },
        )
        .is_ok()
        {
            drop(told.await);
        }
    }
}

pub(crate) fn new_event_id(now: larum_event::Timestamp) -> EventId {
    let nanos = now.as_nanos().max(0).unsigned_abs();
    let (seconds, rest) = (nanos / 1_000_000_000, (nanos % 1_000_000_000) as u32);
    let stamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, rest);
    EventId::new(uuid::Uuid::new_v7(stamp).to_string()).expect("a UUID is a valid id")
}
