//! What can end a command early, and the exit code by which a script knows why.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::rule_files::RuleFilesError;
use crate::settings::SettingsError;

/// How a command ended. The numbers are stable and listed by `larum --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandExit {
    /// Done, nothing to complain about.
    Done = 0,
    /// The command ran and found problems, or it failed on its way.
    Problems = 1,
    /// Wrong usage or configuration; nothing was run.
    Usage = 2,
    /// No engine answers, or the store cannot be opened.
    Unreachable = 3,
    /// Evaluation made no progress for longer than the setting `stall_exit` allows.
    Stalled = 4,
    /// Ended at once by a second signal, without a clean shutdown.
    Interrupted = 130,
}

impl From<CommandExit> for ExitCode {
    fn from(exit: CommandExit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Output cannot be written; a reader that went away is no error, see [`CliError::to_exit`].
    #[error("cannot write output")]
    Output(#[from] io::Error),
    /// The configuration.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The rules folder.
    #[error(transparent)]
    RuleFiles(#[from] RuleFilesError),
    /// Rules that do not load; the text shows each with its place.
    #[error("{0}")]
    Rules(String),
    /// A decoder that does not load; the text shows each mistake with its place.
    #[error("the decoder does not load\n{0}")]
    Decoder(String),
    /// A file that cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// An input that broke off.
    #[error("{cause}")]
    Read {
        /// The reader's words, which name the input.
        cause: String,
    },
    /// Wrong usage that the argument parser cannot see.
    #[error("{0}")]
    Usage(String),
    /// A running engine does not answer.
    #[error(
        "no engine answers at {server}: {cause}\nhelp: start one with `larum serve`, name another with --server, or read a store with --store DIR"
    )]
    NoServer {
        /// Its address.
        server: String,
        /// The client's words.
        cause: String,
    },
    /// A running engine refuses a request.
    #[error("{server} refuses the request: {cause}")]
    Refused {
        /// Its address.
        server: String,
        /// Its words.
        cause: String,
    },
    /// A store that cannot be used.
    #[error("store {}: {cause}", path.display())]
    Store {
        /// Its folder.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// The engine or its door cannot run.
    #[error("{0}")]
    Engine(String),
}

impl CliError {
    /// The exit code that goes with it.
    pub fn to_exit(&self) -> CommandExit {
        match self {
            // The reader of our output has seen enough: `larum events | head` is no failure.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => CommandExit::Done,
            Self::Output(_) | Self::Read { .. } | Self::Write { .. } | Self::Engine(_) => {
                CommandExit::Problems
            }
            Self::Settings(_)
            | Self::RuleFiles(_)
            | Self::Rules(_)
            | Self::Decoder(_)
            | Self::Open { .. }
            | Self::Refused { .. }
            | Self::Usage(_) => CommandExit::Usage,
            Self::NoServer { .. } | Self::Store { .. } => CommandExit::Unreachable,
        }
    }

    /// Whether there is nothing to say: the reader of our output went away.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// An error's words and those of everything that led to it.
pub fn format_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
