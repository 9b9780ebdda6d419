//! Why a question about a tree has no answer.

/// Why a question about a tree has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeQueryError {
    /// Nothing in memory has the id.
    #[error("no tree holds {id:?}")]
    NoTree {
        /// The id asked for.
        id: String,
    },
    /// The two ends of a path are of different trees.
    #[error("{id:?} is not in the tree of {root:?}")]
    NotInTree {
        /// The id of the other end.
        id: String,
        /// The root of the tree.
        root: String,
    },
    /// The cursor belongs to another question, or its node is no longer there.
    #[error("the cursor does not belong to this question; ask for the first page again")]
    Cursor,
}
