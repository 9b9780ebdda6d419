//! Why a part of a rule file is refused, and which name was probably meant.

use larum_event::RuleFile;
use larum_event::toml_file::TomlFile;
pub(crate) use larum_event::{did_you_mean, find_nearest};
use larum_predicate::{Diagnostic, DiagnosticLevel};
use rhai::Position;

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
        place_diagnostic(self.into_diagnostic(DiagnosticLevel::Error), file, place)
    }

    /// As a problem of a side file, at byte `at` of it.
    pub(crate) fn report_in(self, toml: &mut TomlFile<'_>, at: usize) {
        toml.push_problem(at, self.code, self.message, self.help);
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
        let mut diagnostic = Diagnostic::new(level, self.code, self.message);
        diagnostic.help = self.help;
        diagnostic
    }
}

/// Puts a diagnostic at a place that the script engine reports.
pub(crate) fn place_diagnostic(
    diagnostic: Diagnostic,
    file: &RuleFile,
    place: Position,
) -> Diagnostic {
    let line = place.line().unwrap_or(0);
    diagnostic.with_place(file, line, place.position().unwrap_or(0))
}
