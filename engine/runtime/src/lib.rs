//! The actors that run the pipeline, and the public engine.
//!
//! [`Engine`] is what everybody else uses: start one with an [`EngineConfig`], emit events, subscribe,
//! query. Inside, each channel, handler and correlation window is an actor under supervision; the work itself
//! is done by the pure crates. `docs/architecture.md` tells the way of an event.

mod api;

mod engine;

mod start;

mod actors;

mod sequencing;

mod messages;

mod gauges;

mod readers;

mod rulebook;

mod reload;

mod rules;

mod supervision;

mod watchdog;
mod windows;

mod trees;

mod ticker;
mod upkeep;

pub mod supervise;

pub mod credit;

pub mod faults;

pub mod seeded_sequence;

pub mod clock;

pub use actors::live_subscriber::matches_interest;
pub use api::{
    DeliveredEvent, EmitError, EmitOptions, EmitReceipt, EngineConfig, EngineHealth, EngineMetrics,
    EventDelivery, EventHandler, EventInterest, HandlerError, HandlerResult, HandlerSpec,
    QueryError, RuleMetrics, StartError, SubscribeError,
};
pub use clock::RuntimeClock;
pub use engine::{Engine, Subscription};
pub use faults::Faults;
pub use larum_admit::TenantPolicy;
pub use larum_log::{EventKinds, EventPage, EventQuery, PageOrder, SeverityFilter, StoredEvent};
pub use larum_pipeline::breaker;
pub use larum_rule::Diagnostic;
pub use larum_tree::{
    AlertCause, ColourMode, EdgeKind, EdgeSource, EventFold, GraphLimits, IncidentAlert,
    IncidentId, IncidentQuery, IncidentSummary, MissingPart, NodeFilter, NodeKind, RootSummary,
    TextStyle, TimelineEntry, TreeAlert, TreeCounts, TreeDiff, TreeEdge, TreeEvent, TreeFormat,
    TreeNode, TreePart, TreeQuery, TreeView, UnknownFormat as UnknownTreeFormat, diff_to_text,
    export_tree, incident_to_text, incidents_to_text, timeline_to_text, tree_to_text,
};
pub use reload::{ReloadError, ReloadOutcome, ReloadSource, RuleFinding};
pub use rules::{ConditionMode, RuleOutageView, RuleState, RulesInForce};
pub use sequencing::{ReplayActivation, activate_in_replay};
pub use trees::{
    AsOf, TimelinePage, TimelineQuery, TreeDelivery, TreeError, TreeUpdate, TreeWatch,
};
pub use windows::{OpenGroup, OpenPartial, OpenWindows, WindowsQuery};
