//! Which rules a foreign record satisfies, without an event made of it.
//!
//! For hunting over recordings: only rules of languages whose fields stand in records as systems write
//! them can be asked. Topic, time and key are an event's, so the rules in Rhai are left to
//! [`Matcher`](crate::Matcher).

use std::sync::Arc;

use crate::predicate::{PathMap, PredicateId, PredicateMatcher, ReadError, Record, RecordReader};
use crate::rule::Rule;
use crate::set::RuleSet;

/// Decides for one thread which rules a record satisfies.
#[derive(Debug)]
pub struct RecordMatcher {
    predicates: PredicateMatcher,
    reader: RecordReader,
    record: Record,
    given: Vec<PredicateId>,
    /// By number, whether a rule is asked.
    asked: Vec<bool>,
    found: Vec<u32>,
}

impl RecordMatcher {
    /// A matcher of the rules of `set` that [read records](Self::reads); records are laid out as `layout` says.
    pub fn new(set: &Arc<RuleSet>, layout: &PathMap) -> Self {
        Self {
            predicates: PredicateMatcher::new(Arc::clone(&set.predicates)),
            reader: RecordReader::new(&set.predicates, layout),
            record: Record::default(),
            given: set.premises.all(),
            asked: set.rules().iter().map(Self::reads).collect(),
            found: Vec::new(),
        }
    }

    /// Whether a rule can be asked of a record: it is one of another language than Rhai, and its exceptions,
    /// which end at the time of an event, are none.
    pub fn reads(rule: &Rule) -> bool {
        !rule.is_script() && rule.exceptions.is_empty()
    }

    /// The numbers of the rules that hold for a JSON record, ascending.
    ///
    /// # Errors
    /// The record is not JSON; see [`RecordReader::read`].
    pub fn matches(&mut self, json: &str) -> Result<&[u32], ReadError> {
        self.reader.read(json, &mut self.record)?;
        self.predicates
            .matches_given(&self.record, &self.given, &mut self.found);
        let asked = &self.asked;
        self.found.retain(|rule| {
            usize::try_from(*rule).is_ok_and(|rule| asked.get(rule).copied().unwrap_or_default())
        });
        Ok(&self.found)
    }
}
