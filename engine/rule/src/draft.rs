//! A rule while its file says what it is.
//!
//! Owns what each method of the builder accepts, and what a finished rule must have. What rules of
//! a set must have in common belongs to the loader.
//! Invariant: a refused argument is noted as given but without a value, and the next method runs.
//! So the author sees every problem at once, and none that only follows from another one.

mod argument;

mod duration;

mod comparison;

mod setting;

mod step;

mod window;

mod rule_steps;

mod finish;

mod finish_window;

mod finish_steps;

mod joins;

mod rule_hasher;

mod link;

use std::sync::Arc;

use larum_event::{RuleId, Severity, Topic, TopicPattern};
use rhai::{Dynamic, Position};

pub(crate) use finish::{FinishedRule, RuleFieldUsages, RuleFinisher};
pub(crate) use link::{
    DeclaredEntity, DeclaredLink, ENTITY_METHODS, EntityDraft, FORMS, LINK_METHODS, LinkDraft,
    LinkFinisher, apply_form, build_link_set,
};
pub(crate) use step::{STEP_METHODS, StepDraft};
pub(crate) use window::WINDOW_METHODS;

use self::argument::{read_key_parts, read_text, read_texts};
use self::setting::{DraftSetting, set_once};
use self::step::read_patterns;
use self::window::WindowDraft;
use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::rule::{KeyPart, alert_topic};
use crate::script::RuleClosure;

/// A rule that is being built.
#[derive(Debug, Clone)]
pub(crate) struct RuleDraft {
    /// As written, for messages.
    pub(crate) name: String,
    pub(crate) id: Option<RuleId>,
    pub(crate) place: Position,
    pub(crate) title: Option<DraftSetting<Arc<str>>>,
    pub(crate) description: Option<DraftSetting<Arc<str>>>,
    pub(crate) severity: Option<DraftSetting<Severity>>,
    pub(crate) attack: Vec<Arc<str>>,
    pub(crate) references: Vec<Arc<str>>,
    pub(crate) false_positives: Vec<Arc<str>>,
    pub(crate) on: Vec<TopicPattern>,
    /// Whether `.on(..)` was called, with good patterns or bad.
    pub(crate) is_on_called: bool,
    /// Where, the last time.
    pub(crate) on_place: Position,
    pub(crate) when: Option<DraftSetting<RuleClosure>>,
    pub(crate) group_by: Option<DraftSetting<Vec<KeyPart>>>,
    pub(crate) window: WindowDraft,
    pub(crate) alert: Option<DraftSetting<RuleClosure>>,
}

/// What a method does with its argument.
type RuleMethod = fn(&mut RuleDraft, Position, &Dynamic) -> Result<(), RuleProblem>;

/// The methods of a rule that are not about its window; each takes one argument.
pub(crate) const RULE_METHODS: [(&str, RuleMethod); 10] = [
    ("title", |draft, place, value| {
        set_once(
            &mut draft.title,
            "title",
            place,
            read_text(value).map(Into::into),
        )
    }),
    ("description", |draft, place, value| {
        let text = read_text(value).map(Into::into);
        set_once(&mut draft.description, "description", place, text)
    }),
    ("severity", |draft, place, value| {
        set_once(
            &mut draft.severity,
            "severity",
            place,
            parse_severity(value),
        )
    }),
    ("attack", |draft, _, value| {
        for technique in read_texts(value)? {
            draft.attack.push(parse_attack_id(&technique)?);
        }
        Ok(())
    }),
    ("references", |draft, _, value| {
        append_texts(&mut draft.references, value)
    }),
    ("false_positives", |draft, _, value| {
        append_texts(&mut draft.false_positives, value)
    }),
    ("on", RuleDraft::add_topics),
    ("when", |draft, place, value| {
        let closure = read_closure(place, value);
        set_once(&mut draft.when, "when", place, closure)
    }),
    ("group_by", |draft, place, value| {
        set_once(
            &mut draft.group_by,
            "group_by",
            place,
            read_key_parts(value),
        )
    }),
    ("alert", |draft, place, value| {
        let closure = read_closure(place, value);
        set_once(&mut draft.alert, "alert", place, closure)
    }),
];

impl RuleDraft {
    /// Begins a rule.
    pub(crate) fn new(id: &Dynamic, place: Position) -> (Self, Option<RuleProblem>) {
        let name = read_text(id);
        let id = name.clone().and_then(|name| parse_rule_id(&name));
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
            is_on_called: false,
            on_place: place,
            when: None,
            group_by: None,
            window: WindowDraft::default(),
            alert: None,
        };
        (draft, id.err())
    }

    fn add_topics(&mut self, place: Position, value: &Dynamic) -> Result<(), RuleProblem> {
        self.is_on_called = true;
        self.on_place = place;
        for pattern in read_patterns(value)? {
            if !self.on.contains(&pattern) {
                self.on.push(pattern);
            }
        }
        Ok(())
    }
}

fn append_texts(texts: &mut Vec<Arc<str>>, value: &Dynamic) -> Result<(), RuleProblem> {
    texts.extend(read_texts(value)?.into_iter().map(Arc::from));
    Ok(())
}

fn parse_rule_id(name: &str) -> Result<RuleId, RuleProblem> {
    let bad = |reason: String| {
        RuleProblem::new("bad-id", format!("{name:?} is not a rule id: {reason}")).with_help(
            "ids are words of letters, digits, '_' and '-' joined by dots: \"auth.brute_force\"",
        )
    };
    let id = RuleId::new(name).map_err(|error| bad(error.to_string()))?;
    // The rule's alerts need a topic.
    Topic::new(&alert_topic(&id)).map_err(|error| bad(error.to_string()))?;
    Ok(id)
}

/// An ATT&CK technique, `T1110` or `T1110.001`, or a tactic, `TA0006`.
fn parse_attack_id(text: &str) -> Result<Arc<str>, RuleProblem> {
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
    Err(RuleProblem::new("bad-attack", problem).with_help(help))
}

fn parse_severity(value: &Dynamic) -> Result<Severity, RuleProblem> {
    let text = read_text(value)?;
    text.parse::<Severity>().map_err(|error| {
        let known = Severity::ALL.map(Severity::as_str);
        let near = did_you_mean(&text.to_ascii_lowercase(), known);
        RuleProblem::new("bad-severity", error.to_string()).with_optional_help(near)
    })
}

fn read_closure(place: Position, value: &Dynamic) -> Result<RuleClosure, RuleProblem> {
    let Some(pointer) = value.read_lock::<rhai::FnPtr>() else {
        let found = argument::describe_argument(value);
        return Err(RuleProblem::new(
            "wrong-argument",
            format!("a closure is wanted, not {found}"),
        )
        .with_help("write `|event| ..`"));
    };
    RuleClosure::freeze_pointer(&pointer, place).map_err(|kind| {
        RuleProblem::new(
            "bad-capture",
            format!("the closure captures a variable that holds {kind}"),
        )
        .with_help(
            "capture numbers, texts, arrays and maps; make a function with `fn name(..) { .. }`",
        )
    })
}
