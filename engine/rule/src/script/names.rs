//! Names of members that events and windows do not have.

use rhai::{Expr, FnCallExpr, Position};

use super::chain::Link;
use crate::diagnostic::{Refusal, did_you_mean};
use crate::view::{
    FieldRef, KEPT_BELOW, NODE_MEMBERS, TREE_FUNCTIONS, UnknownField, is_value_property,
};

/// What a window of `.alert(|window| ..)` has.
const WINDOW_MEMBERS: [&str; 7] = ["count", "value", "key", "first", "last", "event", "within"];

/// What a variable stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning<'k> {
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
pub(super) fn chain_problem(
    rule: &str,
    meaning: Meaning<'_>,
    links: &[Link<'_>],
) -> Option<(Position, Refusal)> {
    match meaning {
        Meaning::Event => event_problem(rule, links),
        Meaning::Node => node_problem(rule, links),
        Meaning::Window(window) => match links {
            [Link::Property("event", place), ..] if !window.has_event => {
                Some((*place, no_event(rule, window.keys)))
            }
            [Link::Property("value", place), ..] if !window.has_value => {
                let problem =
                    format!("rule {rule}: it measures nothing, so a window has no `value`");
                let problem = Refusal::new("unknown-field", problem);
                Some((*place, problem.help("how many there are is `window.count`")))
            }
            _ => window_problem(rule, window.keys, links),
        },
    }
}

fn event_problem(rule: &str, links: &[Link<'_>]) -> Option<(Position, Refusal)> {
    if let [Link::Method(call, called), ..] = links {
        if call.name == "has"
            && let [Expr::StringConstant(path, place)] = call.args.as_slice()
        {
            let unknown = FieldRef::parse(path).err()?;
            return Some((*place, unknown_field(&unknown).of_rule(rule)));
        }
        return tree_problem(rule, call, *called);
    }
    let mut names = Vec::new();
    let mut places = Vec::new();
    for link in links {
        // A bracket is the way to members that the engine does not know.
        let Link::Property(name, place) = link else {
            break;
        };
        names.push(*name);
        places.push(*place);
    }
    let unknown = FieldRef::of_segments(&names).err()?;
    let depth = unknown.name.split('.').count().checked_sub(1)?;
    let place = places.get(depth)?;
    if depth > 0 && is_value_property(&unknown.part) {
        return None;
    }
    Some((*place, unknown_field(&unknown).of_rule(rule)))
}

/// What is wrong with a question about the event's tree.
fn tree_problem(rule: &str, call: &FnCallExpr, place: Position) -> Option<(Position, Refusal)> {
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
    Some((place, Refusal::new("wrong-argument", problem).help(help)))
}

fn node_problem(rule: &str, links: &[Link<'_>]) -> Option<(Position, Refusal)> {
    let (Link::Property(name, place), _) = links.split_first()? else {
        return None;
    };
    let known = NODE_MEMBERS.into_iter().chain(KEPT_BELOW);
    if known.clone().any(|known| known == *name) || FieldRef::parse(name).is_ok() {
        return None;
    }
    let problem = format!("rule {rule}: a node has no member `{name}`");
    let help = did_you_mean(name, known.clone()).unwrap_or_else(|| {
        let known: Vec<&str> = known.collect();
        format!("it has {}", known.join(", "))
    });
    Some((*place, Refusal::new("unknown-field", problem).help(help)))
}

/// The refusal of a field that no event has.
pub(crate) fn unknown_field(unknown: &UnknownField) -> Refusal {
    let UnknownField { name, part, known } = unknown;
    let problem = match name.rsplit_once('.') {
        _ if part.is_empty() => format!("{name:?} has an empty part"),
        Some((before, _)) => format!("an event's `{before}` has no member `{part}`"),
        None => format!("an event has no member `{part}`"),
    };
    let is_top = !name.contains('.') && !part.is_empty();
    if is_top && (part == "root" || part == "tree") {
        let help = "the root of an event's tree is `event.root()`, or \"tree.root\" to group by";
        return Refusal::new("unknown-field", problem).help(help);
    }
    let fields = is_top
        .then(|| format!("fields of your own stand under `data` or `metadata`; try `data.{part}`"));
    Refusal::new("unknown-field", problem)
        .maybe_help(fields)
        .maybe_help(did_you_mean(part, known.iter().copied()))
}

/// A rule that counts asks for the one event that it does not have.
fn no_event(rule: &str, keys: &[&str]) -> Refusal {
    let problem = format!("rule {rule}: a window of several events has no `event`");
    let help = match keys.first() {
        Some(key) => format!("what its matches have in common is its key: `window.key.{key}`"),
        None => "what its matches have in common is its key: `.group_by(..)`".to_owned(),
    };
    Refusal::new("unknown-field", problem).help(help)
}

fn window_problem(rule: &str, keys: &[&str], links: &[Link<'_>]) -> Option<(Position, Refusal)> {
    let (Link::Property(name, place), rest) = links.split_first()? else {
        return None;
    };
    if !WINDOW_MEMBERS.contains(name) {
        let problem = format!("rule {rule}: a window has no member `{name}`");
        let help = did_you_mean(name, WINDOW_MEMBERS)
            .unwrap_or_else(|| format!("it has {}", WINDOW_MEMBERS.join(", ")));
        return Some((*place, Refusal::new("unknown-field", problem).help(help)));
    }
    match (*name, rest) {
        ("event", rest) => event_problem(rule, rest),
        ("key", [Link::Property(key, place), ..]) if !keys.contains(key) => {
            let problem = format!("rule {rule}: its group key has no member `{key}`");
            let help = did_you_mean(key, keys.iter().copied()).unwrap_or_else(|| match keys {
                [] => "the rule has no `.group_by(..)`".to_owned(),
                keys => format!("it has {}", keys.join(", ")),
            });
            Some((*place, Refusal::new("unknown-field", problem).help(help)))
        }
        _ => None,
    }
}
