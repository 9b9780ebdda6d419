//! What is wrong with a rule file, told so that its author can mend it.

use std::fmt;

use larum_event::RuleFile;
use rhai::Position;

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

/// Why something in a rule file is refused, before its place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleProblem {
    code: &'static str,
    message: String,
    pub(crate) help: Option<String>,
}

impl RuleProblem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        self.with_optional_help(Some(help.into()))
    }

    /// Gives help, if there is some; the last wins.
    pub(crate) fn with_optional_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Says which rule it is about.
    pub(crate) fn about_rule(self, rule: &str) -> Self {
        self.about_item("rule", rule)
    }

    /// Says which step it is about.
    pub(crate) fn about_step(self, step: &str) -> Self {
        self.about_item("step", step)
    }

    /// Says which one of a kind it is about.
    pub(crate) fn about_item(mut self, kind: &str, name: &str) -> Self {
        self.message = format!("{kind} {name}: {}", self.message);
        self
    }

    /// As an error, at a place.
    pub(crate) fn into_error_at(self, file: &RuleFile, place: Position) -> Diagnostic {
        self.into_diagnostic(DiagnosticLevel::Error)
            .with_place(file, place)
    }

    /// As an error of the set as a whole.
    pub(crate) fn into_set_error(self) -> Diagnostic {
        self.into_diagnostic(DiagnosticLevel::Error)
    }

    /// As a warning; what is warned of still loads.
    pub(crate) fn into_warning(self) -> Diagnostic {
        self.into_diagnostic(DiagnosticLevel::Warning)
    }

    pub(crate) fn into_diagnostic(self, level: DiagnosticLevel) -> Diagnostic {
        Diagnostic {
            code: self.code,
            level,
            file: String::new(),
            line: 0,
            column: 0,
            message: self.message,
            help: self.help,
            source_line: None,
            caret: 0,
        }
    }
}

/// Most characters shown of a source line: with the margin it takes 100 columns.
const SHOWN_CHARACTERS: usize = 93;

impl Diagnostic {
    /// A document of a front end that stays out, at a line of its file, counted from 1.
    pub fn new_refusal(
        file: &RuleFile,
        line: usize,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::new_at_line(
            DiagnosticLevel::Refused,
            file,
            line,
            RuleProblem::new(code, message),
        )
    }

    /// What a front end loads and is probably not meant, at a line of its file, counted from 1.
    pub fn new_warning(
        file: &RuleFile,
        line: usize,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::new_at_line(
            DiagnosticLevel::Warning,
            file,
            line,
            RuleProblem::new(code, message),
        )
    }

    /// What a front end cannot load at all, at a line of its file, counted from 1; 0 for the whole.
    pub fn new_error(
        file: &RuleFile,
        line: usize,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::new_at_line(
            DiagnosticLevel::Error,
            file,
            line,
            RuleProblem::new(code, message),
        )
    }

    fn new_at_line(
        level: DiagnosticLevel,
        file: &RuleFile,
        line: usize,
        problem: RuleProblem,
    ) -> Self {
        let line = u16::try_from(line).unwrap_or(u16::MAX);
        let place = if line == 0 {
            Position::NONE
        } else {
            Position::new(line, 0)
        };
        problem.into_diagnostic(level).with_place(file, place)
    }

    /// Puts it in its place.
    pub(crate) fn with_place(mut self, file: &RuleFile, place: Position) -> Self {
        self.file = file.path.clone();
        self.line = place.line().unwrap_or(0);
        self.column = place.position().unwrap_or(0);
        let line = self.line.checked_sub(1);
        let line = line.and_then(|index| file.text.lines().nth(index));
        let shown = line.map(|line| cut_excerpt(line, self.column));
        self.caret = shown.as_ref().map_or(0, |(_, caret)| *caret);
        self.source_line = shown.map(|(line, _)| escape_controls(&line));
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
    // What stands before a mistake explains it more often than what follows.
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

/// "did you mean", if one of `candidates` is near enough to `word` that it was probably meant.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    find_nearest(word, candidates).map(|meant| format!("did you mean `{meant}`?"))
}

/// The candidate that is near enough to `word` that it was probably meant.
pub(crate) fn find_nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let (distance, candidate) = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()?;
    // A third of the letters may be wrong, at least one and at most three.
    let most = (word.chars().count() / 3).clamp(1, 3);
    (distance <= most).then_some(candidate)
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
        let shown = RuleProblem::new("unknown-method", "a rule has no method `severty`")
            .with_help("did you mean `severity`?")
            .into_error_at(&file, Position::new(2, 3))
            .to_string();
        assert_eq!(
            shown,
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

    #[test]
    fn only_near_words_are_suggested() {
        let words = ["severity", "title", "on"];
        assert_eq!(
            did_you_mean("serverity", words).as_deref(),
            Some("did you mean `severity`?")
        );
        assert_eq!(did_you_mean("group", words), None);
    }
}
