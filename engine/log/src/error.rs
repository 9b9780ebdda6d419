//! What can go wrong with the log.
//!
//! Owns the errors and which of them mean a damaged file; what to do about one is left to the
//! callers.
//! Invariant: an error about a file names it, and the cause is its source and not repeated in its
//! text.

use std::io;
use std::path::{Path, PathBuf};

use larum_event::{Position, Rejection};

/// Why the log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file or folder could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// SQLite refused something other than a commit.
    #[error("cannot {doing} {}", path.display())]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Something that is no folder is where the log's folder should.
    #[error("{} is a file; a log needs a folder of its own, so name another path", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// Another process has the log open.
    #[error(
        "the log in {} is in use by {}; stop it, or name another folder",
        dir.display(),
        match holder { Some(pid) => format!("process {pid}"), None => "another process".to_owned() }
    )]
    Locked {
        /// The log's folder.
        dir: PathBuf,
        /// The process that holds it, where it left its id.
        holder: Option<u32>,
    },
    /// A checkpoint should keep a part that is not there any more.
    #[error("part {part:?} of the checkpoint before is gone")]
    MissingPart {
        /// Which part.
        part: String,
    },
    /// The trees that memory let go do not read back. They can be made again from the log.
    #[error("the trees in {} are damaged: {what}", path.display())]
    TreesDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file where a part of the log should be, and that is something else.
    #[error("{} is not part of a larum log (application id {found:#010x}); move it away", path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
        /// The application id it carries.
        found: i32,
    },
    /// A log in a format that this build does not know.
    #[error(
        "{} has log format {found}, this build reads {}; {}",
        path.display(),
        if oldest == current { format!("format {current}") } else { format!("formats {oldest} to {current}") },
        if found > current { "use the newer larum that wrote it" } else { "convert it with an older larum" }
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it is in.
        found: i32,
        /// The oldest format that this build reads.
        oldest: i32,
        /// The format that this build writes.
        current: i32,
    },
    /// A partition in the middle is missing or cut short.
    #[error("the log has a hole: {} starts at position {found}, but position {expected} is missing", path.display())]
    Hole {
        /// The partition behind the hole.
        path: PathBuf,
        /// The position that should come next.
        expected: Position,
        /// The position that does.
        found: Position,
    },
    /// The disk is full. Nothing of the transaction was written; it may be tried again.
    #[error("no room left for {}", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A transaction could not be made durable. None of it counts, and the writer is
    /// [poisoned](LogError::Poisoned).
    #[error("cannot commit to {}; the log takes no more until it is reopened", path.display())]
    Commit {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A commit failed before, so what the disk holds is unknown until the log is opened again.
    #[error("the log stopped writing because a commit failed; reopen it")]
    Poisoned,
    /// A record whose bytes cannot be read back.
    #[error("the record at position {position} is damaged")]
    Damaged {
        /// Which one.
        position: Position,
        /// What is wrong with it.
        #[source]
        source: DamagedRecord,
    },
    /// Retention has removed what was asked for.
    #[error("position {asked} is gone; the log starts at position {first}")]
    Gone {
        /// What was asked for.
        asked: Position,
        /// The first position there is.
        first: Position,
    },
    /// Only [`crate::Log::append_events`] and [`crate::Log::commit_epoch`] write this kind of
    /// record.
    #[error("a record of kind {kind} is not a control record")]
    NotControl {
        /// The kind.
        kind: &'static str,
    },
    /// The epoch to be committed does not follow from what the log holds.
    #[error(
        "epoch ({from}, {upto}] with {derived} derived events cannot be committed at head {head} with {given} given"
    )]
    Epoch {
        /// Where the epoch starts.
        from: Position,
        /// Where it ends.
        upto: Position,
        /// Derived events that it says it has.
        derived: u64,
        /// Derived events that came with it.
        given: usize,
        /// The last position of the log.
        head: Position,
    },
    /// A paging cursor that was not made by this log for this query.
    #[error("cursor {cursor:?} does not belong to this query; start again without one")]
    Cursor {
        /// The cursor, shortened.
        cursor: String,
    },
    /// A page of a size that is not served.
    #[error("a page holds 1 to {most} events, not {asked}")]
    PageLimit {
        /// What was asked for.
        asked: usize,
        /// The largest page.
        most: usize,
    },
}

/// What is wrong with a damaged record.
#[derive(Debug, thiserror::Error)]
pub enum DamagedRecord {
    /// An event that does not read back.
    #[error("it is not an event")]
    Event(#[source] Rejection),
    /// A control record that does not read back.
    #[error("its body does not decode")]
    Body(#[source] postcard::Error),
    /// A control record in an encoding that this build does not know.
    #[error("its body has {}", match found { Some(found) => format!("encoding version {found}"), None => "no bytes".to_owned() })]
    Version {
        /// The version found; `None` for an empty body.
        found: Option<u8>,
    },
    /// A kind of record that this build does not know.
    #[error("its kind {found} is unknown")]
    Kind {
        /// The number found.
        found: i64,
    },
}

impl LogError {
    /// Whether a file itself is at fault, and not the disk or another process's lock.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::NotALog { found, .. } => *found == 0,
            Self::TreesDamaged { .. } => true,
            Self::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            Self::Io { .. }
            | Self::NotAFolder { .. }
            | Self::Locked { .. }
            | Self::Format { .. }
            | Self::Hole { .. }
            | Self::Full { .. }
            | Self::Commit { .. }
            | Self::Poisoned
            | Self::Damaged { .. }
            | Self::Gone { .. }
            | Self::MissingPart { .. }
            | Self::NotControl { .. }
            | Self::Epoch { .. }
            | Self::Cursor { .. }
            | Self::PageLimit { .. } => false,
        }
    }

    /// Wraps a system error with what was tried on which path.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// Wraps an error of SQLite with what was tried on which file.
    pub(crate) fn sqlite(doing: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// An error met while reading a file, before the file's name is put to it.
#[derive(Debug)]
pub(crate) enum PathlessError {
    /// SQLite's trouble.
    Sqlite(rusqlite::Error),
    /// One that says all there is to say.
    Log(LogError),
}

impl From<rusqlite::Error> for PathlessError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

impl From<LogError> for PathlessError {
    fn from(source: LogError) -> Self {
        Self::Log(source)
    }
}

impl PathlessError {
    /// Names the file that was being read.
    pub(crate) fn with_path(path: &Path) -> impl FnOnce(Self) -> LogError {
        move |error| match error {
            Self::Sqlite(source) => LogError::sqlite("read", path)(source),
            Self::Log(error) => error,
        }
    }
}
