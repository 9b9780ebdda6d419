//! Who caused what: correlation trees.
//!
//! A [`CorrelationGraph`] takes events in any order and answers with the tree that one of them is
//! in. Nodes are workflow steps, events belong to steps, an alert is a step of its own that points
//! to the events that raised it. It keeps what events say of each other and nothing else: what an
//! event means is the rules' job, where trees are stored the runtime's. Never reads a clock; the
//! answer depends on which events were inserted, not on their order, as long as no limit bites.
//!
//! This is the only crate that knows petgraph.

mod hashing;

mod name_index;

mod entry_table;

mod parent_claim;

mod graph_node;

mod edge_reason;

mod event_facts;

mod id_part;

mod link_reader;

mod node_events;

mod alias_table;

mod entity_index;

mod batch_history;

mod cross_edge;

mod node_table;

mod component;

mod event_table;

mod tree_report;

mod graph_limits;

mod tenant_graph;

mod correlation_graph;

mod tree_lookup;

mod tree_members;

mod view;

mod outline;

mod view_builder;

mod outline_reader;

mod edges;

mod incident;

mod checkpoint;

mod error;

mod answers;

pub use correlation_graph::{CorrelationGraph, GraphStats};
pub use error::GraphRestoreError;
pub use graph_limits::GraphLimits;
pub use incident::{
    IncidentAlert, IncidentId, IncidentQuery, IncidentStatus, IncidentSummary, IncidentTie,
    TieCause,
};
pub use outline_reader::OutlineReader;
pub use tree_members::{RootSummary, TreeId, TreeMembers, key_hash};
pub use tree_report::TreeReport;
pub use view::{
    AlertCause, EdgeKind, EdgeSource, EventFold, MissingPart, NodeKind, TreeAlert, TreeCounts,
    TreeEdge, TreeEvent, TreeNode, TreeView,
};
