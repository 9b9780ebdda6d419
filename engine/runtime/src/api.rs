//! What callers of the [`Engine`](crate::Engine) say to it and hear from it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use larum_event::{
    Channel, CorrelationId, Event, EventType, Position, Rejection, RuleFile, Severity,
    SeverityPolicy, Source, Span, TenantId, Timestamp, TopicPattern,
};
use serde::Serialize;

/// How one emitted event fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmitReceipt {
    /// It is queued for the log (`emit`); not durable yet.
    Queued,
    /// It is in the log, as durable as its channel promises.
    Stored {
        /// Where.
        position: Position,
    },
    /// The same event came before; nothing was stored, nothing is lost (X6).
    Duplicate {
        /// Where the first one stands.
        position: Position,
    },
    /// It is refused.
    Rejected(Rejection),
}

/// Why nothing of a request was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The engine is behind; nothing of the request was stored.
    #[error("the engine is {behind} events behind, try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// Events accepted and not yet evaluated.
        behind: u64,
        /// When to try again.
        retry_after: Duration,
    },
    /// The delivery deadline had passed when the events reached the log; none was stored (1-20).
    #[error("the delivery deadline {deadline} had passed")]
    DeadlinePassed {
        /// The deadline asked for.
        deadline: Timestamp,
    },
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopping,
    /// The log cannot take events; the engine is not ready until it is restarted.
    #[error("the log cannot take events: {cause}")]
    LogFailed {
        /// The log's own words.
        cause: String,
    },
}

/// What `emit_with_guarantee` may be asked (1-17 to 1-20).
#[derive(Debug, Clone, Default)]
pub struct EmitOptions {
    /// Events not in the log by then are refused.
    pub delivery_deadline: Option<Timestamp>,
}

/// What a live subscriber wants to see. Members that are empty let everything pass.
#[derive(Debug, Clone, Default)]
pub struct EventInterest {
    /// Topics.
    pub patterns: Vec<TopicPattern>,
    /// Types, in their own spelling.
    pub event_types: Vec<EventType>,
    /// Severities.
    pub severities: Vec<Severity>,
    /// The member `metadata.user`.
    pub user: Option<String>,
    /// Source.
    pub source: Option<Source>,
    /// Tenant.
    pub tenant: Option<TenantId>,
    /// Correlation id or root.
    pub correlation: Option<CorrelationId>,
}

/// A stored event on its way to a consumer.
#[derive(Debug, Clone)]
pub struct DeliveredEvent {
    /// Where it stands in the log.
    pub position: Position,
    /// The event.
    pub event: Event,
}

/// What a live subscription yields.
#[derive(Debug, Clone)]
pub enum EventDelivery {
    /// An event.
    Event(Arc<DeliveredEvent>),
    /// The subscriber was too slow; so many events were not delivered to it. They are in the log.
    Gap {
        /// Events missed.
        missed: u64,
    },
}

/// Why there is no live subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// There are as many as there may be.
    #[error("there are {most} live subscriptions, which is as many as there may be")]
    TooMany {
        /// How many there may be.
        most: usize,
    },
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopping,
}

/// Why a question has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The log cannot be read, or the question is not one it can answer.
    #[error(transparent)]
    Log(#[from] Arc<larum_log::LogError>),
    /// The part of the engine that knows is being restarted; ask again.
    #[error("the part of the engine that knows is being restarted, ask again")]
    Unavailable,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The rules do not load.
    #[error("the rules do not load ({} problems)", .0.len())]
    Rules(Vec<larum_rule::Diagnostic>),
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Log(#[source] larum_log::LogError),
    /// The engine did not come up.
    #[error("the engine did not come up: {cause}")]
    Recovery {
        /// What was wrong.
        cause: String,
    },
}

/// A handler's answer for a whole batch: done, or not done and to be tried again.
pub type HandlerResult = Result<(), HandlerError>;

/// Why a handler did not take a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HandlerError(pub String);

/// A way out: takes batches of events, at least once each and in order per channel.
pub trait EventHandler: 'static {
    /// Takes one batch. It is given again when the future yields an error, takes too long or the handler panics.
    fn handle(
        &mut self,
        batch: Vec<Arc<DeliveredEvent>>,
    ) -> std::pin::Pin<Box<dyn Future<Output = HandlerResult>>>;
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
    pub reload_source: Option<crate::reload::ReloadSource>,
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
    /// A source further than this behind its tenant runs on a clock of its own.
    pub max_lag: Span,
    /// How far behind the watermark an event may come and still count, for rules that say nothing themselves.
    pub lateness: Span,
    /// Most live keys of one rule and tenant. Each shard has an equal share and evicts beyond it, even
    /// while other shards have room.
    pub keys_per_rule: u64,
    /// How many trees memory holds, and how large they may be.
    pub trees: larum_tree::GraphLimits,
    /// Events of one epoch at most.
    pub epoch_events: usize,
    /// Events after which a checkpoint is taken.
    pub checkpoint_events: u64,
    /// Events that may be accepted and not yet evaluated before producers are told to wait.
    pub evaluation_lag_events: u64,
    /// Events buffered per channel, by name; others have the buffer of unknown channels (1-06 to 1-10).
    pub channel_buffers: Vec<(Channel, usize)>,
    /// The ways out.
    pub handlers: Vec<HandlerSpec>,
    /// Where time comes from.
    pub clock: crate::clock::RuntimeClock,
    /// Faults to inject, in test builds.
    pub faults: crate::faults::Faults,
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
            max_lag: Span::from_seconds(60),
            lateness: Span::ZERO,
            keys_per_rule: larum_event::limits::KEYS_PER_RULE as u64,
            trees: larum_tree::GraphLimits::default(),
            epoch_events: larum_event::limits::EPOCH_EVENTS,
            checkpoint_events: 50_000,
            evaluation_lag_events: larum_event::limits::EVALUATION_LAG_EVENTS as u64,
            channel_buffers: vec![
                channel("security", 1_000),
                channel("rbac", 500),
                channel("audit", 2_000),
                channel("alerts", 1_000),
            ],
            handlers: Vec::new(),
            clock: crate::clock::RuntimeClock::system(),
            faults: crate::faults::Faults::none(),
        }
    }
}

/// How the engine is, for `/readyz` and people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineHealth {
    /// Whether it takes events.
    pub ready: bool,
    /// Why not, or what is wrong all the same.
    pub problems: Vec<String>,
    /// Last position of the log.
    pub head: Position,
    /// Last position evaluated, its outcome durable.
    pub evaluated: Position,
    /// Events accepted and not yet evaluated.
    pub lag: u64,
    /// Rules loaded.
    pub rules: usize,
}

/// What is counted of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleMetrics {
    /// Its id.
    pub rule: String,
    /// Events that satisfied it.
    pub matches: u64,
    /// Times that its exceptions kept something from being a match.
    pub excepted: u64,
    /// Times that its script ran and answered.
    pub script_runs: u64,
    /// How long they took in all, estimated from a sample.
    pub script_nanos: u64,
}

/// What the engine counts, for `/metrics`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineMetrics {
    /// Events stored.
    pub accepted: u64,
    /// Repetitions recognised.
    pub duplicates: u64,
    /// Inputs refused, by reason code; doors report theirs too.
    pub rejected: Vec<(&'static str, u64)>,
    /// Requests refused because the engine was behind.
    pub overloaded: u64,
    /// Events evaluated.
    pub evaluated: u64,
    /// Events that came too late for the windows of some rule.
    pub late: u64,
    /// The same by source, bounded.
    pub late_by_source: Vec<(String, u64)>,
    /// Events that trees could not take as they say, and trees that went to the store, by what it was: `cycle`,
    /// `evicted`, `foreign_root`, `self_parent`, `tree_full`.
    pub tree_reports: Vec<(&'static str, u64)>,
    /// Revisions of alerts written.
    pub alerts: u64,
    /// Alerts by rule.
    pub alerts_by_rule: Vec<(String, u64)>,
    /// Faults of rules (over budget, thrown, panicked), by rule.
    pub rule_faults: Vec<(String, u64)>,
    /// What is counted of each rule in force that has something to count; of very many rules those with the
    /// largest counts, the others together under `other`.
    pub rules: Vec<RuleMetrics>,
    /// Rules that are broken out for a tenant, because they keep failing.
    pub rules_broken_out: u64,
    /// Epochs committed.
    pub epochs: u64,
    /// Times that rules were read again and are in force, or were so already.
    pub reloads: u64,
    /// Times that rules that were read again were refused.
    pub reloads_failed: u64,
    /// Whether the last reload failed, so that older rules are in force than those there are.
    pub reload_failed: bool,
    /// Live subscribers.
    pub subscribers: u64,
    /// Events not delivered to subscribers that were too slow.
    pub missed: u64,
    /// Events of unknown and known types by (type, severity), bounded.
    pub stored_by_type: Vec<(String, &'static str, u64)>,
    /// Duration of log commits, in microseconds: p50, p95, p99, most.
    pub commit_micros: [u64; 4],
    /// Bounded keys and events that went because a window was full.
    pub evicted_keys: u64,
    /// See `evicted_keys`.
    pub evicted_events: u64,
}
