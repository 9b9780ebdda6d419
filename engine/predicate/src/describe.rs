//! Predicates and programs in words, for explanations.
//!
//! Owns the wording; never decides anything.
//! Invariant: a text depends on the set alone and never on an event, so the outline of a rule is
//! always the same.

use larum_event::value::{CaseSensitivity, GlobPart, Number};

use crate::expression::BoolExpression;
use crate::field_test::FieldTest;
use crate::ids::{PredicateId, ProgramId, SlotId, SlotSource};
use crate::set::PredicateSet;
use crate::shape::ValueShape;
use crate::text_anchor::TextAnchor;
use crate::typed_test::{LetterCase, TypedTest};

impl PredicateSet {
    /// What a predicate asks, with the name of its field in front.
    pub fn describe_predicate(&self, predicate: PredicateId) -> String {
        let slot = self.predicate(predicate).and_then(|one| one.slot);
        let Some(test) = self.tests.get(predicate.0 as usize) else {
            return String::new();
        };
        let field = slot.map_or_else(|| "any value".to_owned(), |slot| self.slot_name(slot));
        match test {
            FieldTest::Given(what) => what.clone(),
            test => format!("{field} {}", self.describe_test(test)),
        }
    }

    /// The name of a slot, as rules write it.
    pub fn slot_name(&self, slot: SlotId) -> String {
        match self.slots.get(slot.0 as usize) {
            Some(one) if one.source == SlotSource::Field => one.name.clone(),
            Some(one) if one.source == SlotSource::Elements => {
                format!("an element of event.{}", one.name)
            }
            Some(one) => format!("event.{}", one.name),
            None => String::new(),
        }
    }

    /// The slot that a predicate is asked of.
    pub fn predicate_slot(&self, predicate: PredicateId) -> Option<SlotId> {
        self.predicate(predicate)?.slot
    }

    /// Whether the caller says of a predicate that it holds.
    pub fn is_given(&self, predicate: PredicateId) -> bool {
        let test = self.tests.get(predicate.0 as usize);
        matches!(test, Some(FieldTest::Given(_)))
    }

    /// What the programs of a rule are, each behind what selects the events of its view.
    pub fn rule_programs(
        &self,
        rule: u32,
    ) -> impl Iterator<Item = (&BoolExpression, &BoolExpression)> + '_ {
        let programs = (0..).zip(&self.programs);
        let of_rule = programs.filter(move |(_, program)| program.rule == rule);
        of_rule.map(|(id, program): (ProgramId, _)| {
            let mut views = self.views.iter();
            let view = views.find(|view| view.programs.binary_search(&id).is_ok());
            let selects = view.map_or(&BoolExpression::Always, |view| &view.expression);
            (selects, &program.expression)
        })
    }

    /// The predicates of which one must hold for a rule's programs to be evaluated; `None` when
    /// they are for every event of their views.
    pub fn gate_predicates(&self, rule: u32) -> Option<Vec<PredicateId>> {
        let mut programs: Vec<ProgramId> = Vec::new();
        for (id, program) in (0..).zip(&self.programs) {
            if program.rule == rule {
                if program.open {
                    return None;
                }
                programs.push(id);
            }
        }
        let count = u32::try_from(self.predicates.len()).unwrap_or(u32::MAX);
        let gate = (0..count).filter(|id| {
            let mut nominated = self.nominations.nominees(*id).iter();
            nominated.any(|(program, _)| programs.contains(program))
        });
        Some(gate.map(PredicateId).collect())
    }

    fn describe_test(&self, test: &FieldTest) -> String {
        match test {
            FieldTest::Text {
                kind,
                literal,
                case,
            } => format!("{} {literal:?}{}", anchor_text(*kind), case_suffix(*case)),
            FieldTest::Pattern { glob, case } => {
                let parts = glob.parts().iter().map(|part| match part {
                    GlobPart::Literal(text) => text.as_str(),
                    GlobPart::Run => "*",
                    GlobPart::One => "?",
                });
                let pattern: String = parts.collect();
                format!("is like {pattern:?}{}", case_suffix(*case))
            }
            FieldTest::Regex(pattern) => format!("matches {pattern:?}"),
            FieldTest::Network(network) => format!("is in the network {network}"),
            FieldTest::Number(comparison, bound) => {
                format!("{} {}", comparison.sign(), number_text(*bound))
            }
            FieldTest::Time(part, comparison, bound) => {
                format!(
                    "has a {part:?} {} {}",
                    comparison.sign(),
                    number_text(*bound)
                )
            }
            FieldTest::Present => "is there".to_owned(),
            FieldTest::HasValue => "has a value".to_owned(),
            FieldTest::Null => "is missing or null".to_owned(),
            FieldTest::Shape(shape) => shape_text(*shape).to_owned(),
            FieldTest::Typed(typed) => self.describe_typed(typed),
            FieldTest::Given(what) => what.clone(),
            FieldTest::Field { other, kind, case } => {
                format!(
                    "{} {}{}",
                    anchor_text(*kind),
                    self.slot_name(*other),
                    case_suffix(*case)
                )
            }
        }
    }

    fn describe_typed(&self, typed: &TypedTest) -> String {
        match typed {
            TypedTest::Order(comparison, bound) => {
                format!("{} {bound:?}", comparison.sign())
            }
            TypedTest::Compare(comparison, other) => {
                format!("{} {}", comparison.sign(), self.slot_name(*other))
            }
            TypedTest::Length(comparison, bound) => {
                format!("has a length {} {}", comparison.sign(), number_text(*bound))
            }
            TypedTest::Recased { to, kind, literal } => {
                let letters = match to {
                    LetterCase::Lower => "lower",
                    LetterCase::Upper => "upper",
                };
                format!("in {letters} case {} {literal:?}", anchor_text(*kind))
            }
        }
    }
}

fn anchor_text(kind: TextAnchor) -> &'static str {
    match kind {
        TextAnchor::Whole => "is",
        TextAnchor::Start => "starts with",
        TextAnchor::End => "ends with",
        TextAnchor::Anywhere => "contains",
    }
}

fn case_suffix(case: CaseSensitivity) -> &'static str {
    match case {
        CaseSensitivity::Insensitive => " ignoring case",
        CaseSensitivity::Sensitive => "",
    }
}

fn number_text(number: Number) -> String {
    match number {
        Number::Whole(whole) => whole.to_string(),
        Number::Float(float) => format!("{float:?}"),
    }
}

fn shape_text(shape: ValueShape) -> &'static str {
    match shape {
        ValueShape::NonNull => "is there and not null",
        ValueShape::Nested => "is a list or an object",
        ValueShape::Object => "is an object",
        ValueShape::Bool(true) => "is true",
        ValueShape::Bool(false) => "is false",
        ValueShape::NotBool => "is neither true, false nor missing",
        ValueShape::Integer => "is a whole number",
        ValueShape::Large => "is a very long text",
        ValueShape::NotAscii => "has characters beyond ASCII",
        ValueShape::Dotted => "stands under a name with a dot",
    }
}
