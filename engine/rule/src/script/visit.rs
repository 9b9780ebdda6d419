//! Following an event or window through the functions of a file.

use std::rc::Rc;

use rhai::{ASTNode, Expr, Position, ScriptFuncDef, Stmt};

use super::chain::{Chain, Link, Root};
use super::closure::Literal;
use super::names::Meaning;
use super::source::Source;
use super::uses::{self, FieldUse};
use super::walk::Call;
use crate::diagnostic::Refusal;

/// A function and the variables of it that stand for something.
pub(super) struct Visit<'k> {
    pub(super) function: Rc<ScriptFuncDef>,
    pub(super) names: Vec<(String, Meaning<'k>)>,
    pub(super) this: Option<Meaning<'k>>,
    /// Values that it captured.
    pub(super) constants: Vec<(String, Literal)>,
}

impl Visit<'_> {
    /// An event or a window never changes; who assigns to a part of it meant to compare.
    pub(super) fn assignment(&self, rule: &str, node: &ASTNode<'_>) -> Option<(Position, Refusal)> {
        let ASTNode::Stmt(Stmt::Assignment(parts)) = node else {
            return None;
        };
        let chain = Chain::of(&parts.1.lhs);
        if chain.links.is_empty() {
            return None;
        }
        let what = match meaning_of(chain.root, self)? {
            Meaning::Event => "an event",
            Meaning::Window { .. } => "a window",
        };
        let problem = format!("rule {rule}: {what} cannot be changed");
        let problem = Refusal::new("assignment", problem).help("did you mean `==`?");
        Some((parts.0.position(), problem))
    }

    /// What a call asks of the event's fields.
    pub(super) fn uses(&self, call: Call<'_>) -> Vec<FieldUse> {
        let field = |expr: &Expr| {
            let chain = Chain::of(expr);
            let meaning = meaning_of(chain.root, self)?;
            let links = below_event(meaning, &chain.links);
            let (path, _, taken) = uses::path_of(links)?;
            (taken == links.len()).then_some(path)
        };
        let constant = |name: &str| {
            let mut constants = self.constants.iter();
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
        (Meaning::Window { .. }, [Link::Property("event", _), rest @ ..]) => rest,
        (Meaning::Window { .. }, _) => &[],
    }
}

pub(super) fn aliases(statements: &[Stmt], names: &mut Vec<(String, Meaning<'_>)>) {
    for statement in statements {
        if let Stmt::Var(parts, ..) = statement
            && let Expr::Variable(from, ..) = &parts.1
            && let Some((_, meaning)) = names.iter().find(|(name, _)| *name == from.1.as_str())
        {
            names.push((parts.0.name.to_string(), *meaning));
        }
    }
}

pub(super) fn meaning_of<'k>(root: Root<'_>, visit: &Visit<'k>) -> Option<Meaning<'k>> {
    match root {
        Root::Variable(variable) => visit
            .names
            .iter()
            .find(|(name, _)| name == variable)
            .map(|(_, meaning)| *meaning),
        Root::This => visit.this,
        Root::Other => None,
    }
}

pub(super) fn follow_call<'k>(
    source: &Source,
    visit: &Visit<'k>,
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
            let root = Chain::of(argument);
            let whole = root.links.is_empty();
            let meaning = whole.then(|| meaning_of(root.root, visit)).flatten()?;
            Some((parameter.to_string(), meaning))
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
