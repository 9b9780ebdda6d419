//! Questions as programs over predicates: when they hold, and when only the script knows.

use larum_event::FieldValue;
use larum_predicate::{
    BoolExpression, BuildError, CaseSensitivity, ExactNumber, FieldTest, LetterCase,
    PredicateSetBuilder, SlotId, TextAnchor, TypedTest, ValueComparison, ValueShape,
};

use super::compare::ComparisonOperator;
use super::field_access::FieldAccess;
use super::question::{FieldQuestion, RecasedTest};
use crate::text::TextOperator;
use crate::view::FieldRef;

/// What became of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoweredCondition {
    /// Whether it holds, unless the script is asked.
    pub(crate) holds: BoolExpression,
    /// Whether the script must be asked.
    pub(crate) script: BoolExpression,
}

impl LoweredCondition {
    /// Whether there is an event for which the script must be asked.
    pub(crate) fn may_need_script(&self) -> bool {
        !is_never(&self.script)
    }
}

/// Whether an expression, of bare parts, holds of no event at all.
fn is_never(expression: &BoolExpression) -> bool {
    match expression {
        BoolExpression::Never => true,
        BoolExpression::Always | BoolExpression::Is(_) | BoolExpression::Not(_) => false,
        BoolExpression::All(parts) => parts.iter().any(is_never),
        BoolExpression::Any(parts) => parts.iter().all(is_never),
    }
}

/// Asks for predicates.
pub(super) struct ConditionLowering<'b> {
    pub(super) predicates: &'b mut PredicateSetBuilder,
}

type BuildResult<T> = Result<T, BuildError>;

/// The opposite, so that what holds stands bare.
pub(super) fn negate_expression(expression: BoolExpression) -> BoolExpression {
    match expression {
        BoolExpression::Always => BoolExpression::Never,
        BoolExpression::Never => BoolExpression::Always,
        BoolExpression::Is(_) => expression.negate(),
        BoolExpression::Not(inner) => *inner,
        BoolExpression::All(parts) => {
            BoolExpression::Any(parts.into_iter().map(negate_expression).collect())
        }
        BoolExpression::Any(parts) => {
            BoolExpression::All(parts.into_iter().map(negate_expression).collect())
        }
    }
}

/// The same comparison among predicates, and whether its opposite is meant.
fn to_value_comparison(comparison: ComparisonOperator) -> (ValueComparison, bool) {
    match comparison {
        ComparisonOperator::Equal => (ValueComparison::Equal, false),
        ComparisonOperator::NotEqual => (ValueComparison::Equal, true),
        ComparisonOperator::Less => (ValueComparison::Less, false),
        ComparisonOperator::LessOrEqual => (ValueComparison::AtMost, false),
        ComparisonOperator::Greater => (ValueComparison::Greater, false),
        ComparisonOperator::GreaterOrEqual => (ValueComparison::AtLeast, false),
    }
}

/// A number of a rule; `None` for what is no number at all.
fn to_number(value: &FieldValue<'_>) -> Option<ExactNumber> {
    match value {
        FieldValue::Int(whole) => Some(ExactNumber::Whole((*whole).into())),
        FieldValue::Float(float) if !float.is_nan() => Some(ExactNumber::Float(float.to_bits())),
        _ => None,
    }
}

fn text_test(kind: TextAnchor, literal: &str, case: CaseSensitivity) -> FieldTest {
    let literal = literal.to_owned();
    FieldTest::Text {
        kind,
        literal,
        case,
    }
}

impl ConditionLowering<'_> {
    pub(super) fn field_slot(&mut self, field: &FieldAccess) -> SlotId {
        if field.is_envelope_only() {
            self.predicates.pushed_slot(field.name())
        } else {
            self.predicates.path_slot(field.name())
        }
    }

    fn reference_slot(&mut self, field: &FieldRef) -> SlotId {
        self.field_slot(&FieldAccess::at_path(field.clone()))
    }

    fn add_test(&mut self, slot: SlotId, test: FieldTest) -> BuildResult<BoolExpression> {
        self.predicates
            .add_predicate(Some(slot), test)
            .map(BoolExpression::Is)
    }

    fn add_shape_test(&mut self, slot: SlotId, shape: ValueShape) -> BuildResult<BoolExpression> {
        self.add_test(slot, FieldTest::Shape(shape))
    }

    /// When the script sees another value than the one at the field's path.
    fn script_only_cases(&mut self, field: &FieldAccess) -> BuildResult<Vec<BoolExpression>> {
        let mut when = Vec::new();
        if field.by_members {
            let slot = self.field_slot(field);
            when.push(self.add_shape_test(slot, ValueShape::Dotted)?);
        }
        for owner in &field.owners {
            let slot = self.reference_slot(&owner.field);
            when.push(self.add_test(slot, FieldTest::HasValue)?);
            if owner.of_lists {
                when.push(self.lacks_member(slot, field)?);
            }
        }
        Ok(when)
    }

    /// What stands at `slot` has members or elements, and `member` is not among them.
    fn lacks_member(&mut self, slot: SlotId, member: &FieldAccess) -> BuildResult<BoolExpression> {
        let nested = self.add_shape_test(slot, ValueShape::Nested)?;
        let member = self.field_slot(member);
        let there = self.add_test(member, FieldTest::Present)?;
        Ok(BoolExpression::All(vec![nested, there.negate()]))
    }

    /// One question.
    pub(super) fn lower_question(
        &mut self,
        question: &FieldQuestion,
    ) -> BuildResult<LoweredCondition> {
        let mut script = match question {
            // By its path, whatever stands in front of it.
            FieldQuestion::Has(_) => Vec::new(),
            question => self.script_only_cases(question.field())?,
        };
        if let Some(other) = question.other_field() {
            script.extend(self.script_only_cases(other)?);
        }
        let slot = self.field_slot(question.field());
        let holds = match question {
            FieldQuestion::Compare(comparison, _, value) => {
                self.lower_comparison(*comparison, slot, value)?
            }
            FieldQuestion::CompareFields(comparison, _, other) => {
                let other = self.field_slot(other);
                let both = [
                    self.add_shape_test(slot, ValueShape::Nested)?,
                    self.add_shape_test(other, ValueShape::Nested)?,
                ];
                script.push(BoolExpression::All(both.into()));
                self.lower_field_comparison(*comparison, slot, other)?
            }
            FieldQuestion::OneOf(_, list) => {
                let mut any = Vec::with_capacity(list.len());
                for value in list {
                    any.push(self.lower_comparison(ComparisonOperator::Equal, slot, value)?);
                }
                BoolExpression::Any(any)
            }
            FieldQuestion::InRange(_, first, last) => self.lower_range(slot, *first, *last)?,
            FieldQuestion::Search(test, _, wanted) => {
                let (kind, case) = test.anchor_and_case();
                let in_text = self.add_test(slot, text_test(kind, wanted, case))?;
                match self.element_slot(*test, question.field(), &mut script)? {
                    None => in_text,
                    Some(elements) => {
                        let held = text_test(TextAnchor::Whole, wanted, CaseSensitivity::Sensitive);
                        BoolExpression::Any(vec![in_text, self.add_test(elements, held)?])
                    }
                }
            }
            FieldQuestion::ListContains(field, value) => {
                match self.element_slot(TextOperator::Contains, field, &mut script)? {
                    None => BoolExpression::Never,
                    Some(elements) => {
                        self.lower_comparison(ComparisonOperator::Equal, elements, value)?
                    }
                }
            }
            FieldQuestion::SearchField(test, _, other) => {
                let (kind, case) = test.anchor_and_case();
                let other = self.field_slot(other);
                // A text beyond all limits is nothing to look for.
                script.push(self.add_shape_test(other, ValueShape::Large)?);
                let in_text = self.add_test(slot, FieldTest::Field { other, kind, case })?;
                match self.element_slot(*test, question.field(), &mut script)? {
                    None => in_text,
                    Some(elements) => {
                        let is_list = self.add_shape_test(slot, ValueShape::Nested)?;
                        let valued = self.add_test(other, FieldTest::HasValue)?;
                        script.push(BoolExpression::All(vec![is_list, valued.negate()]));
                        let equal = TypedTest::Compare(ValueComparison::Equal, other);
                        let held = self.add_test(elements, FieldTest::Typed(equal))?;
                        BoolExpression::Any(vec![in_text, held])
                    }
                }
            }
            FieldQuestion::Regex(_, pattern) => {
                self.add_test(slot, FieldTest::Regex(pattern.to_string()))?
            }
            FieldQuestion::InNetwork(_, network) => {
                self.add_test(slot, FieldTest::Network(network.to_string()))?
            }
            FieldQuestion::Has(_) => self.add_test(slot, FieldTest::Present)?,
            FieldQuestion::IsTrue { must_be, .. } => {
                let (yes, no) = (ValueShape::Bool(true), ValueShape::Bool(false));
                let yes = self.add_shape_test(slot, yes)?;
                script.push(if *must_be {
                    negate_expression(BoolExpression::Any(vec![
                        yes.clone(),
                        self.add_shape_test(slot, no)?,
                    ]))
                } else {
                    self.add_shape_test(slot, ValueShape::NotBool)?
                });
                yes
            }
            FieldQuestion::Length {
                comparison,
                member,
                bound,
                ..
            } => self.lower_length((*comparison, bound), slot, member.as_ref(), &mut script)?,
            FieldQuestion::Recased {
                letters,
                test,
                wanted,
                ..
            } => {
                script.push(self.add_shape_test(slot, ValueShape::Large)?);
                self.lower_recased(slot, *letters, *test, wanted)?
            }
            FieldQuestion::RecasedOnly(_) => {
                script.push(self.add_shape_test(slot, ValueShape::Large)?);
                BoolExpression::Always
            }
            FieldQuestion::Empty(_) => {
                script.push(self.add_shape_test(slot, ValueShape::Nested)?);
                self.add_test(
                    slot,
                    text_test(TextAnchor::Whole, "", CaseSensitivity::Sensitive),
                )?
            }
        };
        let script = BoolExpression::Any(script);
        Ok(LoweredCondition { holds, script })
    }

    /// The elements of a list, if a test asks about them; an object is asked for the name of a member.
    fn element_slot(
        &mut self,
        test: TextOperator,
        field: &FieldAccess,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<Option<SlotId>> {
        if test != TextOperator::Contains || field.is_envelope_only() {
            return Ok(None);
        }
        let slot = self.field_slot(field);
        script.push(self.add_shape_test(slot, ValueShape::Object)?);
        let elements = self.predicates.element_slot(field.name());
        // They may be those of a list that another one hides.
        script.push(self.add_shape_test(elements, ValueShape::Dotted)?);
        Ok(Some(elements))
    }

    fn lower_comparison(
        &mut self,
        comparison: ComparisonOperator,
        slot: SlotId,
        value: &FieldValue<'static>,
    ) -> BuildResult<BoolExpression> {
        let (among, is_opposite) = to_value_comparison(comparison);
        let holds = match value {
            FieldValue::Null if among == ValueComparison::Equal => {
                negate_expression(self.add_shape_test(slot, ValueShape::NonNull)?)
            }
            FieldValue::Null | FieldValue::Array(_) | FieldValue::Object(_) => {
                BoolExpression::Never
            }
            FieldValue::Bool(bound) => {
                let mut any = Vec::new();
                for truth in [false, true] {
                    if among.accepts_order(truth.cmp(bound)) {
                        any.push(self.add_shape_test(slot, ValueShape::Bool(truth))?);
                    }
                }
                BoolExpression::Any(any)
            }
            FieldValue::Int(_) | FieldValue::Float(_) => match to_number(value) {
                Some(number) => self.add_test(slot, FieldTest::Number(among, number))?,
                None => BoolExpression::Never,
            },
            FieldValue::Str(wanted) if among == ValueComparison::Equal => self.add_test(
                slot,
                text_test(TextAnchor::Whole, wanted, CaseSensitivity::Sensitive),
            )?,
            FieldValue::Str(wanted) => {
                let order = TypedTest::Order(among, wanted.to_string());
                self.add_test(slot, FieldTest::Typed(order))?
            }
        };
        Ok(if is_opposite {
            negate_expression(holds)
        } else {
            holds
        })
    }

    fn lower_field_comparison(
        &mut self,
        comparison: ComparisonOperator,
        slot: SlotId,
        other: SlotId,
    ) -> BuildResult<BoolExpression> {
        let (among, is_opposite) = to_value_comparison(comparison);
        let compared = self.add_test(slot, FieldTest::Typed(TypedTest::Compare(among, other)))?;
        if among != ValueComparison::Equal {
            return Ok(compared);
        }
        let neither = [
            negate_expression(self.add_shape_test(slot, ValueShape::NonNull)?),
            negate_expression(self.add_shape_test(other, ValueShape::NonNull)?),
        ];
        let holds = BoolExpression::Any(vec![compared, BoolExpression::All(neither.into())]);
        Ok(if is_opposite {
            negate_expression(holds)
        } else {
            holds
        })
    }

    fn lower_range(&mut self, slot: SlotId, first: i64, last: i64) -> BuildResult<BoolExpression> {
        let (first, last) = (
            ExactNumber::Whole(first.into()),
            ExactNumber::Whole(last.into()),
        );
        let at_least = FieldTest::Number(ValueComparison::AtLeast, first);
        let at_most = FieldTest::Number(ValueComparison::AtMost, last);
        Ok(BoolExpression::All(vec![
            self.add_test(slot, at_least)?,
            self.add_test(slot, at_most)?,
            self.add_shape_test(slot, ValueShape::Integer)?,
        ]))
    }

    fn lower_length(
        &mut self,
        (comparison, bound): (ComparisonOperator, &FieldValue<'static>),
        slot: SlotId,
        member: Option<&FieldAccess>,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<BoolExpression> {
        let (among, is_opposite) = to_value_comparison(comparison);
        // Beyond all limits, a text has no length.
        script.push(self.add_shape_test(slot, ValueShape::Large)?);
        let of_text = match to_number(bound) {
            Some(number) => {
                self.add_test(slot, FieldTest::Typed(TypedTest::Length(among, number)))?
            }
            None => BoolExpression::Never,
        };
        let mut any = vec![of_text];
        match member {
            None => script.push(self.add_shape_test(slot, ValueShape::Nested)?),
            Some(member) => {
                let place = self.field_slot(member);
                script.push(self.add_shape_test(place, ValueShape::Dotted)?);
                script.push(self.lacks_member(slot, member)?);
                let plain = match among {
                    ValueComparison::Equal => ComparisonOperator::Equal,
                    _ => comparison,
                };
                any.push(self.lower_comparison(plain, place, bound)?);
            }
        }
        let holds = BoolExpression::Any(any);
        Ok(if is_opposite {
            negate_expression(holds)
        } else {
            holds
        })
    }

    fn lower_recased(
        &mut self,
        slot: SlotId,
        to: LetterCase,
        test: RecasedTest,
        wanted: &str,
    ) -> BuildResult<BoolExpression> {
        let kind = match test {
            RecasedTest::Equal => TextAnchor::Whole,
            RecasedTest::Contains => TextAnchor::Anywhere,
            RecasedTest::StartsWith => TextAnchor::Start,
            RecasedTest::EndsWith => TextAnchor::End,
        };
        // Within ASCII it is the same as to ignore case, and that is settled by a visit.
        let near = [
            self.add_test(slot, text_test(kind, wanted, CaseSensitivity::Insensitive))?,
            self.add_shape_test(slot, ValueShape::NotAscii)?,
        ];
        let literal = wanted.to_owned();
        let exact = TypedTest::Recased { to, kind, literal };
        let exact = self.add_test(slot, FieldTest::Typed(exact))?;
        Ok(BoolExpression::All(vec![
            BoolExpression::Any(near.into()),
            exact,
        ]))
    }
}
