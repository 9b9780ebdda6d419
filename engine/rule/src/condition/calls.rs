//! Calls: operators, questions about texts and lists, and functions of the file.

use larum_event::Value;
use rhai::{Expr, FnCallExpr, Position};

use super::Comparison;
use super::field::FieldUse;
use super::question::{Condition, Question, RecasedTest};
use super::read::{Reader, ask};
use super::scope::{Binding, Operand, Scope};
use super::statements::Tail;
use crate::script::{Chain, Link, Literal, Root, body};
use crate::text::{Network, TextTest, regex};
use crate::view::FieldRef;

/// Deepest that functions are read inside of each other.
const DEPTH: usize = 8;

/// As how many parts a call of a function counts.
const FUNCTION: usize = 20;

impl Reader<'_> {
    /// What a call is as a condition.
    pub(super) fn call(
        &mut self,
        call: &FnCallExpr,
        place: Position,
        is_lenient: bool,
    ) -> Option<Condition> {
        if !call.namespace.is_empty() || call.capture_parent_scope {
            return None;
        }
        let is_operator = call.op_token.is_some();
        match (call.name.as_str(), call.args.as_slice()) {
            // `!()` is true, wherever it is written.
            ("!", [part]) if is_operator => Some(self.condition(part, true).negated()),
            // `x in y` is `contains(y, x)`.
            ("contains", [list, value]) if !self.is_defined("contains") => self
                .member_of(list, value, place)
                .or_else(|| self.asked("contains", list, value, place)),
            (name, [left, right]) if is_operator => {
                let comparison = Comparison::named(name)?;
                let (left, right) = (self.operand(left)?, self.operand(right)?);
                compare(comparison, left, right, place)
            }
            _ if is_operator => None,
            (name, args) if self.is_defined(name) => self.function(name, args, is_lenient, place),
            ("is_empty", [value]) => {
                let operand = self.operand(value)?;
                empty(operand, place)
            }
            (name, [text, wanted]) => self.asked(name, text, wanted, place),
            _ => None,
        }
    }

    /// A chain that ends in a field, or in a question about one.
    pub(super) fn chain(&mut self, expr: &Expr, is_lenient: bool) -> Option<Condition> {
        let place = expr.start_position();
        let chain = Chain::of(expr);
        let Some((Link::Method(call, _), path)) = chain.links.split_last() else {
            return self.truth_of(chain.root, &chain.links, is_lenient, place);
        };
        // Behind `?.`, a question about what is missing is not asked, which is not the answer no.
        if self.is_defined(&call.name) || self.may_end_early(&chain) {
            return None;
        }
        match (call.name.as_str(), call.args.as_slice()) {
            ("has", [wanted]) if path.is_empty() => {
                let Value::Str(path) = self.constant(wanted)? else {
                    return None;
                };
                let is_event = matches!(chain.root, Root::Variable(name)
                    if matches!(self.scope.get(name), Some(Binding::Event { .. })));
                let field = FieldRef::parse(&path).ok().filter(|_| is_event)?;
                Some(ask(Question::Has(FieldUse::at(field)), place))
            }
            ("is_empty", []) => empty(self.chained(chain.root, path)?, place),
            ("contains", [wanted]) => {
                let operand = self.chained(chain.root, path)?;
                self.question("contains", operand, wanted, place)
            }
            (_, []) => self.truth_of(chain.root, &chain.links, is_lenient, place),
            (name, [wanted]) => {
                let operand = self.chained(chain.root, path)?;
                self.question(name, operand, wanted, place)
            }
            _ => None,
        }
    }

    /// Whether a `?` in a chain that ends in a call may keep it from being made. Within a path that is
    /// looked up as one, it has no meaning.
    fn may_end_early(&self, chain: &Chain<'_>) -> bool {
        let Some((last, path)) = chain.optional.split_last() else {
            return false;
        };
        if *last || !path.contains(&true) {
            return *last;
        }
        let Some((_, links)) = chain.links.split_last() else {
            return true;
        };
        let field = self.field(chain.root, links);
        field.is_none_or(|field| field.by_members)
    }

    /// `test(text, wanted)`
    fn asked(
        &mut self,
        name: &str,
        text: &Expr,
        wanted: &Expr,
        place: Position,
    ) -> Option<Condition> {
        let operand = self.operand(text)?;
        self.question(name, operand, wanted, place)
    }

    fn question(
        &mut self,
        name: &str,
        operand: Operand,
        wanted: &Expr,
        place: Position,
    ) -> Option<Condition> {
        let wanted = self.operand(wanted)?;
        let question = match (operand, wanted) {
            (Operand::Field(field), Operand::Constant(Value::Str(wanted))) => match name {
                "matches" => {
                    regex(&wanted).ok()?;
                    Question::Regex(field, wanted.into())
                }
                "cidr" => {
                    Network::parse(&wanted).ok()?;
                    Question::Inside(field, wanted.into())
                }
                name => Question::Search(TextTest::named(name)?, field, wanted.into()),
            },
            (
                Operand::Field(field),
                Operand::Constant(value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_))),
            ) if name == "contains" => Question::Holds(field, value),
            (Operand::Field(field), Operand::Field(other)) => {
                Question::SearchField(TextTest::named(name)?, field, other)
            }
            (Operand::Recased(letters, field), Operand::Constant(Value::Str(wanted))) => {
                let test = match TextTest::named(name)? {
                    TextTest::Contains => RecasedTest::Contains,
                    TextTest::StartsWith => RecasedTest::StartsWith,
                    TextTest::EndsWith => RecasedTest::EndsWith,
                    _ => return None,
                };
                Question::Recased {
                    letters,
                    field,
                    test,
                    wanted: wanted.into(),
                }
            }
            _ => return None,
        };
        Some(ask(question, place))
    }

    /// `value in list`, for lists, ranges and maps that the rule names.
    fn member_of(&mut self, list: &Expr, value: &Expr, place: Position) -> Option<Condition> {
        if let Expr::FnCall(call, _) = list
            && let Some(range) = self.range(call)
        {
            let Operand::Field(field) = self.operand(value)? else {
                return None;
            };
            let (first, last) = range?;
            return Some(ask(Question::Within(field, first, last), place));
        }
        let list = self.list(list)?;
        match self.operand(value)? {
            Operand::Field(field) => Some(ask(Question::OneOf(field, list), place)),
            made @ (Operand::Recased(..) | Operand::Length { .. }) => {
                let mut any = Vec::with_capacity(list.len());
                for wanted in list {
                    let wanted = Operand::Constant(wanted);
                    any.push(compare(Comparison::Equal, made.clone(), wanted, place)?);
                }
                Some(Condition::Any(any))
            }
            Operand::Constant(value) => {
                let found = list.iter().any(|one| Comparison::Equal.holds(one, &value));
                Some(Condition::Constant(found))
            }
            Operand::Else(..) | Operand::Truth(_) => None,
        }
    }

    /// The first and last whole number of a range; inside `None` where it is none that can be read.
    fn range(&self, call: &FnCallExpr) -> Option<Option<(i64, i64)>> {
        let is_closed = match call.name.as_str() {
            ".." => false,
            "..=" => true,
            _ => return None,
        };
        let [first, last] = call.args.as_slice() else {
            return Some(None);
        };
        let (Some(Value::Int(first)), Some(Value::Int(last))) =
            (self.constant(first), self.constant(last))
        else {
            return Some(None);
        };
        if is_closed {
            return Some(Some((first, last)));
        }
        // An empty range stays one.
        Some(last.checked_sub(1).map(|last| (first, last)))
    }

    fn list(&self, list: &Expr) -> Option<Vec<Value<'static>>> {
        match list {
            Expr::Array(elements, _) => elements
                .iter()
                .map(|element| self.constant(element))
                .collect(),
            Expr::Map(members, _) => {
                let values = members.0.iter().map(|(_, value)| self.constant(value));
                values.collect::<Option<Vec<_>>>()?;
                let names = members.0.iter().map(|(name, _)| name.name.to_string());
                Some(names.map(|name| Value::Str(name.into())).collect())
            }
            Expr::Variable(names, ..) if names.2.is_empty() => match self.scope.get(&names.1)? {
                Binding::Literal(Literal::Array(elements)) => {
                    elements.iter().map(Literal::to_value).collect()
                }
                Binding::Literal(Literal::Map(members)) => {
                    let names = members.keys().map(|name| Value::Str(name.clone().into()));
                    Some(names.collect())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A function of the file, read with what it is given.
    fn function(
        &mut self,
        name: &str,
        args: &[Expr],
        is_lenient: bool,
        place: Position,
    ) -> Option<Condition> {
        let function = self.source.function(name, args.len())?;
        if self.depth >= DEPTH {
            return None;
        }
        self.left = self.left.checked_sub(FUNCTION)?;
        let mut before = Vec::new();
        let mut scope = Scope::of_function();
        for (parameter, value) in function.params.iter().zip(args) {
            let binding = self.bound(value, &mut before);
            scope.bind(parameter, binding);
        }
        let outside = std::mem::replace(&mut self.scope, scope);
        self.depth += 1;
        let tail = Tail {
            is_lenient,
            may_return: true,
        };
        let read = self.statements(&body(function), tail, place);
        self.depth -= 1;
        self.scope = outside;
        if before.is_empty() {
            return Some(read);
        }
        Some(Condition::After(before, Box::new(read)))
    }

    /// Whether computing an expression can neither fail nor spend much, whatever the event.
    pub(super) fn is_total(&self, expr: &Expr) -> bool {
        const TOTAL: [&str; 3] = ["len", "parse_int", "parse_float"];
        if self.constant(expr).is_some() {
            return true;
        }
        match expr {
            Expr::FnCall(call, _) => {
                let name = call.name.as_str();
                let is_compared = call.op_token.is_some() && Comparison::named(name).is_some();
                let is_asked = call.args.len() == 1 && TOTAL.contains(&name);
                let fields = call.args.iter();
                let fields = fields.filter(|arg| matches!(arg, Expr::Dot(..) | Expr::Index(..)));
                // Two lists compare element by element, which may fail.
                call.namespace.is_empty()
                    && (is_compared && fields.count() < 2 || is_asked && !self.is_defined(name))
                    && call.args.iter().all(|arg| self.is_total(arg))
            }
            Expr::Dot(..) | Expr::Index(..) => {
                let chain = Chain::of(expr);
                match chain.links.split_last() {
                    Some((Link::Method(call, _), path)) => {
                        TOTAL.contains(&call.name.as_str())
                            && call.args.is_empty()
                            && !self.is_defined(&call.name)
                            && self.field(chain.root, path).is_some()
                    }
                    _ => self.field(chain.root, &chain.links).is_some(),
                }
            }
            _ => false,
        }
    }
}

fn empty(operand: Operand, place: Position) -> Option<Condition> {
    match operand {
        Operand::Field(field) => Some(ask(Question::Empty(field), place)),
        _ => None,
    }
}

/// How two operands compare.
fn compare(
    comparison: Comparison,
    left: Operand,
    right: Operand,
    place: Position,
) -> Option<Condition> {
    let question = match (left, right) {
        (Operand::Constant(left), Operand::Constant(right)) => {
            return Some(Condition::Constant(comparison.holds(&left, &right)));
        }
        (constant @ Operand::Constant(_), other) => {
            return compare(comparison.flipped(), other, constant, place);
        }
        (Operand::Else(field, other), right) => {
            let is_there = Question::Compare(Comparison::NotEqual, field.clone(), Value::Null);
            let first = compare(comparison, Operand::Field(field), right.clone(), place)?;
            let second = compare(comparison, *other, right, place)?;
            return Some(Condition::Choice(Box::new([
                ask(is_there, place),
                first,
                second,
            ])));
        }
        (Operand::Truth(condition), Operand::Constant(Value::Bool(wanted))) => {
            let equal = match comparison {
                Comparison::Equal => wanted,
                Comparison::NotEqual => !wanted,
                _ => return None,
            };
            return Some(if equal {
                *condition
            } else {
                condition.negated()
            });
        }
        (Operand::Field(field), Operand::Constant(value)) => {
            Question::Compare(comparison, field, value)
        }
        (Operand::Field(field), Operand::Field(other)) => {
            Question::CompareFields(comparison, field, other)
        }
        (
            Operand::Length { field, member },
            Operand::Constant(bound @ (Value::Int(_) | Value::Float(_))),
        ) => Question::Length {
            comparison,
            field,
            member,
            bound,
        },
        (Operand::Recased(letters, field), Operand::Constant(Value::Str(wanted))) => {
            let equal = ask(
                Question::Recased {
                    letters,
                    field,
                    test: RecasedTest::Equal,
                    wanted: wanted.into(),
                },
                place,
            );
            return match comparison {
                Comparison::Equal => Some(equal),
                Comparison::NotEqual => Some(equal.negated()),
                _ => None,
            };
        }
        _ => return None,
    };
    Some(ask(question, place))
}
