//! The actors that run the pipeline, and the public engine.
//!
//! [`Engine`] is what everybody else uses: start one with an [`EngineConfig`], emit events,
//! subscribe, query. Inside, each channel, handler and correlation window is an actor under
//! supervision; the work itself is done by the pure crates. `docs/architecture.md` tells the way of
//! an event.

mod api;

mod config;

mod engine;

mod actors;

mod sequencing;

mod messages;

mod metrics;

mod gauges;

mod rulebook;

mod window_directory;

mod trees;

mod watchdog;

mod tick_need;

mod ticker;

mod upkeep;

pub use actors::live_subscriber::{Subscription, matches_interest};
pub use api::{
    DeliveredEvent, EmitError, EmitOptions, EmitReceipt, EngineHealth, EvaluationStall,
    EventDelivery, EventHandler, EventInterest, HandlerError, HandlerResult, QueryError,
    StartError, SubscribeError,
};
pub use config::{EngineConfig, HandlerSpec, ReloadSource, StallAction};
pub use engine::Engine;
pub use engine::reload::{ReloadError, ReloadOutcome, RuleFinding};
pub use larum_actor::{
    ActorSnapshot, ActorState, Faults, InvalidFaults, ManualTime, MonotonicTime, RuntimeClock,
    SeededSequence,
};
pub use larum_admit::TenantPolicy;
pub use larum_log::{EventKinds, EventPage, EventQuery, PageOrder, SeverityFilter, StoredEvent};
pub use larum_pipeline::breaker;
pub use larum_query::{
    AsOf, ConditionMode, OpenGroup, OpenPartial, OpenWindows, RuleOutageView, RuleState,
    RulesInForce, TimelinePage, TimelineQuery, TreeDelivery, TreeError, TreeUpdate, TreeWatch,
    WindowsQuery,
};
pub use larum_rule::Diagnostic;
pub use larum_tree::{
    AlertCause, EdgeKind, EdgeSource, EventFold, GraphLimits, IncidentAlert, IncidentId,
    IncidentQuery, IncidentSummary, MissingPart, NodeKind, RootSummary, TreeAlert, TreeCounts,
    TreeEdge, TreeEvent, TreeNode, TreeView,
};
pub use larum_view::{
    ColourMode, NodeFilter, TextStyle, TimelineEntry, TreeDiff, TreeFormat, TreeListQuery,
    TreePart, TreeQuery, UnknownFormat as UnknownTreeFormat, diff_to_text, export_tree,
    incident_to_text, incidents_to_text, timeline_to_text, tree_to_text,
};
pub use metrics::{EngineMetrics, LabelValues, Metric, MetricDeclaration, MetricKind};
pub use sequencing::{ReplayActivation, activate_in_replay};
