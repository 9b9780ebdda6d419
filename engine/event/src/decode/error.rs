//! What may be wrong with a decoder file, each with its place.

use std::fmt;

use crate::toml_file::TomlProblem;

/// A decoder file that cannot be used, with everything found wrong in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDecoder {
    /// The file's name as it was given.
    pub file: String,
    /// What is wrong, in the order of the file; never empty.
    pub problems: Vec<TomlProblem>,
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
