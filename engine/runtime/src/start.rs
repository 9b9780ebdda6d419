//! From a configuration to a running engine.
//!
//! Actors are started from the last one an event meets to the first, so that nobody sends to somebody
//! who is not there yet. The engine is handed out when the log is recovered and the configured rules
//! are active.

use std::sync::{Arc, Mutex};

use actix::{Actor, Addr};
use larum_event::{Position, RecordBody, RuleFile, RuleSetActivated, Span};
use larum_log::{Log, LogError, LogOptions};
use tokio::sync::oneshot;
use tracing::info;

use crate::actors::TreeUnit;
use crate::actors::channel::ChannelSetup;
use crate::actors::front::{FrontSetup, FrontUnit, StartHandler};
use crate::actors::log::{Follow, Follower, LogActor, LogSetup, OpenLog, committed};
use crate::actors::sequencer::{Recovered, SequencerUnit};
use crate::api::{EngineConfig, StartError};
use crate::credit::{Credits, tell};
use crate::engine::{Engine, Inner};
use crate::gauges::Gauges;
use crate::messages::AppendControl;
use crate::readers::Readers;
use crate::rulebook::Rulebook;
use crate::sequencing::{Parts, Threads};
use crate::supervise::{Guardian, Registry};
use crate::supervision::Supervision;
use crate::trees::{LiveTrees, Refusals, Soil, Spiller, Watchers};
use crate::upkeep::Upkeep;
use crate::watchdog::Watchdog;

impl Engine {
    /// Opens or makes the store, recovers, activates the rules, and returns the running engine.
    /// To be called inside of an actix system.
    ///
    /// # Errors
    /// The rules do not load, the store cannot be opened, or recovery failed.
    pub async fn start(config: EngineConfig) -> Result<Self, StartError> {
        let rulebook = Arc::new(Rulebook::new(config.loader.clone()));
        let rules = rulebook.load(&config.rules).map_err(StartError::Rules)?;
        let config = Arc::new(config);
        let store = config.store.clone();
        let open: OpenLog = Arc::new(move || Log::open(&store, LogOptions::default()));
        let log = open().map_err(StartError::Log)?;
        let started = Started::new(&config, &rulebook, log, open)?;
        let engine = started.engine();
        started.follow();
        match started.ready(rules.files()).await {
            Ok(()) => {
                info!(store = %config.store.display(), "the engine runs");
                Ok(engine)
            }
            Err(failure) => {
                engine.end().await;
                Err(failure)
            }
        }
    }

    /// Makes the rules of the configuration those in force, if they are not.
    async fn begin_with(&self, files: &[RuleFile]) -> Result<(), StartError> {
        let failed = |cause: &str| StartError::Recovery {
            cause: cause.to_owned(),
        };
        let (reply, answer) = oneshot::channel();
        tell(&self.0.sequencer.clone().recipient(), Recovered { reply })
            .map_err(|_| failed("the sequencer has ended"))?;
        tokio::select! {
            recovered = answer => recovered.map_err(|_| failed("the sequencer has ended"))?,
            words = self.recovery_failed() => return Err(failed(&words)),
        };
        let activated = RuleSetActivated {
            files: files.to_vec(),
            max_lag: self.0.config.max_lag,
            keys_per_rule: self.0.config.keys_per_rule,
            lateness: self.0.config.lateness,
        };
        // Those at the end of the log, which are in force when all of it is evaluated.
        let mut reader = self.0.readers.open();
        let head = reader.head();
        let last = reader.last_rule_set(head).map_err(StartError::Log)?;
        if last.is_some_and(|(_, last)| last == activated) {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        let bodies = vec![RecordBody::RuleSetActivated(activated)];
        tell(
            &self.0.log.clone().recipient(),
            AppendControl { bodies, reply },
        )
        .map_err(|_| failed("the log's actor has ended"))?;
        answer
            .await
            .map_err(|_| failed("the log's actor has ended"))?
            .map_err(|error| failed(&error.to_string()))?;
        tokio::select! {
            () = self.settle() => Ok(()),
            words = self.recovery_failed() => Err(failed(&words)),
        }
    }

    /// Resolves, with what is wrong, when recovery has failed.
    async fn recovery_failed(&self) -> String {
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
struct Started {
    inner: Arc<Inner>,
}

impl Started {
    fn new(
        config: &Arc<EngineConfig>,
        rulebook: &Arc<Rulebook>,
        log: Log,
        open: OpenLog,
    ) -> Result<Self, StartError> {
        let head = log.head();
        let gauges = Arc::new(Gauges::new(head));
        let readers = Readers::new(log.reader(), log.maintenance());
        let committed = committed(&mut readers.open()).map_err(StartError::Log)?;
        let registry = Registry::new(config.clock.clone());
        let supervision = Supervision {
            clock: config.clock.clone(),
            faults: config.faults.clone(),
            guardian: Guardian::new(registry.clone()).start(),
            registry,
        };
        let threads = Arc::new(Threads::start(config.matchers, config.window_shards));
        let checkpoints = log.checkpoints().map_err(StartError::Log)?;
        let store = log.trees().map_err(StartError::Log)?;
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
        let upkeep = Upkeep::start(
            &threads.upkeep,
            readers.clone(),
            supervision.clone(),
            Arc::clone(&gauges),
        );
        crate::ticking::start(
            &threads.upkeep,
            log.clone(),
            supervision.clock.clone(),
            Arc::clone(&gauges),
        );
        let soil = Soil {
            readers: readers.clone(),
            rulebook: Arc::clone(rulebook),
            spiller: Spiller::new(store, Arc::clone(&gauges)),
            limits: config.trees,
            watchers: Watchers::default(),
        };
        let refusals = Refusals::new(log.clone(), Arc::clone(&gauges), config.clock.clone());
        let trees = TreeUnit::start_on(&threads.trees, soil.clone(), refusals, &supervision);
        let front = start_front(config, &log, &supervision, (&gauges, &readers, &threads));
        let entry =
            supervision
                .registry
                .register("sequencer")
                .map_err(|full| StartError::Recovery {
                    cause: full.to_string(),
                })?;
        let parts = Parts {
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
        let sequencer = SequencerUnit::start_in_arbiter(&threads.sequencer.handle(), move |_| {
            SequencerUnit::new(parts, entry, head)
        });
        let watchdog = Watchdog::start(supervision.registry.clone(), Arc::clone(&gauges)).map_err(
            |error| StartError::Recovery {
                cause: error.to_string(),
            },
        )?;
        let inner = Inner {
            config: Arc::clone(config),
            log,
            front,
            sequencer,
            live_trees: LiveTrees::new(trees, &soil),
            growing: crate::trees::turns(),
            gauges,
            supervision,
            threads,
            room: Credits::new(larum_event::limits::APPEND_QUEUE_EVENTS as u32),
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
    async fn ready(&self, files: &[RuleFile]) -> Result<(), StartError> {
        self.engine().begin_with(files).await?;
        self.start_handlers().map_err(StartError::Log)
    }

    /// Has sequencer and switchboard told of what becomes durable.
    fn follow(&self) {
        let Inner {
            log,
            sequencer,
            front,
            ..
        } = &*self.inner;
        let credit = || Credits::new(larum_event::limits::EVALUATION_TAIL_EVENTS as u32);
        let followers = [
            Follower {
                records: sequencer.clone().recipient(),
                grown: sequencer.clone().recipient(),
                credits: credit(),
            },
            Follower {
                records: front.clone().recipient(),
                grown: front.clone().recipient(),
                credits: credit(),
            },
        ];
        for follower in followers {
            // A log that has ended tells nobody anything, and the engine does not start.
            drop(tell(&log.clone().recipient(), Follow(follower)));
        }
    }

    /// Starts the ways out where they stopped.
    fn start_handlers(&self) -> Result<(), LogError> {
        if self.inner.config.handlers.is_empty() {
            return Ok(());
        }
        let cursors = self.inner.readers.open().cursors()?;
        for spec in self.inner.config.handlers.iter().cloned() {
            let cursor = cursors
                .iter()
                .find(|cursor| cursor.consumer == spec.id && cursor.channel == spec.channel)
                .map_or(Position::START, |cursor| cursor.position);
            drop(tell(
                &self.inner.front.clone().recipient(),
                StartHandler { spec, cursor },
            ));
        }
        Ok(())
    }
}

fn start_front(
    config: &Arc<EngineConfig>,
    log: &Addr<LogActor>,
    supervision: &Supervision,
    (gauges, readers, threads): (&Arc<Gauges>, &Readers, &Arc<Threads>),
) -> Addr<FrontUnit> {
    let head = *gauges.head().borrow();
    let setup = FrontSetup {
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
    FrontUnit::start_in_arbiter(&threads.channels.handle(), move |_| {
        FrontUnit::new(setup, head)
    })
}
