//! What can go wrong in this crate: reading a checkpoint back, and asking.

/// Why a checkpoint could not be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphRestoreError {
    /// It was written in another version of the format.
    #[error("tree checkpoint has format {found}, this build reads format {known}")]
    Format {
        /// The version found.
        found: u8,
        /// The version this build writes.
        known: u8,
    },
    /// Its bytes do not decode.
    #[error("tree checkpoint does not decode")]
    Decode(#[from] postcard::Error),
    /// It decodes, but to something that no forest can be.
    #[error("tree checkpoint is damaged: {what}")]
    Damaged {
        /// What does not fit together.
        what: &'static str,
    },
}

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
    /// The cursor is none of this question's.
    #[error("the cursor does not belong to this question; ask for the first page again")]
    Cursor,
}
