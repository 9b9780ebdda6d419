//! Steps of sequences and combinations, as rule files write them: `step("a").when(..).count(5)`.
//!
//! Owns what each method of a step accepts. What steps must have in common belongs to
//! `finish_steps`.
//! Invariant: a step is a value. Each method gives another one, so a step can be named once and
//! used with changes.

use std::sync::Arc;

use larum_event::{Span, TopicPattern, limits};
use rhai::{Dynamic, Position};

use super::argument::{
    describe_argument, explain_bad_pattern, read_key_parts, read_text, read_texts, suggest_number,
};
use super::duration::read_nonzero_span;
use super::setting::{DraftSetting, set_once};
use crate::diagnostic::RuleProblem;
use crate::rule::KeyPart;
use crate::script::RuleClosure;

/// A step that is being built.
#[derive(Debug, Clone)]
pub(crate) struct StepDraft {
    pub(crate) name: Arc<str>,
    pub(crate) place: Position,
    /// Whether it must not come.
    pub(crate) is_absent: bool,
    pub(crate) when: Option<DraftSetting<RuleClosure>>,
    pub(crate) on: Option<DraftSetting<Vec<TopicPattern>>>,
    pub(crate) group_by: Option<DraftSetting<Vec<KeyPart>>>,
    pub(crate) count: Option<DraftSetting<u32>>,
    pub(crate) optional: Option<DraftSetting<()>>,
    pub(crate) within: Option<DraftSetting<Span>>,
}

/// What a method does with its arguments.
type StepMethod = fn(&mut StepDraft, Position, &[Dynamic]) -> Result<(), RuleProblem>;

/// Every method of a step, with how many arguments it takes.
pub(crate) const STEP_METHODS: [(&str, usize, StepMethod); 6] = [
    ("when", 1, |step, place, given| {
        let closure = first_argument(given).and_then(|value| super::read_closure(place, value));
        set_once(&mut step.when, "when", place, closure)
    }),
    ("on", 1, |step, place, given| {
        set_once(
            &mut step.on,
            "on",
            place,
            first_argument(given).and_then(read_patterns),
        )
    }),
    ("group_by", 1, |step, place, given| {
        let parts = first_argument(given).and_then(read_key_parts);
        set_once(&mut step.group_by, "group_by", place, parts)
    }),
    ("count", 1, |step, place, given| {
        let count = first_argument(given).and_then(read_step_count);
        step.check_occurs("count")?;
        set_once(&mut step.count, "count", place, count)
    }),
    ("optional", 0, |step, place, _| {
        step.check_occurs("optional")?;
        set_once(&mut step.optional, "optional", place, Ok(()))
    }),
    ("within", 1, |step, place, given| {
        let within = first_argument(given).and_then(read_nonzero_span);
        set_once(&mut step.within, "within", place, within)
    }),
];

impl StepDraft {
    /// Begins a step.
    pub(crate) fn new(
        name: &Dynamic,
        place: Position,
        is_absent: bool,
    ) -> (Self, Option<RuleProblem>) {
        let named = read_text(name).and_then(check_name);
        let name = read_text(name).unwrap_or_else(|_| "?".to_owned());
        let step = Self {
            name: name.into(),
            place,
            is_absent,
            when: None,
            on: None,
            group_by: None,
            count: None,
            optional: None,
            within: None,
        };
        (step, named.err())
    }

    fn check_occurs(&self, method: &str) -> Result<(), RuleProblem> {
        if !self.is_absent {
            return Ok(());
        }
        let problem = format!("`.{method}(..)` of a step that must not come at all");
        Err(RuleProblem::new("bad-step", problem).with_help("that is `step(..)`, not `absent(..)`"))
    }
}

fn check_name(name: String) -> Result<(), RuleProblem> {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first == '_' || first.is_ascii_alphabetic());
    if begins && letters.all(|letter| letter == '_' || letter.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let problem = format!("{name:?} is no name of a step");
    Err(RuleProblem::new("bad-step", problem).with_help(
        "names are letters, digits and `_`, such as `login_ok`; `seen.login_ok` is its event",
    ))
}

fn first_argument(given: &[Dynamic]) -> Result<&Dynamic, RuleProblem> {
    let missing = || RuleProblem::new("wrong-argument", "an argument is missing");
    given.first().ok_or_else(missing)
}

/// Patterns of topics, each once.
pub(super) fn read_patterns(value: &Dynamic) -> Result<Vec<TopicPattern>, RuleProblem> {
    let mut patterns = Vec::new();
    for text in read_texts(value)? {
        let pattern =
            TopicPattern::new(&text).map_err(|error| explain_bad_pattern(&text, &error))?;
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}

fn read_step_count(value: &Dynamic) -> Result<u32, RuleProblem> {
    let count = value.as_int().ok().filter(|count| *count > 0);
    let Some(count) = count else {
        let problem = format!(
            "a step's count is a whole number from 1 on, not {}",
            describe_argument(value)
        );
        return Err(
            RuleProblem::new("bad-count", problem).with_optional_help(suggest_number(value))
        );
    };
    match u32::try_from(count) {
        Ok(count) if count as usize <= limits::EVENTS_PER_KEY => Ok(count),
        Ok(_) | Err(_) => {
            let problem = format!("a step that waits for {count} events would have to keep them");
            let help = format!("a count is at most {}", limits::EVENTS_PER_KEY);
            Err(RuleProblem::new("unbounded-state", problem).with_help(help))
        }
    }
}

/// A list of steps.
pub(super) fn read_steps(value: &Dynamic) -> Result<Vec<StepDraft>, RuleProblem> {
    let wrong = |found: &Dynamic| {
        let problem = format!("steps are wanted, not {}", describe_argument(found));
        RuleProblem::new("wrong-argument", problem)
            .with_help("write `[step(\"a\").when(|event| ..), step(\"b\").when(|event| ..)]`")
    };
    let Ok(elements) = value.as_array_ref() else {
        return Err(wrong(value));
    };
    let steps: Vec<StepDraft> = elements
        .iter()
        .map(|element| {
            let step = element.read_lock::<StepDraft>();
            step.map(|step| step.clone()).ok_or_else(|| wrong(element))
        })
        .collect::<Result<_, _>>()?;
    if steps.is_empty() {
        return Err(RuleProblem::new("wrong-argument", "the list is empty"));
    }
    if steps.len() > limits::STEPS {
        let problem = format!("{} steps", steps.len());
        let help = format!("a rule has at most {} steps", limits::STEPS);
        return Err(RuleProblem::new("unbounded-state", problem).with_help(help));
    }
    // Names are how `seen` and alerts say which event is meant, so each is there once.
    for (index, step) in steps.iter().enumerate() {
        if steps
            .iter()
            .take(index)
            .any(|other| other.name == step.name)
        {
            let problem = format!("two steps are called {:?}", &*step.name);
            return Err(
                RuleProblem::new("bad-step", problem).with_help("each step has a name of its own")
            );
        }
    }
    Ok(steps)
}
