//! A link or an entity while its file says what it is: `link("process").id("data.ProcessGuid")`.
//!
//! Owns what each method accepts and what must be there. What links of one name must have in common is
//! looked at when all files have been read.

mod part;

mod entity;

mod finish;

mod agree;

mod version;

use std::sync::Arc;

use larum_event::{Joins, LinkPart, Span, TopicPattern};
use rhai::{Dynamic, Position};

pub(crate) use agree::{DeclaredEntity, DeclaredLink, agreed};
pub(crate) use entity::{ENTITY_METHODS, EntityDraft};
pub(crate) use finish::FinishLinks;
pub(crate) use part::{FORMS, form};

use self::part::{field, fields, only, parts};
use super::argument::{one, shown};
use super::duration::any_span;
use super::said::{Said, once};
use super::step::patterns;
use crate::diagnostic::Refusal;

/// Most ways to name a node, or its parent.
const WAYS: usize = 8;
/// Most fields that a node keeps.
const KEPT: usize = 16;
/// The longest that trees which share a node may be apart.
const LONGEST_JOIN: Span = Span::from_seconds(30 * 24 * 60 * 60);
/// Most trees that one node joins.
const MOST_JOINED: i64 = 1_000;
/// What nodes that no link names are called.
const TAKEN: [&str; 6] = ["alert", "event", "incident", "root", "step", "trace"];

/// Parts of an id, in their order.
pub(crate) type Parts = Vec<LinkPart>;

/// A link that is being built.
#[derive(Debug, Clone)]
pub(crate) struct LinkDraft {
    /// As written, for messages.
    pub(crate) name: String,
    pub(crate) place: Position,
    pub(crate) on: Vec<TopicPattern>,
    pub(crate) on_place: Position,
    pub(crate) scope: Option<Said<Parts>>,
    pub(crate) id: Option<Said<Parts>>,
    pub(crate) or_id: Vec<Said<Parts>>,
    pub(crate) parent: Option<Said<Parts>>,
    pub(crate) or_parent: Vec<Said<Parts>>,
    pub(crate) alias: Option<Said<Parts>>,
    pub(crate) parent_alias: Option<Said<Parts>>,
    pub(crate) begins: Option<Said<Vec<TopicPattern>>>,
    pub(crate) label: Option<Said<LinkPart>>,
    pub(crate) keep: Option<Said<Vec<Arc<str>>>>,
    pub(crate) joins: Option<Said<Joins>>,
}

/// What a method does with its arguments.
type Method = fn(&mut LinkDraft, Position, &[Dynamic]) -> Result<(), Refusal>;

/// Every method of a link, with how many arguments it takes.
pub(crate) const LINK_METHODS: [(&str, usize, Method); 12] = [
    ("on", 1, |link, place, given| {
        link.on_place = place;
        let found = patterns(only(given)?)?;
        let new = found.into_iter().filter(|it| !link.on.contains(it));
        let new: Vec<TopicPattern> = new.collect();
        link.on.extend(new);
        Ok(())
    }),
    ("scope", 1, |link, place, given| {
        once(&mut link.scope, "scope", place, parts(given))
    }),
    ("id", 1, |link, place, given| {
        once(&mut link.id, "id", place, parts(given))
    }),
    ("or_id", 1, |link, place, given| {
        or(&mut link.or_id, "id", place, given)
    }),
    ("parent", 1, |link, place, given| {
        once(&mut link.parent, "parent", place, parts(given))
    }),
    ("or_parent", 1, |link, place, given| {
        or(&mut link.or_parent, "parent", place, given)
    }),
    ("alias", 1, |link, place, given| {
        once(&mut link.alias, "alias", place, parts(given))
    }),
    ("parent_alias", 1, |link, place, given| {
        once(&mut link.parent_alias, "parent_alias", place, parts(given))
    }),
    ("begins", 1, |link, place, given| {
        let begins = only(given).and_then(patterns);
        once(&mut link.begins, "begins", place, begins)
    }),
    ("label", 1, |link, place, given| {
        once(&mut link.label, "label", place, only(given).and_then(field))
    }),
    ("keep", 1, |link, place, given| {
        let kept = only(given).and_then(|value| fields(value, KEPT));
        once(&mut link.keep, "keep", place, kept)
    }),
    ("joins", 2, |link, place, given| {
        once(&mut link.joins, "joins", place, joins(given))
    }),
];

impl LinkDraft {
    /// Begins a link.
    pub(crate) fn new(name: &Dynamic, place: Position) -> (Self, Option<Refusal>) {
        let (name, problem) = named(name, "link");
        let draft = Self {
            name,
            place,
            on: Vec::new(),
            on_place: place,
            scope: None,
            id: None,
            or_id: Vec::new(),
            parent: None,
            or_parent: Vec::new(),
            alias: None,
            parent_alias: None,
            begins: None,
            label: None,
            keep: None,
            joins: None,
        };
        (draft, problem)
    }
}

/// The name of a link or an entity, and what is wrong with it.
fn named(name: &Dynamic, kind: &str) -> (String, Option<Refusal>) {
    let name = match one(name) {
        Ok(name) => name,
        Err(problem) => return ("?".to_owned(), Some(problem)),
    };
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    let is_letter = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-')
    };
    if TAKEN.contains(&name.as_str()) {
        let problem = format!("{name:?} is a name of the engine's own");
        let problem = Refusal::new("bad-link", problem)
            .help(format!("call it otherwise; {} are taken", TAKEN.join(", ")));
        return (name, Some(problem));
    }
    if begins && name.chars().all(is_letter) && name.len() <= 64 {
        return (name, None);
    }
    let problem = format!("{name:?} is no name of a kind of {kind}");
    let help = "names are lower-case letters, digits, '_' and '-', such as `process`";
    (name, Some(Refusal::new("bad-link", problem).help(help)))
}

/// One more way to name something.
fn or(
    ways: &mut Vec<Said<Parts>>,
    what: &str,
    place: Position,
    given: &[Dynamic],
) -> Result<(), Refusal> {
    if ways.len() + 2 > WAYS {
        let problem = format!("more than {WAYS} ways to name the {what}");
        return Err(Refusal::new("bad-part", problem)
            .help("declare a second link of the same name for the other topics"));
    }
    let (value, problem) = match parts(given) {
        Ok(parts) => (Some(parts), Ok(())),
        Err(problem) => (None, Err(problem)),
    };
    ways.push(Said { value, place });
    problem
}

fn joins(given: &[Dynamic]) -> Result<Joins, Refusal> {
    let [within, most] = given else {
        return Err(Refusal::new("wrong-argument", "two arguments are wanted"));
    };
    let within = any_span(within)?;
    if within.is_zero() {
        let problem = "trees that share a node at one instant only are hardly ever two";
        let help = "say how far apart they may be: `.joins(\"24h\", 50)`";
        return Err(Refusal::new("bad-joins", problem).help(help));
    }
    if within > LONGEST_JOIN {
        let problem =
            format!("trees that share a node may be at most {LONGEST_JOIN} apart, not {within}");
        let help = "what is further apart is another incident; name a shorter time";
        return Err(Refusal::new("bad-joins", problem).help(help));
    }
    let count = most.as_int().ok();
    match count.filter(|count| (2..=MOST_JOINED).contains(count)) {
        Some(count) => Ok(Joins {
            within,
            most: u32::try_from(count).unwrap_or(u32::MAX),
        }),
        None => {
            let problem = format!("a node joins 2 to {MOST_JOINED} trees, not {}", shown(most));
            let help = "what more trees share than that ties none of them together";
            Err(Refusal::new("bad-joins", problem).help(help))
        }
    }
}
