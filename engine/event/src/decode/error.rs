//! What may be wrong with a decoder file, each with its place.

use std::fmt;

/// A decoder file that cannot be used, with everything found wrong in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDecoder {
    /// The file's name as it was given.
    pub file: String,
    /// What is wrong, in the order of the file; never empty.
    pub problems: Vec<DecoderProblem>,
}

/// One thing wrong with a decoder file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderProblem {
    /// Line in the file, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// The line's text.
    pub excerpt: String,
}

impl fmt::Display for InvalidDecoder {
    /// `file:line:column: message`, the line with a caret, and the help, for each problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let (line, column) = (problem.line, problem.column);
            writeln!(f, "{}:{line}:{column}: {}", self.file, problem.message)?;
            let number = line.to_string();
            writeln!(f, " {number} | {}", problem.excerpt.replace('\t', " "))?;
            let (gutter, indent) = (number.len() + 1, column.saturating_sub(1));
            write!(f, "{:gutter$} | {:indent$}^", "", "")?;
            if let Some(help) = &problem.help {
                write!(f, "\n  help: {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for InvalidDecoder {}

/// Collects problems while a file is read, so that one run shows them all.
#[derive(Debug)]
pub(super) struct DecoderProblems<'t> {
    text: &'t str,
    found: Vec<(usize, DecoderProblem)>,
}

impl<'t> DecoderProblems<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    /// Notes a problem at byte `offset` of the file.
    pub(super) fn report(&mut self, offset: usize, message: impl Into<String>) {
        self.push_problem(offset, message.into(), None);
    }

    /// Notes a problem and what to do about it.
    pub(super) fn report_with_help(
        &mut self,
        offset: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push_problem(offset, message.into(), Some(help.into()));
    }

    fn push_problem(&mut self, offset: usize, message: String, help: Option<String>) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let (before, after) = self.text.split_at(offset);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let head = before.get(start..).unwrap_or_default();
        let tail = after.lines().next().unwrap_or_default();
        let problem = DecoderProblem {
            line: before.matches('\n').count() + 1,
            column: head.chars().count() + 1,
            message,
            help,
            excerpt: format!("{head}{tail}"),
        };
        self.found.push((offset, problem));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_error(mut self, file: &str) -> InvalidDecoder {
        self.found.sort_by_key(|(offset, _)| *offset);
        InvalidDecoder {
            file: file.to_owned(),
            problems: self.found.into_iter().map(|(_, problem)| problem).collect(),
        }
    }
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn find_nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
