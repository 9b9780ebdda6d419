//! From a configuration to a running engine.
//!
//! Actors are started from the last one an event meets to the first, so that nobody sends to somebody
//! who is not there yet. The engine is handed out when the log is recovered and the configured rules
//! are active.

use std::sync::{Arc, Mutex};

use actix::{Actor, Addr};
use larum_actor::{ActorRegistry, Credits, Guardian, Supervision, send_control};
use larum_event::{Position, RecordBody, RuleFile, RuleSetActivation, Span};
use larum_log::{Log, LogError, LogOptions};
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
use crate::trees::{RefusalReporter, TreeContext, TreeStoreWriter};
use crate::upkeep::LogUpkeep;
use crate::watchdog::Watchdog;

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
                info!(store = %config.store.display(), "the engine runs");
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
            max_lag: self.0.config.max_lag,
            keys_per_rule: self.0.config.keys_per_rule,
            lateness: self.0.config.lateness,
        };
        // Those at the end of the log, which are in force when all of it is evaluated.
        let mut reader = self.0.readers.open_reader();
        let head = reader.head();
        let last = reader.last_rule_set(head).map_err(StartError::Log)?;
        if last.is_some_and(|(_, last)| last == activated) {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        let bodies = vec![RecordBody::RuleSetActivated(activated)];
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
        let gauges = Arc::new(EngineGauges::new(head));
        let readers = ReaderFactory::new(log.reader(), log.maintenance());
        let committed = last_committed(&mut readers.open_reader()).map_err(StartError::Log)?;
        let registry = ActorRegistry::new(config.clock.clone());
        let supervision = Supervision {
            clock: config.clock.clone(),
            faults: config.faults.clone(),
            guardian: Guardian::new(registry.clone()).start(),
            registry,
        };
        let threads = Arc::new(EngineThreads::start(config.matchers, config.window_shards));
        let checkpoints = log.checkpoint_store().map_err(StartError::Log)?;
        let store = log.tree_store().map_err(StartError::Log)?;
        let setup = LogSetup {
            clock: config.clock.clone(),
            gauges: Arc::clone(&gauges),
            readers: readers.clone(),
            faults: config.faults.clone(),
            committed,
        };
        let log = LogActor::start_in_arbiter(&threads.log.handle(), move |_| {
            LogActor::new(log, open, setup)
        });
        let upkeep = LogUpkeep::start(
            &threads.upkeep,
            readers.clone(),
            supervision.clone(),
            Arc::clone(&gauges),
        );
        crate::ticker::start_ticker(
            &threads.upkeep,
            log.clone(),
            supervision.clock.clone(),
            Arc::clone(&gauges),
        );
        let tree_context = TreeContext {
            readers: readers.clone(),
            rulebook: Arc::clone(rulebook),
            store_writer: TreeStoreWriter::new(store, Arc::clone(&gauges)),
            limits: config.trees,
            watchers: TreeWatchers::default(),
        };
        let refusals = RefusalReporter::new(log.clone(), Arc::clone(&gauges), config.clock.clone());
        let trees =
            TreeActor::start_on(&threads.trees, tree_context.clone(), refusals, &supervision);
        let front = start_dispatcher(config, &log, &supervision, (&gauges, &readers, &threads));
        let entry = supervision
            .registry
            .register_actor("sequencer")
            .map_err(|full| StartError::Recovery {
                cause: full.to_string(),
            })?;
        let parts = CoreParts {
            config: Arc::clone(config),
            log: log.clone(),
            trees: trees.clone(),
            gauges: Arc::clone(&gauges),
            supervision: supervision.clone(),
            threads: Arc::clone(&threads),
            readers: readers.clone(),
            rulebook: Arc::clone(rulebook),
            checkpoints: Arc::new(Mutex::new(checkpoints)),
            wake: Arc::default(),
        };
        let sequencer = SequencerActor::start_in_arbiter(&threads.sequencer.handle(), move |_| {
            SequencerActor::new(parts, entry, head)
        });
        let watchdog = Watchdog::start(supervision.registry.clone(), Arc::clone(&gauges)).map_err(
            |error| StartError::Recovery {
                cause: error.to_string(),
            },
        )?;
        let inner = EngineInner {
            config: Arc::clone(config),
            log,
            dispatcher: front,
            sequencer,
            tree_client: TreeActor::client(trees, &tree_context),
            gauges,
            supervision,
            threads,
            append_credits: Credits::new(larum_event::limits::APPEND_QUEUE_EVENTS as u32),
            readers,
            rulebook: Arc::clone(rulebook),
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

    /// Has sequencer and switchboard told of what becomes durable.
    fn connect_followers(&self) {
        let EngineInner {
            log,
            sequencer,
            dispatcher: front,
            ..
        } = &*self.inner;
        let credit = || Credits::new(larum_event::limits::EVALUATION_TAIL_EVENTS as u32);
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

fn start_dispatcher(
    config: &Arc<EngineConfig>,
    log: &Addr<LogActor>,
    supervision: &Supervision,
    (gauges, readers, threads): (&Arc<EngineGauges>, &ReaderFactory, &Arc<EngineThreads>),
) -> Addr<Dispatcher> {
    let head = *gauges.watch_head().borrow();
    let setup = DispatcherSetup {
        channel: ChannelSetup {
            channel: larum_event::Channel::default_channel(),
            buffer: 0,
            readers: readers.clone(),
            log: log.clone(),
            supervision: supervision.clone(),
            since: head,
        },
        buffers: config.channel_buffers.clone(),
        arbiter: threads.channels.handle(),
        gauges: Arc::clone(gauges),
    };
    Dispatcher::start_in_arbiter(&threads.channels.handle(), move |_| {
        Dispatcher::new(setup, head)
    })
}
