//! Which rules a foreign record satisfies, without an event made of it.
//!
//! For hunting over recordings: only rules of languages whose fields stand in records as systems
//! write them can be asked. Topics are an event's, so the rules in Rhai are left to
//! [`RuleMatcher`](crate::RuleMatcher), and so are rules that read alerts.

use larum_predicate::{
    AlertAudience, FlatRecord, FlatRecordReader, JsonReadError, PathMap, PredicateId,
    PredicateMatcher, SlotId,
};
use std::sync::Arc;

use larum_event::{GroupKey, MatchValues, Timestamp};

use crate::rule::Rule;
use crate::rule_match::RuleMatch;
use crate::set::RuleSet;

/// Decides for one thread which rules a record satisfies.
#[derive(Debug)]
pub struct RecordMatcher {
    set: Arc<RuleSet>,
    predicates: PredicateMatcher,
    reader: FlatRecordReader,
    record: FlatRecord,
    given: Vec<PredicateId>,
    /// By number, whether a rule is asked.
    included: Vec<bool>,
    /// The programs that hold.
    programs: Vec<u32>,
    matches: Vec<RuleMatch>,
    rule_numbers: Vec<u32>,
}

impl RecordMatcher {
    /// A matcher of the rules of `set` that can be asked; records are laid out as `layout` says.
    pub fn new(set: &Arc<RuleSet>, layout: &PathMap) -> Self {
        let numbers = (0..).zip(set.rules());
        Self {
            predicates: PredicateMatcher::new(Arc::clone(&set.predicates)),
            reader: FlatRecordReader::new(&set.predicates, layout),
            record: FlatRecord::default(),
            given: set.premises.all_premises(),
            included: numbers
                .map(|(number, rule)| is_included(set, number, rule))
                .collect(),
            set: Arc::clone(set),
            programs: Vec::new(),
            matches: Vec::new(),
            rule_numbers: Vec::new(),
        }
    }

    /// Whether a rule is asked of records: it is one of another language than Rhai that reads no
    /// alerts, and its exceptions, and those of the rules it is over, which end at the time of an
    /// event, are none.
    pub fn includes_rule(&self, number: u32) -> bool {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.included.get(number) == Some(&true)
    }

    /// The numbers of the rules that hold for a JSON record, ascending. A rule over others holds
    /// for what one of these finds in one of its groups.
    ///
    /// # Errors
    /// The record is not JSON; see [`FlatRecordReader::read_json`].
    pub fn match_rules(&mut self, json: &str) -> Result<&[u32], JsonReadError> {
        let mut matches = std::mem::take(&mut self.matches);
        let read = self.match_record(json, &mut matches);
        self.rule_numbers.clear();
        self.rule_numbers
            .extend(matches.drain(..).map(|one| one.rule));
        self.rule_numbers.dedup();
        self.matches = matches;
        read.map(|()| self.rule_numbers.as_slice())
    }

    /// What the rules make of a JSON record, in the order of the rules, in the place of what `out`
    /// held.
    ///
    /// # Errors
    /// The record is not JSON; see [`FlatRecordReader::read_json`].
    pub fn match_record(
        &mut self,
        json: &str,
        out: &mut Vec<RuleMatch>,
    ) -> Result<(), JsonReadError> {
        out.clear();
        self.reader.read_json(json, &mut self.record)?;
        self.predicates
            .match_record_given(&self.record, &self.given, &mut self.programs);
        for program in &self.programs {
            if let Some((number, rule, _)) = self.set.program_step(*program)
                && rule.audience != AlertAudience::Nobody
                && self.includes_rule(number)
            {
                out.push(RuleMatch {
                    rule: number,
                    key: GroupKey::empty(),
                    steps: 1,
                    values: MatchValues::empty(),
                    wants_event: false,
                });
            }
            for reading in self.set.correlation_inputs.inputs_of_program(*program) {
                if self.includes_rule(reading.rule) {
                    reading.add_match(&self.record, out, 0);
                }
            }
        }
        if out.len() > 1 {
            out.sort_by_key(|one| one.rule);
        }
        Ok(())
    }

    /// The time of the record that was matched last, as the rules' languages know it.
    pub fn record_time(&self) -> Option<Timestamp> {
        let mut slots = self.set.times.iter();
        slots.find_map(|slot| slot_time(&self.record, *slot))
    }
}

fn is_included(set: &RuleSet, number: u32, rule: &Rule) -> bool {
    let mut over = set.correlation_inputs.source_rules(number);
    !rule.is_rhai()
        && rule.exceptions.is_empty()
        && over.all(|of| {
            let of = of.and_then(|of| set.rule(of));
            of.is_some_and(|of| of.exceptions.is_empty())
        })
}

fn slot_time(record: &FlatRecord, slot: SlotId) -> Option<Timestamp> {
    let mut values = record.values().filter(|value| value.slot == Some(slot));
    values.find_map(|value| Timestamp::parse(value.text).ok())
}
