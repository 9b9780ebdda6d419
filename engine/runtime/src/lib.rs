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

mod ticking;
mod upkeep;

pub mod supervise;

pub mod credit;

pub mod faults;

pub mod seeded;

pub mod clock;

pub use actors::live::wants;
pub use api::{
    Delivered, Delivery, EmitError, EmitOptions, EngineConfig, Handler, HandlerError,
    HandlerResult, HandlerSpec, Health, Interest, Metrics, QueryError, Receipt, RuleCount,
    StartError, SubscribeError,
};
pub use clock::Clock;
pub use engine::{Engine, Subscription};
pub use faults::Faults;
pub use larum_admit::Tenants;
pub use larum_log::{EventPage, EventQuery, Kinds, Order, SeverityFilter, StoredEvent};
pub use larum_pipeline::breaker;
pub use larum_rule::Diagnostic;
pub use larum_tree::{
    AlertMark, Cause, Colour, Counts, EdgeKind, Fold, ForestLimits, Format as TreeFormat,
    IncidentAlert, IncidentId, IncidentQuery, IncidentSummary, NodeFilter, NodeKind, Partial,
    RootSummary, TextStyle, TimelineEntry, TreeDiff, TreeEdge, TreeEvent, TreeNode, TreePart,
    TreeQuery, TreeView, UnknownFormat as UnknownTreeFormat, Why, diff_to_text,
    export as export_tree, incident_to_text, incidents_to_text, timeline_to_text, to_text,
};
pub use reload::{Finding, ReloadError, RulesChanged, RulesFrom};
pub use rules::{ConditionKind, MissedStretch, RuleState, RulesInForce};
pub use sequencing::activate_in_replay;
pub use trees::{
    AsOf, TimelinePage, TimelineQuery, TreeDelivery, TreeError, TreeUpdate, TreeWatch,
};
pub use windows::{OpenGroup, OpenPartial, OpenWindows, WindowsQuery};
