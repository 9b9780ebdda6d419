//! Questions as programs over predicates: when they hold, and when only the script knows.

use larum_event::Value;

use super::compare::Comparison;
use super::field::FieldUse;
use super::question::{Question, RecasedTest};
use crate::predicate::{
    self, BuildError, Case, Expression, Letters, Number, PredicateSetBuilder, Shape, Slot, Test,
    TextKind, Typed,
};
use crate::text::TextTest;
use crate::view::FieldRef;

/// What became of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lowered {
    /// Whether it holds, unless the script is asked.
    pub(crate) holds: Expression,
    /// Whether the script must be asked.
    pub(crate) script: Expression,
}

impl Lowered {
    /// Whether there is an event for which the script must be asked.
    pub(crate) fn may_ask_the_script(&self) -> bool {
        !is_never(&self.script)
    }
}

/// Whether an expression, of bare parts, holds of no event at all.
fn is_never(expression: &Expression) -> bool {
    match expression {
        Expression::Never => true,
        Expression::Always | Expression::Is(_) | Expression::Not(_) => false,
        Expression::All(parts) => parts.iter().any(is_never),
        Expression::Any(parts) => parts.iter().all(is_never),
    }
}

/// Asks for predicates.
pub(super) struct Lower<'b> {
    pub(super) predicates: &'b mut PredicateSetBuilder,
}

type Built<T> = Result<T, BuildError>;

/// The opposite, so that what holds stands bare.
pub(super) fn opposite(expression: Expression) -> Expression {
    match expression {
        Expression::Always => Expression::Never,
        Expression::Never => Expression::Always,
        Expression::Is(_) => expression.negated(),
        Expression::Not(inner) => *inner,
        Expression::All(parts) => Expression::Any(parts.into_iter().map(opposite).collect()),
        Expression::Any(parts) => Expression::All(parts.into_iter().map(opposite).collect()),
    }
}

/// The same comparison among predicates, and whether its opposite is meant.
fn among_predicates(comparison: Comparison) -> (predicate::Comparison, bool) {
    match comparison {
        Comparison::Equal => (predicate::Comparison::Equal, false),
        Comparison::NotEqual => (predicate::Comparison::Equal, true),
        Comparison::Less => (predicate::Comparison::Less, false),
        Comparison::LessOrEqual => (predicate::Comparison::AtMost, false),
        Comparison::Greater => (predicate::Comparison::Greater, false),
        Comparison::GreaterOrEqual => (predicate::Comparison::AtLeast, false),
    }
}

/// A number of a rule; `None` for what is no number at all.
fn number(value: &Value<'_>) -> Option<Number> {
    match value {
        Value::Int(whole) => Some(Number::Whole((*whole).into())),
        Value::Float(float) if !float.is_nan() => Some(Number::Float(float.to_bits())),
        _ => None,
    }
}

fn text(kind: TextKind, literal: &str, case: Case) -> Test {
    let literal = literal.to_owned();
    Test::Text {
        kind,
        literal,
        case,
    }
}

impl Lower<'_> {
    pub(super) fn slot(&mut self, field: &FieldUse) -> Slot {
        if field.is_of_envelope() {
            self.predicates.pushed(field.name())
        } else {
            self.predicates.path(field.name())
        }
    }

    fn slot_of(&mut self, field: &FieldRef) -> Slot {
        self.slot(&FieldUse::at(field.clone()))
    }

    fn is(&mut self, slot: Slot, test: Test) -> Built<Expression> {
        self.predicates
            .predicate(Some(slot), test)
            .map(Expression::Is)
    }

    fn shape(&mut self, slot: Slot, shape: Shape) -> Built<Expression> {
        self.is(slot, Test::Shape(shape))
    }

    /// When the script sees another value than the one at the field's path.
    fn elsewhere(&mut self, field: &FieldUse) -> Built<Vec<Expression>> {
        let mut when = Vec::new();
        if field.by_members {
            let slot = self.slot(field);
            when.push(self.shape(slot, Shape::Dotted)?);
        }
        for owner in &field.owners {
            let slot = self.slot_of(&owner.field);
            when.push(self.is(slot, Test::Valued)?);
            if owner.of_lists {
                when.push(self.list_without(slot, field)?);
            }
        }
        Ok(when)
    }

    /// What stands at `slot` has members or elements, and `member` is not among them.
    fn list_without(&mut self, slot: Slot, member: &FieldUse) -> Built<Expression> {
        let nested = self.shape(slot, Shape::Nested)?;
        let member = self.slot(member);
        let there = self.is(member, Test::Present)?;
        Ok(Expression::All(vec![nested, there.negated()]))
    }

    /// One question.
    pub(super) fn question(&mut self, question: &Question) -> Built<Lowered> {
        let mut script = match question {
            // By its path, whatever stands in front of it.
            Question::Has(_) => Vec::new(),
            question => self.elsewhere(question.field())?,
        };
        if let Some(other) = question.other() {
            script.extend(self.elsewhere(other)?);
        }
        let slot = self.slot(question.field());
        let holds = match question {
            Question::Compare(comparison, _, value) => self.compare(*comparison, slot, value)?,
            Question::CompareFields(comparison, _, other) => {
                let other = self.slot(other);
                let both = [
                    self.shape(slot, Shape::Nested)?,
                    self.shape(other, Shape::Nested)?,
                ];
                script.push(Expression::All(both.into()));
                self.compare_fields(*comparison, slot, other)?
            }
            Question::OneOf(_, list) => {
                let mut any = Vec::with_capacity(list.len());
                for value in list {
                    any.push(self.compare(Comparison::Equal, slot, value)?);
                }
                Expression::Any(any)
            }
            Question::Within(_, first, last) => self.within(slot, *first, *last)?,
            Question::Search(test, _, wanted) => {
                let (kind, case) = test.placed();
                let in_text = self.is(slot, text(kind, wanted, case))?;
                match self.elements(*test, question.field(), &mut script)? {
                    None => in_text,
                    Some(elements) => {
                        let held = text(TextKind::Whole, wanted, Case::Kept);
                        Expression::Any(vec![in_text, self.is(elements, held)?])
                    }
                }
            }
            Question::Holds(field, value) => {
                match self.elements(TextTest::Contains, field, &mut script)? {
                    None => Expression::Never,
                    Some(elements) => self.compare(Comparison::Equal, elements, value)?,
                }
            }
            Question::SearchField(test, _, other) => {
                let (kind, case) = test.placed();
                let other = self.slot(other);
                // A text beyond all limits is nothing to look for.
                script.push(self.shape(other, Shape::Large)?);
                let in_text = self.is(slot, Test::Field { other, kind, case })?;
                match self.elements(*test, question.field(), &mut script)? {
                    None => in_text,
                    Some(elements) => {
                        let is_list = self.shape(slot, Shape::Nested)?;
                        let valued = self.is(other, Test::Valued)?;
                        script.push(Expression::All(vec![is_list, valued.negated()]));
                        let equal = Typed::Compare(predicate::Comparison::Equal, other);
                        let held = self.is(elements, Test::Typed(equal))?;
                        Expression::Any(vec![in_text, held])
                    }
                }
            }
            Question::Regex(_, pattern) => self.is(slot, Test::Regex(pattern.to_string()))?,
            Question::Inside(_, network) => self.is(slot, Test::Network(network.to_string()))?,
            Question::Has(_) => self.is(slot, Test::Present)?,
            Question::Flag { must_be, .. } => {
                let (yes, no) = (Shape::Truth(true), Shape::Truth(false));
                let yes = self.shape(slot, yes)?;
                script.push(if *must_be {
                    opposite(Expression::Any(vec![yes.clone(), self.shape(slot, no)?]))
                } else {
                    self.shape(slot, Shape::NoTruth)?
                });
                yes
            }
            Question::Length {
                comparison,
                member,
                bound,
                ..
            } => self.length((*comparison, bound), slot, member.as_ref(), &mut script)?,
            Question::Recased {
                letters,
                test,
                wanted,
                ..
            } => {
                script.push(self.shape(slot, Shape::Large)?);
                self.recased(slot, *letters, *test, wanted)?
            }
            Question::Made(_) => {
                script.push(self.shape(slot, Shape::Large)?);
                Expression::Always
            }
            Question::Empty(_) => {
                script.push(self.shape(slot, Shape::Nested)?);
                self.is(slot, text(TextKind::Whole, "", Case::Kept))?
            }
        };
        let script = Expression::Any(script);
        Ok(Lowered { holds, script })
    }

    /// The elements of a list, if a test asks about them; an object is asked for the name of a member.
    fn elements(
        &mut self,
        test: TextTest,
        field: &FieldUse,
        script: &mut Vec<Expression>,
    ) -> Built<Option<Slot>> {
        if test != TextTest::Contains || field.is_of_envelope() {
            return Ok(None);
        }
        let slot = self.slot(field);
        script.push(self.shape(slot, Shape::Object)?);
        let elements = self.predicates.elements(field.name());
        // They may be those of a list that another one hides.
        script.push(self.shape(elements, Shape::Dotted)?);
        Ok(Some(elements))
    }

    fn compare(
        &mut self,
        comparison: Comparison,
        slot: Slot,
        value: &Value<'static>,
    ) -> Built<Expression> {
        let (among, is_opposite) = among_predicates(comparison);
        let holds = match value {
            Value::Null if among == predicate::Comparison::Equal => {
                opposite(self.shape(slot, Shape::NonNull)?)
            }
            Value::Null | Value::Array(_) | Value::Object(_) => Expression::Never,
            Value::Bool(bound) => {
                let mut any = Vec::new();
                for truth in [false, true] {
                    if among.of(truth.cmp(bound)) {
                        any.push(self.shape(slot, Shape::Truth(truth))?);
                    }
                }
                Expression::Any(any)
            }
            Value::Int(_) | Value::Float(_) => match number(value) {
                Some(number) => self.is(slot, Test::Number(among, number))?,
                None => Expression::Never,
            },
            Value::Str(wanted) if among == predicate::Comparison::Equal => {
                self.is(slot, text(TextKind::Whole, wanted, Case::Kept))?
            }
            Value::Str(wanted) => {
                let order = Typed::Order(among, wanted.to_string());
                self.is(slot, Test::Typed(order))?
            }
        };
        Ok(if is_opposite { opposite(holds) } else { holds })
    }

    fn compare_fields(
        &mut self,
        comparison: Comparison,
        slot: Slot,
        other: Slot,
    ) -> Built<Expression> {
        let (among, is_opposite) = among_predicates(comparison);
        let compared = self.is(slot, Test::Typed(Typed::Compare(among, other)))?;
        if among != predicate::Comparison::Equal {
            return Ok(compared);
        }
        let neither = [
            opposite(self.shape(slot, Shape::NonNull)?),
            opposite(self.shape(other, Shape::NonNull)?),
        ];
        let holds = Expression::Any(vec![compared, Expression::All(neither.into())]);
        Ok(if is_opposite { opposite(holds) } else { holds })
    }

    fn within(&mut self, slot: Slot, first: i64, last: i64) -> Built<Expression> {
        let (first, last) = (Number::Whole(first.into()), Number::Whole(last.into()));
        let at_least = Test::Number(predicate::Comparison::AtLeast, first);
        let at_most = Test::Number(predicate::Comparison::AtMost, last);
        Ok(Expression::All(vec![
            self.is(slot, at_least)?,
            self.is(slot, at_most)?,
            self.shape(slot, Shape::Integer)?,
        ]))
    }

    fn length(
        &mut self,
        (comparison, bound): (Comparison, &Value<'static>),
        slot: Slot,
        member: Option<&FieldUse>,
        script: &mut Vec<Expression>,
    ) -> Built<Expression> {
        let (among, is_opposite) = among_predicates(comparison);
        // Beyond all limits, a text has no length.
        script.push(self.shape(slot, Shape::Large)?);
        let of_text = match number(bound) {
            Some(number) => self.is(slot, Test::Typed(Typed::Length(among, number)))?,
            None => Expression::Never,
        };
        let mut any = vec![of_text];
        match member {
            None => script.push(self.shape(slot, Shape::Nested)?),
            Some(member) => {
                let place = self.slot(member);
                script.push(self.shape(place, Shape::Dotted)?);
                script.push(self.list_without(slot, member)?);
                let plain = match among {
                    predicate::Comparison::Equal => Comparison::Equal,
                    _ => comparison,
                };
                any.push(self.compare(plain, place, bound)?);
            }
        }
        let holds = Expression::Any(any);
        Ok(if is_opposite { opposite(holds) } else { holds })
    }

    fn recased(
        &mut self,
        slot: Slot,
        to: Letters,
        test: RecasedTest,
        wanted: &str,
    ) -> Built<Expression> {
        let kind = match test {
            RecasedTest::Equal => TextKind::Whole,
            RecasedTest::Contains => TextKind::Anywhere,
            RecasedTest::StartsWith => TextKind::Start,
            RecasedTest::EndsWith => TextKind::End,
        };
        // Within ASCII it is the same as to ignore case, and that is settled by a visit.
        let near = [
            self.is(slot, text(kind, wanted, Case::Ignored))?,
            self.shape(slot, Shape::NotAscii)?,
        ];
        let literal = wanted.to_owned();
        let exact = Typed::Recased { to, kind, literal };
        let exact = self.is(slot, Test::Typed(exact))?;
        Ok(Expression::All(vec![Expression::Any(near.into()), exact]))
    }
}
