//! Events that rules leave out: `except.toml` beside them.
//!
//! Analysts silence false positives daily, and never by editing the rule. An event that satisfies
//! an exception is no match of the rule, so it neither fires nor counts; how often that happens is
//! counted. Every exception has a reason, an owner and an end, which is compared with the time of
//! the event, so that history gives the same answer whenever it is evaluated.

mod assignment;

mod load;

mod matcher;

mod test;

pub(crate) use assignment::assign_exceptions;
pub(crate) use load::{ExceptionDraft, read_exceptions};
pub(crate) use matcher::ExceptionMatcher;

use std::fmt;
use std::sync::Arc;

use larum_event::{Event, Timestamp};
use larum_predicate::Diagnostic;
use rhai::Position;

use self::test::ExceptionTest;
use crate::diagnostic::RuleProblem;
use crate::side_file::has_file_name;

/// The name of its files.
pub(crate) const FILE: &str = "except.toml";

/// Whether a path names a file of exceptions.
pub(crate) fn is_exception_file(path: &str) -> bool {
    has_file_name(path, FILE)
}

/// Events that are no matches of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleException {
    /// Why they are left out.
    pub reason: Arc<str>,
    /// Who says so.
    pub owner: Arc<str>,
    /// From when on it no longer holds; `None` for one without an end.
    pub expires: Option<Timestamp>,
    /// The file that it is written in.
    pub file: Arc<str>,
    /// The line at which it begins, from 1.
    pub line: usize,
    /// All of them hold.
    tests: Vec<ExceptionTest>,
    /// Its number among the programs over fields that only another language knows, if it asks of
    /// some.
    program: Option<u32>,
}

/// How often an exception kept something from being a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExceptionCount {
    /// Number of the rule in its set.
    pub rule: u32,
    /// Number of the exception among those of the rule.
    pub exception: u32,
    /// How often.
    pub count: u64,
}

impl RuleException {
    /// Whether it still holds of events of `time`.
    pub fn holds_at(&self, time: Timestamp) -> bool {
        self.expires.is_none_or(|end| time < end)
    }

    pub(crate) fn place(&self) -> Position {
        Position::new(u16::try_from(self.line).unwrap_or(u16::MAX), 1)
    }

    /// The warning that it no longer holds.
    pub(crate) fn expiry_warning(&self) -> Diagnostic {
        let last = self.expires.map(|end| end.to_string()).unwrap_or_default();
        let problem = format!("the exception {self} ended at {last}");
        let help = format!(
            "ask {} whether it is still wanted, or remove it",
            self.owner
        );
        RuleProblem::new("expired-exception", problem)
            .with_help(help)
            .into_warning()
    }

    /// What decides when it applies.
    pub(crate) fn decisive_text(&self) -> String {
        let end = self.expires.map(|end| end.to_string());
        format!("{self} until {}", end.unwrap_or_default())
    }

    /// Whether `event`, which the rule would match, is excepted; `is_program` says which
    /// programs hold.
    pub(crate) fn applies_to(&self, event: &Event, is_program: impl FnOnce(u32) -> bool) -> bool {
        self.holds_at(event.envelope().time)
            && self.tests.iter().all(|test| test.holds_for(event))
            && self.program.is_none_or(is_program)
    }
}

impl fmt::Display for RuleException {
    /// What it asks, such as `data.host is "build-7"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, test) in self.tests.iter().enumerate() {
            if index > 0 {
                f.write_str(" and ")?;
            }
            write!(f, "{test}")?;
        }
        Ok(())
    }
}
