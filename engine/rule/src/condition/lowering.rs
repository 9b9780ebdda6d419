//! Questions as programs over predicates: when they hold, and when only the script can decide.
//!
//! Owns what each kind of question becomes; questions about parts of texts are in `lower_text`.
//! Which conditions are made of which questions belongs to `reader`, and nothing here runs a
//! script.
//! Invariant: wherever the native answer could differ from the script's (values that hide others,
//! lists, texts beyond all limits), `script` holds, so the answer is always the script's.

use larum_event::FieldValue;
use larum_event::value::{CaseSensitivity, Comparison, Number};
use larum_predicate::{
    BoolExpression, BuildError, FieldTest, PredicateSetBuilder, SlotId, TextAnchor, TypedTest,
    ValueShape,
};

use super::field_access::FieldAccess;
use super::lower_text::LengthSubject;
use super::question::FieldQuestion;
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
    /// Whether the script must decide for some event.
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

pub(super) type BuildResult<T> = Result<T, BuildError>;

/// The opposite, with negations pushed down to the predicates.
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

/// The opposite of an expression, where that is meant.
pub(super) fn negate_if(is_opposite: bool, expression: BoolExpression) -> BoolExpression {
    match is_opposite {
        true => negate_expression(expression),
        false => expression,
    }
}

/// The comparison that predicates ask, and whether its opposite is meant: `!=` is also true of a
/// field that is missing.
pub(super) fn split_negation(comparison: Comparison) -> (Comparison, bool) {
    match comparison {
        Comparison::NotEqual => (Comparison::Equal, true),
        other => (other, false),
    }
}

pub(super) fn text_test(kind: TextAnchor, literal: &str, case: CaseSensitivity) -> FieldTest {
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

    pub(super) fn add_test(
        &mut self,
        slot: SlotId,
        test: FieldTest,
    ) -> BuildResult<BoolExpression> {
        self.predicates
            .add_predicate(Some(slot), test)
            .map(BoolExpression::Is)
    }

    pub(super) fn add_shape_test(
        &mut self,
        slot: SlotId,
        shape: ValueShape,
    ) -> BuildResult<BoolExpression> {
        self.add_test(slot, FieldTest::Shape(shape))
    }

    /// Whether a text is `wanted`, letter by letter.
    pub(super) fn add_whole_text_test(
        &mut self,
        slot: SlotId,
        wanted: &str,
    ) -> BuildResult<BoolExpression> {
        self.add_test(
            slot,
            text_test(TextAnchor::Whole, wanted, CaseSensitivity::Sensitive),
        )
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

    /// Whether the value at `slot` has members or elements, and `member` is not among them.
    pub(super) fn lacks_member(
        &mut self,
        slot: SlotId,
        member: &FieldAccess,
    ) -> BuildResult<BoolExpression> {
        let nested = self.add_shape_test(slot, ValueShape::Nested)?;
        let member = self.field_slot(member);
        let there = self.add_test(member, FieldTest::Present)?;
        Ok(BoolExpression::All(vec![nested, there.negate()]))
    }

    /// A question as when it holds, and when its script must decide instead.
    pub(super) fn lower_question(
        &mut self,
        question: &FieldQuestion,
    ) -> BuildResult<LoweredCondition> {
        let mut script = match question {
            // `has("a.b")` names a path: the owner in front of it is never read as a value.
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
                self.lower_field_comparison(*comparison, slot, other, &mut script)?
            }
            FieldQuestion::OneOf(_, list) => self.lower_one_of(slot, list)?,
            FieldQuestion::InRange(_, first, last) => self.lower_range(slot, *first, *last)?,
            FieldQuestion::Search(test, field, wanted) => {
                self.lower_search(*test, field, wanted, &mut script)?
            }
            FieldQuestion::SearchField(test, field, other) => {
                self.lower_field_search(*test, field, other, &mut script)?
            }
            FieldQuestion::ListContains(field, value) => {
                self.lower_list_contains(field, value, &mut script)?
            }
            FieldQuestion::Regex(_, pattern) => {
                self.add_test(slot, FieldTest::Regex(pattern.to_string()))?
            }
            FieldQuestion::InNetwork(_, network) => {
                self.add_test(slot, FieldTest::Network(network.to_string()))?
            }
            FieldQuestion::Has(_) => self.add_test(slot, FieldTest::Present)?,
            FieldQuestion::IsTrue { must_be, .. } => {
                self.lower_truth(slot, *must_be, &mut script)?
            }
            FieldQuestion::Length {
                comparison,
                member,
                bound,
                ..
            } => {
                let member = member.as_ref();
                let subject = LengthSubject { slot, member };
                self.lower_length(*comparison, bound, subject, &mut script)?
            }
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
            FieldQuestion::Empty(_) => self.lower_empty(slot, &mut script)?,
        };
        let script = BoolExpression::Any(script);
        Ok(LoweredCondition { holds, script })
    }

    /// Whether a text is empty; lists and objects are left to the script.
    fn lower_empty(
        &mut self,
        slot: SlotId,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<BoolExpression> {
        script.push(self.add_shape_test(slot, ValueShape::Nested)?);
        self.add_whole_text_test(slot, "")
    }

    /// Whether a value equals one of a list.
    fn lower_one_of(
        &mut self,
        slot: SlotId,
        list: &[FieldValue<'static>],
    ) -> BuildResult<BoolExpression> {
        let mut any = Vec::with_capacity(list.len());
        for value in list {
            any.push(self.lower_comparison(Comparison::Equal, slot, value)?);
        }
        Ok(BoolExpression::Any(any))
    }

    /// Whether a value is true. Where the script would fail on another value, it is asked.
    fn lower_truth(
        &mut self,
        slot: SlotId,
        must_be: bool,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<BoolExpression> {
        let yes = self.add_shape_test(slot, ValueShape::Bool(true))?;
        script.push(if must_be {
            // A missing value fails too, and no shape covers it: ask for all that is no truth.
            let no = self.add_shape_test(slot, ValueShape::Bool(false))?;
            negate_expression(BoolExpression::Any(vec![yes.clone(), no]))
        } else {
            self.add_shape_test(slot, ValueShape::NotBool)?
        });
        Ok(yes)
    }

    /// A comparison with a value that the rule names. Values of another type are never equal and
    /// have no order.
    pub(super) fn lower_comparison(
        &mut self,
        comparison: Comparison,
        slot: SlotId,
        value: &FieldValue<'static>,
    ) -> BuildResult<BoolExpression> {
        let (among, is_opposite) = split_negation(comparison);
        // `()` equals a missing field and null, and has no order.
        let holds = match value {
            FieldValue::Null if among == Comparison::Equal => {
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
            FieldValue::Int(_) | FieldValue::Float(_) => match Number::from_value(value) {
                Some(number) => self.add_test(slot, FieldTest::Number(among, number))?,
                None => BoolExpression::Never,
            },
            FieldValue::Str(wanted) if among == Comparison::Equal => {
                self.add_whole_text_test(slot, wanted)?
            }
            FieldValue::Str(wanted) => {
                let order = TypedTest::Order(among, wanted.to_string());
                self.add_test(slot, FieldTest::Typed(order))?
            }
        };
        Ok(negate_if(is_opposite, holds))
    }

    /// A comparison of two fields; two that are missing or null are equal.
    fn lower_field_comparison(
        &mut self,
        comparison: Comparison,
        slot: SlotId,
        other: &FieldAccess,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<BoolExpression> {
        let other = self.field_slot(other);
        // Only the script compares two lists or two objects.
        let both = [
            self.add_shape_test(slot, ValueShape::Nested)?,
            self.add_shape_test(other, ValueShape::Nested)?,
        ];
        script.push(BoolExpression::All(both.into()));
        let (among, is_opposite) = split_negation(comparison);
        let compared = self.add_test(slot, FieldTest::Typed(TypedTest::Compare(among, other)))?;
        if among != Comparison::Equal {
            return Ok(compared);
        }
        let neither = [
            negate_expression(self.add_shape_test(slot, ValueShape::NonNull)?),
            negate_expression(self.add_shape_test(other, ValueShape::NonNull)?),
        ];
        let holds = BoolExpression::Any(vec![compared, BoolExpression::All(neither.into())]);
        Ok(negate_if(is_opposite, holds))
    }

    /// Whether a value is a whole number from `first` to `last`.
    fn lower_range(&mut self, slot: SlotId, first: i64, last: i64) -> BuildResult<BoolExpression> {
        let at_least = FieldTest::Number(Comparison::AtLeast, Number::Whole(first.into()));
        let at_most = FieldTest::Number(Comparison::AtMost, Number::Whole(last.into()));
        Ok(BoolExpression::All(vec![
            self.add_test(slot, at_least)?,
            self.add_test(slot, at_most)?,
            self.add_shape_test(slot, ValueShape::Integer)?,
        ]))
    }
}
