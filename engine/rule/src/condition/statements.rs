//! Bodies: `let`, `if`, `return`, and what follows them.

use rhai::{ASTFlags, Expr, Position, Stmt};

use super::question::{Condition, Question};
use super::read::{Reader, ask, start, start_of_call};
use super::scope::{Binding, Operand};

/// What the value of a body is used for.
#[derive(Clone, Copy)]
pub(super) struct Tail {
    /// Nothing, and a missing field, are not true; else they are errors.
    pub(super) is_lenient: bool,
    /// `return` ends just this body.
    pub(super) may_return: bool,
}

impl Reader<'_> {
    /// What a list of statements gives. `place` is shown where it is empty.
    pub(super) fn statements(
        &mut self,
        statements: &[Stmt],
        tail: Tail,
        place: Position,
    ) -> Condition {
        let Some((first, rest)) = statements.split_first() else {
            return nothing(tail, place);
        };
        match first {
            Stmt::Noop(_) if !rest.is_empty() => self.statements(rest, tail, place),
            // A closure inside shares a variable. What it changes there is seen by scripts alone.
            Stmt::Share(_) if !rest.is_empty() => self.statements(rest, tail, place),
            Stmt::Var(parts, ..) => self.declaration((&parts.0.name, &parts.1), rest, tail, place),
            Stmt::Return(value, flags, at) if !flags.contains(ASTFlags::BREAK) => match value {
                _ if !tail.may_return => Condition::script(*at),
                Some(value) => self.condition(value, tail.is_lenient),
                None => nothing(tail, *at),
            },
            Stmt::If(flow, at) => self.choice(
                (&flow.expr, *at),
                (flow.body.statements(), flow.branch.statements()),
                rest,
                tail,
            ),
            Stmt::Expr(expr) if rest.is_empty() => self.condition(expr, tail.is_lenient),
            Stmt::FnCall(call, at) if rest.is_empty() => {
                let at = start_of_call(call, *at);
                self.call(call, at, tail.is_lenient)
                    .unwrap_or_else(|| Condition::script(at))
            }
            Stmt::Block(block) if rest.is_empty() => self.block(block.statements(), tail, place),
            Stmt::Noop(at) => nothing(tail, *at),
            other => Condition::script(other.position()),
        }
    }

    fn declaration(
        &mut self,
        (name, value): (&str, &Expr),
        rest: &[Stmt],
        tail: Tail,
        place: Position,
    ) -> Condition {
        let at = start(value);
        let mut before = Vec::new();
        let binding = self.bound(value, &mut before);
        if rest.is_empty() {
            // It gives nothing, and what stands in it was computed.
            return after(before, nothing(tail, at));
        }
        self.scope.bind(name, binding);
        let last = self.statements(rest, tail, place);
        after(before, last)
    }

    /// What a name is bound to; what must be computed for it is added to `before`.
    pub(super) fn bound<'s>(&mut self, value: &Expr, before: &mut Vec<Condition>) -> Binding<'s> {
        let at = start(value);
        if self.is_event(value) {
            // Only the parameter itself is looked up by path.
            return Binding::Event { by_members: true };
        }
        match self.operand(value) {
            Some(operand) => {
                before.extend(computed(&operand, at));
                Binding::Operand(operand)
            }
            None => {
                before.push(Condition::Script {
                    place: at,
                    is_total: self.is_total(value),
                });
                Binding::Unknown
            }
        }
    }

    fn is_event(&self, value: &Expr) -> bool {
        let Expr::Variable(names, ..) = value else {
            return false;
        };
        names.2.is_empty() && matches!(self.scope.get(&names.1), Some(Binding::Event { .. }))
    }

    fn choice(
        &mut self,
        (condition, at): (&Expr, Position),
        (body, branch): (&[Stmt], &[Stmt]),
        rest: &[Stmt],
        tail: Tail,
    ) -> Condition {
        let decider = self.decider(condition);
        let (then, other) = if rest.is_empty() {
            (self.block(body, tail, at), self.block(branch, tail, at))
        } else if always_returns(body) && branch.is_empty() {
            (self.block(body, tail, at), self.block(rest, tail, at))
        } else if always_returns(body) && always_returns(branch) {
            (self.block(body, tail, at), self.block(branch, tail, at))
        } else if always_returns(branch) && body.is_empty() {
            (self.block(rest, tail, at), self.block(branch, tail, at))
        } else {
            // What both ways leave behind is not followed.
            return after(vec![decider], Condition::script(at));
        };
        Condition::Choice(Box::new([decider, then, other]))
    }
}

/// The value of a body without one.
fn nothing(tail: Tail, place: Position) -> Condition {
    if tail.is_lenient {
        Condition::Constant(false)
    } else {
        Condition::script(place)
    }
}

fn after(before: Vec<Condition>, last: Condition) -> Condition {
    if before.is_empty() {
        last
    } else {
        Condition::After(before, Box::new(last))
    }
}

/// What is computed when a name is bound to an operand, beside looking a field up.
fn computed(operand: &Operand, place: Position) -> Option<Condition> {
    match operand {
        Operand::Field(_) | Operand::Constant(_) | Operand::Length { .. } => None,
        Operand::Recased(_, field) => Some(ask(Question::Made(field.clone()), place)),
        Operand::Else(_, other) => computed(other, place),
        Operand::Truth(condition) => Some(condition.as_ref().clone()),
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
