//! Which rules a foreign record satisfies, without an event made of it.
//!
//! For hunting over recordings: only rules of languages whose fields stand in records as systems write
//! them can be asked. Topics are an event's, so the rules in Rhai are left to
//! [`Matcher`](crate::Matcher), and so are rules that read alerts.

use std::sync::Arc;

use larum_event::{GroupKey, Timestamp, Values};

use crate::matcher::RuleMatch;
use crate::predicate::{
    PathMap, PredicateId, PredicateMatcher, ReadError, Record, RecordReader, Slot,
};
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
    /// By number, whether a rule is asked.
    asked: Vec<bool>,
    /// The programs that hold.
    programs: Vec<u32>,
    matches: Vec<RuleMatch>,
    found: Vec<u32>,
}

impl RecordMatcher {
    /// A matcher of the rules of `set` that can be asked; records are laid out as `layout` says.
    pub fn new(set: &Arc<RuleSet>, layout: &PathMap) -> Self {
        let numbers = (0..).zip(set.rules());
        Self {
            predicates: PredicateMatcher::new(Arc::clone(&set.predicates)),
            reader: RecordReader::new(&set.predicates, layout),
            record: Record::default(),
            given: set.premises.all(),
            asked: numbers
                .map(|(number, rule)| reads(set, number, rule))
                .collect(),
            set: Arc::clone(set),
            programs: Vec::new(),
            matches: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Whether a rule is asked of records: it is one of another language than Rhai that reads no alerts, and
    /// its exceptions, and those of the rules it is over, which end at the time of an event, are none.
    pub fn asks(&self, number: u32) -> bool {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.asked.get(number) == Some(&true)
    }

    /// The numbers of the rules that hold for a JSON record, ascending. A rule over others holds for what one
    /// of these finds in one of its groups.
    ///
    /// # Errors
    /// The record is not JSON; see [`RecordReader::read`].
    pub fn matches(&mut self, json: &str) -> Result<&[u32], ReadError> {
        let mut matches = std::mem::take(&mut self.matches);
        let read = self.rule_matches(json, &mut matches);
        self.found.clear();
        self.found.extend(matches.drain(..).map(|one| one.rule));
        self.found.dedup();
        self.matches = matches;
        read.map(|()| self.found.as_slice())
    }

    /// What the rules make of a JSON record, in the order of the rules, in the place of what `out` held.
    ///
    /// # Errors
    /// The record is not JSON; see [`RecordReader::read`].
    pub fn rule_matches(&mut self, json: &str, out: &mut Vec<RuleMatch>) -> Result<(), ReadError> {
        out.clear();
        self.reader.read(json, &mut self.record)?;
        self.predicates
            .matches_given(&self.record, &self.given, &mut self.programs);
        for program in &self.programs {
            if let Some((number, rule, _)) = self.set.step(*program)
                && rule.audience != Audience::Nobody
                && self.asks(number)
            {
                out.push(RuleMatch {
                    rule: number,
                    key: GroupKey::everything(),
                    steps: 1,
                    values: Values::none(),
                    wants_event: false,
                });
            }
            for reading in self.set.readings.of(*program) {
                if self.asks(reading.rule) {
                    reading.add(&self.record, out, 0);
                }
            }
        }
        if out.len() > 1 {
            out.sort_by_key(|one| one.rule);
        }
        Ok(())
    }

    /// The time of the record that was matched last, as the rules' languages know it.
    pub fn time(&self) -> Option<Timestamp> {
        let mut slots = self.set.times.iter();
        slots.find_map(|slot| time_in(&self.record, *slot))
    }
}

fn reads(set: &RuleSet, number: u32, rule: &Rule) -> bool {
    let mut over = set.readings.over(number);
    !rule.is_script()
        && rule.exceptions.is_empty()
        && over.all(|of| {
            let of = of.and_then(|of| set.rule(of));
            of.is_some_and(|of| of.exceptions.is_empty())
        })
}

fn time_in(record: &Record, slot: Slot) -> Option<Timestamp> {
    let mut values = record.values().filter(|value| value.slot == Some(slot));
    values.find_map(|value| Timestamp::parse(value.text).ok())
}
