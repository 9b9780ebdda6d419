//! Which rules a foreign record satisfies, without an event made of it.
//!
//! For hunting over recordings: only rules of languages whose fields stand in records as systems write
//! them can be asked. Topic and time are an event's, so the rules in Rhai are left to
//! [`Matcher`](crate::Matcher).

use std::sync::Arc;

use crate::matcher::RuleMatch;
use crate::predicate::{PathMap, PredicateId, PredicateMatcher, ReadError, Record, RecordReader};
use crate::rule::{Audience, Rule};
use crate::set::RuleSet;

/// Decides for one thread which rules a record satisfies.
#[derive(Debug)]
pub struct RecordMatcher {
    set: Arc<RuleSet>,
    predicates: PredicateMatcher,
    reader: RecordReader,
    record: Record,
    given: Vec<PredicateId>,
    /// The programs that hold.
    programs: Vec<u32>,
    read: Vec<RuleMatch>,
    found: Vec<u32>,
}

impl RecordMatcher {
    /// A matcher of the rules of `set` that [read records](Self::reads); records are laid out as `layout` says.
    pub fn new(set: &Arc<RuleSet>, layout: &PathMap) -> Self {
        Self {
            set: Arc::clone(set),
            predicates: PredicateMatcher::new(Arc::clone(&set.predicates)),
            reader: RecordReader::new(&set.predicates, layout),
            record: Record::default(),
            given: set.premises.all(),
            programs: Vec::new(),
            read: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Whether a rule can be asked of a record: it is one of another language than Rhai, and its exceptions,
    /// which end at the time of an event, are none.
    pub fn reads(rule: &Rule) -> bool {
        !rule.is_script() && rule.exceptions.is_empty()
    }

    /// The numbers of the rules that hold for a JSON record, ascending. A rule over others holds for what one
    /// of these finds in one of its groups.
    ///
    /// # Errors
    /// The record is not JSON; see [`RecordReader::read`].
    pub fn matches(&mut self, json: &str) -> Result<&[u32], ReadError> {
        self.reader.read(json, &mut self.record)?;
        self.predicates
            .matches_given(&self.record, &self.given, &mut self.programs);
        self.found.clear();
        let set = &self.set;
        let reads = |number| set.rule(number).is_some_and(Self::reads);
        for program in &self.programs {
            if let Some((number, rule, _)) = set.step(*program)
                && Self::reads(rule)
                && rule.audience != Audience::Nobody
            {
                self.found.push(number);
            }
            for reading in set.readings.of(*program) {
                // Those over alerts find none among records.
                if reading.of.is_some_and(reads) && reads(reading.rule) {
                    self.read.clear();
                    reading.add(&self.record, &mut self.read, 0);
                    self.found.extend(self.read.first().map(|it| it.rule));
                }
            }
        }
        self.found.sort_unstable();
        self.found.dedup();
        Ok(&self.found)
    }
}
