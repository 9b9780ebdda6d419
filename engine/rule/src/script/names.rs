//! Names of members that events and windows do not have.
//!
//! Owns the refusals of such names. Which variable holds an event or a window is known to `scopes`.
//! Invariant: a name in brackets is never refused here, since that is how rules reach members that
//! the engine does not know.

use rhai::{Expr, FnCallExpr, Position};

use super::chain::ChainLink;
use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::view::{
    FieldRef, NODE_FIELD_ROOTS, NODE_MEMBERS, TREE_FUNCTIONS, UnknownField, is_value_property,
};

/// What a window of `.alert(|window| ..)` has.
const WINDOW_MEMBERS: [&str; 7] = ["count", "value", "key", "first", "last", "event", "within"];

/// What a variable stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NameMeaning<'k> {
    Event,
    Window(WindowMeaning<'k>),
    /// A node of a tree, as `event.has_ancestor(|node| ..)` shows it.
    Node,
}

/// What is known of a rule's windows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowMeaning<'k> {
    /// The names of its group's members.
    pub(crate) keys: &'k [&'k str],
    /// Whether it is of single events: one of several matches has no one event.
    pub(crate) has_event: bool,
    /// Whether something else than a count is measured.
    pub(crate) has_value: bool,
}

/// What is wrong with a chain that begins with an event or a window, and where.
pub(super) fn check_chain(
    rule: &str,
    meaning: NameMeaning<'_>,
    links: &[ChainLink<'_>],
) -> Option<(Position, RuleProblem)> {
    match meaning {
        NameMeaning::Event => check_event_chain(rule, links),
        NameMeaning::Node => check_node_chain(rule, links),
        NameMeaning::Window(window) => match links {
            [ChainLink::Property("event", place), ..] if !window.has_event => {
                Some((*place, no_event_problem(rule, window.keys)))
            }
            [ChainLink::Property("value", place), ..] if !window.has_value => {
                let message =
                    format!("rule {rule}: it measures nothing, so a window has no `value`");
                let problem = RuleProblem::new("unknown-field", message);
                Some((
                    *place,
                    problem.with_help("how many there are is `window.count`"),
                ))
            }
            _ => check_window_chain(rule, window.keys, links),
        },
    }
}

fn check_event_chain(rule: &str, links: &[ChainLink<'_>]) -> Option<(Position, RuleProblem)> {
    if let [ChainLink::Method(call, called), ..] = links {
        if call.name == "has"
            && let [Expr::StringConstant(path, place)] = call.args.as_slice()
        {
            let unknown = FieldRef::parse(path).err()?;
            return Some((*place, unknown_field_problem(&unknown).about_rule(rule)));
        }
        return check_tree_call(rule, call, *called);
    }
    let mut names = Vec::new();
    let mut places = Vec::new();
    for link in links {
        // A bracket is the way to members that the engine does not know.
        let ChainLink::Property(name, place) = link else {
            break;
        };
        names.push(*name);
        places.push(*place);
    }
    let unknown = FieldRef::from_segments(&names).err()?;
    let depth = unknown.name.split('.').count().checked_sub(1)?;
    let place = places.get(depth)?;
    if depth > 0 && is_value_property(&unknown.part) {
        return None;
    }
    Some((*place, unknown_field_problem(&unknown).about_rule(rule)))
}

/// What is wrong with a question about the event's tree.
fn check_tree_call(
    rule: &str,
    call: &FnCallExpr,
    place: Position,
) -> Option<(Position, RuleProblem)> {
    let (name, wanted) = TREE_FUNCTIONS.iter().find(|(name, _)| call.name == *name)?;
    if call.args.len() == *wanted {
        return None;
    }
    let (what, help) = match *name {
        "has_ancestor" => (
            "a closure",
            "write `event.has_ancestor(|node| ..)`".to_owned(),
        ),
        "descendant_of" => (
            "the id of a node",
            "write `event.descendant_of(\"..\")`".to_owned(),
        ),
        name => ("no argument", format!("write `event.{name}()`")),
    };
    let problem = format!("rule {rule}: `event.{name}(..)` takes {what}");
    Some((
        place,
        RuleProblem::new("wrong-argument", problem).with_help(help),
    ))
}

fn check_node_chain(rule: &str, links: &[ChainLink<'_>]) -> Option<(Position, RuleProblem)> {
    let (ChainLink::Property(name, place), _) = links.split_first()? else {
        return None;
    };
    let known = NODE_MEMBERS.into_iter().chain(NODE_FIELD_ROOTS);
    if known.clone().any(|known| known == *name) || FieldRef::parse(name).is_ok() {
        return None;
    }
    let problem = format!("rule {rule}: a node has no member `{name}`");
    let help = did_you_mean(name, known.clone()).unwrap_or_else(|| {
        let known: Vec<&str> = known.collect();
        format!("it has {}", known.join(", "))
    });
    Some((
        *place,
        RuleProblem::new("unknown-field", problem).with_help(help),
    ))
}

/// The refusal of a field that no event has.
pub(crate) fn unknown_field_problem(unknown: &UnknownField) -> RuleProblem {
    let UnknownField { name, part, known } = unknown;
    let problem = match name.rsplit_once('.') {
        _ if part.is_empty() => format!("{name:?} has an empty part"),
        Some((before, _)) => format!("an event's `{before}` has no member `{part}`"),
        None => format!("an event has no member `{part}`"),
    };
    let is_top = !name.contains('.') && !part.is_empty();
    if is_top && (part == "root" || part == "tree") {
        let help = "the root of an event's tree is `event.root()`, or \"tree.root\" to group by";
        return RuleProblem::new("unknown-field", problem).with_help(help);
    }
    let fields = is_top
        .then(|| format!("fields of your own stand under `data` or `metadata`; try `data.{part}`"));
    RuleProblem::new("unknown-field", problem)
        .with_optional_help(fields)
        .with_optional_help(did_you_mean(part, known.iter().copied()))
}

/// A rule that counts asks for the one event that it does not have.
fn no_event_problem(rule: &str, keys: &[&str]) -> RuleProblem {
    let problem = format!("rule {rule}: a window of several events has no `event`");
    let help = match keys.first() {
        Some(key) => format!("what its matches have in common is its key: `window.key.{key}`"),
        None => "what its matches have in common is its key: `.group_by(..)`".to_owned(),
    };
    RuleProblem::new("unknown-field", problem).with_help(help)
}

fn check_window_chain(
    rule: &str,
    keys: &[&str],
    links: &[ChainLink<'_>],
) -> Option<(Position, RuleProblem)> {
    let (ChainLink::Property(name, place), rest) = links.split_first()? else {
        return None;
    };
    // The window's own names first: what follows one that does not exist means nothing.
    if !WINDOW_MEMBERS.contains(name) {
        let problem = format!("rule {rule}: a window has no member `{name}`");
        let help = did_you_mean(name, WINDOW_MEMBERS)
            .unwrap_or_else(|| format!("it has {}", WINDOW_MEMBERS.join(", ")));
        return Some((
            *place,
            RuleProblem::new("unknown-field", problem).with_help(help),
        ));
    }
    match (*name, rest) {
        ("event", rest) => check_event_chain(rule, rest),
        ("key", [ChainLink::Property(key, place), ..]) if !keys.contains(key) => {
            let problem = format!("rule {rule}: its group key has no member `{key}`");
            let help = did_you_mean(key, keys.iter().copied()).unwrap_or_else(|| match keys {
                [] => "the rule has no `.group_by(..)`".to_owned(),
                keys => format!("it has {}", keys.join(", ")),
            });
            Some((
                *place,
                RuleProblem::new("unknown-field", problem).with_help(help),
            ))
        }
        _ => None,
    }
}
