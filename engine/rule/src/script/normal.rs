//! A closure's meaning as text: what is written, without the freedom of writing it.
//!
//! Spaces, comments, positions and the names rhai gives to closures leave no trace; the functions
//! that are called and the values that were captured do. Two closures with the same text decide the
//! same. What this printer does not know becomes the text of the whole file: a change too many is
//! only a rule that starts afresh, a change too few would be a wrong answer.

use std::collections::BTreeSet;
use std::fmt::Write;

use rhai::{ASTFlags, Dynamic, Expr, FnCallExpr, FnPtr, Stmt};

use super::closure::Closure;
use super::source::{Source, body};

/// Writes closures of one file.
pub(crate) struct Normal<'a> {
    source: &'a Source,
    file_text: &'a str,
    out: String,
    seen: BTreeSet<String>,
    pending: Vec<String>,
    unknown: bool,
}

impl<'a> Normal<'a> {
    /// The meaning of `closure`.
    pub(crate) fn of(source: &'a Source, file_text: &'a str, closure: &Closure) -> String {
        let mut normal = Self {
            source,
            file_text,
            out: String::new(),
            seen: BTreeSet::new(),
            pending: Vec::new(),
            unknown: false,
        };
        normal.closure(&closure.name, closure.parameters());
        let _ = write!(normal.out, "\ncaptured {:?}", closure.captured);
        while let Some(name) = normal.pending.pop() {
            normal.functions(&name);
        }
        if normal.unknown {
            normal.out.push_str("\nfile ");
            normal.out.push_str(normal.file_text);
        }
        normal.out
    }

    fn closure(&mut self, name: &str, parameters: usize) {
        let Some(function) = self.source.function(name, parameters) else {
            self.unknown = true;
            return;
        };
        let _ = write!(self.out, "|{}|", function.params.join(","));
        let statements = body(function);
        self.block(&statements);
    }

    /// Functions of that name, whatever they take; named ones are written once.
    fn functions(&mut self, name: &str) {
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        for function in self.source.functions_named(name) {
            let _ = write!(self.out, "\nfn {name}({})", function.params.join(","));
            let statements = body(function);
            self.block(&statements);
        }
    }

    fn block(&mut self, statements: &[Stmt]) {
        self.out.push('{');
        for statement in statements {
            self.statement(statement);
            self.out.push(';');
        }
        self.out.push('}');
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Noop(_) | Stmt::Share(_) => {}
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::FnCall(call, _) => self.call(call),
            Stmt::Block(block) => self.block(block.statements()),
            Stmt::If(flow, _) => {
                self.word("if ", &flow.expr);
                self.block(flow.body.statements());
                self.block(flow.branch.statements());
            }
            Stmt::While(flow, _) => {
                self.word("while ", &flow.expr);
                self.block(flow.body.statements());
            }
            Stmt::For(parts, _) => {
                let counter = parts.1.as_ref().map_or("", |counter| counter.as_str());
                let _ = write!(self.out, "for({},{counter})", parts.0.as_str());
                self.expr(&parts.2.expr);
                self.block(parts.2.body.statements());
            }
            Stmt::Var(parts, flags, _) => {
                let word = if flags.contains(ASTFlags::CONSTANT) {
                    "const"
                } else {
                    "let"
                };
                let _ = write!(self.out, "{word} {}=", parts.0.as_str());
                self.expr(&parts.1);
            }
            Stmt::Return(value, flags, _) => {
                let word = if flags.contains(ASTFlags::BREAK) {
                    "throw "
                } else {
                    "return "
                };
                self.out.push_str(word);
                if let Some(value) = value {
                    self.expr(value);
                }
            }
            Stmt::BreakLoop(value, flags, _) => {
                let _ = write!(self.out, "break{}", flags.bits());
                if let Some(value) = value {
                    self.expr(value);
                }
            }
            // Switches keep their cases by hash; the rest is too rare to be worth a line.
            _ => self.unknown = true,
        }
    }

    fn word(&mut self, word: &str, expr: &Expr) {
        self.out.push_str(word);
        self.expr(expr);
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::BoolConstant(value, _) => self.show(value),
            Expr::IntegerConstant(value, _) => self.show(value),
            Expr::FloatConstant(value, _) => {
                let _ = write!(self.out, "{:?}f", **value);
            }
            Expr::CharConstant(value, _) => self.show(value),
            Expr::StringConstant(text, _) => {
                // `is_def_fn("name", 1)` asks for a function by its name.
                self.pending.push(text.to_string());
                self.show(&text.as_str());
            }
            Expr::Unit(_) => self.out.push_str("()"),
            Expr::ThisPtr(_) => self.out.push_str("this"),
            Expr::Variable(names, ..) => {
                // Where no variable has the name, it is the function of that name.
                self.pending.push(names.1.to_string());
                let _ = write!(self.out, "{}${}", names.2, names.1);
            }
            Expr::Property(names, _) => self.out.push_str(&names.2),
            Expr::DynamicConstant(value, _) => self.constant(value),
            Expr::Array(elements, _) => self.list("[", elements.iter()),
            Expr::InterpolatedString(parts, _) => self.list("`[", parts.iter()),
            Expr::And(operands, _) => self.list("and[", operands.iter()),
            Expr::Or(operands, _) => self.list("or[", operands.iter()),
            Expr::Coalesce(operands, _) => self.list("??[", operands.iter()),
            Expr::Map(members, _) => {
                self.out.push_str("#{");
                for (name, value) in &members.0 {
                    self.show(&name.as_str());
                    self.word(":", value);
                    self.out.push(',');
                }
                self.out.push('}');
            }
            Expr::Dot(both, flags, _) => self.joined(".", *flags, &both.lhs, &both.rhs),
            Expr::Index(both, flags, _) => self.joined("@", *flags, &both.lhs, &both.rhs),
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => self.call(call),
            Expr::Stmt(block) => self.block(block.statements()),
            _ => self.unknown = true,
        }
    }

    fn joined(&mut self, joint: &str, flags: ASTFlags, left: &Expr, right: &Expr) {
        let _ = write!(self.out, "({joint}{} ", flags.bits());
        self.expr(left);
        self.word(" ", right);
        self.out.push(')');
    }

    fn call(&mut self, call: &FnCallExpr) {
        let _ = write!(self.out, "{}", call.namespace);
        self.out.push_str(&call.name);
        if call.op_token.is_none() {
            self.pending.push(call.name.to_string());
        }
        self.list("(", call.args.iter());
    }

    fn constant(&mut self, value: &Dynamic) {
        match value.read_lock::<FnPtr>() {
            Some(pointer) => {
                // A closure inside of the closure: any of the functions of its name is it.
                let name = pointer.fn_name().to_owned();
                let functions = self.source.functions_named(&name);
                let parameters = functions
                    .first()
                    .map_or(0, |function| function.params.len());
                self.closure(&name, parameters);
            }
            None => {
                let _ = write!(self.out, "{value:?}");
            }
        }
    }

    fn list<'e>(&mut self, open: &str, elements: impl Iterator<Item = &'e Expr>) {
        self.out.push_str(open);
        for element in elements {
            self.expr(element);
            self.out.push(',');
        }
        self.out.push(']');
    }

    fn show(&mut self, value: &dyn std::fmt::Debug) {
        let _ = write!(self.out, "{value:?}");
    }
}
