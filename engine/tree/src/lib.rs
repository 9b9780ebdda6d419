//! Who caused what: correlation trees.
//!
//! A [`Forest`] takes events in any order and answers with the tree that one of them stands in. Nodes
//! are workflow steps, events hang on steps, an alert is a step of its own that points to the events
//! that raised it. It keeps what events say of each other and nothing else: what an event means is the
//! rules' job, where trees are stored the runtime's. Never reads a clock; the answer depends on which
//! events were inserted, not on their order, as long as no limit bites.
//!
//! This is the only crate that knows petgraph.

mod hashing;

mod table;

mod entry;

mod claim;

mod node;

mod ways;

mod facts;

mod form;

mod links;

mod hung;

mod alias;

mod family;

mod entity;

mod overlay;

mod tie;

mod report;

mod grove;

mod settle;

mod place;

mod climb;

mod evict;

mod tell;

mod forest;

mod find;

mod kin;

mod members;

mod view;

mod outline;

mod gather;

mod quick;

mod why;

mod query;

mod select;

mod timeline;

mod difference;

#[cfg(test)]
mod sketch;

mod incident;

mod caption;

mod text;

mod export;

mod checkpoint;

mod error;

mod ask;

pub use error::{AskError, RestoreError};
pub use export::{Format, UnknownFormat, export};
pub use forest::{Forest, ForestLimits, ForestStats, RootSummary};
pub use incident::{
    IncidentAlert, IncidentId, IncidentQuery, IncidentStatus, IncidentSummary, IncidentTie, TiedBy,
};
pub use members::{TreeId, TreeMembers, key_hash};
pub use query::{NodeFilter, NodeMove, TimelineEntry, TreeChange, TreeDiff, TreePart, TreeQuery};
pub use report::TreeReport;
pub use select::select;
pub use text::{
    Colour, TextStyle, diff_to_text, incident_to_text, incidents_to_text, timeline_to_text, to_text,
};
pub use timeline::{fold_repeats, timeline};
pub use view::{
    AlertMark, Cause, Counts, EdgeKind, Fold, NodeKind, Partial, TreeEdge, TreeEvent, TreeNode,
    TreeView, Why,
};
