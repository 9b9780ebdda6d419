//! Questions about parts of texts, their lengths and their letters.
//!
//! Owns tests whose subject may be a list or an object instead of a text; plain comparisons are in
//! `lowering`.
//! Invariant: a shape that a test does not read as a text (a list, an object, a text beyond all
//! limits) is in `script` unless the script gives the same answer for it.

use larum_event::FieldValue;
use larum_event::value::{CaseSensitivity, Comparison, Number};

use super::field_access::FieldAccess;
use super::lowering::{BuildResult, ConditionLowering, negate_if, split_negation, text_test};
use super::question::RecasedTest;
use crate::text::TextOperator;
use larum_predicate::{
    BoolExpression, FieldTest, LetterCase, SlotId, TextAnchor, TypedTest, ValueShape,
};

/// What a length is asked of.
pub(super) struct LengthSubject<'a> {
    pub(super) slot: SlotId,
    /// What `.len` is of an object.
    pub(super) member: Option<&'a FieldAccess>,
}

impl ConditionLowering<'_> {
    /// Whether a text has the part `wanted`, or a list holds it as an element.
    pub(super) fn lower_search(
        &mut self,
        test: TextOperator,
        field: &FieldAccess,
        wanted: &str,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<BoolExpression> {
        let slot = self.field_slot(field);
        let (kind, case) = test.anchor_and_case();
        let in_text = self.add_test(slot, text_test(kind, wanted, case))?;
        let Some(elements) = self.element_slot(test, field, script)? else {
            return Ok(in_text);
        };
        let is_element = self.add_whole_text_test(elements, wanted)?;
        Ok(BoolExpression::Any(vec![in_text, is_element]))
    }

    /// The same with a part that another field names.
    pub(super) fn lower_field_search(
        &mut self,
        test: TextOperator,
        field: &FieldAccess,
        other: &FieldAccess,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<BoolExpression> {
        let slot = self.field_slot(field);
        let (kind, case) = test.anchor_and_case();
        let other = self.field_slot(other);
        // A text beyond all limits cannot be searched for.
        script.push(self.add_shape_test(other, ValueShape::Large)?);
        let in_text = self.add_test(slot, FieldTest::Field { other, kind, case })?;
        let Some(elements) = self.element_slot(test, field, script)? else {
            return Ok(in_text);
        };
        let is_list = self.add_shape_test(slot, ValueShape::Nested)?;
        let has_value = self.add_test(other, FieldTest::HasValue)?;
        script.push(BoolExpression::All(vec![is_list, has_value.negate()]));
        let equal = TypedTest::Compare(Comparison::Equal, other);
        let is_element = self.add_test(elements, FieldTest::Typed(equal))?;
        Ok(BoolExpression::Any(vec![in_text, is_element]))
    }

    /// Whether a list holds a value that is not a text; no text has such a part.
    pub(super) fn lower_list_contains(
        &mut self,
        field: &FieldAccess,
        value: &FieldValue<'static>,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<BoolExpression> {
        match self.element_slot(TextOperator::Contains, field, script)? {
            None => Ok(BoolExpression::Never),
            Some(elements) => self.lower_comparison(Comparison::Equal, elements, value),
        }
    }

    /// The elements of a list, if a test asks about them; an object is asked for the name of a
    /// member.
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

    /// How long a text is, in characters.
    pub(super) fn lower_length(
        &mut self,
        comparison: Comparison,
        bound: &FieldValue<'static>,
        subject: LengthSubject<'_>,
        script: &mut Vec<BoolExpression>,
    ) -> BuildResult<BoolExpression> {
        let LengthSubject { slot, member } = subject;
        let (among, is_opposite) = split_negation(comparison);
        // A text beyond all limits never reaches a script as a text, so it has no length.
        script.push(self.add_shape_test(slot, ValueShape::Large)?);
        let of_text = match Number::from_value(bound) {
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
                any.push(self.lower_comparison(among, place, bound)?);
            }
        }
        let holds = BoolExpression::Any(any);
        Ok(negate_if(is_opposite, holds))
    }

    /// A test of a text after its letters were changed to lower or upper case.
    pub(super) fn lower_recased(
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
        // The cheap test first: within ASCII a recased text matches only if the text does when case
        // is ignored, so the exact test runs for few events.
        let near = [
            self.add_test(slot, text_test(kind, wanted, CaseSensitivity::Insensitive))?,
            self.add_shape_test(slot, ValueShape::NotAscii)?,
        ];
        let literal = wanted.to_owned();
        let recased = TypedTest::Recased { to, kind, literal };
        let exact = self.add_test(slot, FieldTest::Typed(recased))?;
        Ok(BoolExpression::All(vec![
            BoolExpression::Any(near.into()),
            exact,
        ]))
    }
}
