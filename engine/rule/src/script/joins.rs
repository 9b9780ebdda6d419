//! Comparisons of an event with those of steps before it: `|event, seen| event.data.pid ==
//! seen.a.data.child`.
//!
//! Owns taking them out of a closure. Deciding them is the window's job; what is left of the
//! closure is a condition over the event alone, read and run like any other.
//! Invariant: no mention of `seen` is left behind: what is not a comparison joined by `&&` is
//! refused.

use std::rc::Rc;

use larum_event::value::Comparison;
use rhai::{ASTNode, Expr, ImmutableString, Position, ScriptFuncDef, Stmt};

use super::chain::{ChainLink, ChainRoot, MemberChain};
use super::closure::{ClosureArguments, RuleClosure};
use super::names::unknown_field_problem;
use super::source::body_statements;
use crate::diagnostic::RuleProblem;
use crate::view::FieldRef;

/// One comparison, as the closure says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinComparison {
    /// The field of the event.
    pub(crate) field: ComparedField,
    /// How it compares with the other one.
    pub(crate) comparison: Comparison,
    /// The step that the other field is of, and where it is named.
    pub(crate) step: (String, Position),
    /// The field of an event of that step.
    pub(crate) other: ComparedField,
}

/// A field that is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ComparedField {
    pub(crate) field: FieldRef,
    pub(crate) place: Position,
}

type JoinResult = Result<JoinComparison, (Position, RuleProblem)>;

/// The comparisons of a closure with steps before, each or what is wrong with it.
pub(crate) fn read_joins(function: &Rc<ScriptFuncDef>, closure: &RuleClosure) -> Vec<JoinResult> {
    let mut found = Vec::new();
    split_joins(function, closure, &mut found);
    found
}

/// The parameters of a closure over an event, the event the last, and its statements without
/// comparisons with steps before.
pub(crate) fn body_without_joins(
    function: &Rc<ScriptFuncDef>,
    closure: &RuleClosure,
) -> (Vec<ImmutableString>, Vec<Stmt>) {
    let parameters = function.params.iter().cloned();
    let own = match closure.arguments {
        ClosureArguments::Seen => closure.captured.len() + 1,
        ClosureArguments::One | ClosureArguments::State => function.params.len(),
    };
    let statements = split_joins(function, closure, &mut Vec::new());
    (parameters.take(own).collect(), statements)
}

fn split_joins(
    function: &Rc<ScriptFuncDef>,
    closure: &RuleClosure,
    found: &mut Vec<JoinResult>,
) -> Vec<Stmt> {
    let mut statements = body_statements(function);
    if closure.arguments != ClosureArguments::Seen {
        return statements;
    }
    let own = function.params.get(closure.captured.len()..);
    let Some([event, seen]) = own else {
        return statements;
    };
    let mut split = JoinSplitter { event, seen, found };
    if let Some(last) = statements.last_mut() {
        split.split_statement(last);
    }
    for statement in &statements {
        if let Some(place) = find_mention(seen, |visit| {
            statement.walk(&mut Vec::new(), visit);
        }) {
            split.found.push(Err((place, split.bad_join_problem())));
        }
    }
    statements
}

/// Takes comparisons out of a conjunction.
struct JoinSplitter<'s> {
    event: &'s str,
    seen: &'s str,
    found: &'s mut Vec<JoinResult>,
}

impl JoinSplitter<'_> {
    fn split_statement(&mut self, statement: &mut Stmt) {
        match statement {
            Stmt::Expr(expr) => self.split_conjunct(expr),
            Stmt::FnCall(call, place) => {
                let mut expr = Expr::FnCall(call.clone(), *place);
                self.split_conjunct(&mut expr);
                *statement = Stmt::Expr(Box::new(expr));
            }
            _ => {}
        }
    }

    fn split_conjunct(&mut self, expr: &mut Expr) {
        if self.extract_joins(expr) {
            *expr = Expr::BoolConstant(true, expr.position());
        }
    }

    /// Takes the comparisons out of an expression; says whether it is nothing else.
    fn extract_joins(&mut self, expr: &mut Expr) -> bool {
        if let Expr::And(parts, _) = expr {
            parts.retain(|part| !self.extract_joins(part));
            let is_empty = parts.is_empty();
            if parts.len() == 1
                && let Some(only) = parts.pop()
            {
                *expr = only;
            }
            return is_empty;
        }
        if let Expr::Stmt(block) = expr
            && let [only] = block.statements_mut().as_mut_slice()
        {
            self.split_statement(only);
            return false;
        }
        let place = find_mention(self.seen, |visit| {
            expr.walk(&mut Vec::new(), visit);
        });
        let Some(place) = place else {
            return false;
        };
        self.found.push(self.read_join(expr, place));
        true
    }

    fn read_join(&self, expr: &Expr, place: Position) -> JoinResult {
        let other = || (place, self.bad_join_problem());
        let (comparison, left, right) = read_comparison(expr).ok_or_else(other)?;
        let own = |expr| read_path(expr, self.event);
        let (own, comparison, seen) = match (own(left), own(right)) {
            (Some(own), None) => (own, comparison, read_path(right, self.seen)),
            (None, Some(own)) => (own, comparison.flip(), read_path(left, self.seen)),
            (Some(_), Some(_)) | (None, None) => return Err(other()),
        };
        let seen = seen.ok_or_else(other)?;
        let [(step, step_place), field @ ..] = seen.as_slice() else {
            return Err(other());
        };
        if field.is_empty() {
            return Err(other());
        }
        Ok(JoinComparison {
            field: resolve_field(&own)?,
            comparison,
            step: ((*step).to_owned(), *step_place),
            other: resolve_field(field)?,
        })
    }

    fn bad_join_problem(&self) -> RuleProblem {
        let (event, seen) = (self.event, self.seen);
        let problem =
            format!("`{seen}` can only be compared, field with field, and joined by `&&`");
        RuleProblem::new("bad-join", problem).with_help(format!(
            "write `{event}.data.x == {seen}.STEP.data.y && ..`; anything else asks `{event}` alone"
        ))
    }
}

/// A comparison of two expressions.
fn read_comparison(expr: &Expr) -> Option<(Comparison, &Expr, &Expr)> {
    let Expr::FnCall(call, _) = expr else {
        return None;
    };
    let ([left, right], Some(_)) = (call.args.as_slice(), &call.op_token) else {
        return None;
    };
    let comparison = Comparison::from_sign(&call.name)?;
    Some((comparison, left, right))
}

type PathSegment<'e> = (&'e str, Position);

fn resolve_field(names: &[PathSegment<'_>]) -> Result<ComparedField, (Position, RuleProblem)> {
    let segments: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let field = FieldRef::from_segments(&segments).map_err(|unknown| {
        let depth = unknown.name.split('.').count().saturating_sub(1);
        let place = names.get(depth).map_or(Position::NONE, |(_, place)| *place);
        (place, unknown_field_problem(&unknown))
    })?;
    let place = names.last().map_or(Position::NONE, |(_, place)| *place);
    Ok(ComparedField { field, place })
}

/// The names behind a variable, if an expression is nothing but a path below it.
fn read_path<'e>(expr: &'e Expr, variable: &str) -> Option<Vec<PathSegment<'e>>> {
    let chain = MemberChain::from_expr(expr);
    if !matches!(chain.root, ChainRoot::Variable(name) if name == variable) {
        return None;
    }
    let links = chain.links.iter().map(|link| match link {
        ChainLink::Property(name, place) => Some((*name, *place)),
        ChainLink::Index(Expr::StringConstant(name, place)) if !name.contains('.') => {
            Some((name.as_str(), *place))
        }
        ChainLink::Index(_) | ChainLink::Method(..) => None,
    });
    let path: Option<Vec<PathSegment<'e>>> = links.collect();
    path.filter(|path| !path.is_empty())
}

/// Where a variable is named first.
fn find_mention(
    variable: &str,
    walk: impl FnOnce(&mut dyn FnMut(&[ASTNode<'_>]) -> bool),
) -> Option<Position> {
    let mut found = None;
    walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Variable(names, _, place))) = path.last()
            && names.1 == variable
        {
            found = Some(*place);
        }
        found.is_none()
    });
    found
}
