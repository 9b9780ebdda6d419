//! Whether a closure asks trees, and where.

use std::collections::BTreeSet;
use std::rc::Rc;

use rhai::{ASTNode, Dynamic, Expr, FnPtr, Position, ScriptFuncDef, Stmt};

use super::closure::RuleClosure;
use super::source::{RuleSource, body_statements};
use super::walk::as_call;
use crate::view::TREE_FUNCTIONS;

/// Where a closure, or a function that it calls, asks trees first; `None` if it does not.
pub(crate) fn asks_trees(source: &RuleSource, closure: &RuleClosure) -> Option<Position> {
    let mut visits: Vec<Rc<ScriptFuncDef>> =
        source.find_closure(closure).cloned().into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(function) = visits.pop() {
        if !seen.insert(function.name.to_string()) {
            continue;
        }
        if let Some(place) = find_tree_call(source, &function, &mut visits) {
            return Some(place);
        }
    }
    None
}

fn find_tree_call(
    source: &RuleSource,
    function: &Rc<ScriptFuncDef>,
    visits: &mut Vec<Rc<ScriptFuncDef>>,
) -> Option<Position> {
    let mut found = None;
    for statement in &body_statements(function) {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            let Some(node) = path.last() else {
                return true;
            };
            if let ASTNode::Expr(Expr::DynamicConstant(value, _)) = node
                && let Some(name) = pointer_name(value)
            {
                visits.extend(source.functions_by_name(&name).into_iter().cloned());
            }
            if let Some(call) = as_call(node) {
                let name = call.call.name.as_str();
                let own = source.functions_by_name(name);
                let is_asked = TREE_FUNCTIONS.iter().any(|(known, _)| *known == name);
                if is_asked && own.is_empty() {
                    found.get_or_insert(call.place);
                }
                visits.extend(own.into_iter().cloned());
            }
            found.is_none()
        });
    }
    found
}

/// The function that a value points at.
fn pointer_name(value: &Dynamic) -> Option<String> {
    let pointer = value.read_lock::<FnPtr>()?;
    Some(pointer.fn_name().to_owned())
}

/// A closure among arguments: its definition, and the variables that it captures, in
/// order.
pub(super) fn resolve_closure<'e>(
    source: &RuleSource,
    expr: &'e Expr,
) -> Option<(Rc<ScriptFuncDef>, Vec<Option<&'e str>>)> {
    let (value, captured): (&Dynamic, &[Expr]) = match expr {
        Expr::DynamicConstant(value, _) => (value, &[]),
        // What captures variables shares them first.
        Expr::Stmt(block) => {
            let curry = block.statements().iter().find_map(|one| match one {
                Stmt::Expr(expr) => match expr.as_ref() {
                    Expr::FnCall(call, _) => Some(call.as_ref()),
                    _ => None,
                },
                Stmt::FnCall(call, _) => Some(call.as_ref()),
                _ => None,
            })?;
            match curry.args.split_first() {
                Some((Expr::DynamicConstant(value, _), captured)) => (value, captured),
                _ => return None,
            }
        }
        _ => return None,
    };
    let name = pointer_name(value)?;
    let names = captured.iter().map(|one| match one {
        Expr::Variable(names, ..) => Some(names.1.as_str()),
        _ => None,
    });
    let function = source.find_function(&name, captured.len() + 1)?;
    Some((Rc::clone(function), names.collect()))
}
