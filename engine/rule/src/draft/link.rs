//! A link or an entity while its file says what it is: `link("process").id("data.ProcessGuid")`.
//!
//! Owns what each method accepts. What must be there is checked in `finish`; what links of one name
//! must have in common belongs to `agreement`, when all files have been read.
//! Invariant: a refused argument is noted as given, so a link is not also refused for lacking it.

mod part;

mod entity;

mod finish;

mod agreement;

mod version;

use std::sync::Arc;

use larum_event::{IncidentJoin, LinkPart, Span, TopicPattern};
use rhai::{Dynamic, Position};

pub(crate) use agreement::{DeclaredEntity, DeclaredLink, build_link_set};
pub(crate) use entity::{ENTITY_METHODS, EntityDraft};
pub(crate) use finish::LinkFinisher;
pub(crate) use part::{FORMS, apply_form};

use self::part::{only_argument, read_part, read_parts, read_plain_paths};
use super::argument::{describe_argument, read_text};
use super::duration::read_span;
use super::setting::{DraftSetting, set_once};
use super::step::read_patterns;
use crate::diagnostic::RuleProblem;

/// Most ways to name a node, or its parent.
const MOST_NAMING_WAYS: usize = 8;
/// Most fields that a node keeps.
const MOST_KEPT_FIELDS: usize = 16;
/// The longest that trees which share a node may be apart.
const LONGEST_JOIN: Span = Span::from_seconds(30 * 24 * 60 * 60);
/// Most trees that one node joins.
const MOST_JOINED: i64 = 1_000;
/// What nodes that no link names are called.
const RESERVED_NAMES: [&str; 6] = ["alert", "event", "incident", "root", "step", "trace"];

/// Parts of an id, in their order.
pub(crate) type LinkParts = Vec<LinkPart>;

/// A link that is being built.
#[derive(Debug, Clone)]
pub(crate) struct LinkDraft {
    /// As written, for messages.
    pub(crate) name: String,
    pub(crate) place: Position,
    pub(crate) on: Vec<TopicPattern>,
    pub(crate) on_place: Position,
    pub(crate) scope: Option<DraftSetting<LinkParts>>,
    pub(crate) id: Option<DraftSetting<LinkParts>>,
    pub(crate) or_id: Vec<DraftSetting<LinkParts>>,
    pub(crate) parent: Option<DraftSetting<LinkParts>>,
    pub(crate) or_parent: Vec<DraftSetting<LinkParts>>,
    pub(crate) alias: Option<DraftSetting<LinkParts>>,
    pub(crate) parent_alias: Option<DraftSetting<LinkParts>>,
    pub(crate) begins: Option<DraftSetting<Vec<TopicPattern>>>,
    pub(crate) label: Option<DraftSetting<LinkPart>>,
    pub(crate) keep: Option<DraftSetting<Vec<Arc<str>>>>,
    pub(crate) joins: Option<DraftSetting<IncidentJoin>>,
}

/// What a method does with its arguments.
type LinkMethod = fn(&mut LinkDraft, Position, &[Dynamic]) -> Result<(), RuleProblem>;

/// Every method of a link, with how many arguments it takes.
pub(crate) const LINK_METHODS: [(&str, usize, LinkMethod); 12] = [
    ("on", 1, |link, place, given| {
        link.on_place = place;
        let found = read_patterns(only_argument(given)?)?;
        let new: Vec<TopicPattern> = found
            .into_iter()
            .filter(|it| !link.on.contains(it))
            .collect();
        link.on.extend(new);
        Ok(())
    }),
    ("scope", 1, |link, place, given| {
        set_once(&mut link.scope, "scope", place, read_parts(given))
    }),
    ("id", 1, |link, place, given| {
        set_once(&mut link.id, "id", place, read_parts(given))
    }),
    ("or_id", 1, |link, place, given| {
        add_alternative(&mut link.or_id, "id", place, given)
    }),
    ("parent", 1, |link, place, given| {
        set_once(&mut link.parent, "parent", place, read_parts(given))
    }),
    ("or_parent", 1, |link, place, given| {
        add_alternative(&mut link.or_parent, "parent", place, given)
    }),
    ("alias", 1, |link, place, given| {
        set_once(&mut link.alias, "alias", place, read_parts(given))
    }),
    ("parent_alias", 1, |link, place, given| {
        set_once(
            &mut link.parent_alias,
            "parent_alias",
            place,
            read_parts(given),
        )
    }),
    ("begins", 1, |link, place, given| {
        let begins = only_argument(given).and_then(read_patterns);
        set_once(&mut link.begins, "begins", place, begins)
    }),
    ("label", 1, |link, place, given| {
        set_once(
            &mut link.label,
            "label",
            place,
            only_argument(given).and_then(read_part),
        )
    }),
    ("keep", 1, |link, place, given| {
        let kept = only_argument(given).and_then(|value| read_plain_paths(value, MOST_KEPT_FIELDS));
        set_once(&mut link.keep, "keep", place, kept)
    }),
    ("joins", 2, |link, place, given| {
        set_once(&mut link.joins, "joins", place, read_joins(given))
    }),
];

impl LinkDraft {
    /// Begins a link.
    pub(crate) fn new(name: &Dynamic, place: Position) -> (Self, Option<RuleProblem>) {
        let (name, problem) = read_name(name, "link");
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
fn read_name(name: &Dynamic, kind: &str) -> (String, Option<RuleProblem>) {
    let name = match read_text(name) {
        Ok(name) => name,
        Err(problem) => return ("?".to_owned(), Some(problem)),
    };
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    let is_letter = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-')
    };
    if RESERVED_NAMES.contains(&name.as_str()) {
        let message = format!("{name:?} is a name of the engine's own");
        let problem = RuleProblem::new("bad-link", message).with_help(format!(
            "call it otherwise; {} are taken",
            RESERVED_NAMES.join(", ")
        ));
        return (name, Some(problem));
    }
    if begins && name.chars().all(is_letter) && name.len() <= 64 {
        return (name, None);
    }
    let problem = format!("{name:?} is no name of a kind of {kind}");
    let help = "names are lower-case letters, digits, '_' and '-', such as `process`";
    (
        name,
        Some(RuleProblem::new("bad-link", problem).with_help(help)),
    )
}

/// One more way to name something.
fn add_alternative(
    ways: &mut Vec<DraftSetting<LinkParts>>,
    what: &str,
    place: Position,
    given: &[Dynamic],
) -> Result<(), RuleProblem> {
    if ways.len() + 2 > MOST_NAMING_WAYS {
        let problem = format!("more than {MOST_NAMING_WAYS} ways to name the {what}");
        return Err(RuleProblem::new("bad-part", problem)
            .with_help("declare a second link of the same name for the other topics"));
    }
    let (value, problem) = match read_parts(given) {
        Ok(parts) => (Some(parts), Ok(())),
        Err(problem) => (None, Err(problem)),
    };
    ways.push(DraftSetting { value, place });
    problem
}

fn read_joins(given: &[Dynamic]) -> Result<IncidentJoin, RuleProblem> {
    let [within, most] = given else {
        return Err(RuleProblem::new(
            "wrong-argument",
            "two arguments are wanted",
        ));
    };
    let within = read_span(within)?;
    if within.is_zero() {
        let problem = "trees that share a node at one instant only are hardly ever two";
        let help = "say how far apart they may be: `.joins(\"24h\", 50)`";
        return Err(RuleProblem::new("bad-joins", problem).with_help(help));
    }
    // Trees are joined while they are live, so how long that is has a limit.
    if within > LONGEST_JOIN {
        let problem =
            format!("trees that share a node may be at most {LONGEST_JOIN} apart, not {within}");
        let help = "what is further apart is another incident; name a shorter time";
        return Err(RuleProblem::new("bad-joins", problem).with_help(help));
    }
    let count = most.as_int().ok();
    match count.filter(|count| (2..=MOST_JOINED).contains(count)) {
        Some(count) => Ok(IncidentJoin {
            within,
            most: u32::try_from(count).unwrap_or(u32::MAX),
        }),
        None => {
            let problem = format!(
                "a node joins 2 to {MOST_JOINED} trees, not {}",
                describe_argument(most)
            );
            let help = "what more trees share than that ties none of them together";
            Err(RuleProblem::new("bad-joins", problem).with_help(help))
        }
    }
}
