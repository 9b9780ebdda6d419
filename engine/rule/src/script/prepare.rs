//! Makes the body of a closure ready to run.
//!
//! Owns what is put in the place of what is written. Named functions stay as they are written.
//! Invariant: a prepared script answers as a condition that was read does:
//!
//! - `event.data.user` is looked up as one path and not member by member. A path that crosses a
//!   text or number is missing, and a name with a dot in it is found.
//! - A missing field, asked whether it is true, answers no. To rhai `() && x` is an error, and
//!   events lack fields all the time. So operands of `&&`, `||` and `!`, and the conditions of `if`
//!   and loops, are wrapped in a function that turns `()` into false and leaves the rest as it is.
//! - `event.has_ancestor(|node| ..)` whose closure captures the event is asked of a copy: rhai
//!   refuses to let a closure see what a call is being made on.

use rhai::{ASTFlags, ASTNode, Engine, Expr, Position, Stmt};

use super::chain::{ChainLink, ChainRoot, MemberChain};
use crate::text::TRUTH_FUNCTION;
use crate::view::{COPY_FUNCTION, FIELD_FUNCTION, FieldRef, is_value_property};

/// The calls that are put in.
pub(crate) struct ClosurePreparer {
    truth: Expr,
    field: Expr,
    copy: Expr,
}

/// Prepares one body.
struct BodyRewriter<'a> {
    calls: &'a ClosurePreparer,
    event: Option<&'a str>,
}

impl ClosurePreparer {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self {
            truth: parse_call(engine, &format!("{TRUTH_FUNCTION}(0)")),
            field: parse_call(engine, &format!("{FIELD_FUNCTION}(0, 0)")),
            copy: parse_call(engine, &format!("{COPY_FUNCTION}(0)")),
        }
    }

    /// Prepares the body of a closure whose parameter `event` is the event, if it has one.
    pub(crate) fn prepare_body(&self, statements: &mut [Stmt], event: Option<&str>) {
        let event = event.filter(|event| !redefines_name(statements, event));
        let body = BodyRewriter { calls: self, event };
        body.rewrite_statements(statements);
    }
}

fn parse_call(engine: &Engine, text: &str) -> Expr {
    let tree = engine.compile_expression(text).ok();
    let call = tree.and_then(|tree| match tree.statements().first() {
        Some(Stmt::Expr(call)) => Some(call.as_ref().clone()),
        Some(Stmt::FnCall(call, place)) => Some(Expr::FnCall(call.clone(), *place)),
        _ => None,
    });
    call.expect("a call of a function parses to a call")
}

/// Puts `arguments` into a copy of a call.
fn fill_arguments(
    template: &Expr,
    place: Position,
    arguments: impl IntoIterator<Item = Expr>,
) -> Expr {
    let mut call = template.clone();
    call.set_position(place);
    if let Expr::FnCall(inner, _) = &mut call {
        for (slot, argument) in inner.args.iter_mut().zip(arguments) {
            *slot = argument;
        }
    }
    call
}

/// Whether a body binds the name again somewhere.
pub(crate) fn redefines_name(statements: &[Stmt], name: &str) -> bool {
    let mut found = false;
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            found |= match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(parts, ..))) => parts.0.name == name,
                Some(ASTNode::Stmt(Stmt::For(parts, _))) => {
                    let counter = parts.1.as_ref();
                    parts.0.name == name || counter.is_some_and(|counter| counter.name == name)
                }
                Some(ASTNode::Stmt(Stmt::TryCatch(..))) => true,
                _ => false,
            };
            !found
        });
    }
    found
}

/// How many links of a chain over the event are one path, and the path.
fn leading_path(chain: &MemberChain<'_>) -> Option<(usize, String)> {
    let mut segments: Vec<&str> = Vec::new();
    for (depth, link) in chain.links.iter().enumerate() {
        let segment = match link {
            // Of a text it is the text's own.
            ChainLink::Property(name, _) if depth > 0 && is_value_property(name) => break,
            ChainLink::Property(name, _) => name,
            ChainLink::Index(Expr::StringConstant(name, _)) => name.as_str(),
            ChainLink::Index(_) | ChainLink::Method(..) => break,
        };
        // A member with a dot in its name has no path; it is looked up in its object.
        if segment.is_empty() || segment.contains('.') {
            break;
        }
        segments.push(segment);
    }
    FieldRef::from_segments(&segments).ok()?;
    Some((segments.len(), segments.join(".")))
}

/// Whether an operand may be missing, so that it is asked whether it is true.
pub(crate) fn may_be_missing(operand: &Expr) -> bool {
    match operand {
        Expr::Dot(..) | Expr::Index(..) | Expr::Variable(..) | Expr::Coalesce(..) => true,
        Expr::FnCall(call, _) => call.op_token.is_none(),
        _ => false,
    }
}

impl BodyRewriter<'_> {
    /// Puts the look-up of a path in the place of a chain over the event, or of its beginning.
    fn rewrite_field(&self, expr: &mut Expr) {
        let Some(event) = self.event else {
            return;
        };
        let chain = MemberChain::from_expr(expr);
        let Some((links, path)) = leading_path(&chain) else {
            return;
        };
        if !matches!(chain.root, ChainRoot::Variable(name) if name == event) {
            return;
        }
        let all = links == chain.links.len();
        let place = expr.start_position();
        // Take the chain apart from the left: its first link holds the root, and what is left after
        // the path stays as it is.
        let mut rest = expr.take();
        let mut root = Expr::default();
        for depth in 0..links.saturating_add(usize::from(!all)) {
            let (Expr::Dot(both, ..) | Expr::Index(both, ..)) = &mut rest else {
                break;
            };
            if depth == 0 {
                root = both.lhs.take();
            }
            if depth < links {
                let next = both.rhs.take();
                rest = next;
            }
        }
        let path = Expr::StringConstant(path.into(), place);
        let look_up = fill_arguments(&self.calls.field, place, [root, path]);
        match &mut rest {
            Expr::Dot(both, ..) | Expr::Index(both, ..) if !all => {
                both.lhs = look_up;
                *expr = rest;
            }
            _ => *expr = look_up,
        }
    }

    /// Calls a method whose closure captures variables on a copy of its receiver.
    fn copy_receiver(&self, expr: &mut Expr) {
        let chain = MemberChain::from_expr(expr);
        let captures = chain.links.iter().any(|link| match link {
            ChainLink::Method(call, _) => {
                let captures = |one: &Expr| matches!(one, Expr::Stmt(_));
                call.name == "has_ancestor" && call.args.iter().any(captures)
            }
            ChainLink::Property(..) | ChainLink::Index(_) => false,
        });
        if !captures || !matches!(chain.root, ChainRoot::Variable(_)) {
            return;
        }
        let place = expr.start_position();
        if let Expr::Dot(both, ..) = expr {
            let root = both.lhs.take();
            both.lhs = fill_arguments(&self.calls.copy, place, [root]);
        }
    }

    fn rewrite_statements(&self, statements: &mut [Stmt]) {
        for statement in statements {
            self.rewrite_statement(statement);
        }
    }

    fn rewrite_statement(&self, statement: &mut Stmt) {
        match statement {
            // The inside before the outside, here and below: what is wrapped is already rewritten.
            Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.rewrite_expr(&mut flow.expr);
                self.wrap_truth(&mut flow.expr);
                self.rewrite_statements(flow.body.statements_mut());
                self.rewrite_statements(flow.branch.statements_mut());
            }
            Stmt::For(parts, _) => {
                self.rewrite_expr(&mut parts.2.expr);
                self.rewrite_statements(parts.2.body.statements_mut());
            }
            Stmt::TryCatch(flow, _) => {
                self.rewrite_statements(flow.body.statements_mut());
                self.rewrite_statements(flow.branch.statements_mut());
            }
            Stmt::Switch(parts, _) => {
                self.rewrite_expr(&mut parts.0);
                for case in parts.1.expressions.iter_mut() {
                    self.rewrite_expr(&mut case.lhs);
                    self.wrap_truth(&mut case.lhs);
                    self.rewrite_expr(&mut case.rhs);
                }
            }
            Stmt::Var(parts, ..) => self.rewrite_expr(&mut parts.1),
            Stmt::Assignment(parts) => self.rewrite_expr(&mut parts.1.rhs),
            Stmt::FnCall(call, _) => call.args.iter_mut().for_each(|arg| self.rewrite_expr(arg)),
            Stmt::Block(block) => self.rewrite_statements(block.statements_mut()),
            Stmt::Expr(expr) => self.rewrite_expr(expr),
            Stmt::Return(Some(expr), ..) | Stmt::BreakLoop(Some(expr), ..) => {
                self.rewrite_expr(expr)
            }
            _ => {}
        }
    }

    fn rewrite_expr(&self, expr: &mut Expr) {
        match expr {
            Expr::And(operands, _) | Expr::Or(operands, _) => {
                for operand in operands.iter_mut() {
                    self.rewrite_expr(operand);
                    self.wrap_truth(operand);
                }
            }
            Expr::Coalesce(operands, _) => {
                operands
                    .iter_mut()
                    .for_each(|operand| self.rewrite_expr(operand));
            }
            Expr::FnCall(call, _) => {
                let negation = call.op_token.is_some() && call.name == "!";
                for argument in call.args.iter_mut() {
                    self.rewrite_expr(argument);
                    if negation {
                        self.wrap_truth(argument);
                    }
                }
            }
            Expr::MethodCall(call, _) => {
                call.args.iter_mut().for_each(|arg| self.rewrite_expr(arg))
            }
            // The path first: it replaces the root that the other two look at.
            Expr::Dot(..) | Expr::Index(..) => {
                self.rewrite_field(expr);
                self.copy_receiver(expr);
                self.rewrite_links(expr);
            }
            Expr::Array(elements, _) | Expr::InterpolatedString(elements, _) => {
                elements
                    .iter_mut()
                    .for_each(|element| self.rewrite_expr(element));
            }
            Expr::Map(members, _) => {
                members
                    .0
                    .iter_mut()
                    .for_each(|(_, value)| self.rewrite_expr(value));
            }
            Expr::Stmt(block) => self.rewrite_statements(block.statements_mut()),
            _ => {}
        }
    }

    /// Prepares what is inside the links of a chain; the links themselves stay.
    fn rewrite_links(&self, mut chain: &mut Expr) {
        let mut inside = false;
        while let Expr::Dot(both, flags, _) | Expr::Index(both, flags, _) = chain {
            self.rewrite_expr(&mut both.lhs);
            let ends = flags.contains(ASTFlags::BREAK);
            inside = true;
            chain = &mut both.rhs;
            if ends {
                break;
            }
        }
        // What is no chain any more may be one of its own, but is never this one again.
        if inside {
            self.rewrite_expr(chain);
        }
    }

    /// Wraps an operand, unless it can be nothing but a truth value.
    fn wrap_truth(&self, operand: &mut Expr) {
        if !may_be_missing(operand) {
            return;
        }
        let place = operand.position();
        *operand = fill_arguments(&self.calls.truth, place, [operand.take()]);
    }
}
