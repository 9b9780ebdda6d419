//! What is wrong with a rule file, in words that its author can act on.
//!
//! Owns the place, the excerpt of the source line and how a finding prints; finding out what is
//! wrong is the job of the rule loader and of front ends.
//! Invariant: an excerpt holds no control character, so a rule file cannot write to the terminal of
//! the person who checks it.

use std::fmt;

use larum_event::RuleFile;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiagnosticLevel {
    /// The set does not load.
    Error,
    /// This document is not loaded, since it cannot be honoured exactly; the others are.
    Refused,
    /// The set loads; something in it is probably not meant.
    Warning,
}

impl DiagnosticLevel {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Refused => "refused",
            Self::Warning => "warning",
        }
    }
}

/// One finding about a rule file. Its `Display` is what a terminal shows: place and message, the
/// line with a caret under the place, and a line of help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable name of the kind of finding, such as `unknown-method`.
    pub code: &'static str,
    /// How bad it is.
    pub level: DiagnosticLevel,
    /// The file, as its [`RuleFile`] names it; empty for findings about the set as a whole.
    pub file: String,
    /// The line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// The column in characters, counted from 1; 0 for the line as a whole.
    pub column: usize,
    /// What is wrong, naming the rule where there is one.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The text of the line, or the part of it around the column.
    pub source_line: Option<String>,
    /// The column in that text.
    pub(crate) caret: usize,
}

/// Most characters shown of a source line: with the margin it takes 100 columns.
const SHOWN_CHARACTERS: usize = 93;

impl Diagnostic {
    /// A finding about the set as a whole.
    pub fn new(level: DiagnosticLevel, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            level,
            file: String::new(),
            line: 0,
            column: 0,
            message: message.into(),
            help: None,
            source_line: None,
            caret: 0,
        }
    }

    /// A document of a front end that stays out, at a line of its file, counted from 1.
    pub fn new_refusal(
        file: &RuleFile,
        line: usize,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::new(DiagnosticLevel::Refused, code, message).with_place(file, line, 0)
    }

    /// What a front end loads and is probably not meant, at a line of its file, counted from 1.
    pub fn new_warning(
        file: &RuleFile,
        line: usize,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::new(DiagnosticLevel::Warning, code, message).with_place(file, line, 0)
    }

    /// What a front end cannot load at all, at a line of its file, counted from 1; 0 for the whole.
    pub fn new_error(
        file: &RuleFile,
        line: usize,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::new(DiagnosticLevel::Error, code, message).with_place(file, line, 0)
    }

    /// Puts it at a place in a file: a line and a column in characters, both counted from 1; 0 for
    /// the whole file or line.
    pub fn with_place(mut self, file: &RuleFile, line: usize, column: usize) -> Self {
        self.file = file.path.clone();
        self.line = line;
        self.column = column;
        let text = line
            .checked_sub(1)
            .and_then(|index| file.text.lines().nth(index));
        let shown = text.map(|text| cut_excerpt(text, column));
        self.caret = shown.as_ref().map_or(0, |(_, caret)| *caret);
        self.source_line = shown.map(|(text, _)| escape_controls(&text));
        self
    }
}

/// A source line as a terminal may show it: tabs are one space wide, so the caret stays in its
/// column, and control characters lose their power (4-27).
fn escape_controls(line: &str) -> String {
    line.chars()
        .map(|character| match character {
            '\t' => ' ',
            control if control.is_control() => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// As much of a line as a terminal shows around a column, and the column in it.
fn cut_excerpt(line: &str, column: usize) -> (String, usize) {
    let length = line.chars().count();
    if length <= SHOWN_CHARACTERS {
        return (line.to_owned(), column);
    }
    // What comes before a mistake explains it more often than what follows.
    let last = length.saturating_sub(SHOWN_CHARACTERS - 1);
    let cut = match column.saturating_sub(SHOWN_CHARACTERS * 2 / 3) {
        0..=1 => 0,
        cut => cut.min(last),
    };
    let room = SHOWN_CHARACTERS - usize::from(cut > 0);
    let mut shown = String::new();
    if cut > 0 {
        shown.push('…');
    }
    let rest = line.chars().skip(cut);
    if length - cut > room {
        shown.extend(rest.take(room - 1));
        shown.push('…');
    } else {
        shown.extend(rest);
    }
    (shown, (column + usize::from(cut > 0)).saturating_sub(cut))
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if self.line > 0 {
                write!(f, "{}:{}:", self.line, self.column.max(1))?;
            }
            f.write_str(" ")?;
        }
        let level = self.level.as_str();
        write!(f, "{level}[{}]: {}", self.code, self.message)?;
        if let Some(line) = &self.source_line {
            write!(f, "\n{:>4} | {line}", self.line)?;
            if self.caret > 0 {
                write!(f, "\n     | {:>1$}", "^", self.caret)?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n     = help: {help}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_column_and_control_characters_are_harmless() {
        let file = RuleFile {
            path: "a.rhai".into(),
            text: "rule(\"a\")\n\t.severty(\"\u{1b}high\")".into(),
        };
        let message = "a rule has no method `severty`";
        let mut problem = Diagnostic::new(DiagnosticLevel::Error, "unknown-method", message);
        problem.help = Some("did you mean `severity`?".to_owned());
        assert_eq!(
            problem.with_place(&file, 2, 3).to_string(),
            "a.rhai:2:3: error[unknown-method]: a rule has no method `severty`\n\
             \x20  2 |  .severty(\"\u{fffd}high\")\n\
             \x20    |   ^\n\
             \x20    = help: did you mean `severity`?"
        );
    }

    #[test]
    fn of_a_long_line_the_part_around_the_column_is_shown() {
        let line: String = (0..40).map(|number| format!("{number:04} ")).collect();
        for column in [1, 5, 93, 94, 150, 199, 200] {
            let (shown, place) = cut_excerpt(&line, column);
            let characters: Vec<char> = shown.chars().collect();
            assert!(characters.len() <= SHOWN_CHARACTERS, "{column}");
            let expected = line.chars().nth(column - 1);
            assert_eq!(characters.get(place - 1).copied(), expected, "{column}");
        }
        assert_eq!(cut_excerpt("short", 3), ("short".to_owned(), 3));
        assert_eq!(cut_excerpt(&line, 0).1, 0);
    }
}
