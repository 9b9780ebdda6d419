//! Comparisons of an event with those of steps before it: `|event, seen| event.data.pid == seen.a.data.child`.
//!
//! They are the window's business. What is left of the closure without them is a condition over the event alone,
//! read and run like any other.

use std::rc::Rc;

use larum_event::Comparison;
use rhai::{ASTNode, Expr, ImmutableString, Position, ScriptFuncDef, Stmt};

use super::chain::{Chain, Link, Root};
use super::closure::{Arguments, Closure};
use super::names::unknown_field;
use super::source::body;
use crate::diagnostic::Refusal;
use crate::view::FieldRef;

/// One comparison, as the closure says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrittenJoin {
    /// The field of the event.
    pub(crate) field: Comparable,
    /// How it stands to the other one.
    pub(crate) comparison: Comparison,
    /// The step that the other field is of, and where it is named.
    pub(crate) step: (String, Position),
    /// The field of an event of that step.
    pub(crate) other: Comparable,
}

/// A field that is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparable {
    pub(crate) field: FieldRef,
    pub(crate) place: Position,
}

type Read = Result<WrittenJoin, (Position, Refusal)>;

/// The comparisons of a closure with steps before, each or what is wrong with it.
pub(crate) fn read_joins(function: &Rc<ScriptFuncDef>, closure: &Closure) -> Vec<Read> {
    let mut found = Vec::new();
    split(function, closure, &mut found);
    found
}

/// The parameters of a closure over an event, the event the last, and its statements without comparisons with
/// steps before.
pub(crate) fn own_body(
    function: &Rc<ScriptFuncDef>,
    closure: &Closure,
) -> (Vec<ImmutableString>, Vec<Stmt>) {
    let parameters = function.params.iter().cloned();
    let own = match closure.arguments {
        Arguments::Seen => closure.captured.len() + 1,
        Arguments::One | Arguments::State => function.params.len(),
    };
    let statements = split(function, closure, &mut Vec::new());
    (parameters.take(own).collect(), statements)
}

fn split(function: &Rc<ScriptFuncDef>, closure: &Closure, found: &mut Vec<Read>) -> Vec<Stmt> {
    let mut statements = body(function);
    if closure.arguments != Arguments::Seen {
        return statements;
    }
    let own = function.params.get(closure.captured.len()..);
    let Some([event, seen]) = own else {
        return statements;
    };
    let mut split = Split { event, seen, found };
    if let Some(last) = statements.last_mut() {
        split.last(last);
    }
    for statement in &statements {
        if let Some(place) = mentioned(seen, |visit| {
            statement.walk(&mut Vec::new(), visit);
        }) {
            split.found.push(Err((place, split.no_join())));
        }
    }
    statements
}

/// Takes comparisons out of a conjunction.
struct Split<'s> {
    event: &'s str,
    seen: &'s str,
    found: &'s mut Vec<Read>,
}

impl Split<'_> {
    fn last(&mut self, statement: &mut Stmt) {
        match statement {
            Stmt::Expr(expr) => self.conjunct(expr),
            Stmt::FnCall(call, place) => {
                let mut expr = Expr::FnCall(call.clone(), *place);
                self.conjunct(&mut expr);
                *statement = Stmt::Expr(Box::new(expr));
            }
            _ => {}
        }
    }

    fn conjunct(&mut self, expr: &mut Expr) {
        if self.is_only_joins(expr) {
            *expr = Expr::BoolConstant(true, expr.position());
        }
    }

    /// Takes the comparisons out of an expression; says whether it is nothing else.
    fn is_only_joins(&mut self, expr: &mut Expr) -> bool {
        if let Expr::And(parts, _) = expr {
            parts.retain(|part| !self.is_only_joins(part));
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
            self.last(only);
            return false;
        }
        let place = mentioned(self.seen, |visit| {
            expr.walk(&mut Vec::new(), visit);
        });
        let Some(place) = place else {
            return false;
        };
        self.found.push(self.join(expr, place));
        true
    }

    fn join(&self, expr: &Expr, place: Position) -> Read {
        let other = || (place, self.no_join());
        let (comparison, left, right) = comparison(expr).ok_or_else(other)?;
        let own = |expr| path(expr, self.event);
        let (own, comparison, seen) = match (own(left), own(right)) {
            (Some(own), None) => (own, comparison, path(right, self.seen)),
            (None, Some(own)) => (own, turned(comparison), path(left, self.seen)),
            (Some(_), Some(_)) | (None, None) => return Err(other()),
        };
        let seen = seen.ok_or_else(other)?;
        let [(step, step_place), field @ ..] = seen.as_slice() else {
            return Err(other());
        };
        if field.is_empty() {
            return Err(other());
        }
        Ok(WrittenJoin {
            field: comparable(&own)?,
            comparison,
            step: ((*step).to_owned(), *step_place),
            other: comparable(field)?,
        })
    }

    fn no_join(&self) -> Refusal {
        let (event, seen) = (self.event, self.seen);
        let problem =
            format!("`{seen}` can only be compared, field with field, and joined by `&&`");
        Refusal::new("bad-join", problem).help(format!(
            "write `{event}.data.x == {seen}.STEP.data.y && ..`; anything else asks `{event}` alone"
        ))
    }
}

/// The same comparison from the other side.
fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::AtMost => Comparison::AtLeast,
        Comparison::AtLeast => Comparison::AtMost,
        Comparison::Greater => Comparison::Less,
        same @ (Comparison::Equal | Comparison::NotEqual) => same,
    }
}

/// A comparison of two expressions.
fn comparison(expr: &Expr) -> Option<(Comparison, &Expr, &Expr)> {
    let Expr::FnCall(call, _) = expr else {
        return None;
    };
    let ([left, right], Some(_)) = (call.args.as_slice(), &call.op_token) else {
        return None;
    };
    let signs = [
        Comparison::Less,
        Comparison::AtMost,
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::AtLeast,
        Comparison::Greater,
    ];
    let comparison = signs.into_iter().find(|one| one.sign() == call.name)?;
    Some((comparison, left, right))
}

type Named<'e> = (&'e str, Position);

fn comparable(names: &[Named<'_>]) -> Result<Comparable, (Position, Refusal)> {
    let segments: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let field = FieldRef::of_segments(&segments).map_err(|unknown| {
        let depth = unknown.name.split('.').count().saturating_sub(1);
        let place = names.get(depth).map_or(Position::NONE, |(_, place)| *place);
        (place, unknown_field(&unknown))
    })?;
    let place = names.last().map_or(Position::NONE, |(_, place)| *place);
    Ok(Comparable { field, place })
}

/// The names behind a variable, if an expression is nothing but a path below it.
fn path<'e>(expr: &'e Expr, variable: &str) -> Option<Vec<Named<'e>>> {
    let chain = Chain::of(expr);
    if !matches!(chain.root, Root::Variable(name) if name == variable) {
        return None;
    }
    let links = chain.links.iter().map(|link| match link {
        Link::Property(name, place) => Some((*name, *place)),
        Link::Index(Expr::StringConstant(name, place)) if !name.contains('.') => {
            Some((name.as_str(), *place))
        }
        Link::Index(_) | Link::Method(..) => None,
    });
    let links: Option<Vec<Named<'e>>> = links.collect();
    links.filter(|links| !links.is_empty())
}

/// Where a variable is named first.
fn mentioned(
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
