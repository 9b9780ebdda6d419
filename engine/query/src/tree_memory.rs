//! What queries see of the trees in memory.

use std::sync::Arc;

use larum_event::Position;
use larum_log::LogError;
use larum_tree::CorrelationGraph;

use crate::link_history::LinkHistory;

/// The trees that memory holds.
#[derive(Debug)]
pub struct TreeMemory {
    /// The trees.
    pub graph: CorrelationGraph,
    /// The position of the last record in them.
    pub at: Position,
    /// Which links are in force where.
    pub history: LinkHistory,
}

/// A question to the trees in memory, which sends its answer itself.
pub type TreeQuestion = Box<dyn FnOnce(&mut TreeMemory) + Send>;

/// What is asked of the holder of the trees.
pub enum TreeRequest {
    /// An answer; without trees the question is dropped.
    Ask(TreeQuestion),
    /// A new store of trees, because this one does not read back.
    ReplaceStore {
        /// What is wrong with it.
        error: Arc<LogError>,
        /// Which store: how often it had been replaced.
        generation: u64,
    },
}
