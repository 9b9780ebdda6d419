//! Everything an engine is started with.
//!
//! Owns the settings and their defaults; checking files, flags and the environment is the binary's
//! job.
//! Invariant: what evaluation reads of these (`amend_horizon`, `lateness`, `keys_per_rule`, the
//! rules) is written into the log when it takes effect, so a replay never depends on what a
//! configuration says later.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use larum_actor::{Faults, RuntimeClock};
use larum_event::{Channel, RuleFile, SeverityPolicy, Span, limits};

use crate::api::{EvaluationStall, EventHandler, EventInterest};

/// Where rules come from when they are to be read again.
#[derive(Clone)]
pub struct ReloadSource(Arc<ReadRulesFn>);

type ReadRulesFn = dyn Fn() -> Result<Vec<RuleFile>, String> + Send + Sync;

impl ReloadSource {
    /// From what `read` reads, or why it cannot be read. It may block.
    pub fn new(read: impl Fn() -> Result<Vec<RuleFile>, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The rules as they are now, or why they cannot be read. Blocks.
    pub(crate) fn read_rules(&self) -> Result<Vec<RuleFile>, String> {
        (self.0)()
    }
}

impl fmt::Debug for ReloadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadSource").finish_non_exhaustive()
    }
}

/// What to do when evaluation makes no progress; by default nothing, besides what the engine
/// reports of it.
#[derive(Clone)]
pub struct StallAction(Arc<dyn Fn(&EvaluationStall) + Send + Sync>);

impl StallAction {
    /// Calls `act`, on the thread of the watchdog, once for each stall. It may end the process:
    /// what is acknowledged is in the log, and the next start goes on from there.
    pub fn new(act: impl Fn(&EvaluationStall) + Send + Sync + 'static) -> Self {
        Self(Arc::new(act))
    }

    pub(crate) fn run(&self, stall: &EvaluationStall) {
        (self.0)(stall);
    }
}

impl fmt::Debug for StallAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StallAction").finish_non_exhaustive()
    }
}

/// A handler to run, and how.
#[derive(Clone)]
pub struct HandlerSpec {
    /// Its name; with the channel it names the durable cursor.
    pub id: String,
    /// The channel it reads.
    pub channel: Channel,
    /// What of the channel it wants.
    pub interest: EventInterest,
    /// Most events of one batch.
    pub batch: usize,
    /// Longest time for one batch.
    pub timeout: Duration,
    /// Makes the handler, at the start and after each restart, on the handler's own thread.
    pub make: Arc<dyn Fn() -> Box<dyn EventHandler> + Send + Sync>,
}

impl fmt::Debug for HandlerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerSpec")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Everything an engine is started with.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Folder of the store; made if missing.
    pub store: PathBuf,
    /// The rules.
    pub rules: Vec<RuleFile>,
    /// Where they are read again when the engine is told to; `None` refuses to.
    pub reload_source: Option<ReloadSource>,
    /// Reads them, and those that the log holds.
    pub loader: larum_rule::RuleLoader,
    /// Matcher threads.
    pub matchers: usize,
    /// Shards of each correlation window.
    pub window_shards: usize,
    /// Who may have events here.
    pub tenants: larum_admit::TenantPolicy,
    /// The severity of event types, for events that say none.
    pub severities: SeverityPolicy,
    /// How far behind the front an event may arrive and still count in windows. Matches are kept in
    /// memory for as long.
    pub amend_horizon: Span,
    /// How far behind the front alerts become final, for rules that say nothing themselves.
    pub lateness: Span,
    /// How long the engine has to run after a restart, or after it was stopped for
    /// [`limits::STOP_LEAST`] or longer, before it decides anything that waits for time. Zero
    /// decides at once.
    pub resume_hold: Span,
    /// Most live keys of one rule and tenant. Each shard has an equal share and evicts beyond it,
    /// even while other shards have room.
    pub keys_per_rule: u64,
    /// How many trees memory holds, and how large they may be.
    pub trees: larum_tree::GraphLimits,
    /// Events of one epoch at most.
    pub epoch_events: usize,
    /// Events after which a checkpoint is taken.
    pub checkpoint_events: u64,
    /// Events that may be accepted and not yet evaluated before producers are told to wait.
    pub evaluation_lag_events: u64,
    /// How long evaluation may have work and make no progress before `stall_action` is taken; zero
    /// never takes it.
    pub stall_after: Span,
    /// What is done then.
    pub stall_action: StallAction,
    /// Events buffered per channel, by name; others have the buffer of unknown channels (1-06 to
    /// 1-10).
    pub channel_buffers: Vec<(Channel, usize)>,
    /// The ways out.
    pub handlers: Vec<HandlerSpec>,
    /// Where time comes from.
    pub clock: RuntimeClock,
    /// Faults to inject, in test builds.
    pub faults: Faults,
}

impl EngineConfig {
    /// The defaults of design §12, with the store in `store` and no rules.
    pub fn new(store: impl Into<PathBuf>) -> Self {
        let channel = |name: &str, buffer: usize| {
            (
                Channel::new(name).expect("the default channels have valid names"),
                buffer,
            )
        };
        Self {
            store: store.into(),
            rules: Vec::new(),
            reload_source: None,
            loader: larum_rule::RuleLoader::default(),
            matchers: 1,
            window_shards: 1,
            tenants: larum_admit::TenantPolicy::default(),
            severities: SeverityPolicy::default(),
            amend_horizon: limits::AMEND_HORIZON,
            lateness: Span::ZERO,
            resume_hold: limits::RESUME_HOLD,
            keys_per_rule: limits::KEYS_PER_RULE as u64,
            trees: larum_tree::GraphLimits::default(),
            epoch_events: limits::EPOCH_EVENTS,
            checkpoint_events: 50_000,
            evaluation_lag_events: limits::EVALUATION_LAG_EVENTS as u64,
            stall_after: Span::from_seconds(limits::STALL_SECONDS as u32),
            stall_action: StallAction::new(|_| {}),
            channel_buffers: vec![
                channel("security", 1_000),
                channel("rbac", 500),
                channel("audit", 2_000),
                channel("alerts", 1_000),
            ],
            handlers: Vec::new(),
            clock: RuntimeClock::system(),
            faults: Faults::none(),
        }
    }
}
