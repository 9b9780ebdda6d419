//! A rule on its way into a set.

use larum_event::RuleFile;
use larum_predicate::{BoolExpression, CompiledCorrelation, ViewId};
use rhai::Position;

use crate::draft::{FinishedRule, RuleFieldUsages};
use crate::rule::Rule;

/// A rule, where it begins, and what the set needs to know until it is complete.
pub(super) struct PendingRule {
    pub(super) rule: Rule,
    /// The number of its file among those of the set.
    pub(super) file: Option<usize>,
    pub(super) place: Position,
    /// What it asks of fields, where that is known.
    pub(super) field_usages: RuleFieldUsages,
    /// Of a rule that a front end compiled.
    pub(super) programs: Option<Vec<(ViewId, BoolExpression)>>,
    /// Of a rule over what other rules find.
    pub(super) correlation: Option<CompiledCorrelation>,
}

impl PendingRule {
    /// A rule of the Rhai file with the number `file`.
    pub(super) fn from_rhai(finished: FinishedRule, file: usize) -> Self {
        Self {
            rule: finished.rule,
            file: Some(file),
            place: finished.place,
            field_usages: finished.field_usages,
            programs: None,
            correlation: None,
        }
    }

    /// The file that it is from.
    pub(super) fn find_file<'f>(&self, files: &'f [RuleFile]) -> Option<&'f RuleFile> {
        files.get(self.file?)
    }

    /// Where its group key is written; without a key, where the rule begins.
    pub(super) fn key_place(&self) -> Position {
        self.field_usages.key_place.unwrap_or(self.place)
    }
}
