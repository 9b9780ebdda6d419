//! What keeps a file from being read.

use std::io;

/// A file could not be opened or read to its end. What is wrong with one record is a
/// [`larum_event::Rejection`] instead.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or may not be read.
    #[error("cannot open {file}")]
    Open {
        /// The name as it was given.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Reading stopped in the middle: a bad disk, a gzip file cut short.
    #[error("cannot read {file} behind line {line}")]
    Read {
        /// The name as it was given.
        file: String,
        /// The last line that was read.
        line: u64,
        /// What the system or the unpacking says.
        #[source]
        source: io::Error,
    },
    /// The input does not fit in memory, and the rest cannot be written to a temporary file or read
    /// back from it.
    #[error(
        "cannot sort the input through a temporary file in {folder}; set TMPDIR to a folder with more room"
    )]
    Sort {
        /// The folder of temporary files.
        folder: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It begins with the mark of UTF-16.
    #[error("{file} is UTF-16; convert it to UTF-8 first, as with `iconv -f UTF-16 -t UTF-8`")]
    Utf16 {
        /// The name as it was given.
        file: String,
    },
}
