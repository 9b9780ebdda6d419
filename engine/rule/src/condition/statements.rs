//! Bodies: `let`, `if`, `return`, and what follows them.
//!
//! Owns the order in which statements are read: names are bound as they are met. Loops and
//! assignments are left to the script.
//! Invariant: a statement that may fail is read even where its value is not used, so that its error
//! is the script's error.

use rhai::{ASTFlags, Expr, FlowControl, Position, Stmt};

use super::question::{FieldQuestion, RuleCondition};
use super::reader::{ConditionReader, ask_question, call_start, expression_start};
use super::scope::{NameBinding, Operand};

/// What the value of a body is used for.
#[derive(Clone, Copy)]
pub(super) struct BodyUse {
    /// Nothing, and a missing field, are not true; else they are errors.
    pub(super) is_lenient: bool,
    /// `return` ends just this body.
    pub(super) may_return: bool,
}

impl ConditionReader<'_> {
    /// The value of a list of statements. `place` is shown if the list is empty.
    pub(super) fn read_statements(
        &mut self,
        statements: &[Stmt],
        tail: BodyUse,
        place: Position,
    ) -> RuleCondition {
        let Some((first, rest)) = statements.split_first() else {
            return empty_body(tail, place);
        };
        match first {
            Stmt::Noop(_) if !rest.is_empty() => self.read_statements(rest, tail, place),
            // A closure inside shares a variable. Only scripts see what it changes there.
            Stmt::Share(_) if !rest.is_empty() => self.read_statements(rest, tail, place),
            Stmt::Var(parts, ..) => {
                // Bind before the rest is read: the rest sees the name.
                let before = self.read_declaration(&parts.0.name, &parts.1);
                let last = if rest.is_empty() {
                    // It has no value, but the expression in it was computed and may have failed.
                    empty_body(tail, expression_start(&parts.1))
                } else {
                    self.read_statements(rest, tail, place)
                };
                compute_before(before, last)
            }
            Stmt::Return(value, flags, at) if !flags.contains(ASTFlags::BREAK) => match value {
                _ if !tail.may_return => RuleCondition::from_script(*at),
                Some(value) => self.read_expression(value, tail.is_lenient),
                None => empty_body(tail, *at),
            },
            Stmt::If(flow, at) => self.read_branches(flow, *at, rest, tail),
            Stmt::Expr(expr) if rest.is_empty() => self.read_expression(expr, tail.is_lenient),
            Stmt::FnCall(call, at) if rest.is_empty() => {
                let at = call_start(call, *at);
                self.read_call(call, at, tail.is_lenient)
                    .unwrap_or_else(|| RuleCondition::from_script(at))
            }
            Stmt::Block(block) if rest.is_empty() => {
                self.read_block(block.statements(), tail, place)
            }
            Stmt::Noop(at) => empty_body(tail, *at),
            other => RuleCondition::from_script(other.position()),
        }
    }

    /// Binds a name; what must be computed for it.
    fn read_declaration(&mut self, name: &str, value: &Expr) -> Vec<RuleCondition> {
        let mut before = Vec::new();
        let binding = self.bind_value(value, &mut before);
        self.scope.bind(name, binding);
        before
    }

    /// What a name is bound to; what must be computed for it is added to `before`.
    pub(super) fn bind_value<'s>(
        &mut self,
        value: &Expr,
        before: &mut Vec<RuleCondition>,
    ) -> NameBinding<'s> {
        let at = expression_start(value);
        if self.is_event(value) {
            // Only the parameter itself is looked up by path.
            return NameBinding::Event { by_members: true };
        }
        match self.read_operand(value) {
            Some(operand) => {
                before.extend(binding_cost(&operand, at));
                NameBinding::Operand(operand)
            }
            None => {
                before.push(RuleCondition::Script {
                    place: at,
                    is_total: self.is_total(value),
                });
                NameBinding::Unknown
            }
        }
    }

    fn is_event(&self, value: &Expr) -> bool {
        let Expr::Variable(names, ..) = value else {
            return false;
        };
        names.2.is_empty() && matches!(self.scope.get(&names.1), Some(NameBinding::Event { .. }))
    }

    fn read_branches(
        &mut self,
        flow: &FlowControl,
        at: Position,
        rest: &[Stmt],
        tail: BodyUse,
    ) -> RuleCondition {
        // The decider is read first, as it runs first: the limit on parts counts in that order.
        let decider = self.read_decider(&flow.expr);
        let (body, branch) = (flow.body.statements(), flow.branch.statements());
        let (then, other) = if rest.is_empty() {
            (
                self.read_block(body, tail, at),
                self.read_block(branch, tail, at),
            )
        } else if always_returns(body) && branch.is_empty() {
            (
                self.read_block(body, tail, at),
                self.read_block(rest, tail, at),
            )
        } else if always_returns(body) && always_returns(branch) {
            (
                self.read_block(body, tail, at),
                self.read_block(branch, tail, at),
            )
        } else if always_returns(branch) && body.is_empty() {
            (
                self.read_block(rest, tail, at),
                self.read_block(branch, tail, at),
            )
        } else {
            // What both ways leave behind is not followed.
            return compute_before(vec![decider], RuleCondition::from_script(at));
        };
        RuleCondition::Choice(Box::new([decider, then, other]))
    }
}

/// The value of a body without one.
fn empty_body(tail: BodyUse, place: Position) -> RuleCondition {
    if tail.is_lenient {
        RuleCondition::Constant(false)
    } else {
        RuleCondition::from_script(place)
    }
}

fn compute_before(before: Vec<RuleCondition>, last: RuleCondition) -> RuleCondition {
    if before.is_empty() {
        last
    } else {
        RuleCondition::After(before, Box::new(last))
    }
}

/// What is computed when a name is bound to an operand, besides looking up a field.
fn binding_cost(operand: &Operand, place: Position) -> Option<RuleCondition> {
    match operand {
        Operand::Field(_) | Operand::Constant(_) | Operand::Length { .. } => None,
        Operand::Recased(_, field) => Some(ask_question(
            FieldQuestion::RecasedOnly(field.clone()),
            place,
        )),
        Operand::Coalesce(_, other) => binding_cost(other, place),
        Operand::Condition(condition) => Some(condition.as_ref().clone()),
    }
}

/// Whether nothing behind the statements is reached.
fn always_returns(statements: &[Stmt]) -> bool {
    match statements.last() {
        Some(Stmt::Return(_, flags, _)) => !flags.contains(ASTFlags::BREAK),
        Some(Stmt::If(flow, _)) => {
            always_returns(flow.body.statements()) && always_returns(flow.branch.statements())
        }
        Some(Stmt::Block(block)) => always_returns(block.statements()),
        _ => false,
    }
}
