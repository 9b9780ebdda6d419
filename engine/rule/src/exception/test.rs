//! What an exception asks of one field.

use std::fmt;
use std::sync::Arc;

use larum_event::{Event, Value};

use crate::condition::Comparison;
use crate::predicate::{BuildError, Case, Expression, PredicateSetBuilder, Test, TextKind};
use crate::script::Literal;
use crate::text::{Network, Search, TextTest};
use crate::view::FieldRef;

/// A question about one field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ExceptionTest {
    pub(super) field: Arc<str>,
    /// Where it stands in an event; `None` for a name that only another rule language knows.
    pub(super) place: Option<FieldRef>,
    pub(super) question: Question,
}

/// What is asked. Of several answers, one that fits is enough.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Question {
    /// Whether it is one of these.
    Is(Vec<Literal>),
    /// Whether its text has one of these there.
    Has(TextTest, Vec<Arc<str>>),
    /// Whether it is an address in one of these.
    Inside(Vec<(Arc<str>, Network)>),
}

impl ExceptionTest {
    /// Whether an event answers yes. A question about a foreign field is none here: a program asks it.
    pub(super) fn holds(&self, event: &Event) -> bool {
        let value = match &self.place {
            None => return true,
            Some(FieldRef::Member(member)) => member.of(event),
            Some(FieldRef::Path(path)) => event.field(path),
        };
        value.is_some_and(|value| self.question.holds(&value))
    }

    /// The same as an expression over foreign fields; `None` where it asks of the event itself. `synonyms` are
    /// what fields are called in some events.
    pub(super) fn expression(
        &self,
        synonyms: &[(Arc<str>, Arc<str>)],
        predicates: &mut PredicateSetBuilder,
    ) -> Result<Option<Expression>, BuildError> {
        if self.place.is_some() {
            return Ok(None);
        }
        let others = synonyms.iter().filter(|(field, _)| *field == self.field);
        let names = others.map(|(_, other)| other).chain([&self.field]);
        let mut parts = Vec::new();
        for name in names {
            let slot = predicates.slot(name);
            for test in self.question.tests() {
                let predicate = predicates.predicate(Some(slot), test)?;
                parts.push(Expression::Is(predicate));
            }
        }
        Ok(Some(Expression::Any(parts)))
    }
}

impl Question {
    fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Is(wanted) => wanted
                .iter()
                .filter_map(Literal::to_value)
                .any(|wanted| Comparison::Equal.holds(&wanted, value)),
            Self::Has(test, wanted) => match value {
                Value::Str(text) => wanted
                    .iter()
                    .any(|wanted| Search::new(*test, wanted).holds(text)),
                _ => false,
            },
            Self::Inside(networks) => match value {
                Value::Str(text) => networks.iter().any(|(_, network)| network.contains(text)),
                _ => false,
            },
        }
    }

    /// As other languages compare: numbers are texts.
    fn tests(&self) -> Vec<Test> {
        let text = |kind, literal: String, case| Test::Text {
            kind,
            literal,
            case,
        };
        match self {
            Self::Is(wanted) => wanted
                .iter()
                .map(|wanted| text(TextKind::Whole, written(wanted), Case::Ignored))
                .collect(),
            Self::Has(test, wanted) => {
                let (kind, case) = test.placed();
                wanted
                    .iter()
                    .map(|wanted| text(kind, wanted.to_string(), case))
                    .collect()
            }
            Self::Inside(networks) => networks
                .iter()
                .map(|(network, _)| Test::Network(network.to_string()))
                .collect(),
        }
    }
}

/// A literal as an event's text would say it.
fn written(literal: &Literal) -> String {
    match literal {
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Float(value) => value.to_string(),
        Literal::Str(text) => text.to_string(),
        Literal::Unit | Literal::Char(_) | Literal::Array(_) | Literal::Map(_) => String::new(),
    }
}

impl fmt::Display for ExceptionTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, wanted): (&str, Vec<String>) = match &self.question {
            Question::Is(wanted) => {
                let wanted = wanted.iter().map(|wanted| match wanted {
                    Literal::Str(text) => format!("{text:?}"),
                    other => written(other),
                });
                ("is", wanted.collect())
            }
            Question::Has(test, wanted) => {
                let wanted = wanted.iter().map(|text| format!("{text:?}"));
                (test.name(), wanted.collect())
            }
            Question::Inside(networks) => {
                let networks = networks.iter().map(|(network, _)| network.to_string());
                ("in", networks.collect())
            }
        };
        write!(f, "{} {verb} {}", self.field, wanted.join(" or "))
    }
}
