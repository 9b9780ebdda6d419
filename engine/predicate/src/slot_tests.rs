//! What is asked of one slot, sorted by how it is decided.

use larum_event::value::{CaseSensitivity, Comparison, Number};

use crate::field_test::FieldTest;
use crate::ids::PredicateId;
use crate::shape::ValueShape;
use crate::text_anchor::TextAnchor;

/// What is asked of a slot, before its decider is built. Texts are folded.
#[derive(Debug, Default, Clone)]
pub(crate) struct SlotTests {
    pub(crate) texts: Vec<(TextAnchor, String, PredicateId)>,
    pub(crate) numbers: Vec<(Comparison, Number, PredicateId)>,
    pub(crate) shapes: Vec<(ValueShape, PredicateId)>,
    pub(crate) present: Option<PredicateId>,
    pub(crate) has_value: Option<PredicateId>,
}

impl SlotTests {
    /// What of it concerns the predicates for which `is_wanted` says so.
    pub(crate) fn filter_predicates(&self, is_wanted: impl Fn(PredicateId) -> bool) -> Self {
        let texts = self.texts.iter().filter(|(_, _, id)| is_wanted(*id));
        let numbers = self.numbers.iter().filter(|(_, _, id)| is_wanted(*id));
        let shapes = self.shapes.iter().filter(|(_, id)| is_wanted(*id));
        Self {
            texts: texts.cloned().collect(),
            numbers: numbers.copied().collect(),
            shapes: shapes.copied().collect(),
            present: self.present.filter(|id| is_wanted(*id)),
            has_value: self.has_value.filter(|id| is_wanted(*id)),
        }
    }

    /// Adds a test that a visit settles; others are not asked of a decider.
    pub(crate) fn add(&mut self, test: FieldTest, id: PredicateId) {
        match test {
            FieldTest::Text {
                kind,
                literal,
                case: CaseSensitivity::Insensitive,
            } => self.texts.push((kind, literal, id)),
            FieldTest::Number(comparison, bound) => self.numbers.push((comparison, bound, id)),
            FieldTest::Shape(shape) => self.shapes.push((shape, id)),
            FieldTest::Present => self.present = Some(id),
            FieldTest::HasValue => self.has_value = Some(id),
            _ => {}
        }
    }
}
