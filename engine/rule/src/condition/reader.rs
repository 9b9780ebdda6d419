//! Reading conditions from syntax trees.
//!
//! Owns the walk over expressions and its limits. Statements are read in `statements`, calls in
//! `calls`, operands in `operand`.
//! Invariant: what is not known exactly is left to the script, part by part; nothing is guessed.

use larum_event::value::Comparison;
use rhai::{Expr, FnCallExpr, Position, Stmt};

use super::question::{FieldQuestion, PlacedQuestion, RuleCondition};
use super::scope::{NameBinding, NameScope, Operand};
use super::statements::BodyUse;
use crate::script::{RuleClosure, RuleSource, body_without_joins, may_be_missing, redefines_name};

/// Most parts of one condition, what its functions hold included; beyond it the script decides.
const MAX_PARTS: usize = 20_000;

/// Reads one closure.
pub(super) struct ConditionReader<'a> {
    /// The file that it is written in.
    pub(super) source: &'a RuleSource,
    /// What is known of names.
    pub(super) scope: NameScope<'a>,
    /// How many parts may still be read.
    pub(super) parts_left: usize,
    /// Functions that are being read inside of each other.
    pub(super) depth: usize,
}

/// The condition of a closure over an event; what cannot be read is left to the script.
pub(crate) fn read_condition(source: &RuleSource, closure: &RuleClosure) -> RuleCondition {
    let Some(function) = source.find_closure(closure) else {
        return RuleCondition::from_script(closure.place);
    };
    let (parameters, statements) = body_without_joins(function, closure);
    let Some((event, captured)) = parameters.split_last() else {
        return RuleCondition::from_script(closure.place);
    };
    let by_members = redefines_name(&statements, event);
    let mut scope = NameScope::for_closure();
    for (name, value) in captured.iter().zip(&closure.captured) {
        scope.bind(name, NameBinding::Literal(value));
    }
    scope.bind(event, NameBinding::Event { by_members });
    let mut reader = ConditionReader {
        source,
        scope,
        parts_left: MAX_PARTS,
        depth: 0,
    };
    let tail = BodyUse {
        is_lenient: true,
        may_return: true,
    };
    reader.read_statements(&statements, tail, function.body.start_position())
}

impl ConditionReader<'_> {
    /// What an expression is as a condition. Where it `is_lenient`, missing is not true; else it is
    /// an error.
    pub(super) fn read_expression(&mut self, expr: &Expr, is_lenient: bool) -> RuleCondition {
        let place = expression_start(expr);
        let Some(left) = self.parts_left.checked_sub(1) else {
            return RuleCondition::from_script(place);
        };
        self.parts_left = left;
        let read = match expr {
            Expr::BoolConstant(value, _) => Some(RuleCondition::Constant(*value)),
            Expr::And(parts, _) => Some(RuleCondition::All(self.read_operands(parts))),
            Expr::Or(parts, _) => Some(RuleCondition::Any(self.read_operands(parts))),
            Expr::FnCall(call, _) => self.read_call(call, place, is_lenient),
            Expr::Stmt(block) => {
                let tail = BodyUse {
                    is_lenient,
                    may_return: false,
                };
                Some(self.read_block(block.statements(), tail, place))
            }
            Expr::Dot(..) | Expr::Index(..) => self.read_chain(expr, is_lenient),
            Expr::Variable(..) | Expr::Coalesce(..) => self
                .read_operand(expr)
                .and_then(|operand| ask_truth(operand, is_lenient, place)),
            _ => None,
        };
        read.unwrap_or_else(|| RuleCondition::Script {
            place,
            // Any other value is an error where a truth value is wanted.
            is_total: gives_truth(expr) && self.is_total(expr),
        })
    }

    fn read_operands(&mut self, parts: &[Expr]) -> Vec<RuleCondition> {
        let mut read = Vec::with_capacity(parts.len());
        for part in parts {
            let is_lenient = self.scope.is_lenient && may_be_missing(part);
            read.push(self.read_expression(part, is_lenient));
        }
        read
    }

    /// An expression that decides which way to go, as in `if`.
    pub(super) fn read_decider(&mut self, expr: &Expr) -> RuleCondition {
        let is_lenient = self.scope.is_lenient && may_be_missing(expr);
        self.read_expression(expr, is_lenient)
    }

    pub(super) fn read_block(
        &mut self,
        statements: &[Stmt],
        tail: BodyUse,
        place: Position,
    ) -> RuleCondition {
        let names = self.scope.enter_block();
        let read = self.read_statements(statements, tail, place);
        self.scope.leave_block(names);
        read
    }
}

/// Where an expression begins; rhai places that of an operator at the operator.
pub(super) fn expression_start(expr: &Expr) -> Position {
    match expr {
        Expr::FnCall(call, place) => call_start(call, *place),
        other => other.start_position(),
    }
}

/// Where the call at `place` begins.
pub(super) fn call_start(call: &FnCallExpr, place: Position) -> Position {
    match call.args.first() {
        Some(first) if call.op_token.is_some() && call.args.len() > 1 => expression_start(first),
        _ => place,
    }
}

/// Whether an expression can give nothing but a truth.
fn gives_truth(expr: &Expr) -> bool {
    let Expr::FnCall(call, _) = expr else {
        return false;
    };
    call.op_token.is_some() && Comparison::from_sign(&call.name).is_some()
}

/// An operand asked whether it is true.
pub(super) fn ask_truth(
    operand: Operand,
    is_lenient: bool,
    place: Position,
) -> Option<RuleCondition> {
    use larum_event::FieldValue;
    match operand {
        Operand::Constant(FieldValue::Bool(value)) => Some(RuleCondition::Constant(value)),
        Operand::Constant(FieldValue::Null) if is_lenient => Some(RuleCondition::Constant(false)),
        Operand::Field(field) => Some(ask_question(
            FieldQuestion::IsTrue {
                field,
                must_be: !is_lenient,
            },
            place,
        )),
        Operand::Condition(condition) => Some(*condition),
        Operand::Coalesce(field, other) => {
            // `a ?? b` asks for `a` only where it is there; null counts as missing, as in scripts.
            let is_there =
                FieldQuestion::Compare(Comparison::NotEqual, field.clone(), FieldValue::Null);
            Some(RuleCondition::Choice(Box::new([
                ask_question(is_there, place),
                ask_truth(Operand::Field(field), is_lenient, place)?,
                ask_truth(*other, is_lenient, place)?,
            ])))
        }
        Operand::Constant(_) | Operand::Length { .. } | Operand::Recased(..) => None,
    }
}

/// A question as a condition.
pub(super) fn ask_question(question: FieldQuestion, place: Position) -> RuleCondition {
    RuleCondition::Question(PlacedQuestion { question, place })
}
