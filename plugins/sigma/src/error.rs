//! Why a document is refused.

use std::fmt;

/// What is wrong, and where; the file and the rule's name come later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentProblem {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

pub(crate) type SigmaResult<T> = Result<T, DocumentProblem>;

impl DocumentProblem {
    pub(crate) fn new(line: usize, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }
}

/// A document that was not loaded, by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DocumentRefusal {
    /// Where it came from.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Its title, or its id, as far as they could be read.
    pub name: String,
    /// Why it was refused.
    pub reason: String,
}

impl fmt::Display for DocumentRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            name,
            reason,
        } = self;
        write!(f, "{file}:{line}: {name:?} is refused: {reason}")
    }
}
