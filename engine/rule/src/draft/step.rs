//! Steps of sequences and combinations, as rule files write them: `step("a").when(..).count(5)`.
//!
//! A step is a value: each method gives another one, so that a step can be named once and used with changes.

use std::sync::Arc;

use larum_event::{Span, TopicPattern, limits};
use rhai::{Dynamic, Position};

use super::argument::{bad_pattern, key_parts, list, meant_number, one, shown};
use super::duration::span;
use super::said::{Said, once};
use crate::diagnostic::Refusal;
use crate::rule::KeyPart;
use crate::script::Closure;

/// A step that is being built.
#[derive(Debug, Clone)]
pub(crate) struct StepDraft {
    pub(crate) name: Arc<str>,
    pub(crate) place: Position,
    /// Whether it must not come.
    pub(crate) is_absent: bool,
    pub(crate) when: Option<Said<Closure>>,
    pub(crate) on: Option<Said<Vec<TopicPattern>>>,
    pub(crate) group_by: Option<Said<Vec<KeyPart>>>,
    pub(crate) count: Option<Said<u32>>,
    pub(crate) optional: Option<Said<()>>,
    pub(crate) within: Option<Said<Span>>,
}

/// What a method does with its arguments.
type Method = fn(&mut StepDraft, Position, &[Dynamic]) -> Result<(), Refusal>;

/// Every method of a step, with how many arguments it takes.
pub(crate) const STEP_METHODS: [(&str, usize, Method); 6] = [
    ("when", 1, |step, place, given| {
        let closure = first(given).and_then(|value| super::closure(place, value));
        once(&mut step.when, "when", place, closure)
    }),
    ("on", 1, |step, place, given| {
        once(&mut step.on, "on", place, first(given).and_then(patterns))
    }),
    ("group_by", 1, |step, place, given| {
        let parts = first(given).and_then(key_parts);
        once(&mut step.group_by, "group_by", place, parts)
    }),
    ("count", 1, |step, place, given| {
        let count = first(given).and_then(count);
        step.occurs("count")?;
        once(&mut step.count, "count", place, count)
    }),
    ("optional", 0, |step, place, _| {
        step.occurs("optional")?;
        once(&mut step.optional, "optional", place, Ok(()))
    }),
    ("within", 1, |step, place, given| {
        let within = first(given).and_then(span);
        once(&mut step.within, "within", place, within)
    }),
];

impl StepDraft {
    /// Begins a step.
    pub(crate) fn new(name: &Dynamic, place: Position, is_absent: bool) -> (Self, Option<Refusal>) {
        let named = one(name).and_then(named);
        let name = one(name).unwrap_or_else(|_| "?".to_owned());
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

    fn occurs(&self, method: &str) -> Result<(), Refusal> {
        if !self.is_absent {
            return Ok(());
        }
        let problem = format!("`.{method}(..)` of a step that must not come at all");
        Err(Refusal::new("bad-step", problem).help("that is `step(..)`, not `absent(..)`"))
    }
}

fn named(name: String) -> Result<(), Refusal> {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first == '_' || first.is_ascii_alphabetic());
    if begins && letters.all(|letter| letter == '_' || letter.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let problem = format!("{name:?} is no name of a step");
    Err(Refusal::new("bad-step", problem).help(
        "names are letters, digits and `_`, such as `login_ok`; `seen.login_ok` is its event",
    ))
}

fn first(given: &[Dynamic]) -> Result<&Dynamic, Refusal> {
    let missing = || Refusal::new("wrong-argument", "an argument is missing");
    given.first().ok_or_else(missing)
}

/// Patterns of topics, each once.
pub(super) fn patterns(value: &Dynamic) -> Result<Vec<TopicPattern>, Refusal> {
    let mut patterns = Vec::new();
    for text in list(value)? {
        let pattern = TopicPattern::new(&text).map_err(|error| bad_pattern(&text, &error))?;
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}

fn count(value: &Dynamic) -> Result<u32, Refusal> {
    let count = value.as_int().ok().filter(|count| *count > 0);
    let Some(count) = count else {
        let problem = format!(
            "a step's count is a whole number from 1 on, not {}",
            shown(value)
        );
        return Err(Refusal::new("bad-count", problem).maybe_help(meant_number(value)));
    };
    match u32::try_from(count) {
        Ok(count) if count as usize <= limits::EVENTS_PER_KEY => Ok(count),
        Ok(_) | Err(_) => {
            let problem = format!("a step that waits for {count} events would have to keep them");
            let help = format!("a count is at most {}", limits::EVENTS_PER_KEY);
            Err(Refusal::new("unbounded-state", problem).help(help))
        }
    }
}

/// A list of steps.
pub(super) fn steps(value: &Dynamic) -> Result<Vec<StepDraft>, Refusal> {
    let wrong = |found: &Dynamic| {
        let problem = format!("steps are wanted, not {}", shown(found));
        Refusal::new("wrong-argument", problem)
            .help("write `[step(\"a\").when(|event| ..), step(\"b\").when(|event| ..)]`")
    };
    let Ok(elements) = value.as_array_ref() else {
        return Err(wrong(value));
    };
    let steps = elements.iter().map(|element| {
        let step = element.read_lock::<StepDraft>();
        step.map(|step| step.clone()).ok_or_else(|| wrong(element))
    });
    let steps: Vec<StepDraft> = steps.collect::<Result<_, _>>()?;
    if steps.is_empty() {
        return Err(Refusal::new("wrong-argument", "the list is empty"));
    }
    if steps.len() > limits::STEPS {
        let problem = format!("{} steps", steps.len());
        let help = format!("a rule has at most {} steps", limits::STEPS);
        return Err(Refusal::new("unbounded-state", problem).help(help));
    }
    for (index, step) in steps.iter().enumerate() {
        if steps
            .iter()
            .take(index)
            .any(|other| other.name == step.name)
        {
            let problem = format!("two steps are called {:?}", &*step.name);
            return Err(Refusal::new("bad-step", problem).help("each step has a name of its own"));
        }
    }
    Ok(steps)
}
