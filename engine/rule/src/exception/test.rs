//! What an exception asks of one field.
//!
//! Owns the two ways to decide it: on the event for paths that Rhai rules know, and as predicates
//! for names that only another rule language knows. When an exception ends is not its business.
//! Invariant: a test belongs to exactly one of the two ways; the other way counts it as satisfied.

use std::fmt;
use std::sync::Arc;

use larum_event::value::{CaseSensitivity, Comparison, Network};
use larum_event::{Event, FieldValue};
use larum_predicate::{BoolExpression, BuildError, FieldTest, PredicateSetBuilder, TextAnchor};

use crate::condition::values_compare;
use crate::script::RuleLiteral;
use crate::text::{TextOperator, TextSearch};
use crate::view::FieldRef;

/// A question about one field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ExceptionTest {
    pub(super) field: Arc<str>,
    /// Its path in an event; `None` for a name that only another rule language knows.
    pub(super) place: Option<FieldRef>,
    pub(super) question: ExceptionQuestion,
}

/// What is asked. Of several answers, one that fits is enough.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ExceptionQuestion {
    /// Whether it is one of these.
    Is(Vec<RuleLiteral>),
    /// Whether its text contains, begins or ends with one of these.
    Has(TextOperator, Vec<Arc<str>>),
    /// Whether it is an address in one of these.
    Inside(Vec<(Arc<str>, Network)>),
}

impl ExceptionTest {
    /// Whether an event satisfies the test. A test of a foreign field always holds here: a program
    /// decides it.
    pub(super) fn holds_for(&self, event: &Event) -> bool {
        let value = match &self.place {
            None => return true,
            Some(FieldRef::Member(member)) => member.value_in(event),
            Some(FieldRef::Path(path)) => event.field(path),
        };
        value.is_some_and(|value| self.question.holds_for(&value))
    }

    /// The same as an expression over foreign fields; `None` where it asks of the event itself.
    /// `synonyms` are what fields are called in some events.
    pub(super) fn to_expression(
        &self,
        synonyms: &[(Arc<str>, Arc<str>)],
        predicates: &mut PredicateSetBuilder,
    ) -> Result<Option<BoolExpression>, BuildError> {
        if self.place.is_some() {
            return Ok(None);
        }
        let others = synonyms.iter().filter(|(field, _)| *field == self.field);
        let names = others.map(|(_, other)| other).chain([&self.field]);
        let mut parts = Vec::new();
        for name in names {
            let slot = predicates.field_slot(name);
            for test in self.question.to_tests() {
                let predicate = predicates.add_predicate(Some(slot), test)?;
                parts.push(BoolExpression::Is(predicate));
            }
        }
        Ok(Some(BoolExpression::Any(parts)))
    }
}

impl ExceptionQuestion {
    fn holds_for(&self, value: &FieldValue<'_>) -> bool {
        match self {
            Self::Is(wanted) => wanted
                .iter()
                .filter_map(RuleLiteral::to_value)
                .any(|wanted| values_compare(Comparison::Equal, &wanted, value)),
            Self::Has(test, wanted) => match value {
                FieldValue::Str(text) => wanted
                    .iter()
                    .any(|wanted| TextSearch::new(*test, wanted).holds(text)),
                _ => false,
            },
            Self::Inside(networks) => match value {
                FieldValue::Str(text) => networks.iter().any(|(_, network)| network.contains(text)),
                _ => false,
            },
        }
    }

    /// As other languages compare: numbers are texts.
    fn to_tests(&self) -> Vec<FieldTest> {
        let text = |kind, literal: String, case| FieldTest::Text {
            kind,
            literal,
            case,
        };
        match self {
            Self::Is(wanted) => wanted
                .iter()
                .map(|wanted| {
                    text(
                        TextAnchor::Whole,
                        literal_text(wanted),
                        CaseSensitivity::Insensitive,
                    )
                })
                .collect(),
            Self::Has(test, wanted) => {
                let (kind, case) = test.anchor_and_case();
                wanted
                    .iter()
                    .map(|wanted| text(kind, wanted.to_string(), case))
                    .collect()
            }
            Self::Inside(networks) => networks
                .iter()
                .map(|(network, _)| FieldTest::Network(network.to_string()))
                .collect(),
        }
    }
}

/// A literal as an event's text would say it.
fn literal_text(literal: &RuleLiteral) -> String {
    match literal {
        RuleLiteral::Bool(value) => value.to_string(),
        RuleLiteral::Int(value) => value.to_string(),
        RuleLiteral::Float(value) => value.to_string(),
        RuleLiteral::Str(text) => text.to_string(),
        RuleLiteral::Unit | RuleLiteral::Char(_) | RuleLiteral::Array(_) | RuleLiteral::Map(_) => {
            String::new()
        }
    }
}

impl fmt::Display for ExceptionTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, wanted): (&str, Vec<String>) = match &self.question {
            ExceptionQuestion::Is(wanted) => {
                let wanted = wanted.iter().map(|wanted| match wanted {
                    RuleLiteral::Str(text) => format!("{text:?}"),
                    other => literal_text(other),
                });
                ("is", wanted.collect())
            }
            ExceptionQuestion::Has(test, wanted) => {
                let wanted = wanted.iter().map(|text| format!("{text:?}"));
                (test.name(), wanted.collect())
            }
            ExceptionQuestion::Inside(networks) => {
                let networks = networks.iter().map(|(network, _)| network.to_string());
                ("in", networks.collect())
            }
        };
        write!(f, "{} {verb} {}", self.field, wanted.join(" or "))
    }
}
