//! Which rules an event satisfies.
//!
//! Owns one thread's script engine, the rule texts parsed for it, and the order in which a match is
//! decided. Counting matches is the window's job.
//! Invariant: nothing of one event is kept for the next but what was computed from the set, so any
//! number of matchers give the same answers.

mod candidates;

mod correlate;

mod explain;

mod script;

mod stateful_scripts;

mod scripted_rule;

mod trees;

use larum_predicate::{
    AlertAudience, FlatRecord, FlatRecordReader, MatchCost, PredicateId, PredicateMatcher, SlotId,
    ValueKind,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{Amount, Event, FieldValue, GroupKey, MatchValues, Topic};
use rhai::Engine;

use self::candidates::{DecisionSource, StepCandidate, StepCandidates};
use self::script::ScriptProgram;
pub use self::scripted_rule::ScriptedRule;
pub use self::stateful_scripts::ScriptedOutcome;
use self::trees::MatcherTrees;
use crate::condition::KeyFields;
use crate::error::RuleFault;
use crate::exception::{ExceptionCount, ExceptionMatcher};
use crate::rule::{Rule, RuleStep};
use crate::rule_match::RuleMatch;
use crate::sandbox;
use crate::script::{ClosurePreparer, RuleSource};
use crate::set::RuleSet;
use crate::timer::ScriptTimer;
use crate::view::{EnvelopeMember, TreeMeter};

/// Most topics whose premises are remembered; beyond it all of them are forgotten.
const MAX_TOPICS: usize = 10_000;

/// Decides for one thread which rules an event satisfies.
pub struct RuleMatcher {
    set: Arc<RuleSet>,
    engine: Engine,
    prepare: ClosurePreparer,
    sources: Vec<Option<RuleSource>>,
    /// By the number of the program.
    conditions: Vec<Option<ScriptProgram>>,
    /// By the number of the rule.
    alerts: Vec<Option<ScriptProgram>>,
    /// The one rule that is asked, when not all are.
    selected_rule: Option<u32>,
    /// Rules that are not asked.
    excluded_rules: Arc<BTreeSet<u32>>,
    /// Rules whose scripts ran to an answer for the last event.
    answered_scripts: Vec<u32>,
    timer: Option<ScriptTimer>,
    /// What is given in each layer of events of a topic.
    given_by_topic: HashMap<Topic, Rc<[Vec<PredicateId>]>>,
    predicates: PredicateMatcher,
    reader: FlatRecordReader,
    record: FlatRecord,
    /// The members of the envelope that no path finds, and what asks for them.
    pushed: Vec<(EnvelopeMember, SlotId)>,
    /// The programs that hold for the event.
    held_programs: Vec<u32>,
    exceptions: ExceptionMatcher,
    trees: MatcherTrees,
}

impl RuleMatcher {
    /// A matcher for the rules of `set`.
    pub fn new(set: Arc<RuleSet>) -> Self {
        let mut engine = sandbox::matching_engine();
        let mut known_properties = HashSet::new();
        let mut sources: Vec<Option<RuleSource>> = Vec::new();
        sources.resize_with(set.files().len(), || None);
        // Parse only files with scripts: a native rule needs no syntax tree per thread.
        for rule in set.rules().iter().filter(|rule| rule.has_script()) {
            if let (Some(file), Some(source)) =
                (set.files().get(rule.source), sources.get_mut(rule.source))
                && source.is_none()
            {
                *source = RuleSource::parse_file(&mut engine, &mut known_properties, file).ok();
            }
        }
        let meter = Rc::new(TreeMeter::default());
        if set.asks_trees() {
            sandbox::count_tree_operations(&mut engine, &meter);
        }
        let rules = set.rules().len();
        let programs = set.programs.steps.len();
        let none = |count| std::iter::repeat_with(|| None).take(count).collect();
        Self {
            prepare: ClosurePreparer::new(&engine),
            engine,
            sources,
            conditions: none(programs),
            alerts: none(rules),
            given_by_topic: HashMap::new(),
            selected_rule: None,
            excluded_rules: Arc::default(),
            answered_scripts: Vec::new(),
            timer: None,
            predicates: PredicateMatcher::new(Arc::clone(&set.predicates)),
            reader: FlatRecordReader::new(&set.predicates, &set.layout),
            record: FlatRecord::default(),
            pushed: set
                .predicates
                .pushed_slots()
                .filter_map(|(name, slot)| Some((EnvelopeMember::from_name(name)?, slot)))
                .collect(),
            held_programs: Vec::new(),
            exceptions: ExceptionMatcher::new(&set),
            trees: MatcherTrees::with_meter(meter),
            set,
        }
    }

    /// The set it matches for.
    pub fn set(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// What matching has cost so far, for measurements.
    pub fn match_cost(&self) -> MatchCost {
        self.predicates.match_cost()
    }

    /// From now on asks only the rule `only`, or all of them again.
    pub fn select_rule(&mut self, only: Option<u32>) {
        self.selected_rule = only;
    }

    /// From now on does not ask `rules`.
    pub fn exclude_rules(&mut self, rules: &Arc<BTreeSet<u32>>) {
        if !Arc::ptr_eq(&self.excluded_rules, rules) {
            self.excluded_rules = Arc::clone(rules);
        }
    }

    /// The rules whose scripts [`RuleMatcher::match_event`] ran for its last event and got an
    /// answer from.
    pub fn answered_scripts(&self) -> &[u32] {
        &self.answered_scripts
    }

    /// From now on times some of the scripts' runs by `clock`, which gives nanoseconds.
    pub fn time_scripts(&mut self, clock: impl Fn() -> i64 + Send + 'static) {
        self.timer = Some(ScriptTimer::new(clock));
    }

    /// The rules whose scripts were timed since this was last asked, each with nanoseconds.
    pub fn take_script_times(&mut self) -> Vec<(u32, u64)> {
        let taken = self.timer.as_mut().map(ScriptTimer::take_samples);
        taken.unwrap_or_default()
    }

    /// Evaluates the rules of `layer` on one event. Each whose topic and condition hold and whose
    /// key is complete is added to `out`, in the order of the rules; each that fails to `faults`.
    pub fn match_event(
        &mut self,
        layer: u8,
        event: &Event,
        out: &mut Vec<RuleMatch>,
        faults: &mut Vec<RuleFault>,
    ) {
        self.answered_scripts.clear();
        let layers = self.given_predicates(&event.envelope().topic);
        let Some(given) = layers
            .get(usize::from(layer))
            .filter(|given| !given.is_empty())
        else {
            return;
        };
        let set = Arc::clone(&self.set);
        let found = self.match_programs(given, event);
        let mut fields = None;
        let mut of_rule = CurrentRule::default();
        for candidate in StepCandidates::from_programs(&found, &set) {
            let (number, rule, step) = (candidate.number, candidate.rule, candidate.step);
            if self.is_skipped(number) || rule.audience == AlertAudience::Nobody {
                continue;
            }
            let holds = self.step_matches(candidate, event);
            if !holds.unwrap_or_else(|fault| {
                faults.push(fault);
                false
            }) {
                continue;
            }
            let read_fields = || self.key_fields(event, &set);
            let Some(key) = read_key(step, || fields.get_or_insert_with(read_fields)) else {
                continue;
            };
            // Exceptions after the key: only an event that would have been a match counts as kept
            // from being one.
            if of_rule.begin_rule(number, out.len()) {
                of_rule.is_excepted = self.exceptions.exclude_match(number, rule, event);
            }
            if of_rule.is_excepted {
                continue;
            }
            // Steps of one group are one match.
            if add_step(
                out.get_mut(of_rule.first..).unwrap_or_default(),
                &key,
                step.bit,
            ) {
                continue;
            }
            let mut values = MatchValues::empty();
            if !rule.values.is_empty() {
                let fields = fields.get_or_insert_with(|| self.key_fields(event, &set));
                values = measure_values(rule, fields);
            }
            out.push(RuleMatch {
                rule: number,
                key,
                steps: step.bit,
                values,
                wants_event: rule.wants_events(),
            });
        }
        // Correlations last: they are matched from the same programs and record.
        if !set.correlation_inputs.is_empty() {
            self.match_correlations(&set, &found, event, out);
        }
        self.held_programs = found;
    }

    /// How often exceptions kept something from being a match since this was last asked, by rule.
    pub fn take_exception_counts(&mut self) -> Vec<ExceptionCount> {
        self.exceptions.take_counts()
    }

    /// The exception that keeps `event` from being a match of the rule `number`, if there is one;
    /// its number among those of the rule.
    pub fn find_exception(&mut self, number: u32, event: &Event) -> Option<usize> {
        let set = Arc::clone(&self.set);
        self.exceptions.find_exception(set.rule(number)?, event)
    }

    /// The programs that hold for the event, ascending. The caller puts the list back into
    /// `held_programs`, so that the next event need not allocate one.
    fn match_programs(&mut self, given: &[PredicateId], event: &Event) -> Vec<u32> {
        let mut found = std::mem::take(&mut self.held_programs);
        self.read_event(event);
        self.predicates
            .match_record_given(&self.record, given, &mut found);
        found
    }

    fn read_event(&mut self, event: &Event) {
        // Reading cannot fail for an event of the codec: its text is JSON of an allowed depth.
        if !self.reader.reads_anything()
            || self
                .reader
                .read_json(event.json(), &mut self.record)
                .is_err()
        {
            self.record.clear();
        }
        for (member, slot) in &self.pushed {
            if let Some(FieldValue::Str(text)) = member.value_in(event) {
                self.record.push_external(*slot, ValueKind::Text, &text);
            }
        }
    }

    /// Whether the condition of the rule `number` holds of an event, whatever its topic and key;
    /// for telling an author why nothing matched. A number that no rule has holds of nothing.
    ///
    /// # Errors
    /// The condition failed on the event.
    pub fn condition_holds(&mut self, number: u32, event: &Event) -> Result<bool, RuleFault> {
        any_step_holds(self.evaluate_steps(number, event))
    }

    /// Of each step of a rule that may hold, whatever the event's topic and key: its program, how
    /// it is decided, and the answer.
    fn evaluate_steps(
        &mut self,
        number: u32,
        event: &Event,
    ) -> Vec<(u32, DecisionSource, Result<bool, RuleFault>)> {
        let set = Arc::clone(&self.set);
        let found = self.match_programs(&set.premises.all_premises(), event);
        let mut held = Vec::new();
        for candidate in StepCandidates::from_programs(&found, &set) {
            if candidate.number == number {
                let answer = self.step_holds(candidate, event);
                held.push((candidate.program, candidate.decided_by, answer));
            }
        }
        // Of a rule over others, what is read holds as soon as their programs do.
        let read = set
            .correlation_inputs
            .step_programs(number)
            .filter(|program| found.contains(program));
        held.extend(read.map(|program| (program, DecisionSource::Program, Ok(true))));
        self.held_programs = found;
        held
    }

    /// Whether a rule is not asked now.
    fn is_skipped(&self, rule: u32) -> bool {
        let is_other = self.selected_rule.is_some_and(|only| only != rule);
        is_other || self.excluded_rules.contains(&rule)
    }

    /// Whether a step holds and, if its key comes from trees, there are some.
    fn step_matches(
        &mut self,
        candidate: StepCandidate<'_>,
        event: &Event,
    ) -> Result<bool, RuleFault> {
        let holds = self.step_holds(candidate, event)?;
        // Look for trees last: a rule without them fails only for events that it would match.
        if holds {
            self.check_trees(candidate.number, candidate.rule, candidate.step)?;
        }
        Ok(holds)
    }

    fn step_holds(
        &mut self,
        candidate: StepCandidate<'_>,
        event: &Event,
    ) -> Result<bool, RuleFault> {
        match (candidate.decided_by, &candidate.step.when) {
            (DecisionSource::Script, Some(closure)) => self.script_holds(candidate, closure, event),
            (DecisionSource::Script, None) | (DecisionSource::Program, _) => Ok(true),
        }
    }

    /// What is given in each layer of events of `topic`.
    fn given_predicates(&mut self, topic: &Topic) -> Rc<[Vec<PredicateId>]> {
        if let Some(known) = self.given_by_topic.get(topic) {
            return Rc::clone(known);
        }
        let raiser = self.set.raiser(topic);
        let raised_by = raiser
            .and_then(|raiser| self.set.rule(raiser))
            .map(|rule| rule.layer);
        let given = self
            .set
            .premises
            .holding_premises(self.set.layers(), topic, raised_by);
        if self.given_by_topic.len() >= MAX_TOPICS {
            self.given_by_topic.clear();
        }
        let given: Rc<[Vec<PredicateId>]> = given.into();
        self.given_by_topic.insert(topic.clone(), Rc::clone(&given));
        given
    }
}

/// The group of an event in a step; `None` if a member is missing. The fields are only read if the
/// key has members.
fn read_key<'f, 'e: 'f>(
    step: &RuleStep,
    fields: impl FnOnce() -> &'f mut KeyFields<'e>,
) -> Option<GroupKey> {
    if step.key.is_empty() {
        return Some(GroupKey::new(Vec::new()));
    }
    let fields = fields();
    let members = step.key.iter().map(|field| fields.key_value(*field));
    members.collect::<Option<Vec<_>>>().map(GroupKey::new)
}

/// Adds a step to the match of a group, if there is one among those of the rule.
fn add_step(matches: &mut [RuleMatch], key: &GroupKey, bit: u32) -> bool {
    let known = matches.iter_mut().find(|known| known.key == *key);
    let is_known = known.is_some();
    if let Some(known) = known {
        known.steps |= bit;
    }
    is_known
}

/// What the window of a rule measures or compares.
fn measure_values(rule: &Rule, fields: &KeyFields<'_>) -> MatchValues {
    let numbers_only = rule.measures_numbers();
    let found = rule.values.iter().map(|field| {
        let value = fields.key_value(*field);
        value.filter(|value| !numbers_only || Amount::from_scalar(value).is_some())
    });
    MatchValues::new(found.collect())
}

/// Whether one of the steps holds; if none does, the last failure.
fn any_step_holds(
    steps: Vec<(u32, DecisionSource, Result<bool, RuleFault>)>,
) -> Result<bool, RuleFault> {
    let mut outcome = Ok(false);
    for (_, _, held) in steps {
        match held {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(fault) => outcome = Err(fault),
        }
    }
    outcome
}

/// The rule whose steps are looked at.
#[derive(Default)]
struct CurrentRule {
    number: Option<u32>,
    /// Where its matches begin.
    first: usize,
    /// Whether an exception keeps the event from it.
    is_excepted: bool,
}

impl CurrentRule {
    /// Whether this is another rule than before.
    fn begin_rule(&mut self, number: u32, first: usize) -> bool {
        let is_new = self.number != Some(number);
        if is_new {
            self.number = Some(number);
            self.first = first;
        }
        is_new
    }
}
