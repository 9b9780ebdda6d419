//! A loaded set of rules: what the files say, checked as a whole.
//!
//! Owns the rules and everything that they share. It is built by the loader and never changed;
//! matching is the job of the matchers, one per thread.
//! Invariant: rules are sorted by id, and a rule's number is its index, in matches, faults and
//! programs alike.

mod outline;

mod premise;

mod programs;

use larum_predicate::{Diagnostic, PathMap, PredicateSet, SlotId};
use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{FieldSet, LinkSet, RuleFile, Timestamp, Topic};

pub(crate) use self::premise::TopicPremises;
pub(crate) use self::programs::RulePrograms;
use crate::catalogue::FieldCatalogue;
use crate::correlation::CorrelationInputs;
use crate::diagnostic::place_diagnostic;
use crate::layers::is_alert_pattern;
use crate::rule::{Rule, RuleStep, alert_topic};

/// The rules of some files, as plain data: cheap to share between threads in an `Arc`.
#[derive(Debug, Clone)]
pub struct RuleSet {
    pub(crate) files: Vec<RuleFile>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) layers: u8,
    /// The rule that raises the alerts of a topic.
    pub(crate) raisers: HashMap<Arc<str>, u32>,
    pub(crate) catalogue: FieldCatalogue,
    /// What exceptions ask of fields that only other languages know.
    pub(crate) exception_predicates: Option<Arc<PredicateSet>>,
    /// The paths that conditions and keys of the set read.
    pub(crate) paths: FieldSet,
    /// What all rules ask, and each rule as a program over it.
    pub(crate) predicates: Arc<PredicateSet>,
    /// Which rules may read which topics, as predicates.
    pub(crate) premises: TopicPremises,
    /// Where events keep the fields that rules of other languages name.
    pub(crate) layout: PathMap,
    /// Which program is about which rule.
    pub(crate) programs: RulePrograms,
    /// What rules read of the matches of other rules.
    pub(crate) correlation_inputs: CorrelationInputs,
    /// Where records hold their time, first those that go before.
    pub(crate) times: Vec<SlotId>,
    /// Whether any rule asks trees.
    pub(crate) asks_trees: bool,
    /// What data says of its own kinship.
    pub(crate) links: Arc<LinkSet>,
}

impl RuleSet {
    /// A set without rules.
    pub fn empty() -> Self {
        Self {
            files: Vec::new(),
            rules: Vec::new(),
            warnings: Vec::new(),
            layers: 1,
            raisers: HashMap::new(),
            catalogue: FieldCatalogue::default(),
            exception_predicates: None,
            paths: FieldSet::default(),
            predicates: Arc::default(),
            premises: TopicPremises::default(),
            layout: PathMap::default(),
            programs: RulePrograms::default(),
            correlation_inputs: CorrelationInputs::default(),
            times: Vec::new(),
            asks_trees: false,
            links: Arc::default(),
        }
    }

    /// The files, as given.
    pub fn files(&self) -> &[RuleFile] {
        &self.files
    }

    /// The rules, by id. A rule's number in matches and faults is its index here.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule with a number.
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.get(usize::try_from(number).ok()?)
    }

    /// What a program is about.
    pub(crate) fn program_step(&self, program: u32) -> Option<(u32, &Rule, &RuleStep)> {
        let (number, step) = self.programs.step_of_program(program)?;
        let rule = self.rule(number)?;
        Some((number, rule, rule.steps.get(step)?))
    }

    /// The rule here that means the same as the rule `number` of `before`, so that it may take over
    /// its state.
    pub fn successor(&self, before: &Self, number: u32) -> Option<u32> {
        let old = before.rule(number)?;
        let found = self
            .rules
            .binary_search_by(|rule| rule.id.cmp(&old.id))
            .ok()?;
        let same = self.rules.get(found)?.semantic_hash == old.semantic_hash;
        same.then(|| u32::try_from(found).ok()).flatten()
    }

    /// Whether any rule asks trees, so that matchers need them.
    pub fn asks_trees(&self) -> bool {
        self.asks_trees
    }

    /// How many layers the rules have; at least 1.
    pub fn layers(&self) -> u8 {
        self.layers
    }

    /// What loads and is probably not meant, and documents that stayed out.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Exceptions that no longer hold of events of `now`, each as a warning at its place.
    pub fn expired_exceptions(&self, now: Timestamp) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = Vec::new();
        for rule in &self.rules {
            for exception in rule.exceptions.iter().filter(|one| !one.holds_at(now)) {
                let file = self.files.iter().find(|file| *file.path == *exception.file);
                let mut warning = exception.expiry_warning();
                if let Some(file) = file {
                    warning = place_diagnostic(warning, file, exception.place());
                }
                // An exception of several rules is reported once.
                if !found.contains(&warning) {
                    found.push(warning);
                }
            }
        }
        found
    }

    /// The fields that its files describe.
    pub fn catalogue(&self) -> &FieldCatalogue {
        &self.catalogue
    }

    /// The links and entities that its files declare, in the order of the files.
    pub fn links(&self) -> &Arc<LinkSet> {
        &self.links
    }

    /// The rule that raises alerts on `topic`.
    pub fn raiser(&self, topic: &Topic) -> Option<u32> {
        self.raisers.get(topic.as_str()).copied()
    }

    /// Whether the rule `reader` may read alerts of the rule `raiser`: it names them, or it has a
    /// wildcard for them and is in a layer above.
    pub fn may_read_alerts(&self, reader: u32, raiser: u32) -> bool {
        let (Some(reader), Some(raiser)) = (self.rule(reader), self.rule(raiser)) else {
            return false;
        };
        let Ok(topic) = Topic::new(&alert_topic(&raiser.id)) else {
            return false;
        };
        raiser.layer < reader.layer
            && reader
                .on
                .iter()
                .any(|pattern| is_alert_pattern(pattern) && pattern.matches(&topic))
    }

    /// The predicates that all rules share.
    pub fn predicates(&self) -> &Arc<PredicateSet> {
        &self.predicates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<RuleSet>();
        shared::<Diagnostic>();
    }
}
