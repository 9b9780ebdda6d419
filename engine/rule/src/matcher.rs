//! Which rules an event satisfies.
//!
//! A [`Matcher`] belongs to one thread: it holds that thread's script engine and the rule texts
//! parsed for it. It keeps nothing between events but what it has computed from the set, so any
//! number of matchers give the same answers.

mod candidates;

mod correlate;

mod explain;

mod script;

mod stateful;

mod scripted;

mod trees;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{Amount, Event, GroupKey, Topic, Value, Values};
use rhai::Engine;

use self::candidates::{Candidates, Decides};
use self::script::Program;
pub use self::scripted::ScriptedRule;
pub use self::stateful::ScriptAnswer;
use self::trees::Trees;
use crate::condition::Fields;
use crate::error::RuleFault;
use crate::exception::{Excepted, ExceptionMatcher};
use crate::predicate::{
    PredicateId, PredicateMatcher, Record, RecordReader, Slot, ValueKind, Work,
};
use crate::rule::{Audience, Rule, RuleStep};
use crate::sandbox;
use crate::script::{Prepare, Source};
use crate::set::RuleSet;
use crate::timer::Timer;
use crate::view::{Member, Meter};

/// Most topics whose rules are remembered; beyond it the memory starts anew.
const TOPICS: usize = 10_000;

/// One rule that an event satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMatch {
    /// Number of the rule in its set.
    pub rule: u32,
    /// The rule's group key, read from the event.
    pub key: GroupKey,
    /// Which of its steps the event satisfies, as [`Match::steps`](larum_event::Match::steps) has them.
    pub steps: u32,
    /// What its window measures or compares.
    pub values: Values,
    /// Whether its window wants the whole event.
    pub wants_event: bool,
}

/// Decides for one thread which rules an event satisfies.
pub struct Matcher {
    set: Arc<RuleSet>,
    engine: Engine,
    prepare: Prepare,
    sources: Vec<Option<Source>>,
    /// By the number of the program.
    conditions: Vec<Option<Program>>,
    /// By the number of the rule.
    alerts: Vec<Option<Program>>,
    /// The one rule that is asked, when not all are.
    only: Option<u32>,
    /// Rules that are not asked.
    left_out: Arc<BTreeSet<u32>>,
    /// Rules whose scripts ran to an answer for the last event.
    ran: Vec<u32>,
    timer: Option<Timer>,
    /// What is given in each layer of events of a topic.
    topics: HashMap<Topic, Rc<[Vec<PredicateId>]>>,
    predicates: PredicateMatcher,
    reader: RecordReader,
    record: Record,
    /// The members of the envelope that no path finds, and what asks for them.
    pushed: Vec<(Member, Slot)>,
    /// The programs that hold for the event.
    found: Vec<u32>,
    exceptions: ExceptionMatcher,
    trees: Trees,
}

impl Matcher {
    /// A matcher for the rules of `set`.
    pub fn new(set: Arc<RuleSet>) -> Self {
        let mut engine = sandbox::matching_engine();
        let mut met = HashSet::new();
        let mut sources: Vec<Option<Source>> = Vec::new();
        sources.resize_with(set.files().len(), || None);
        for rule in set.rules().iter().filter(|rule| rule.has_script()) {
            if let (Some(file), Some(source)) =
                (set.files().get(rule.source), sources.get_mut(rule.source))
                && source.is_none()
            {
                *source = Source::parse(&mut engine, &mut met, file).ok();
            }
        }
        let meter = Rc::new(Meter::default());
        if set.asks_trees() {
            sandbox::count_climbs(&mut engine, &meter);
        }
        let rules = set.rules().len();
        let programs = set.programs.asked.len();
        let none = |count| std::iter::repeat_with(|| None).take(count).collect();
        Self {
            prepare: Prepare::new(&engine),
            engine,
            sources,
            conditions: none(programs),
            alerts: none(rules),
            topics: HashMap::new(),
            only: None,
            left_out: Arc::default(),
            ran: Vec::new(),
            timer: None,
            predicates: PredicateMatcher::new(Arc::clone(&set.predicates)),
            reader: RecordReader::new(&set.predicates, &set.layout),
            record: Record::default(),
            pushed: set
                .predicates
                .pushed()
                .filter_map(|(name, slot)| Some((Member::named(name)?, slot)))
                .collect(),
            found: Vec::new(),
            exceptions: ExceptionMatcher::new(&set),
            trees: Trees::metered(meter),
            set,
        }
    }

    /// The set it matches for.
    pub fn set(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// What matching has cost so far, for measurements.
    pub fn work(&self) -> Work {
        self.predicates.work()
    }

    /// From now on asks only the rule `only`, or all of them again.
    pub fn only(&mut self, only: Option<u32>) {
        self.only = only;
    }

    /// From now on does not ask `rules`.
    pub fn leave_out(&mut self, rules: &Arc<BTreeSet<u32>>) {
        if !Arc::ptr_eq(&self.left_out, rules) {
            self.left_out = Arc::clone(rules);
        }
    }

    /// The rules whose scripts [`Matcher::matches`] ran for its last event and got an answer from.
    pub fn ran(&self) -> &[u32] {
        &self.ran
    }

    /// From now on times some of the scripts' runs by `clock`, which tells nanoseconds.
    pub fn time_with(&mut self, clock: impl Fn() -> i64 + Send + 'static) {
        self.timer = Some(Timer::new(clock));
    }

    /// The rules whose scripts were timed since this was last asked, each with nanoseconds.
    pub fn take_timed(&mut self) -> Vec<(u32, u64)> {
        let taken = self.timer.as_mut().map(Timer::take);
        taken.unwrap_or_default()
    }

    /// Evaluates the rules of `layer` on one event. Each whose topic and condition hold and whose
    /// key is complete is added to `out`, in the order of the rules; each that fails to `faults`.
    pub fn matches(
        &mut self,
        layer: u8,
        event: &Event,
        out: &mut Vec<RuleMatch>,
        faults: &mut Vec<RuleFault>,
    ) {
        self.ran.clear();
        let given = self.given(&event.envelope().topic);
        let Some(given) = given.get(usize::from(layer)) else {
            return;
        };
        if given.is_empty() {
            return;
        }
        let set = Arc::clone(&self.set);
        let found = self.programs(given, event);
        let mut fields = None;
        let mut of_rule = OfRule::default();
        for (program, decides) in Candidates::of(&found, &set) {
            let Some((number, rule, step)) = set.step(program) else {
                continue;
            };
            let is_other = self.only.is_some_and(|only| only != number);
            if is_other || self.left_out.contains(&number) {
                continue;
            }
            if rule.audience == Audience::Nobody {
                continue;
            }
            match self.holds((program, decides), (number, rule, step), event) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            }
            if let Err(fault) = self.treeless(number, rule, step) {
                faults.push(fault);
                continue;
            }
            let mut key = Some(Vec::new());
            if !step.key.is_empty() {
                let fields = fields.get_or_insert_with(|| self.fields(event, &set));
                let members = step.key.iter();
                key = members.map(|field| fields.key(*field)).collect();
            }
            let Some(key) = key.map(GroupKey::new) else {
                continue;
            };
            if of_rule.begin(number, out.len()) {
                of_rule.kept_out = self.exceptions.keep_out(number, rule, event);
            }
            if of_rule.kept_out {
                continue;
            }
            // Steps of one group are one match.
            let known = out.get_mut(of_rule.first..).unwrap_or_default();
            if let Some(known) = known.iter_mut().find(|known| known.key == key) {
                known.steps |= step.bit;
                continue;
            }
            let mut values = Values::none();
            if !rule.values.is_empty() {
                let fields = fields.get_or_insert_with(|| self.fields(event, &set));
                values = measured(rule, fields);
            }
            out.push(RuleMatch {
                rule: number,
                key,
                steps: step.bit,
                values,
                wants_event: rule.wants_events(),
            });
        }
        if !set.readings.is_empty() {
            self.correlate(&set, &found, event, out);
        }
        self.found = found;
    }

    /// How often exceptions kept something from being a match since this was last asked, by rule.
    pub fn take_excepted(&mut self) -> Vec<Excepted> {
        self.exceptions.take()
    }

    /// The exception because of which `event`, if the rule `number` matches it, is no match; its number among
    /// those of the rule.
    pub fn exception(&mut self, number: u32, event: &Event) -> Option<usize> {
        let set = Arc::clone(&self.set);
        self.exceptions.of(set.rule(number)?, event)
    }

    /// The programs that hold for the event, ascending; to be given back as `found`.
    fn programs(&mut self, given: &[PredicateId], event: &Event) -> Vec<u32> {
        let mut found = std::mem::take(&mut self.found);
        self.read(event);
        self.predicates
            .matches_given(&self.record, given, &mut found);
        found
    }

    fn read(&mut self, event: &Event) {
        // Canonical text is JSON of a depth that is allowed.
        if !self.reader.reads_anything()
            || self.reader.read(event.json(), &mut self.record).is_err()
        {
            self.record.clear();
        }
        for (member, slot) in &self.pushed {
            if let Some(Value::Str(text)) = member.of(event) {
                self.record.push_beside(*slot, ValueKind::Text, &text);
            }
        }
    }

    /// Whether the condition of the rule `number` holds of an event, whatever its topic and key; for
    /// telling an author why nothing matched. A number that no rule has holds of nothing.
    ///
    /// # Errors
    /// The condition failed on the event.
    pub fn condition(&mut self, number: u32, event: &Event) -> Result<bool, RuleFault> {
        let set = Arc::clone(&self.set);
        let Some(rule) = set.rule(number) else {
            return Ok(false);
        };
        let steps = self.steps_held(number, rule, event);
        any_held(steps)
    }

    /// Of each step of a rule that may hold, whatever the event's topic and key: its program, how it is
    /// decided, and the answer.
    fn steps_held(
        &mut self,
        number: u32,
        rule: &Rule,
        event: &Event,
    ) -> Vec<(u32, Decides, Result<bool, RuleFault>)> {
        let set = Arc::clone(&self.set);
        let found = self.programs(&set.premises.all(), event);
        let mut held = Vec::new();
        for (program, decides) in Candidates::of(&found, &set) {
            if let Some((known, _, step)) = set.step(program)
                && known == number
            {
                let answer = self.holds((program, decides), (number, rule, step), event);
                held.push((program, decides, answer));
            }
        }
        // Of a rule over others, what is read holds as soon as their programs do.
        let read = set.readings.steps_of(number);
        let read = read.filter(|program| found.contains(program));
        held.extend(read.map(|program| (program, Decides::Program, Ok(true))));
        self.found = found;
        held
    }

    fn holds(
        &mut self,
        (program, decides): (u32, Decides),
        (number, rule, step): (u32, &Rule, &RuleStep),
        event: &Event,
    ) -> Result<bool, RuleFault> {
        match (decides, &step.when) {
            (Decides::Script, Some(closure)) => {
                self.script_holds((number, program), rule, closure, event)
            }
            (Decides::Script, None) | (Decides::Program, _) => Ok(true),
        }
    }

    /// What is given in each layer of events of `topic`.
    fn given(&mut self, topic: &Topic) -> Rc<[Vec<PredicateId>]> {
        if let Some(known) = self.topics.get(topic) {
            return Rc::clone(known);
        }
        let raiser = self.set.raiser(topic);
        let raised_by = raiser.and_then(|raiser| self.set.rule(raiser));
        let raised_by = raised_by.map(|rule| rule.layer);
        let given = self.set.premises.given(self.set.layers(), topic, raised_by);
        if self.topics.len() >= TOPICS {
            self.topics.clear();
        }
        let given: Rc<[Vec<PredicateId>]> = given.into();
        self.topics.insert(topic.clone(), Rc::clone(&given));
        given
    }
}

/// What the window of a rule measures or compares.
fn measured(rule: &Rule, fields: &Fields<'_>) -> Values {
    let numbers_only = rule.measures_numbers();
    let found = rule.values.iter().map(|field| {
        let value = fields.key(*field);
        value.filter(|value| !numbers_only || Amount::of(value).is_some())
    });
    Values::new(found.collect())
}

/// Whether one of the steps holds; what fails is told where none does.
fn any_held(steps: Vec<(u32, Decides, Result<bool, RuleFault>)>) -> Result<bool, RuleFault> {
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
struct OfRule {
    number: Option<u32>,
    /// Where its matches begin.
    first: usize,
    /// Whether an exception keeps the event from it.
    kept_out: bool,
}

impl OfRule {
    /// Whether this is another rule than before.
    fn begin(&mut self, number: u32, first: usize) -> bool {
        let is_new = self.number != Some(number);
        if is_new {
            self.number = Some(number);
            self.first = first;
        }
        is_new
    }
}
