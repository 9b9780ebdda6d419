//! Reading conditions from syntax trees.
//!
//! Gives up, rather than guess, on everything it does not know exactly: the script runs then.

use larum_event::{FieldSet, Value};
use rhai::{Expr, FnCallExpr, Stmt};

use super::{Comparison, Condition, Field, Operand};
use crate::script::{Chain, Link, Literal, Root, Source};
use crate::text::{Network, Search, TextTest, regex};
use crate::view::{FieldRef, is_value_property};

/// Reads the condition of one closure.
pub(crate) struct Reader<'a> {
    /// The parameter that is the event.
    pub(crate) event: &'a str,
    /// Captured constants by the parameter that carries them.
    pub(crate) captured: Vec<(&'a str, &'a Literal)>,
    /// The file that it stands in.
    pub(crate) source: &'a Source,
    /// The paths that rules of the set read.
    pub(crate) paths: &'a mut FieldSet,
}

impl Reader<'_> {
    /// The condition that a closure's body is, if all of it can be read.
    pub(crate) fn read(&mut self, body: &[Stmt]) -> Option<Condition> {
        match body {
            [Stmt::Expr(expr)] => self.condition(expr),
            [Stmt::FnCall(call, _)] => self.call(call),
            [Stmt::Block(block)] => self.read(block.statements()),
            _ => None,
        }
    }

    fn condition(&mut self, expr: &Expr) -> Option<Condition> {
        match expr {
            Expr::BoolConstant(value, _) => Some(Condition::Constant(*value)),
            Expr::And(parts, _) => self.all(parts).map(Condition::All),
            Expr::Or(parts, _) => self.all(parts).map(Condition::Any),
            Expr::FnCall(call, _) => self.call(call),
            Expr::Stmt(block) => self.read(block.statements()),
            Expr::Dot(..) | Expr::Index(..) => self.chain(expr),
            Expr::Variable(..) => match self.operand(expr)? {
                Operand::Constant(Value::Bool(value)) => Some(Condition::Constant(value)),
                _ => None,
            },
            _ => None,
        }
    }

    fn all(&mut self, parts: &[Expr]) -> Option<Vec<Condition>> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    fn call(&mut self, call: &FnCallExpr) -> Option<Condition> {
        if !call.namespace.is_empty() {
            return None;
        }
        let operator = call.op_token.is_some();
        match (call.name.as_str(), call.args.as_slice()) {
            ("!", [part]) if operator => Some(Condition::Not(Box::new(self.condition(part)?))),
            // `x in y` is `contains(y, x)`.
            ("contains", [list, value]) if !self.is_defined("contains") => self
                .one_of(list, value)
                .or_else(|| self.test("contains", list, value)),
            (name, [left, right]) if operator => {
                let comparison = Comparison::named(name)?;
                let left = self.operand(left)?;
                Some(Condition::Compare(comparison, left, self.operand(right)?))
            }
            (name, [text, wanted]) if !operator => self.test(name, text, wanted),
            _ => None,
        }
    }

    /// A chain that ends in a field, or in a question about one.
    fn chain(&mut self, expr: &Expr) -> Option<Condition> {
        let chain = Chain::of(expr);
        let Some((Link::Method(call, _), path)) = chain.links.split_last() else {
            return Some(Condition::Flag(self.operand(expr)?));
        };
        let [wanted] = call.args.as_slice() else {
            return None;
        };
        if call.name == "has"
            && path.is_empty()
            && self.is_event(chain.root)
            && !self.is_defined("has")
        {
            let Value::Str(path) = self.constant(wanted)? else {
                return None;
            };
            let field = FieldRef::parse(&path).ok()?;
            return Some(Condition::Has(Field::of(field, self.paths)));
        }
        let operand = self.field(chain.root, path)?;
        self.question(&call.name, operand, wanted)
    }

    fn test(&mut self, name: &str, text: &Expr, wanted: &Expr) -> Option<Condition> {
        let operand = self.operand(text)?;
        if matches!(operand, Operand::Constant(_)) {
            return None;
        }
        self.question(name, operand, wanted)
    }

    /// Whether the file gives a name of ours another meaning.
    fn is_defined(&self, name: &str) -> bool {
        !self.source.functions_named(name).is_empty()
    }

    fn question(&mut self, name: &str, operand: Operand, wanted: &Expr) -> Option<Condition> {
        if self.is_defined(name) {
            return None;
        }
        let Value::Str(wanted) = self.constant(wanted)? else {
            return None;
        };
        match name {
            "matches" => Some(Condition::Regex(operand, regex(&wanted).ok()?)),
            "cidr" => Some(Condition::Inside(operand, Network::parse(&wanted).ok()?)),
            name => {
                let search = Search::new(TextTest::named(name)?, &wanted);
                Some(Condition::Search(operand, search))
            }
        }
    }

    fn one_of(&mut self, list: &Expr, value: &Expr) -> Option<Condition> {
        let list: Vec<Value<'static>> = match list {
            Expr::Array(elements, _) => elements
                .iter()
                .map(|element| self.constant(element))
                .collect::<Option<_>>()?,
            Expr::Variable(names, ..) => match self.captured(&names.1)? {
                Literal::Array(elements) => elements
                    .iter()
                    .map(Literal::to_value)
                    .collect::<Option<_>>()?,
                _ => return None,
            },
            _ => return None,
        };
        Some(Condition::OneOf(self.operand(value)?, list))
    }

    fn operand(&mut self, expr: &Expr) -> Option<Operand> {
        if let Expr::Dot(..) | Expr::Index(..) = expr {
            let chain = Chain::of(expr);
            return self.field(chain.root, &chain.links);
        }
        self.constant(expr).map(Operand::Constant)
    }

    fn constant(&self, expr: &Expr) -> Option<Value<'static>> {
        match expr {
            Expr::BoolConstant(value, _) => Some(Value::Bool(*value)),
            Expr::IntegerConstant(value, _) => Some(Value::Int(*value)),
            Expr::FloatConstant(value, _) => Some(Value::Float(**value)),
            Expr::StringConstant(text, _) => Some(Value::Str(text.to_string().into())),
            Expr::Unit(_) => Some(Value::Null),
            // `-5` is a call of `-`.
            Expr::FnCall(call, _) if call.op_token.is_some() && call.name == "-" => {
                match (call.args.len(), self.constant(call.args.first()?)?) {
                    (1, Value::Int(value)) => value.checked_neg().map(Value::Int),
                    (1, Value::Float(value)) => Some(Value::Float(-value)),
                    _ => None,
                }
            }
            Expr::Variable(names, ..) if names.2.is_empty() => self.captured(&names.1)?.to_value(),
            _ => None,
        }
    }

    fn captured(&self, name: &str) -> Option<&Literal> {
        self.captured
            .iter()
            .find(|(parameter, _)| *parameter == name)
            .map(|(_, value)| *value)
    }

    fn is_event(&self, root: Root<'_>) -> bool {
        matches!(root, Root::Variable(name) if name == self.event)
    }

    fn field(&mut self, root: Root<'_>, links: &[Link<'_>]) -> Option<Operand> {
        if !self.is_event(root) {
            return None;
        }
        let mut segments: Vec<String> = Vec::with_capacity(links.len());
        let mut script_if_missing = false;
        for (depth, link) in links.iter().enumerate() {
            let segment = match link {
                Link::Property(name, _) => {
                    script_if_missing |= depth > 0 && is_value_property(name);
                    (*name).to_owned()
                }
                Link::Index(Expr::StringConstant(name, _)) => name.to_string(),
                Link::Index(_) => return None,
                Link::Method(..) => return None,
            };
            // A member with a dot in its name has no path.
            if segment.is_empty() || segment.contains('.') {
                return None;
            }
            segments.push(segment);
        }
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let field = FieldRef::of_segments(&segments).ok()?;
        Some(Operand::Field {
            field: Field::of(field, self.paths),
            script_if_missing,
        })
    }
}
