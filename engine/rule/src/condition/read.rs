//! Reading conditions from syntax trees.
//!
//! Reads what it knows exactly and leaves the rest to the script, part by part: never guesses.

use rhai::{Expr, FnCallExpr, Position, Stmt};

use super::Comparison;
use super::question::{Asked, Condition, Question};
use super::scope::{Binding, Operand, Scope};
use super::statements::Tail;
use crate::script::{Closure, Source, may_miss, own_body, redefines};

/// Most parts of one condition, what its functions hold included; beyond it the script decides.
const PARTS: usize = 20_000;

/// Reads one closure.
pub(super) struct Reader<'a> {
    /// The file that it stands in.
    pub(super) source: &'a Source,
    /// What is known of names.
    pub(super) scope: Scope<'a>,
    /// How many parts may still be read.
    pub(super) left: usize,
    /// Functions that are being read inside of each other.
    pub(super) depth: usize,
}

/// The condition of a closure over an event, as far as it can be read.
pub(crate) fn read(source: &Source, closure: &Closure) -> Condition {
    let Some(function) = source.closure(closure) else {
        return Condition::script(closure.place);
    };
    let (parameters, statements) = own_body(function, closure);
    let Some((event, captured)) = parameters.split_last() else {
        return Condition::script(closure.place);
    };
    let by_members = redefines(&statements, event);
    let mut scope = Scope::of_closure();
    for (name, value) in captured.iter().zip(&closure.captured) {
        scope.bind(name, Binding::Literal(value));
    }
    scope.bind(event, Binding::Event { by_members });
    let mut reader = Reader {
        source,
        scope,
        left: PARTS,
        depth: 0,
    };
    let tail = Tail {
        is_lenient: true,
        may_return: true,
    };
    reader.statements(&statements, tail, function.body.start_position())
}

impl Reader<'_> {
    /// What an expression is as a condition. Where it `is_lenient`, missing is not true; else it is an
    /// error.
    pub(super) fn condition(&mut self, expr: &Expr, is_lenient: bool) -> Condition {
        let place = start(expr);
        let Some(left) = self.left.checked_sub(1) else {
            return Condition::script(place);
        };
        self.left = left;
        let read = match expr {
            Expr::BoolConstant(value, _) => Some(Condition::Constant(*value)),
            Expr::And(parts, _) => Some(Condition::All(self.operands(parts))),
            Expr::Or(parts, _) => Some(Condition::Any(self.operands(parts))),
            Expr::FnCall(call, _) => self.call(call, place, is_lenient),
            Expr::Stmt(block) => {
                let tail = Tail {
                    is_lenient,
                    may_return: false,
                };
                Some(self.block(block.statements(), tail, place))
            }
            Expr::Dot(..) | Expr::Index(..) => self.chain(expr, is_lenient),
            Expr::Variable(..) | Expr::Coalesce(..) => self
                .operand(expr)
                .and_then(|operand| flag(operand, is_lenient, place)),
            _ => None,
        };
        read.unwrap_or_else(|| Condition::Script {
            place,
            // What is no truth is an error where one is wanted.
            is_total: gives_truth(expr) && self.is_total(expr),
        })
    }

    fn operands(&mut self, parts: &[Expr]) -> Vec<Condition> {
        let mut read = Vec::with_capacity(parts.len());
        for part in parts {
            let is_lenient = self.scope.is_lenient && may_miss(part);
            read.push(self.condition(part, is_lenient));
        }
        read
    }

    /// What stands where a truth decides, as in `if`.
    pub(super) fn decider(&mut self, expr: &Expr) -> Condition {
        let is_lenient = self.scope.is_lenient && may_miss(expr);
        self.condition(expr, is_lenient)
    }

    pub(super) fn block(&mut self, statements: &[Stmt], tail: Tail, place: Position) -> Condition {
        let names = self.scope.enter();
        let read = self.statements(statements, tail, place);
        self.scope.leave(names);
        read
    }
}

/// Where an expression begins; rhai places an operator's where the operator stands.
pub(super) fn start(expr: &Expr) -> Position {
    match expr {
        Expr::FnCall(call, place) => start_of_call(call, *place),
        other => other.start_position(),
    }
}

/// Where a call begins that stands at `place`.
pub(super) fn start_of_call(call: &FnCallExpr, place: Position) -> Position {
    match call.args.first() {
        Some(first) if call.op_token.is_some() && call.args.len() > 1 => start(first),
        _ => place,
    }
}

/// Whether an expression can give nothing but a truth.
fn gives_truth(expr: &Expr) -> bool {
    let Expr::FnCall(call, _) = expr else {
        return false;
    };
    call.op_token.is_some() && Comparison::named(&call.name).is_some()
}

/// An operand asked whether it is true.
pub(super) fn flag(operand: Operand, is_lenient: bool, place: Position) -> Option<Condition> {
    use larum_event::Value;
    match operand {
        Operand::Constant(Value::Bool(value)) => Some(Condition::Constant(value)),
        Operand::Constant(Value::Null) if is_lenient => Some(Condition::Constant(false)),
        Operand::Field(field) => Some(ask(
            Question::Flag {
                field,
                must_be: !is_lenient,
            },
            place,
        )),
        Operand::Truth(condition) => Some(*condition),
        Operand::Else(field, other) => {
            let is_there = Question::Compare(Comparison::NotEqual, field.clone(), Value::Null);
            Some(Condition::Choice(Box::new([
                ask(is_there, place),
                flag(Operand::Field(field), is_lenient, place)?,
                flag(*other, is_lenient, place)?,
            ])))
        }
        Operand::Constant(_) | Operand::Length { .. } | Operand::Recased(..) => None,
    }
}

/// A question as a condition.
pub(super) fn ask(question: Question, place: Position) -> Condition {
    Condition::Ask(Asked { question, place })
}
