//! From `except.toml` to exceptions, before it is known which rules stand beside it.
//!
//! Owns the keys of an exception and their forms. Whether a rule has such a field is checked when
//! the exception is assigned, not here.
//! Invariant: an exception without a reason, an owner and an end is refused, so nothing stays
//! silent for ever by accident.

use std::sync::Arc;

use larum_event::{InvalidTimestamp, RuleFile, Timestamp};
use larum_predicate::{CidrNetwork, Diagnostic};
use rhai::Position;
use toml::Spanned;
use toml::de::DeValue;

use super::test::{ExceptionQuestion, ExceptionTest};
use crate::script::RuleLiteral;
use crate::side_file::{SideFile, SideFileValue, TomlSection, describe_toml_value};
use crate::text::TextOperator;
use crate::view::FieldRef;

const EXCEPT: &str = "[[except]]";
const AND: &str = "a member of `and`";
/// Keys that ask something, besides those of texts.
const VALUE: &str = "value";
const CIDR: &str = "cidr";
/// How an exception without an end says so.
const NEVER: &str = "never";
/// A day: an exception ends with its last day, not at its beginning.
const DAY_NANOS: i64 = 24 * 60 * 60 * 1_000_000_000;

/// An exception as its file says it.
#[derive(Debug)]
pub(crate) struct ExceptionDraft {
    /// The rules that it names, if any.
    pub(super) rules: Vec<SideFileValue<Arc<str>>>,
    /// Each with the places of its field and of its question.
    pub(super) tests: Vec<(Position, Position, ExceptionTest)>,
    pub(super) reason: Arc<str>,
    pub(super) owner: Arc<str>,
    pub(super) expires: Option<Timestamp>,
    pub(super) place: Position,
}

/// The exceptions of a file; what is wrong with it is added to `problems`.
pub(crate) fn read_exceptions(
    file: &RuleFile,
    problems: &mut Vec<Diagnostic>,
) -> Vec<ExceptionDraft> {
    let first = problems.len();
    let mut beside = SideFile::new(file, "bad-exception", problems);
    let Some(document) = beside.parse_document() else {
        return Vec::new();
    };
    let top = TomlSection::of_document(&document);
    beside.check_keys(top, &["except"]);
    let sections = beside.read_sections(top, "except", EXCEPT);
    let found = sections
        .into_iter()
        .filter_map(|section| read_exception(&mut beside, section))
        .collect();
    if let Some(problems) = problems.get_mut(first..) {
        problems.sort_by_key(|problem| (problem.line, problem.column));
    }
    found
}

fn read_exception(beside: &mut SideFile<'_>, section: TomlSection<'_>) -> Option<ExceptionDraft> {
    let mut known = question_keys();
    known.splice(0..0, ["field"]);
    known.extend(["and", "rule", "reason", "owner", "expires"]);
    // Every part is read before any `?`: one mistake must not hide the others.
    beside.check_keys(section, &known);
    let rules = beside.read_texts(section, "rule");
    let mut tests = vec![read_test(beside, section)];
    for value in beside.read_values(section, "and") {
        if let Some(more) = beside.read_section(AND, value) {
            let mut known = question_keys();
            known.splice(0..0, ["field"]);
            beside.check_keys(more, &known);
            tests.push(read_test(beside, more));
        }
    }
    let help = "say why, for the reader who meets it in a year: `reason = \"..\"`";
    let reason = beside.required_text(section, "reason", help);
    let help = "say whom to ask: `owner = \"ada@example.org\"`";
    let owner = beside.required_text(section, "owner", help);
    let expires = read_expiry(beside, section);
    Some(ExceptionDraft {
        rules: rules
            .into_iter()
            .map(|rule| SideFileValue {
                value: Arc::from(rule.value),
                place: rule.place,
            })
            .collect(),
        tests: tests.into_iter().collect::<Option<_>>()?,
        reason: Arc::from(reason?.value),
        owner: Arc::from(owner?.value),
        expires: expires?,
        place: section.place,
    })
}

/// Keys that ask something of the field.
fn question_keys() -> Vec<&'static str> {
    let texts = TextOperator::ALL.map(TextOperator::name);
    [VALUE, CIDR].into_iter().chain(texts).collect()
}

fn read_test(
    beside: &mut SideFile<'_>,
    section: TomlSection<'_>,
) -> Option<(Position, Position, ExceptionTest)> {
    let help = "name it as rules do: `field = \"data.host\"`";
    let field = beside.required_text(section, "field", help);
    let asked: Vec<&str> = question_keys()
        .into_iter()
        .filter(|key| section.get(key).is_some())
        .collect();
    let key = match asked.as_slice() {
        [key] => *key,
        [] => {
            let problem = format!("{} asks nothing of its field", section.name);
            let help = "say which events it is about: `value = \"..\"`, `ends_with = \"..\"`, `cidr = \"..\"`";
            beside.report_with_help(section.place, problem, help);
            return None;
        }
        [one, other, ..] => {
            let problem = format!("{} has both `{one}` and `{other}`", section.name);
            let help =
                "ask one thing at a time; for more: `and = [{ field = \"..\", value = \"..\" }]`";
            beside.report_with_help(section.place, problem, help);
            return None;
        }
    };
    let place = section.get(key).map(|value| beside.place_of_value(value))?;
    // The field last, though it is read first: a wrong question is reported beside a wrong field.
    let question = read_question(beside, section, key)?;
    let field = field?;
    let test = ExceptionTest {
        field: Arc::from(field.value),
        place: FieldRef::parse(field.value).ok(),
        question,
    };
    Some((field.place, place, test))
}

fn read_question(
    beside: &mut SideFile<'_>,
    section: TomlSection<'_>,
    key: &str,
) -> Option<ExceptionQuestion> {
    let values = beside.read_values(section, key);
    if values.is_empty() {
        return None;
    }
    if key == VALUE {
        let wanted = values.into_iter().map(|value| read_literal(beside, value));
        return wanted.collect::<Option<_>>().map(ExceptionQuestion::Is);
    }
    let texts = values
        .into_iter()
        .map(|value| beside.read_text(key, value))
        .collect::<Option<Vec<SideFileValue<&str>>>>()?;
    if key == CIDR {
        let networks = texts.into_iter().map(|text| {
            let network = CidrNetwork::parse(text.value);
            match network {
                Ok(network) => Some((Arc::from(text.value), network)),
                Err(reason) => {
                    beside.report_problem(text.place, reason);
                    None
                }
            }
        });
        return networks
            .collect::<Option<_>>()
            .map(ExceptionQuestion::Inside);
    }
    // Every text contains the empty one, so such an exception would silence the rule.
    if let Some(empty) = texts.iter().find(|text| text.value.is_empty()) {
        let problem = format!("an empty `{key}` would except every text");
        beside.report_problem(empty.place, problem);
        return None;
    }
    let texts = texts.iter().map(|text| Arc::from(text.value)).collect();
    TextOperator::from_name(key).map(|test| ExceptionQuestion::Has(test, texts))
}

fn read_literal(beside: &mut SideFile<'_>, value: &Spanned<DeValue<'_>>) -> Option<RuleLiteral> {
    let place = beside.place_of_value(value);
    match value.get_ref() {
        DeValue::String(text) => Some(RuleLiteral::Str(text.as_ref().into())),
        DeValue::Boolean(value) => Some(RuleLiteral::Bool(*value)),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
            if number.is_none() {
                beside.report_problem(place, "the number is larger than any that events hold");
            }
            number.map(RuleLiteral::Int)
        }
        DeValue::Float(number) => {
            let text = number.as_str();
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            if number.is_none() {
                beside.report_problem(place, format!("no event holds the number {text}"));
            }
            number.map(RuleLiteral::Float)
        }
        other => {
            let found = describe_toml_value(other);
            beside.report_problem(
                place,
                format!("`value` is a text, a number or a truth, not {found}"),
            );
            None
        }
    }
}

/// When it ends; `Some(None)` if it never does.
fn read_expiry(beside: &mut SideFile<'_>, section: TomlSection<'_>) -> Option<Option<Timestamp>> {
    const HELP: &str = "its last day, in UTC: `expires = 2027-06-30`; or `expires = \"never\"`";
    let Some(value) = section.get("expires") else {
        let problem = format!("{} does not say when it `expires`", section.name);
        beside.report_with_help(section.place, problem, HELP);
        return None;
    };
    let place = beside.place_of_value(value);
    let text = match value.get_ref() {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(text) if text == NEVER => return Some(None),
        DeValue::String(text) => text.to_string(),
        other => {
            let problem = format!("`expires` is a date, not {}", describe_toml_value(other));
            beside.report_with_help(place, problem, HELP);
            return None;
        }
    };
    let end = parse_end(&text);
    if end.is_none() {
        beside.report_with_help(place, format!("{text:?} is not a date"), HELP);
    }
    end.map(Some)
}

/// The first moment after a day, or the moment that a time names. A moment later than any event
/// is the last there is.
fn parse_end(text: &str) -> Option<Timestamp> {
    let moment = |text: &str| match Timestamp::parse(text) {
        Err(InvalidTimestamp::OutOfRange { .. }) if is_late(text) => Some(Timestamp::MAX),
        time => time.ok(),
    };
    if text.contains(':') {
        return moment(text);
    }
    let begins = moment(&format!("{text}T00:00:00Z"))?;
    let day = larum_event::Span::from_nanos(DAY_NANOS);
    Some(begins.saturating_add(day))
}

/// Whether a time that no event can have is later than those of events, not earlier.
fn is_late(text: &str) -> bool {
    text.get(..2).is_some_and(|century| century > "20")
}
