//! What became of the records of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use larum_event::{Rejection, RejectionReason};

/// A record that became no event, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// The file, as it was given.
    pub file: Arc<str>,
    /// The line on which the record begins, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub rejection: Rejection,
}

impl fmt::Display for BadRecord {
    /// `file:line: reason: sentence`, as compilers say it, so that editors can jump there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            rejection,
        } = self;
        write!(f, "{file}:{line}: {}: {rejection}", rejection.reason)
    }
}

/// Counts records that were accepted, and the others by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordTally {
    accepted: u64,
    rejected: BTreeMap<RejectionReason, u64>,
}

impl RecordTally {
    /// Counts one record.
    pub fn count_outcome<T>(&mut self, outcome: &Result<T, Rejection>) {
        match outcome {
            Ok(_) => self.accepted += 1,
            Err(rejection) => *self.rejected.entry(rejection.reason).or_default() += 1,
        }
    }

    /// Records that became events.
    pub fn accepted_count(&self) -> u64 {
        self.accepted
    }

    /// Records that did not.
    pub fn rejected_count(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Records that did not, by reason.
    pub fn rejected_by_reason(&self) -> impl Iterator<Item = (RejectionReason, u64)> {
        self.rejected
            .iter()
            .map(|(reason, count)| (*reason, *count))
    }
}

impl fmt::Display for RecordTally {
    /// `978 accepted, 3 rejected (2 not_decoded, 1 syntax)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} accepted, {} rejected",
            self.accepted,
            self.rejected_count()
        )?;
        let reasons: Vec<String> = self
            .rejected_by_reason()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        if reasons.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", reasons.join(", "))
    }
}
