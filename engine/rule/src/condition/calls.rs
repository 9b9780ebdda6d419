//! Calls: operators, questions about texts and lists, and functions of the file.
//!
//! Owns which calls can be read and which question each becomes. How a question is decided is left
//! to `lowering`.
//! Invariant: a call that is not read exactly is not read at all: `None` leaves it to the script,
//! so a native answer never differs from the script's.

use larum_event::FieldValue;
use larum_event::value::Comparison;
use rhai::{Expr, FnCallExpr, Position};

use super::compare::values_compare;
use super::field_access::FieldAccess;
use super::question::{FieldQuestion, RecasedTest, RuleCondition};
use super::reader::{ConditionReader, ask_question};
use super::scope::{NameBinding, NameScope, Operand};
use super::statements::BodyUse;
use crate::script::{ChainLink, ChainRoot, MemberChain, RuleLiteral, body_statements};
use crate::text::{TextOperator, compile_rule_regex, parse_network};
use crate::view::FieldRef;

/// Deepest that functions are read inside of each other.
const MAX_CALL_DEPTH: usize = 8;

/// As how many parts a call of a function counts.
const FUNCTION_PARTS: usize = 20;

impl ConditionReader<'_> {
    /// What a call is as a condition.
    pub(super) fn read_call(
        &mut self,
        call: &FnCallExpr,
        place: Position,
        is_lenient: bool,
    ) -> Option<RuleCondition> {
        if !call.namespace.is_empty() || call.capture_parent_scope {
            return None;
        }
        let is_operator = call.op_token.is_some();
        match (call.name.as_str(), call.args.as_slice()) {
            // `!()` is true, wherever it is written.
            ("!", [part]) if is_operator => Some(self.read_expression(part, true).negate()),
            // `x in y` is `contains(y, x)`.
            ("contains", [list, value]) if !self.is_defined("contains") => self
                .read_membership(list, value, place)
                .or_else(|| self.read_question("contains", list, value, place)),
            (name, [left, right]) if is_operator => {
                let comparison = Comparison::from_sign(name)?;
                let (left, right) = (self.read_operand(left)?, self.read_operand(right)?);
                compare_operands(comparison, left, right, place)
            }
            _ if is_operator => None,
            (name, args) if self.is_defined(name) => {
                self.read_function(name, args, is_lenient, place)
            }
            ("is_empty", [value]) => {
                let operand = self.read_operand(value)?;
                ask_empty(operand, place)
            }
            (name, [text, wanted]) => self.read_question(name, text, wanted, place),
            _ => None,
        }
    }

    /// A chain that ends in a field, or in a question about one.
    pub(super) fn read_chain(&mut self, expr: &Expr, is_lenient: bool) -> Option<RuleCondition> {
        let place = expr.start_position();
        let chain = MemberChain::from_expr(expr);
        let Some((ChainLink::Method(call, _), path)) = chain.links.split_last() else {
            return self.read_truth(chain.root, &chain.links, is_lenient, place);
        };
        // Behind `?.`, a question about what is missing is not asked, which is not the answer no.
        if self.is_defined(&call.name) || self.may_end_early(&chain) {
            return None;
        }
        match (call.name.as_str(), call.args.as_slice()) {
            ("has", [wanted]) if path.is_empty() => {
                let FieldValue::Str(path) = self.read_constant(wanted)? else {
                    return None;
                };
                let is_event = matches!(chain.root, ChainRoot::Variable(name)
                    if matches!(self.scope.get(name), Some(NameBinding::Event { .. })));
                let field = FieldRef::parse(&path).ok().filter(|_| is_event)?;
                Some(ask_question(
                    FieldQuestion::Has(FieldAccess::at_path(field)),
                    place,
                ))
            }
            ("is_empty", []) => ask_empty(self.read_chain_operand(chain.root, path)?, place),
            ("contains", [wanted]) => {
                let operand = self.read_chain_operand(chain.root, path)?;
                self.ask_operand("contains", operand, wanted, place)
            }
            (_, []) => self.read_truth(chain.root, &chain.links, is_lenient, place),
            (name, [wanted]) => {
                let operand = self.read_chain_operand(chain.root, path)?;
                self.ask_operand(name, operand, wanted, place)
            }
            _ => None,
        }
    }

    /// Whether a `?` in a chain that ends in a call may keep it from being made. Within a path that
    /// is looked up as one, it has no meaning.
    fn may_end_early(&self, chain: &MemberChain<'_>) -> bool {
        let Some((last, path)) = chain.optional.split_last() else {
            return false;
        };
        if *last || !path.contains(&true) {
            return *last;
        }
        let Some((_, links)) = chain.links.split_last() else {
            return true;
        };
        let field = self.read_field(chain.root, links);
        field.is_none_or(|field| field.by_members)
    }

    /// `test(text, wanted)`
    fn read_question(
        &mut self,
        name: &str,
        text: &Expr,
        wanted: &Expr,
        place: Position,
    ) -> Option<RuleCondition> {
        let operand = self.read_operand(text)?;
        self.ask_operand(name, operand, wanted, place)
    }

    fn ask_operand(
        &mut self,
        name: &str,
        operand: Operand,
        wanted: &Expr,
        place: Position,
    ) -> Option<RuleCondition> {
        let wanted = self.read_operand(wanted)?;
        // A pattern that does not compile is left to the script, whose failure it is.
        let question = match (operand, wanted) {
            (Operand::Field(field), Operand::Constant(FieldValue::Str(wanted))) => match name {
                "matches" => {
                    compile_rule_regex(&wanted).ok()?;
                    FieldQuestion::Regex(field, wanted.into())
                }
                "cidr" => {
                    parse_network(&wanted).ok()?;
                    FieldQuestion::InNetwork(field, wanted.into())
                }
                name => FieldQuestion::Search(TextOperator::from_name(name)?, field, wanted.into()),
            },
            (
                Operand::Field(field),
                Operand::Constant(
                    value @ (FieldValue::Bool(_) | FieldValue::Int(_) | FieldValue::Float(_)),
                ),
            ) if name == "contains" => FieldQuestion::ListContains(field, value),
            (Operand::Field(field), Operand::Field(other)) => {
                FieldQuestion::SearchField(TextOperator::from_name(name)?, field, other)
            }
            (Operand::Recased(letters, field), Operand::Constant(FieldValue::Str(wanted))) => {
                let test = match TextOperator::from_name(name)? {
                    TextOperator::Contains => RecasedTest::Contains,
                    TextOperator::StartsWith => RecasedTest::StartsWith,
                    TextOperator::EndsWith => RecasedTest::EndsWith,
                    _ => return None,
                };
                FieldQuestion::Recased {
                    letters,
                    field,
                    test,
                    wanted: wanted.into(),
                }
            }
            _ => return None,
        };
        Some(ask_question(question, place))
    }

    /// `value in list`, for lists, ranges and maps that the rule names.
    fn read_membership(
        &mut self,
        list: &Expr,
        value: &Expr,
        place: Position,
    ) -> Option<RuleCondition> {
        // Ranges first: they are calls, and reading a list gives up on those.
        if let Expr::FnCall(call, _) = list
            && let Some(range) = self.read_range(call)
        {
            let Operand::Field(field) = self.read_operand(value)? else {
                return None;
            };
            let (first, last) = range?;
            return Some(ask_question(
                FieldQuestion::InRange(field, first, last),
                place,
            ));
        }
        let list = self.read_list(list)?;
        match self.read_operand(value)? {
            Operand::Field(field) => Some(ask_question(FieldQuestion::OneOf(field, list), place)),
            made @ (Operand::Recased(..) | Operand::Length { .. }) => {
                let mut any = Vec::with_capacity(list.len());
                for wanted in list {
                    let wanted = Operand::Constant(wanted);
                    any.push(compare_operands(
                        Comparison::Equal,
                        made.clone(),
                        wanted,
                        place,
                    )?);
                }
                Some(RuleCondition::Any(any))
            }
            Operand::Constant(value) => {
                let found = list
                    .iter()
                    .any(|one| values_compare(Comparison::Equal, one, &value));
                Some(RuleCondition::Constant(found))
            }
            Operand::Coalesce(..) | Operand::Condition(_) => None,
        }
    }

    /// The first and last whole number of a range; `Some(None)` for a range that cannot be read.
    fn read_range(&self, call: &FnCallExpr) -> Option<Option<(i64, i64)>> {
        let is_closed = match call.name.as_str() {
            ".." => false,
            "..=" => true,
            _ => return None,
        };
        let [first, last] = call.args.as_slice() else {
            return Some(None);
        };
        let (Some(FieldValue::Int(first)), Some(FieldValue::Int(last))) =
            (self.read_constant(first), self.read_constant(last))
        else {
            return Some(None);
        };
        if is_closed {
            return Some(Some((first, last)));
        }
        // An empty range stays one.
        Some(last.checked_sub(1).map(|last| (first, last)))
    }

    fn read_list(&self, list: &Expr) -> Option<Vec<FieldValue<'static>>> {
        match list {
            Expr::Array(elements, _) => elements
                .iter()
                .map(|element| self.read_constant(element))
                .collect(),
            Expr::Map(members, _) => {
                let values = members.0.iter().map(|(_, value)| self.read_constant(value));
                values.collect::<Option<Vec<_>>>()?;
                let names = members.0.iter().map(|(name, _)| name.name.to_string());
                Some(names.map(|name| FieldValue::Str(name.into())).collect())
            }
            Expr::Variable(names, ..) if names.2.is_empty() => match self.scope.get(&names.1)? {
                NameBinding::Literal(RuleLiteral::Array(elements)) => {
                    elements.iter().map(RuleLiteral::to_value).collect()
                }
                NameBinding::Literal(RuleLiteral::Map(members)) => {
                    let names = members
                        .keys()
                        .map(|name| FieldValue::Str(name.clone().into()));
                    Some(names.collect())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A function of the file, read with what it is given.
    fn read_function(
        &mut self,
        name: &str,
        args: &[Expr],
        is_lenient: bool,
        place: Position,
    ) -> Option<RuleCondition> {
        let function = self.source.find_function(name, args.len())?;
        if self.depth >= MAX_CALL_DEPTH {
            return None;
        }
        self.parts_left = self.parts_left.checked_sub(FUNCTION_PARTS)?;
        // Arguments are bound before the scope is exchanged: they are read with the caller's names,
        // the body only with its own.
        let mut before = Vec::new();
        let mut scope = NameScope::for_function();
        for (parameter, value) in function.params.iter().zip(args) {
            let binding = self.bind_value(value, &mut before);
            scope.bind(parameter, binding);
        }
        let outside = std::mem::replace(&mut self.scope, scope);
        self.depth += 1;
        let tail = BodyUse {
            is_lenient,
            may_return: true,
        };
        let read = self.read_statements(&body_statements(function), tail, place);
        self.depth -= 1;
        self.scope = outside;
        if before.is_empty() {
            return Some(read);
        }
        Some(RuleCondition::After(before, Box::new(read)))
    }

    /// Whether computing an expression can neither fail nor spend much, whatever the event.
    pub(super) fn is_total(&self, expr: &Expr) -> bool {
        const TOTAL: [&str; 3] = ["len", "parse_int", "parse_float"];
        if self.read_constant(expr).is_some() {
            return true;
        }
        match expr {
            Expr::FnCall(call, _) => {
                let name = call.name.as_str();
                let is_compared = call.op_token.is_some() && Comparison::from_sign(name).is_some();
                let is_asked = call.args.len() == 1 && TOTAL.contains(&name);
                let fields = call
                    .args
                    .iter()
                    .filter(|arg| matches!(arg, Expr::Dot(..) | Expr::Index(..)));
                // Two lists compare element by element, which may fail.
                call.namespace.is_empty()
                    && (is_compared && fields.count() < 2 || is_asked && !self.is_defined(name))
                    && call.args.iter().all(|arg| self.is_total(arg))
            }
            Expr::Dot(..) | Expr::Index(..) => {
                let chain = MemberChain::from_expr(expr);
                match chain.links.split_last() {
                    Some((ChainLink::Method(call, _), path)) => {
                        TOTAL.contains(&call.name.as_str())
                            && call.args.is_empty()
                            && !self.is_defined(&call.name)
                            && self.read_field(chain.root, path).is_some()
                    }
                    _ => self.read_field(chain.root, &chain.links).is_some(),
                }
            }
            _ => false,
        }
    }
}

fn ask_empty(operand: Operand, place: Position) -> Option<RuleCondition> {
    match operand {
        Operand::Field(field) => Some(ask_question(FieldQuestion::Empty(field), place)),
        _ => None,
    }
}

/// How two operands compare.
fn compare_operands(
    comparison: Comparison,
    left: Operand,
    right: Operand,
    place: Position,
) -> Option<RuleCondition> {
    let question = match (left, right) {
        (Operand::Constant(left), Operand::Constant(right)) => {
            return Some(RuleCondition::Constant(values_compare(
                comparison, &left, &right,
            )));
        }
        // Two constants were decided above, so the sides are exchanged at most once.
        (constant @ Operand::Constant(_), other) => {
            return compare_operands(comparison.flip(), other, constant, place);
        }
        (Operand::Coalesce(field, other), right) => {
            return compare_coalesced(comparison, field, *other, right, place);
        }
        (Operand::Condition(condition), Operand::Constant(FieldValue::Bool(wanted))) => {
            let equal = match comparison {
                Comparison::Equal => wanted,
                Comparison::NotEqual => !wanted,
                _ => return None,
            };
            return Some(if equal {
                *condition
            } else {
                condition.negate()
            });
        }
        (Operand::Field(field), Operand::Constant(value)) => {
            FieldQuestion::Compare(comparison, field, value)
        }
        (Operand::Field(field), Operand::Field(other)) => {
            FieldQuestion::CompareFields(comparison, field, other)
        }
        (
            Operand::Length { field, member },
            Operand::Constant(bound @ (FieldValue::Int(_) | FieldValue::Float(_))),
        ) => FieldQuestion::Length {
            comparison,
            field,
            member,
            bound,
        },
        (Operand::Recased(letters, field), Operand::Constant(FieldValue::Str(wanted))) => {
            let equal = ask_question(
                FieldQuestion::Recased {
                    letters,
                    field,
                    test: RecasedTest::Equal,
                    wanted: wanted.into(),
                },
                place,
            );
            return match comparison {
                Comparison::Equal => Some(equal),
                Comparison::NotEqual => Some(equal.negate()),
                _ => None,
            };
        }
        _ => return None,
    };
    Some(ask_question(question, place))
}

/// How `field ?? other` compares: the field where it has a value, else the other operand.
fn compare_coalesced(
    comparison: Comparison,
    field: FieldAccess,
    other: Operand,
    right: Operand,
    place: Position,
) -> Option<RuleCondition> {
    let is_there = FieldQuestion::Compare(Comparison::NotEqual, field.clone(), FieldValue::Null);
    let first = compare_operands(comparison, Operand::Field(field), right.clone(), place)?;
    let second = compare_operands(comparison, other, right, place)?;
    Some(RuleCondition::Choice(Box::new([
        ask_question(is_there, place),
        first,
        second,
    ])))
}
