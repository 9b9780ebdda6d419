//! The meaning of a closure as text, independent of how it is written.
//!
//! Owns the text that semantic hashes are computed from. It leaves out spaces, comments, positions
//! and the names that rhai gives to closures; it includes the functions that are called and the
//! values that were captured.
//! Invariant: two closures with the same text decide the same. Anything this printer does not know
//! is replaced by the text of the whole file: one change too many only makes a rule start again,
//! one too few would be a wrong answer.

use std::collections::BTreeSet;
use std::fmt::Write;

use rhai::{ASTFlags, Dynamic, Expr, FnCallExpr, FnPtr, Stmt};

use super::closure::RuleClosure;
use super::source::{RuleSource, body_statements};

/// Writes closures of one file.
pub(crate) struct ClosureNormalizer<'a> {
    source: &'a RuleSource,
    file_text: &'a str,
    out: String,
    seen: BTreeSet<String>,
    pending: Vec<String>,
    unknown: bool,
}

impl<'a> ClosureNormalizer<'a> {
    /// The meaning of `closure`.
    pub(crate) fn normalize_closure(
        source: &'a RuleSource,
        file_text: &'a str,
        closure: &RuleClosure,
    ) -> String {
        let mut normal = Self {
            source,
            file_text,
            out: String::new(),
            seen: BTreeSet::new(),
            pending: Vec::new(),
            unknown: false,
        };
        normal.write_closure(&closure.name, closure.parameter_count());
        let _ = write!(normal.out, "\ncaptured {:?}", closure.captured);
        while let Some(name) = normal.pending.pop() {
            normal.write_functions(&name);
        }
        if normal.unknown {
            normal.out.push_str("\nfile ");
            normal.out.push_str(normal.file_text);
        }
        normal.out
    }

    fn write_closure(&mut self, name: &str, parameters: usize) {
        let Some(function) = self.source.find_function(name, parameters) else {
            self.unknown = true;
            return;
        };
        let _ = write!(self.out, "|{}|", function.params.join(","));
        let statements = body_statements(function);
        self.write_block(&statements);
    }

    /// Functions of that name, with any parameters; named ones are written once.
    fn write_functions(&mut self, name: &str) {
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        for function in self.source.functions_by_name(name) {
            let _ = write!(self.out, "\nfn {name}({})", function.params.join(","));
            let statements = body_statements(function);
            self.write_block(&statements);
        }
    }

    fn write_block(&mut self, statements: &[Stmt]) {
        self.out.push('{');
        for statement in statements {
            self.write_statement(statement);
            self.out.push(';');
        }
        self.out.push('}');
    }

    fn write_statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Noop(_) | Stmt::Share(_) => {}
            Stmt::Expr(expr) => self.write_expr(expr),
            Stmt::FnCall(call, _) => self.write_call(call),
            Stmt::Block(block) => self.write_block(block.statements()),
            Stmt::If(flow, _) => {
                self.write_word("if ", &flow.expr);
                self.write_block(flow.body.statements());
                self.write_block(flow.branch.statements());
            }
            Stmt::While(flow, _) => {
                self.write_word("while ", &flow.expr);
                self.write_block(flow.body.statements());
            }
            Stmt::For(parts, _) => {
                let counter = parts.1.as_ref().map_or("", |counter| counter.as_str());
                let _ = write!(self.out, "for({},{counter})", parts.0.as_str());
                self.write_expr(&parts.2.expr);
                self.write_block(parts.2.body.statements());
            }
            Stmt::Var(parts, flags, _) => {
                let word = if flags.contains(ASTFlags::CONSTANT) {
                    "const"
                } else {
                    "let"
                };
                let _ = write!(self.out, "{word} {}=", parts.0.as_str());
                self.write_expr(&parts.1);
            }
            Stmt::Return(value, flags, _) => {
                let word = if flags.contains(ASTFlags::BREAK) {
                    "throw "
                } else {
                    "return "
                };
                self.out.push_str(word);
                if let Some(value) = value {
                    self.write_expr(value);
                }
            }
            Stmt::BreakLoop(value, flags, _) => {
                let _ = write!(self.out, "break{}", flags.bits());
                if let Some(value) = value {
                    self.write_expr(value);
                }
            }
            // Switches keep their cases by hash; the rest is too rare to be worth a line.
            _ => self.unknown = true,
        }
    }

    fn write_word(&mut self, word: &str, expr: &Expr) {
        self.out.push_str(word);
        self.write_expr(expr);
    }

    fn write_expr(&mut self, expr: &Expr) {
        match expr {
            Expr::BoolConstant(value, _) => self.write_debug(value),
            Expr::IntegerConstant(value, _) => self.write_debug(value),
            Expr::FloatConstant(value, _) => {
                let _ = write!(self.out, "{:?}f", **value);
            }
            Expr::CharConstant(value, _) => self.write_debug(value),
            Expr::StringConstant(text, _) => {
                // `is_def_fn("name", 1)` asks for a function by its name.
                self.pending.push(text.to_string());
                self.write_debug(&text.as_str());
            }
            Expr::Unit(_) => self.out.push_str("()"),
            Expr::ThisPtr(_) => self.out.push_str("this"),
            Expr::Variable(names, ..) => {
                // Where no variable has the name, it is the function of that name.
                self.pending.push(names.1.to_string());
                let _ = write!(self.out, "{}${}", names.2, names.1);
            }
            Expr::Property(names, _) => self.out.push_str(&names.2),
            Expr::DynamicConstant(value, _) => self.write_constant(value),
            Expr::Array(elements, _) => self.write_list("[", elements.iter()),
            Expr::InterpolatedString(parts, _) => self.write_list("`[", parts.iter()),
            Expr::And(operands, _) => self.write_list("and[", operands.iter()),
            Expr::Or(operands, _) => self.write_list("or[", operands.iter()),
            Expr::Coalesce(operands, _) => self.write_list("??[", operands.iter()),
            Expr::Map(members, _) => {
                self.out.push_str("#{");
                for (name, value) in &members.0 {
                    self.write_debug(&name.as_str());
                    self.write_word(":", value);
                    self.out.push(',');
                }
                self.out.push('}');
            }
            Expr::Dot(both, flags, _) => self.write_pair(".", *flags, &both.lhs, &both.rhs),
            Expr::Index(both, flags, _) => self.write_pair("@", *flags, &both.lhs, &both.rhs),
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => self.write_call(call),
            Expr::Stmt(block) => self.write_block(block.statements()),
            _ => self.unknown = true,
        }
    }

    fn write_pair(&mut self, joint: &str, flags: ASTFlags, left: &Expr, right: &Expr) {
        let _ = write!(self.out, "({joint}{} ", flags.bits());
        self.write_expr(left);
        self.write_word(" ", right);
        self.out.push(')');
    }

    fn write_call(&mut self, call: &FnCallExpr) {
        let _ = write!(self.out, "{}", call.namespace);
        self.out.push_str(&call.name);
        if call.op_token.is_none() {
            self.pending.push(call.name.to_string());
        }
        self.write_list("(", call.args.iter());
    }

    fn write_constant(&mut self, value: &Dynamic) {
        match value.read_lock::<FnPtr>() {
            Some(pointer) => {
                // A closure inside the closure: any function of its name is the one.
                let name = pointer.fn_name().to_owned();
                let functions = self.source.functions_by_name(&name);
                let parameters = functions
                    .first()
                    .map_or(0, |function| function.params.len());
                self.write_closure(&name, parameters);
            }
            None => {
                let _ = write!(self.out, "{value:?}");
            }
        }
    }

    fn write_list<'e>(&mut self, open: &str, elements: impl Iterator<Item = &'e Expr>) {
        self.out.push_str(open);
        for element in elements {
            self.write_expr(element);
            self.out.push(',');
        }
        self.out.push(']');
    }

    fn write_debug(&mut self, value: &dyn std::fmt::Debug) {
        let _ = write!(self.out, "{value:?}");
    }
}
