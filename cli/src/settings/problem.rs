//! Where settings come from and what can be wrong with them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use larum_event::toml_file::TomlProblem;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    /// No layer has a value.
    Default,
    /// The configuration file.
    File {
        /// The path.
        path: PathBuf,
        /// Line of the value, from 1.
        line: usize,
        /// Column of the value, from 1, in characters.
        column: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command line, without its dashes.
    Flag(&'static str),
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read configuration {}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file holds mistakes; the text lists all of them.
    #[error("{}", list(path, problems))]
    File {
        /// The path.
        path: PathBuf,
        /// The mistakes, in order.
        problems: Vec<TomlProblem>,
    },
    /// A value that its key cannot have.
    #[error("{origin}: {key} cannot be {text:?}: {cause}")]
    Value {
        /// Where it was written.
        origin: SettingOrigin,
        /// The key.
        key: String,
        /// The value.
        text: String,
        /// Why not.
        cause: String,
    },
}

fn list(path: &Path, problems: &[TomlProblem]) -> String {
    let lines = problems.iter().map(|it| {
        let (line, column) = (it.line, it.column);
        format!("{}:{line}:{column}: {}", path.display(), it.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}
