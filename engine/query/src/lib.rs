//! The read side: what people ask about trees, incidents, windows and rules, and the answers.
//!
//! Knows no actor. Trees in memory are reached through a [`TreeClient`], which takes a function
//! that hands a question to the holder of the trees; what memory no longer holds is rebuilt from
//! the store and the log.

mod readers;

mod rules;

mod windows;

mod tree_answers;

mod tree_memory;

mod link_history;

mod spilled_trees;

mod watchers;

mod tree_client;

mod tree_rebuilder;

mod tree_queries;

mod tree_follower;

mod tree_watch;

pub use link_history::LinkHistory;
pub use readers::ReaderFactory;
pub use rules::{
    ConditionMode, RuleCounters, RuleOutageView, RuleState, RulesInForce, hash_rule_files,
    rule_state,
};
pub use spilled_trees::{SpilledTreeFinder, SpilledTrees};
pub use tree_answers::{AsOf, TimelinePage, TimelineQuery, TreeDelivery, TreeError, TreeUpdate};
pub use tree_client::{TreeClient, TreeClientSetup};
pub use tree_memory::{TreeMemory, TreeQuestion, TreeRequest};
pub use tree_queries::TreeQueries;
pub use tree_watch::{EvaluationProgress, TreeWatch};
pub use watchers::TreeWatchers;
pub use windows::{OpenGroup, OpenPartial, OpenWindows, WindowKeys, WindowsQuery, select_keys};
