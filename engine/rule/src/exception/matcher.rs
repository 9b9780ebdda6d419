//! Asking a rule's exceptions about an event that it would match.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::Event;
use larum_predicate::{FlatRecord, FlatRecordReader, PredicateMatcher};

use super::ExceptionCount;
use crate::rule::Rule;
use crate::set::RuleSet;

/// Decides for one thread, and counts.
pub(crate) struct ExceptionMatcher {
    foreign: Option<ForeignExceptions>,
    /// By rule and exception.
    counts: BTreeMap<(u32, u32), u64>,
}

/// Asks about fields that only other languages know.
struct ForeignExceptions {
    predicates: PredicateMatcher,
    reader: FlatRecordReader,
    record: FlatRecord,
}

impl ExceptionMatcher {
    pub(crate) fn new(set: &RuleSet) -> Self {
        let foreign = set
            .exception_predicates
            .as_ref()
            .map(|predicates| ForeignExceptions {
                predicates: PredicateMatcher::new(Arc::clone(predicates)),
                reader: FlatRecordReader::new(predicates, &set.layout),
                record: FlatRecord::default(),
            });
        Self {
            foreign,
            counts: BTreeMap::new(),
        }
    }

    /// Whether an exception keeps a match of the rule `number` out; it is counted then.
    pub(crate) fn exclude_match(&mut self, number: u32, rule: &Rule, event: &Event) -> bool {
        let Some(exception) = self.find_exception(rule, event) else {
            return false;
        };
        let exception = u32::try_from(exception).unwrap_or(u32::MAX);
        *self.counts.entry((number, exception)).or_default() += 1;
        true
    }

    /// The exception that applies, the first of several.
    pub(crate) fn find_exception(&mut self, rule: &Rule, event: &Event) -> Option<usize> {
        if rule.exceptions.is_empty() {
            return None;
        }
        let foreign = &mut self.foreign;
        rule.exceptions.iter().position(|exception| {
            exception.applies_to(event, |program| {
                foreign
                    .as_mut()
                    .is_some_and(|foreign| foreign.program_holds(program, event))
            })
        })
    }

    /// Takes what was counted since the last call.
    pub(crate) fn take_counts(&mut self) -> Vec<ExceptionCount> {
        let counts = std::mem::take(&mut self.counts).into_iter();
        counts
            .map(|((rule, exception), count)| ExceptionCount {
                rule,
                exception,
                count,
            })
            .collect()
    }
}

impl ForeignExceptions {
    fn program_holds(&mut self, program: u32, event: &Event) -> bool {
        if self
            .reader
            .read_json(event.json(), &mut self.record)
            .is_err()
        {
            return false;
        }
        let mut found = Vec::new();
        self.predicates.match_record(&self.record, &mut found);
        found.contains(&program)
    }
}
