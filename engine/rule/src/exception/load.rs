//! From `except.toml` to exceptions, before it is known which rules stand beside it.
//!
//! Owns the keys of an exception and their forms. Whether a rule has such a field is checked when
//! the exception is assigned, not here.
//! Invariant: an exception without a reason, an owner and an end is refused, so nothing stays
//! silent for ever by accident.

use std::sync::Arc;

use larum_event::toml_file::{TomlFile, TomlTable, TomlText, TomlValue};
use larum_event::{InvalidTimestamp, RuleFile, Timestamp};
use larum_predicate::Diagnostic;
use rhai::Position;
use toml::de::DeValue;

use super::test::{ExceptionQuestion, ExceptionTest};
use crate::script::RuleLiteral;
use crate::side_file::{into_diagnostics, open_side_file, script_position};
use crate::text::{TextOperator, parse_network};
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
    pub(super) rules: Vec<RuleMention>,
    /// Each with the places of its field and of its question.
    pub(super) tests: Vec<(Position, Position, ExceptionTest)>,
    pub(super) reason: Arc<str>,
    pub(super) owner: Arc<str>,
    pub(super) expires: Option<Timestamp>,
    pub(super) place: Position,
}

/// The id of a rule, and where the file names it.
#[derive(Debug)]
pub(super) struct RuleMention {
    pub(super) id: Arc<str>,
    pub(super) place: Position,
}

/// The exceptions of a file; what is wrong with it is added to `problems`.
pub(crate) fn read_exceptions(
    file: &RuleFile,
    problems: &mut Vec<Diagnostic>,
) -> Vec<ExceptionDraft> {
    let mut toml = open_side_file(file, "bad-exception");
    let mut found = Vec::new();
    if let Some(document) = toml.parse_document() {
        let top = TomlTable::from_document(&document);
        top.check_keys(&["except"], &mut toml);
        for section in top.get_tables("except", EXCEPT, &mut toml) {
            found.extend(read_exception(&section, &mut toml));
        }
    }
    problems.extend(into_diagnostics(toml, file));
    found
}

fn read_exception(section: &TomlTable<'_>, toml: &mut TomlFile<'_>) -> Option<ExceptionDraft> {
    let mut known = test_keys();
    known.extend(["and", "rule", "reason", "owner", "expires"]);
    // Every part is read before any `?`: one mistake must not hide the others.
    section.check_keys(&known, toml);
    let mut rules = Vec::new();
    for value in section.get_values("rule", toml) {
        if let Some(rule) = toml.read_string("rule", value) {
            rules.push(RuleMention {
                id: Arc::from(rule.value),
                place: script_position(toml, rule.at),
            });
        }
    }
    let mut tests = vec![read_test(section, toml)];
    for value in section.get_values("and", toml) {
        if let Some(more) = toml.read_table(AND, value) {
            more.check_keys(&test_keys(), toml);
            tests.push(read_test(&more, toml));
        }
    }
    let help = "say why, for the reader who meets it in a year: `reason = \"..\"`";
    let reason = section.require_string("reason", help, toml);
    let help = "say whom to ask: `owner = \"ada@example.org\"`";
    let owner = section.require_string("owner", help, toml);
    let expires = read_expiry(section, toml);
    Some(ExceptionDraft {
        rules,
        tests: tests.into_iter().collect::<Option<_>>()?,
        reason: Arc::from(reason?.value),
        owner: Arc::from(owner?.value),
        expires: expires?,
        place: script_position(toml, section.at),
    })
}

/// Keys that ask something of the field.
fn question_keys() -> Vec<&'static str> {
    let texts = TextOperator::ALL.map(TextOperator::name);
    [VALUE, CIDR].into_iter().chain(texts).collect()
}

/// All keys of a test.
fn test_keys() -> Vec<&'static str> {
    ["field"].into_iter().chain(question_keys()).collect()
}

fn read_test(
    section: &TomlTable<'_>,
    toml: &mut TomlFile<'_>,
) -> Option<(Position, Position, ExceptionTest)> {
    let help = "name it as rules do: `field = \"data.host\"`";
    let field = section.require_string("field", help, toml);
    let asked: Vec<&str> = question_keys()
        .into_iter()
        .filter(|key| section.get(key).is_some())
        .collect();
    let key = match asked.as_slice() {
        [key] => *key,
        [] => {
            let problem = format!("{} asks nothing of its field", section.name);
            let help = "say which events it is about: `value = \"..\"`, `ends_with = \"..\"`, `cidr = \"..\"`";
            toml.report_with_help(section.at, problem, help);
            return None;
        }
        [one, other, ..] => {
            let problem = format!("{} has both `{one}` and `{other}`", section.name);
            let help =
                "ask one thing at a time; for more: `and = [{ field = \"..\", value = \"..\" }]`";
            toml.report_with_help(section.at, problem, help);
            return None;
        }
    };
    // The field last, though it is read first: a wrong question is reported beside a wrong field.
    let question = read_question(section, key, toml)?;
    let field = field?;
    let test = ExceptionTest {
        field: Arc::from(field.value),
        place: FieldRef::parse(field.value).ok(),
        question,
    };
    let asked_at = script_position(toml, section.place_of(key));
    Some((script_position(toml, field.at), asked_at, test))
}

fn read_question(
    section: &TomlTable<'_>,
    key: &str,
    toml: &mut TomlFile<'_>,
) -> Option<ExceptionQuestion> {
    let values = section.get_values(key, toml);
    if values.is_empty() {
        return None;
    }
    if key == VALUE {
        let wanted = values.into_iter().map(|value| read_literal(value, toml));
        return wanted.collect::<Option<_>>().map(ExceptionQuestion::Is);
    }
    let texts = values
        .into_iter()
        .map(|value| toml.read_string(key, value))
        .collect::<Option<Vec<TomlText<'_>>>>()?;
    if key == CIDR {
        let networks = texts.into_iter().map(|text| {
            let network = parse_network(text.value);
            match network {
                Ok(network) => Some((Arc::from(text.value), network)),
                Err(reason) => {
                    toml.report(text.at, reason);
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
        toml.report(empty.at, problem);
        return None;
    }
    let texts = texts.iter().map(|text| Arc::from(text.value)).collect();
    TextOperator::from_name(key).map(|test| ExceptionQuestion::Has(test, texts))
}

fn read_literal(value: &TomlValue<'_>, toml: &mut TomlFile<'_>) -> Option<RuleLiteral> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) => Some(RuleLiteral::Str(text.as_ref().into())),
        DeValue::Boolean(value) => Some(RuleLiteral::Bool(*value)),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
            if number.is_none() {
                toml.report(at, "the number is larger than any that events hold");
            }
            number.map(RuleLiteral::Int)
        }
        DeValue::Float(number) => {
            let text = number.as_str();
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            if number.is_none() {
                toml.report(at, format!("no event holds the number {text}"));
            }
            number.map(RuleLiteral::Float)
        }
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            toml.report_wrong_type("`value`", value, "a text, a number or a truth");
            None
        }
    }
}

/// When it ends; `Some(None)` if it never does.
fn read_expiry(section: &TomlTable<'_>, toml: &mut TomlFile<'_>) -> Option<Option<Timestamp>> {
    const HELP: &str = "its last day, in UTC: `expires = 2027-06-30`; or `expires = \"never\"`";
    let Some(value) = section.get("expires") else {
        let problem = format!("{} does not say when it `expires`", section.name);
        toml.report_with_help(section.at, problem, HELP);
        return None;
    };
    let at = value.span().start;
    let text = match value.get_ref() {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(text) if text == NEVER => return Some(None),
        DeValue::String(text) => text.to_string(),
        _ => {
            let problem = toml.wrong_type_message("`expires`", value, "a date");
            toml.report_with_help(at, problem, HELP);
            return None;
        }
    };
    let end = parse_end(&text);
    if end.is_none() {
        toml.report_with_help(at, format!("{text:?} is not a date"), HELP);
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
