//! Following an event or window through the functions of a file.

use std::rc::Rc;

use rhai::{ASTNode, Expr, Position, ScriptFuncDef, Stmt};

use super::chain::{Chain, Link, Root};
use super::closure::Literal;
use super::names::Meaning;
use super::scopes::{Bound, Scopes};
use super::source::Source;
use super::trees::written;
use super::uses::{self, Asked, FieldUse};
use super::walk::Call;
use crate::diagnostic::Refusal;
use crate::view::{KEPT_BELOW, is_value_property};

/// A function and the variables of it that stand for something.
pub(super) struct Visit<'k> {
    pub(super) function: Rc<ScriptFuncDef>,
    pub(super) names: Vec<(String, Meaning<'k>)>,
    pub(super) this: Option<Meaning<'k>>,
    /// Values that it captured.
    pub(super) constants: Vec<(String, Literal)>,
}

/// A place in a function that is visited.
pub(super) struct Spot<'v, 'k> {
    pub(super) visit: &'v Visit<'k>,
    pub(super) scopes: &'v Scopes<'k>,
}

impl<'k> Spot<'_, 'k> {
    /// What the root of a chain stands for here.
    pub(super) fn meaning_of(&self, root: Root<'_>) -> Option<Bound<'k>> {
        self.scopes.meaning_of(root, self.visit.this)
    }

    /// An event or a window never changes; who assigns to a part of it meant to compare.
    pub(super) fn assignment(&self, rule: &str, node: &ASTNode<'_>) -> Option<(Position, Refusal)> {
        let ASTNode::Stmt(Stmt::Assignment(parts)) = node else {
            return None;
        };
        let chain = Chain::of(&parts.1.lhs);
        if chain.links.is_empty() {
            return None;
        }
        let bound = self.meaning_of(chain.root)?;
        if !bound.below.is_empty() {
            // A text or list of the event is a copy.
            return None;
        }
        let what = match bound.meaning {
            Meaning::Event => "an event",
            Meaning::Node => "a node",
            Meaning::Window(_) => "a window",
        };
        let problem = format!("rule {rule}: {what} cannot be changed");
        let problem = Refusal::new("assignment", problem).help("did you mean `==`?");
        Some((parts.0.position(), problem))
    }

    /// What a call asks of the event's fields.
    pub(super) fn uses(&self, call: Call<'_>) -> Vec<FieldUse> {
        let field = |expr: &Expr| {
            let chain = Chain::of(expr);
            let bound = self.meaning_of(chain.root)?;
            let links = bound.links(&chain.links);
            let links = below_event(bound.meaning, &links);
            let (path, _, taken) = uses::path_of(links)?;
            (taken == links.len()).then_some(path)
        };
        let constant = |name: &str| {
            if self.scopes.is_own(name) {
                return None;
            }
            let mut constants = self.visit.constants.iter();
            let found = constants.find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        uses::of_call(call, field, |expr| uses::literal_of(expr, constant))
    }
}

/// The part of a chain that stands behind the event.
pub(super) fn below_event<'a, 'l>(meaning: Meaning<'_>, links: &'l [Link<'a>]) -> &'l [Link<'a>] {
    match (meaning, links) {
        (Meaning::Event, links) => links,
        (Meaning::Window(_), [Link::Property("event", _), rest @ ..]) => rest,
        (Meaning::Window(_) | Meaning::Node, _) => &[],
    }
}

/// The fields that are asked of a node: those that a link keeps.
pub(super) fn kept(links: &[Link<'_>]) -> Option<FieldUse> {
    let (path, place, _) = uses::path_of(links)?;
    let (first, rest) = path.split_once('.')?;
    if !KEPT_BELOW.contains(&first) {
        return None;
    }
    // What a text has of its own is no field.
    let path = match rest.rsplit_once('.') {
        Some((before, last)) if is_value_property(last) => format!("{first}.{before}"),
        _ => path,
    };
    Some(FieldUse {
        path,
        asked: Asked::Kept,
        place,
    })
}

/// Follows a closure that is asked about the nodes of a tree.
pub(super) fn follow_nodes<'k>(
    source: &Source,
    spot: &Spot<'_, 'k>,
    links: &[Link<'_>],
    visits: &mut Vec<Visit<'k>>,
) -> Option<(Position, Refusal)> {
    let [Link::Method(call, place), ..] = links else {
        return None;
    };
    if call.name != "has_ancestor" {
        return None;
    }
    let [argument] = call.args.as_slice() else {
        return None;
    };
    let Some((function, captured)) = written(source, argument) else {
        let is_closure = matches!(argument, Expr::DynamicConstant(..) | Expr::Stmt(..));
        let problem = "the closure of `event.has_ancestor(..)` takes one argument, the node";
        let problem = Refusal::new("wrong-argument", problem);
        return is_closure.then(|| (*place, problem.help("write `|node| ..`")));
    };
    let known = function.params.iter().zip(captured);
    let known = known.filter_map(|(parameter, name)| {
        let bound = spot.meaning_of(Root::Variable(name?))?;
        let whole = bound.below.is_empty();
        whole.then(|| (parameter.to_string(), bound.meaning))
    });
    let mut names: Vec<_> = known.collect();
    let node = function.params.last().map(ToString::to_string);
    names.extend(node.map(|node| (node, Meaning::Node)));
    visits.push(Visit {
        function,
        names,
        this: None,
        constants: Vec::new(),
    });
    None
}

pub(super) fn follow_call<'k>(
    source: &Source,
    spot: &Spot<'_, 'k>,
    call: Call<'_>,
    visits: &mut Vec<Visit<'k>>,
) {
    if call.method {
        return;
    }
    let Some(function) = source.function(&call.call.name, call.call.args.len()) else {
        return;
    };
    let names: Vec<_> = function
        .params
        .iter()
        .zip(call.call.args.iter())
        .filter_map(|(parameter, argument)| {
            let chain = Chain::of(argument);
            let bound = spot.meaning_of(chain.root)?;
            let whole = chain.links.is_empty() && bound.below.is_empty();
            whole.then(|| (parameter.to_string(), bound.meaning))
        })
        .collect();
    if !names.is_empty() {
        visits.push(Visit {
            function: Rc::clone(function),
            names,
            this: None,
            constants: Vec::new(),
        });
    }
}

pub(super) fn follow_method<'k>(
    source: &Source,
    meaning: Meaning<'k>,
    links: &[Link<'_>],
    visits: &mut Vec<Visit<'k>>,
) {
    if let Some(Link::Method(call, _)) = links.first()
        && let Some(function) = source.function(&call.name, call.args.len())
    {
        visits.push(Visit {
            function: Rc::clone(function),
            names: Vec::new(),
            this: Some(meaning),
            constants: Vec::new(),
        });
    }
}
