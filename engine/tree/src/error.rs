//! What can go wrong in this crate: reading a checkpoint back.

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
    /// It decodes, but to something that no graph can be.
    #[error("tree checkpoint is damaged: {what}")]
    Damaged {
        /// What does not fit together.
        what: &'static str,
    },
}
