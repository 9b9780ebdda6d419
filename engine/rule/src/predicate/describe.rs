//! Predicates and programs in words.

use super::expression::Expression;
use super::glob::GlobPart;
use super::number::{Comparison, Number};
use super::set::{PredicateId, PredicateSet, ProgramId, Slot, SlotSource};
use super::shape::Shape;
use super::test::{Case, Test, TextKind};
use super::typed::{Letters, Typed};

impl PredicateSet {
    /// What a predicate asks, with the name of its field in front.
    pub fn describe(&self, predicate: PredicateId) -> String {
        let slot = self.predicate(predicate).and_then(|one| one.slot);
        let Some(test) = self.tests.get(predicate.0 as usize) else {
            return String::new();
        };
        let field = slot.map_or_else(|| "any value".to_owned(), |slot| self.name_of(slot));
        match test {
            Test::Given(what) => what.clone(),
            test => format!("{field} {}", self.asked(test)),
        }
    }

    /// The name of a slot, as rules write it.
    pub(crate) fn name_of(&self, slot: Slot) -> String {
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
    pub(crate) fn slot_asked(&self, predicate: PredicateId) -> Option<Slot> {
        self.predicate(predicate)?.slot
    }

    /// Whether the caller says of a predicate that it holds.
    pub(crate) fn is_given(&self, predicate: PredicateId) -> bool {
        let test = self.tests.get(predicate.0 as usize);
        matches!(test, Some(Test::Given(_)))
    }

    /// What the programs of a rule are, each behind what selects the events of its view.
    pub(crate) fn programs_of(
        &self,
        rule: u32,
    ) -> impl Iterator<Item = (&Expression, &Expression)> + '_ {
        let programs = (0..).zip(&self.programs);
        let of_rule = programs.filter(move |(_, program)| program.rule == rule);
        of_rule.map(|(id, program): (ProgramId, _)| {
            let mut views = self.views.iter();
            let view = views.find(|view| view.programs.binary_search(&id).is_ok());
            let selects = view.map_or(&Expression::Always, |view| &view.expression);
            (selects, &program.expression)
        })
    }

    /// The predicates of which one must hold for a rule's programs to be evaluated; `None` when they are
    /// for every event of their views.
    pub fn gate(&self, rule: u32) -> Option<Vec<PredicateId>> {
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
            let mut nominated = self.nominations.of(*id).iter();
            nominated.any(|(program, _)| programs.contains(program))
        });
        Some(gate.map(PredicateId).collect())
    }

    fn asked(&self, test: &Test) -> String {
        match test {
            Test::Text {
                kind,
                literal,
                case,
            } => format!("{} {literal:?}{}", place(*kind), how(*case)),
            Test::Pattern { glob, case } => {
                let parts = glob.parts().iter().map(|part| match part {
                    GlobPart::Literal(text) => text.as_str(),
                    GlobPart::Run => "*",
                    GlobPart::One => "?",
                });
                let pattern: String = parts.collect();
                format!("is like {pattern:?}{}", how(*case))
            }
            Test::Regex(pattern) => format!("matches {pattern:?}"),
            Test::Network(network) => format!("is in the network {network}"),
            Test::Number(comparison, bound) => format!("{} {}", sign(*comparison), number(*bound)),
            Test::Time(part, comparison, bound) => {
                format!("has a {part:?} {} {}", sign(*comparison), number(*bound))
            }
            Test::Present => "is there".to_owned(),
            Test::Valued => "has a value".to_owned(),
            Test::Null => "is missing or null".to_owned(),
            Test::Shape(shape) => shaped(*shape).to_owned(),
            Test::Typed(typed) => self.typed(typed),
            Test::Given(what) => what.clone(),
            Test::Field { other, kind, case } => {
                format!("{} {}{}", place(*kind), self.name_of(*other), how(*case))
            }
        }
    }

    fn typed(&self, typed: &Typed) -> String {
        match typed {
            Typed::Order(comparison, bound) => format!("{} {bound:?}", sign(*comparison)),
            Typed::Compare(comparison, other) => {
                format!("{} {}", sign(*comparison), self.name_of(*other))
            }
            Typed::Length(comparison, bound) => {
                format!("has a length {} {}", sign(*comparison), number(*bound))
            }
            Typed::Recased { to, kind, literal } => {
                let letters = match to {
                    Letters::Lower => "lower",
                    Letters::Upper => "upper",
                };
                format!("in {letters} case {} {literal:?}", place(*kind))
            }
        }
    }
}

fn place(kind: TextKind) -> &'static str {
    match kind {
        TextKind::Whole => "is",
        TextKind::Start => "starts with",
        TextKind::End => "ends with",
        TextKind::Anywhere => "contains",
    }
}

fn how(case: Case) -> &'static str {
    match case {
        Case::Ignored => " in any case",
        Case::Kept => "",
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::Equal => "==",
        Comparison::AtLeast => ">=",
        Comparison::Greater => ">",
    }
}

fn number(number: Number) -> String {
    match number {
        Number::Whole(whole) => whole.to_string(),
        Number::Float(bits) => format!("{:?}", f64::from_bits(bits)),
    }
}

fn shaped(shape: Shape) -> &'static str {
    match shape {
        Shape::NonNull => "is there and not null",
        Shape::Nested => "is a list or an object",
        Shape::Object => "is an object",
        Shape::Truth(true) => "is true",
        Shape::Truth(false) => "is false",
        Shape::NoTruth => "is neither true, false nor missing",
        Shape::Integer => "is a whole number",
        Shape::Large => "is a very long text",
        Shape::NotAscii => "has characters beyond ASCII",
        Shape::Dotted => "stands under a name with a dot",
    }
}
