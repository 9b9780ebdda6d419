//! A rule while its file says what it is.
//!
//! Owns what each method of the builder accepts, and what a finished rule must have. Nothing here
//! stops at the first mistake: a method that refuses its argument leaves the draft as it was, and
//! the author hears of everything at once.

mod argument;

mod duration;

mod comparison;

mod said;

mod step;

mod window;

mod parts;

mod finish;

mod finish_window;

mod finish_steps;

mod joins;

mod meaning;

mod link;

use std::sync::Arc;

use larum_event::{RuleId, Severity, Topic, TopicPattern};
use rhai::{Dynamic, Position};

pub(crate) use finish::{Asks, Finish};
pub(crate) use link::{
    DeclaredEntity, DeclaredLink, ENTITY_METHODS, EntityDraft, FORMS, FinishLinks, LINK_METHODS,
    LinkDraft, agreed, form,
};
pub(crate) use step::{STEP_METHODS, StepDraft};
pub(crate) use window::WINDOW_METHODS;

use self::argument::{key_parts, list, one};
use self::said::{Said, once};
use self::step::patterns;
use self::window::WindowDraft;
use crate::diagnostic::{Refusal, did_you_mean};
use crate::rule::KeyPart;
use crate::script::Closure;

/// A rule that is being built.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// As written, for messages.
    pub(crate) name: String,
    pub(crate) id: Option<RuleId>,
    pub(crate) place: Position,
    pub(crate) title: Option<Said<Arc<str>>>,
    pub(crate) description: Option<Said<Arc<str>>>,
    pub(crate) severity: Option<Said<Severity>>,
    pub(crate) attack: Vec<Arc<str>>,
    pub(crate) references: Vec<Arc<str>>,
    pub(crate) false_positives: Vec<Arc<str>>,
    pub(crate) on: Vec<TopicPattern>,
    /// Whether `.on(..)` was called, with good patterns or bad.
    pub(crate) on_said: bool,
    /// Where, the last time.
    pub(crate) on_place: Position,
    pub(crate) when: Option<Said<Closure>>,
    pub(crate) group_by: Option<Said<Vec<KeyPart>>>,
    pub(crate) window: WindowDraft,
    pub(crate) alert: Option<Said<Closure>>,
}

/// What a method does with its argument.
type Method = fn(&mut Draft, Position, &Dynamic) -> Result<(), Refusal>;

/// The methods of a rule that are not about its window; each takes one argument.
pub(crate) const METHODS: [(&str, Method); 10] = [
    ("title", |draft, place, value| {
        once(&mut draft.title, "title", place, one(value).map(Into::into))
    }),
    ("description", |draft, place, value| {
        let text = one(value).map(Into::into);
        once(&mut draft.description, "description", place, text)
    }),
    ("severity", |draft, place, value| {
        once(&mut draft.severity, "severity", place, severity(value))
    }),
    ("attack", |draft, _, value| {
        for technique in list(value)? {
            draft.attack.push(attack(&technique)?);
        }
        Ok(())
    }),
    ("references", |draft, _, value| {
        append(&mut draft.references, value)
    }),
    ("false_positives", |draft, _, value| {
        append(&mut draft.false_positives, value)
    }),
    ("on", Draft::on),
    ("when", |draft, place, value| {
        let closure = closure(place, value);
        once(&mut draft.when, "when", place, closure)
    }),
    ("group_by", |draft, place, value| {
        once(&mut draft.group_by, "group_by", place, key_parts(value))
    }),
    ("alert", |draft, place, value| {
        let closure = closure(place, value);
        once(&mut draft.alert, "alert", place, closure)
    }),
];

impl Draft {
    /// Begins a rule.
    pub(crate) fn new(id: &Dynamic, place: Position) -> (Self, Option<Refusal>) {
        let name = one(id);
        let id = name.clone().and_then(|name| rule_id(&name));
        let draft = Self {
            name: name.unwrap_or_else(|_| "?".to_owned()),
            id: id.clone().ok(),
            place,
            title: None,
            description: None,
            severity: None,
            attack: Vec::new(),
            references: Vec::new(),
            false_positives: Vec::new(),
            on: Vec::new(),
            on_said: false,
            on_place: place,
            when: None,
            group_by: None,
            window: WindowDraft::default(),
            alert: None,
        };
        (draft, id.err())
    }

    fn on(&mut self, place: Position, value: &Dynamic) -> Result<(), Refusal> {
        self.on_said = true;
        self.on_place = place;
        for pattern in patterns(value)? {
            if !self.on.contains(&pattern) {
                self.on.push(pattern);
            }
        }
        Ok(())
    }
}

fn append(texts: &mut Vec<Arc<str>>, value: &Dynamic) -> Result<(), Refusal> {
    texts.extend(list(value)?.into_iter().map(Arc::from));
    Ok(())
}

fn rule_id(name: &str) -> Result<RuleId, Refusal> {
    let bad = |reason: String| {
        Refusal::new("bad-id", format!("{name:?} is not a rule id: {reason}")).help(
            "ids are words of letters, digits, '_' and '-' joined by dots: \"auth.brute_force\"",
        )
    };
    let id = RuleId::new(name).map_err(|error| bad(error.to_string()))?;
    // The rule's alerts need a topic.
    Topic::new(&alert_topic(&id)).map_err(|error| bad(error.to_string()))?;
    Ok(id)
}

/// The topic that alerts of a rule are on.
pub(crate) fn alert_topic(id: &RuleId) -> String {
    format!("alerts.{}", id.as_str().to_ascii_lowercase())
}

/// An ATT&CK technique, `T1110` or `T1110.001`, or a tactic, `TA0006`.
fn attack(text: &str) -> Result<Arc<str>, Refusal> {
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_technique = |text: &str| match text.split_once('.') {
        Some((technique, part)) => digits(technique, 4) && digits(part, 3),
        None => digits(text, 4),
    };
    let known = |text: &str| {
        text.strip_prefix("TA").is_some_and(|rest| digits(rest, 4))
            || text.strip_prefix('T').is_some_and(is_technique)
    };
    if known(text) {
        return Ok(Arc::from(text));
    }
    let upper = text.trim().to_ascii_uppercase();
    let problem = format!("{text:?} is not an ATT&CK id");
    let help = if known(&upper) {
        format!("did you mean `{upper}`?")
    } else {
        "ids are written T1110 or T1110.001, those of tactics TA0006".to_owned()
    };
    Err(Refusal::new("bad-attack", problem).help(help))
}

fn severity(value: &Dynamic) -> Result<Severity, Refusal> {
    let text = one(value)?;
    text.parse::<Severity>().map_err(|error| {
        let known = Severity::ALL.map(Severity::as_str);
        let near = did_you_mean(&text.to_ascii_lowercase(), known);
        Refusal::new("bad-severity", error.to_string()).maybe_help(near)
    })
}

fn closure(place: Position, value: &Dynamic) -> Result<Closure, Refusal> {
    let Some(pointer) = value.read_lock::<rhai::FnPtr>() else {
        let found = argument::shown(value);
        return Err(Refusal::new(
            "wrong-argument",
            format!("a closure is wanted, not {found}"),
        )
        .help("write `|event| ..`"));
    };
    Closure::freeze(&pointer, place).map_err(|kind| {
        Refusal::new(
            "bad-capture",
            format!("the closure captures a variable that holds {kind}"),
        )
        .help("capture numbers, texts, arrays and maps; make a function with `fn name(..) { .. }`")
    })
}
