//! From a configuration to a running engine.
//!
//! Owns the order of the start; what each actor does is its own job.
//! Invariant: actors are started from the last one an event meets to the first, so nobody sends to
//! an actor that does not exist yet. The engine is handed out only when the log is recovered and
//! the configured rules are in force.

use std::sync::{Arc, Mutex};

use actix::{Actor, Addr};
use larum_actor::{ActorRegistry, ActorSlot, Credits, Guardian, Supervision, send_control};
use larum_event::{
    Channel, ClockTick, Position, RecordBody, RuleFile, RuleSetActivation, Span, limits,
};
use larum_log::{CheckpointStore, Log, LogError, LogOptions, TreeStore};
use larum_query::{ReaderFactory, TreeWatchers};
use tokio::sync::oneshot;
use tracing::info;

use crate::actors::TreeActor;
use crate::actors::channel::ChannelSetup;
use crate::actors::dispatcher::{Dispatcher, DispatcherSetup, StartHandler};
use crate::actors::log::{FollowLog, LogActor, LogFollower, LogSetup, OpenLog, last_committed};
use crate::actors::sequencer::{AwaitRecovery, SequencerActor};
use crate::api::StartError;
use crate::config::EngineConfig;
use crate::engine::{Engine, EngineInner};
use crate::gauges::EngineGauges;
use crate::messages::AppendControl;
use crate::rulebook::Rulebook;
use crate::sequencing::{CoreParts, EngineThreads};
use crate::ticker::start_ticker;
use crate::trees::{RefusalReporter, TreeContext, TreeStoreWriter};
use crate::upkeep::LogUpkeep;
use crate::watchdog::{EVALUATION, Watchdog, WatchdogSetup};

impl Engine {
    /// Opens or makes the store, recovers, activates the rules, and returns the running engine.
    /// To be called inside of an actix system.
    ///
    /// # Errors
    /// The rules do not load, the store cannot be opened, or recovery failed.
    pub async fn start(config: EngineConfig) -> Result<Self, StartError> {
        let rulebook = Arc::new(Rulebook::new(config.loader.clone()));
        let rules = rulebook
            .load_rules(&config.rules)
            .map_err(StartError::Rules)?;
        let config = Arc::new(config);
        let store = config.store.clone();
        let open: OpenLog = Arc::new(move || Log::open(&store, LogOptions::default()));
        let log = open().map_err(StartError::Log)?;
        let started = EngineStartup::new(&config, &rulebook, log, open)?;
        let engine = started.engine();
        started.connect_followers();
        match started.make_ready(rules.files()).await {
            Ok(()) => {
                info!(store = %config.store.display(), "engine started");
                Ok(engine)
            }
            Err(failure) => {
                engine.close_and_stop().await;
                Err(failure)
            }
        }
    }

    /// Makes the rules of the configuration those in force, if they are not.
    async fn ensure_rules_active(&self, files: &[RuleFile]) -> Result<(), StartError> {
        let failed = |cause: &str| StartError::Recovery {
            cause: cause.to_owned(),
        };
        let (reply, answer) = oneshot::channel();
        send_control(
            &self.0.sequencer.clone().recipient(),
            AwaitRecovery { reply },
        )
        .map_err(|_| failed("the sequencer has ended"))?;
        tokio::select! {
            recovered = answer => recovered.map_err(|_| failed("the sequencer has ended"))?,
            words = self.wait_for_recovery_failure() => return Err(failed(&words)),
        };
        let activated = RuleSetActivation {
            files: files.to_vec(),
            amend_horizon: self.0.config.amend_horizon,
            keys_per_rule: self.0.config.keys_per_rule,
            lateness: self.0.config.lateness,
        };
        // Those at the end of the log, which are in force when all of it is evaluated.
        let mut reader = self.0.readers.open_reader();
        let head = reader.head();
        let last = reader.last_rule_set(head).map_err(StartError::Log)?;
        let mut bodies = Vec::new();
        let hold = self.0.config.resume_hold;
        // An engine that starts for the first time has missed nothing.
        if last.is_some() && !hold.is_zero() {
            let at = self.0.config.clock.now();
            bodies.push(RecordBody::Tick(ClockTick { at, hold }));
        }
        if last.is_none_or(|(_, last)| last != activated) {
            bodies.push(RecordBody::RuleSetActivated(activated));
        }
        if bodies.is_empty() {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        send_control(
            &self.0.log.clone().recipient(),
            AppendControl { bodies, reply },
        )
        .map_err(|_| failed("the log's actor has ended"))?;
        answer
            .await
            .map_err(|_| failed("the log's actor has ended"))?
            .map_err(|error| failed(&error.to_string()))?;
        tokio::select! {
            () = self.wait_until_evaluated() => Ok(()),
            words = self.wait_for_recovery_failure() => Err(failed(&words)),
        }
    }

    /// Resolves, with what is wrong, when recovery has failed.
    async fn wait_for_recovery_failure(&self) -> String {
        loop {
            self.0
                .supervision
                .clock
                .sleep(Span::from_nanos(20_000_000))
                .await;
            if self.0.gauges.has_problem("sequencer") {
                return self.0.gauges.problems().join("; ");
            }
        }
    }
}

/// Everything that was started.
struct EngineStartup {
    inner: Arc<EngineInner>,
}

impl EngineStartup {
    fn new(
        config: &Arc<EngineConfig>,
        rulebook: &Arc<Rulebook>,
        log: Log,
        open: OpenLog,
    ) -> Result<Self, StartError> {
        let head = log.head();
        let readers = ReaderFactory::new(log.reader(), log.maintenance());
        let registry = ActorRegistry::new(config.clock.clone());
        let shared = SharedParts {
            config: Arc::clone(config),
            rulebook: Arc::clone(rulebook),
            gauges: Arc::new(EngineGauges::new(head)),
            readers,
            supervision: Supervision {
                clock: config.clock.clone(),
                faults: config.faults.clone(),
                guardian: Guardian::new().start(),
                registry,
            },
            threads: Arc::new(EngineThreads::start(config.matchers, config.window_shards)),
        };
        // Taken before the log goes to its actor, which never gives it back.
        let checkpoints = log.checkpoint_store().map_err(StartError::Log)?;
        let store = log.tree_store().map_err(StartError::Log)?;
        let log = shared.start_log(log, open)?;
        let upkeep = shared.start_upkeep(&log);
        let tree_context = shared.tree_context(store);
        let trees = shared.start_trees(&tree_context, &log);
        let dispatcher = shared.start_dispatcher(&log);
        let checkpoints = Arc::new(Mutex::new(checkpoints));
        let sequencer = shared.start_sequencer(&log, &trees, checkpoints)?;
        let registry = shared.supervision.registry.clone();
        let started = Watchdog::start(WatchdogSetup {
            clock: config.clock.clone(),
            registry,
            gauges: Arc::clone(&shared.gauges),
            stall_after: config.stall_after,
            stall_action: config.stall_action.clone(),
        });
        let watchdog = started.map_err(|error| recovery_error(&error))?;
        let inner = EngineInner {
            config: shared.config,
            log,
            dispatcher,
            sequencer,
            tree_client: TreeActor::client(trees, &tree_context),
            gauges: shared.gauges,
            supervision: shared.supervision,
            threads: shared.threads,
            append_credits: Credits::new(limits::APPEND_QUEUE_EVENTS as u32),
            readers: shared.readers,
            rulebook: shared.rulebook,
            upkeep,
            watchdog: Mutex::new(Some(watchdog)),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    fn engine(&self) -> Engine {
        Engine(Arc::clone(&self.inner))
    }

    /// Resolves when the log is recovered, the rules are in force and the ways out are at work.
    async fn make_ready(&self, files: &[RuleFile]) -> Result<(), StartError> {
        self.engine().ensure_rules_active(files).await?;
        self.start_handlers().map_err(StartError::Log)
    }

    /// Has every record that becomes durable sent to the sequencer and the dispatcher.
    fn connect_followers(&self) {
        let EngineInner {
            log,
            sequencer,
            dispatcher: front,
            ..
        } = &*self.inner;
        let credit = || Credits::new(limits::EVALUATION_TAIL_EVENTS as u32);
        let followers = [
            LogFollower {
                records: sequencer.clone().recipient(),
                growth: sequencer.clone().recipient(),
                credits: credit(),
            },
            LogFollower {
                records: front.clone().recipient(),
                growth: front.clone().recipient(),
                credits: credit(),
            },
        ];
        for follower in followers {
            // A log that has ended tells nobody anything, and the engine does not start.
            drop(send_control(&log.clone().recipient(), FollowLog(follower)));
        }
    }

    /// Starts the ways out where they stopped.
    fn start_handlers(&self) -> Result<(), LogError> {
        if self.inner.config.handlers.is_empty() {
            return Ok(());
        }
        let cursors = self.inner.readers.open_reader().cursors()?;
        for spec in self.inner.config.handlers.iter().cloned() {
            let cursor = cursors
                .iter()
                .find(|cursor| cursor.consumer == spec.id && cursor.channel == spec.channel)
                .map_or(Position::START, |cursor| cursor.position);
            drop(send_control(
                &self.inner.dispatcher.clone().recipient(),
                StartHandler { spec, cursor },
            ));
        }
        Ok(())
    }
}

/// What most actors are started with.
struct SharedParts {
    config: Arc<EngineConfig>,
    rulebook: Arc<Rulebook>,
    gauges: Arc<EngineGauges>,
    readers: ReaderFactory,
    supervision: Supervision,
    threads: Arc<EngineThreads>,
}

impl SharedParts {
    fn start_log(&self, log: Log, open: OpenLog) -> Result<Addr<LogActor>, StartError> {
        let committed = last_committed(&mut self.readers.open_reader()).map_err(StartError::Log)?;
        let setup = LogSetup {
            clock: self.config.clock.clone(),
            gauges: Arc::clone(&self.gauges),
            readers: self.readers.clone(),
            faults: self.config.faults.clone(),
            committed,
        };
        let arbiter = self.threads.log.handle();
        Ok(LogActor::start_in_arbiter(&arbiter, move |_| {
            LogActor::new(log, open, setup)
        }))
    }

    /// Starts what keeps the log in shape and writes ticks into it.
    fn start_upkeep(&self, log: &Addr<LogActor>) -> LogUpkeep {
        start_ticker(
            &self.threads.upkeep,
            log.clone(),
            self.supervision.clock.clone(),
            Arc::clone(&self.gauges),
            self.config.resume_hold,
        );
        LogUpkeep::start(
            &self.threads.upkeep,
            self.readers.clone(),
            self.supervision.clone(),
            Arc::clone(&self.gauges),
        )
    }

    fn tree_context(&self, store: TreeStore) -> TreeContext {
        TreeContext {
            readers: self.readers.clone(),
            rulebook: Arc::clone(&self.rulebook),
            store_writer: TreeStoreWriter::new(store, Arc::clone(&self.gauges)),
            limits: self.config.trees,
            watchers: TreeWatchers::default(),
        }
    }

    fn start_trees(&self, context: &TreeContext, log: &Addr<LogActor>) -> ActorSlot<TreeActor> {
        let clock = self.config.clock.clone();
        let refusals = RefusalReporter::new(log.clone(), Arc::clone(&self.gauges), clock);
        TreeActor::start_on(
            &self.threads.trees,
            context.clone(),
            refusals,
            &self.supervision,
        )
    }

    fn start_dispatcher(&self, log: &Addr<LogActor>) -> Addr<Dispatcher> {
        let head = *self.gauges.watch_head().borrow();
        let arbiter = self.threads.channels.handle();
        let setup = DispatcherSetup {
            channel: ChannelSetup {
                channel: Channel::default_channel(),
                buffer: 0,
                readers: self.readers.clone(),
                log: log.clone(),
                supervision: self.supervision.clone(),
                since: head,
            },
            buffers: self.config.channel_buffers.clone(),
            arbiter: arbiter.clone(),
            gauges: Arc::clone(&self.gauges),
        };
        Dispatcher::start_in_arbiter(&arbiter, move |_| Dispatcher::new(setup, head))
    }

    fn start_sequencer(
        &self,
        log: &Addr<LogActor>,
        trees: &ActorSlot<TreeActor>,
        checkpoints: Arc<Mutex<CheckpointStore>>,
    ) -> Result<Addr<SequencerActor>, StartError> {
        let entry = self
            .supervision
            .registry
            .register_actor(EVALUATION)
            .map_err(|full| recovery_error(&full))?;
        let head = *self.gauges.watch_head().borrow();
        let parts = CoreParts {
            config: Arc::clone(&self.config),
            log: log.clone(),
            trees: trees.clone(),
            gauges: Arc::clone(&self.gauges),
            supervision: self.supervision.clone(),
            threads: Arc::clone(&self.threads),
            readers: self.readers.clone(),
            rulebook: Arc::clone(&self.rulebook),
            checkpoints,
            wake: Arc::default(),
        };
        let arbiter = self.threads.sequencer.handle();
        Ok(SequencerActor::start_in_arbiter(&arbiter, move |_| {
            SequencerActor::new(parts, entry, head)
        }))
    }
}

fn recovery_error(cause: &dyn std::error::Error) -> StartError {
    StartError::Recovery {
        cause: cause.to_string(),
    }
}
