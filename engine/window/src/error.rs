//! The errors of this crate; only reading a checkpoint can fail.

/// Why a checkpoint could not be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowRestoreError {
    /// It was written in another version of the format.
    #[error("window checkpoint has format {found}, this build reads format {known}")]
    Format {
        /// The version found.
        found: u8,
        /// The version this build writes.
        known: u8,
    },
    /// Its bytes do not decode.
    #[error("window checkpoint does not decode")]
    Decode(#[from] postcard::Error),
    /// It decodes, but describes an impossible window.
    #[error("window checkpoint is damaged: {what}")]
    Damaged {
        /// What does not fit together.
        what: &'static str,
    },
}
