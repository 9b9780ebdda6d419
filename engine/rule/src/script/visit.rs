//! Following an event or window through the functions of a file.
//!
//! Owns which functions are visited next, and with what in their parameters. What is wrong with a
//! name is decided in `names`.
//! Invariant: a parameter stands for an event only if every link of the way to it is known; what is
//! computed on the way is not followed, so nothing is refused by mistake.

use std::rc::Rc;

use rhai::{ASTNode, Expr, Position, ScriptFuncDef, Stmt};

use super::chain::{ChainLink, ChainRoot, MemberChain};
use super::closure::RuleLiteral;
use super::field_usage::{self, FieldUsage, FieldUsageKind};
use super::names::NameMeaning;
use super::scopes::{NameScopes, NameTarget};
use super::source::RuleSource;
use super::trees::resolve_closure;
use super::walk::ScriptCall;
use crate::diagnostic::RuleProblem;
use crate::view::{NODE_FIELD_ROOTS, is_value_property};

/// A function and the variables of it that stand for something.
pub(super) struct FunctionVisit<'k> {
    pub(super) function: Rc<ScriptFuncDef>,
    pub(super) names: Vec<(String, NameMeaning<'k>)>,
    pub(super) this: Option<NameMeaning<'k>>,
    /// Values that it captured.
    pub(super) constants: Vec<(String, RuleLiteral)>,
}

/// A place in a function that is visited.
pub(super) struct ScopedVisit<'v, 'k> {
    pub(super) visit: &'v FunctionVisit<'k>,
    pub(super) scopes: &'v NameScopes<'k>,
}

impl<'k> ScopedVisit<'_, 'k> {
    /// What the root of a chain stands for here.
    pub(super) fn resolve_root(&self, root: ChainRoot<'_>) -> Option<NameTarget<'k>> {
        self.scopes.resolve_root(root, self.visit.this)
    }

    /// An event or a window never changes; who assigns to a part of it meant to compare.
    pub(super) fn check_assignment(
        &self,
        rule: &str,
        node: &ASTNode<'_>,
    ) -> Option<(Position, RuleProblem)> {
        let ASTNode::Stmt(Stmt::Assignment(parts)) = node else {
            return None;
        };
        let chain = MemberChain::from_expr(&parts.1.lhs);
        if chain.links.is_empty() {
            return None;
        }
        let bound = self.resolve_root(chain.root)?;
        if !bound.below.is_empty() {
            // A text or list of the event is a copy.
            return None;
        }
        let what = match bound.meaning {
            NameMeaning::Event => "an event",
            NameMeaning::Node => "a node",
            NameMeaning::Window(_) => "a window",
        };
        let message = format!("rule {rule}: {what} cannot be changed");
        let problem = RuleProblem::new("assignment", message).with_help("did you mean `==`?");
        Some((parts.0.position(), problem))
    }

    /// What a call asks of the event's fields.
    pub(super) fn call_usages(&self, call: ScriptCall<'_>) -> Vec<FieldUsage> {
        let field = |expr: &Expr| {
            let chain = MemberChain::from_expr(expr);
            let bound = self.resolve_root(chain.root)?;
            let all_links = bound.extend_links(&chain.links);
            let links = links_below_event(bound.meaning, &all_links);
            let (path, _, taken) = field_usage::chain_path(links)?;
            (taken == links.len()).then_some(path)
        };
        let constant = |name: &str| {
            if self.scopes.is_local(name) {
                return None;
            }
            let mut constants = self.visit.constants.iter();
            let found = constants.find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        field_usage::call_usages(call, field, |expr| {
            field_usage::read_literal(expr, constant)
        })
    }
}

/// The part of a chain that follows the event.
pub(super) fn links_below_event<'a, 'l>(
    meaning: NameMeaning<'_>,
    links: &'l [ChainLink<'a>],
) -> &'l [ChainLink<'a>] {
    match (meaning, links) {
        (NameMeaning::Event, links) => links,
        (NameMeaning::Window(_), [ChainLink::Property("event", _), rest @ ..]) => rest,
        (NameMeaning::Window(_) | NameMeaning::Node, _) => &[],
    }
}

/// The fields that are asked of a node: those that a link keeps.
pub(super) fn kept_field_usage(links: &[ChainLink<'_>]) -> Option<FieldUsage> {
    let (path, place, _) = field_usage::chain_path(links)?;
    let (first, rest) = path.split_once('.')?;
    if !NODE_FIELD_ROOTS.contains(&first) {
        return None;
    }
    // A property of texts, such as `len`, is not a field.
    let path = match rest.rsplit_once('.') {
        Some((before, last)) if is_value_property(last) => format!("{first}.{before}"),
        _ => path,
    };
    Some(FieldUsage {
        path,
        kind: FieldUsageKind::Kept,
        place,
    })
}

/// Follows a closure that is asked about the nodes of a tree.
pub(super) fn follow_ancestor_closure<'k>(
    source: &RuleSource,
    spot: &ScopedVisit<'_, 'k>,
    links: &[ChainLink<'_>],
    visits: &mut Vec<FunctionVisit<'k>>,
) -> Option<(Position, RuleProblem)> {
    let [ChainLink::Method(call, place), ..] = links else {
        return None;
    };
    if call.name != "has_ancestor" {
        return None;
    }
    let [argument] = call.args.as_slice() else {
        return None;
    };
    let Some((function, captured)) = resolve_closure(source, argument) else {
        let is_closure = matches!(argument, Expr::DynamicConstant(..) | Expr::Stmt(..));
        let message = "the closure of `event.has_ancestor(..)` takes one argument, the node";
        let problem = RuleProblem::new("wrong-argument", message);
        return is_closure.then(|| (*place, problem.with_help("write `|node| ..`")));
    };
    // Captured variables come before the node among the parameters.
    let known = function
        .params
        .iter()
        .zip(captured)
        .filter_map(|(parameter, name)| {
            let bound = spot.resolve_root(ChainRoot::Variable(name?))?;
            let whole = bound.below.is_empty();
            whole.then(|| (parameter.to_string(), bound.meaning))
        });
    let mut names: Vec<_> = known.collect();
    let node = function.params.last().map(ToString::to_string);
    names.extend(node.map(|node| (node, NameMeaning::Node)));
    visits.push(FunctionVisit {
        function,
        names,
        this: None,
        constants: Vec::new(),
    });
    None
}

pub(super) fn follow_call<'k>(
    source: &RuleSource,
    spot: &ScopedVisit<'_, 'k>,
    call: ScriptCall<'_>,
    visits: &mut Vec<FunctionVisit<'k>>,
) {
    if call.is_method {
        return;
    }
    let Some(function) = source.find_function(&call.call.name, call.call.args.len()) else {
        return;
    };
    let names: Vec<_> = function
        .params
        .iter()
        .zip(call.call.args.iter())
        .filter_map(|(parameter, argument)| {
            let chain = MemberChain::from_expr(argument);
            let bound = spot.resolve_root(chain.root)?;
            // Only the whole event is followed: a part of it is a plain value in the function.
            let whole = chain.links.is_empty() && bound.below.is_empty();
            whole.then(|| (parameter.to_string(), bound.meaning))
        })
        .collect();
    if !names.is_empty() {
        visits.push(FunctionVisit {
            function: Rc::clone(function),
            names,
            this: None,
            constants: Vec::new(),
        });
    }
}

pub(super) fn follow_method<'k>(
    source: &RuleSource,
    meaning: NameMeaning<'k>,
    links: &[ChainLink<'_>],
    visits: &mut Vec<FunctionVisit<'k>>,
) {
    if let Some(ChainLink::Method(call, _)) = links.first()
        && let Some(function) = source.find_function(&call.name, call.args.len())
    {
        visits.push(FunctionVisit {
            function: Rc::clone(function),
            names: Vec::new(),
            this: Some(meaning),
            constants: Vec::new(),
        });
    }
}
