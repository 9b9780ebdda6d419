//! Which rules an event satisfies.
//!
//! A [`Matcher`] belongs to one thread: it holds that thread's script engine and the rule texts
//! parsed for it. It keeps nothing between events but what it has computed from the set, so any
//! number of matchers give the same answers.

mod candidates;

mod explain;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{Event, GroupKey, Topic, Value};
use rhai::{AST, Dynamic, Engine, EvalAltResult, ImmutableString, Scope};

use self::candidates::{Candidates, Decides};
use crate::alert::{self, AlertText, ScriptWindow, WindowView};
use crate::condition::Fields;
use crate::error::{FaultKind, RuleFault};
use crate::exception::{Excepted, ExceptionMatcher};
use crate::predicate::{
    PredicateId, PredicateMatcher, Record, RecordReader, Slot, ValueKind, Work,
};
use crate::rule::Rule;
use crate::sandbox;
use crate::script::{Closure, Prepare, Source, body};
use crate::set::RuleSet;
use crate::timer::Timer;
use crate::trouble::said;
use crate::view::{EventView, Member, kind};

/// Most topics whose rules are remembered; beyond it the memory starts anew.
const TOPICS: usize = 10_000;

/// One rule that an event satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMatch {
    /// Number of the rule in its set.
    pub rule: u32,
    /// The rule's group key, read from the event.
    pub key: GroupKey,
}

/// Decides for one thread which rules an event satisfies.
pub struct Matcher {
    set: Arc<RuleSet>,
    engine: Engine,
    prepare: Prepare,
    sources: Vec<Option<Source>>,
    conditions: Vec<Option<Program>>,
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
}

/// A closure ready to run: its body as a script of its own, with parameters for variables.
struct Program {
    tree: AST,
    parameters: Vec<ImmutableString>,
    captured: Vec<Dynamic>,
}

/// What the parameter of a closure is.
#[derive(Clone, Copy)]
enum Takes {
    Event,
    Window,
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
        let rules = set.rules().len();
        Self {
            prepare: Prepare::new(&engine),
            engine,
            sources,
            conditions: std::iter::repeat_with(|| None).take(rules).collect(),
            alerts: std::iter::repeat_with(|| None).take(rules).collect(),
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
        for (number, decides) in Candidates::of(&found, &set) {
            let is_other = self.only.is_some_and(|only| only != number);
            if is_other || self.left_out.contains(&number) {
                continue;
            }
            let Some(rule) = set.rule(number) else {
                continue;
            };
            match self.holds(number, rule, decides, event) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            }
            let mut key = Some(Vec::new());
            if !rule.key.is_empty() {
                let fields = fields.get_or_insert_with(|| Fields::of(event, &set.paths));
                key = rule.key.iter().map(|field| fields.key(*field)).collect();
            }
            if let Some(key) = key
                && !self.exceptions.keep_out(number, rule, event)
            {
                out.push(RuleMatch {
                    rule: number,
                    key: GroupKey::new(key),
                });
            }
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
        let found = self.programs(&set.premises.all(), event);
        let decides = Candidates::of(&found, &set).find(|(rule, _)| *rule == number);
        self.found = found;
        match (decides, set.rule(number)) {
            (Some((_, decides)), Some(rule)) => self.holds(number, rule, decides, event),
            _ => Ok(false),
        }
    }

    fn holds(
        &mut self,
        number: u32,
        rule: &Rule,
        decides: Decides,
        event: &Event,
    ) -> Result<bool, RuleFault> {
        match (decides, &rule.when) {
            (Decides::Script, Some(closure)) => self.script_holds(number, rule, closure, event),
            (Decides::Script, None) | (Decides::Program, _) => Ok(true),
        }
    }

    /// What a rule's `.alert(|window| ..)` says of a window; nothing if it has none.
    ///
    /// # Errors
    /// The closure threw, spent too much, or gave what is no text.
    pub fn alert_fields(
        &mut self,
        rule: u32,
        window: &WindowView<'_>,
    ) -> Result<AlertText, RuleFault> {
        let set = Arc::clone(&self.set);
        let Some((wanted, closure)) = set
            .rule(rule)
            .and_then(|found| found.alert.as_ref().map(|closure| (found, closure)))
        else {
            return Ok(AlertText::default());
        };
        let members = wanted.group_by.iter().zip(window.key.members());
        let script_window = ScriptWindow {
            count: i64::try_from(window.count).unwrap_or(i64::MAX),
            key: members
                .map(|(part, value)| (part.name.as_ref().into(), alert::key_value(value)))
                .collect(),
            first: window.first,
            last: window.last,
            within: wanted.window.within(),
            event: window.event.cloned(),
        };
        let index = usize::try_from(rule).unwrap_or(usize::MAX);
        if let Some(slot) = self.alerts.get_mut(index)
            && slot.is_none()
        {
            *slot = program(&self.sources, &self.prepare, wanted, closure, Takes::Window);
        }
        let fault = |message, kind| RuleFault {
            rule,
            message,
            kind,
        };
        let ready = self.alerts.get(index).and_then(Option::as_ref);
        let ready = ready.ok_or_else(|| fault(not_found(wanted), FaultKind::Error))?;
        let returned = ready
            .run(&self.engine, Dynamic::from(script_window))
            .map_err(|error| fault(told(wanted, &error), sandbox::kind_of(&error)))?;
        alert::alert_text(&returned)
            .map_err(|reason| fault(format!("{}: {reason}", wanted.file), FaultKind::Error))
    }

    /// Runs a rule's condition as a script.
    fn script_holds(
        &mut self,
        number: u32,
        rule: &Rule,
        closure: &Closure,
        event: &Event,
    ) -> Result<bool, RuleFault> {
        let fault = |message, kind| RuleFault {
            rule: number,
            message,
            kind,
        };
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(slot) = self.conditions.get_mut(index)
            && slot.is_none()
        {
            *slot = program(&self.sources, &self.prepare, rule, closure, Takes::Event);
        }
        let ready = self.conditions.get(index).and_then(Option::as_ref);
        let ready = ready.ok_or_else(|| fault(not_found(rule), FaultKind::Error))?;
        let began = self.timer.as_mut().and_then(Timer::begin);
        let returned = ready.run(&self.engine, Dynamic::from(EventView(event.clone())));
        if let Some((timer, began)) = self.timer.as_mut().zip(began) {
            timer.end(number, began);
        }
        let returned =
            returned.map_err(|error| fault(told(rule, &error), sandbox::kind_of(&error)))?;
        let holds = if returned.is_unit() {
            Ok(false)
        } else {
            returned.as_bool()
        };
        self.ran.extend(holds.is_ok().then_some(number));
        holds.map_err(|_| {
            let place = closure.place;
            let message = format!(
                "{}:{}:{}: the condition gives {}, not true or false",
                rule.file,
                place.line().unwrap_or(rule.line),
                place.position().unwrap_or(1),
                kind(&returned),
            );
            fault(message, FaultKind::Error)
        })
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

fn program(
    sources: &[Option<Source>],
    prepare: &Prepare,
    rule: &Rule,
    closure: &Closure,
    takes: Takes,
) -> Option<Program> {
    let source = sources.get(rule.source)?.as_ref()?;
    let function = source.closure(closure, 1)?;
    let event = match takes {
        Takes::Event => function.params.last().map(|name| name.as_str()),
        Takes::Window => None,
    };
    let mut statements = body(function);
    prepare.body(&mut statements, event);
    Some(Program {
        tree: AST::new(statements, Rc::clone(source.tree.shared_lib())),
        parameters: function.params.iter().cloned().collect(),
        captured: closure
            .captured
            .iter()
            .map(|value| value.to_dynamic())
            .collect(),
    })
}

impl Program {
    fn run(&self, engine: &Engine, argument: Dynamic) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut scope = Scope::new();
        let values = self.captured.iter().cloned().chain([argument]);
        for (name, value) in self.parameters.iter().zip(values) {
            scope.push_dynamic(name.clone(), value);
        }
        engine.eval_ast_with_scope::<Dynamic>(&mut scope, &self.tree)
    }
}

/// A failure of a script with its place.
fn told(rule: &Rule, error: &EvalAltResult) -> String {
    let inner = error.unwrap_inner();
    let place = inner.position();
    match (place.line(), place.position()) {
        (Some(line), Some(column)) => format!("{}:{line}:{column}: {}", rule.file, said(inner)),
        _ => format!("{}: {}", rule.file, said(inner)),
    }
}

fn not_found(rule: &Rule) -> String {
    format!("{}: the closure of rule {} is gone", rule.file, rule.id)
}
