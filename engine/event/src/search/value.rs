//! From the text behind a field to the condition on its value.
//!
//! Owns what a value means for each field: a number, a time, a network, a range or a text with
//! wildcards. Names of fields and the grammar around terms are left to `field` and `parse`.
//! Invariant: what does not read as a range or a network is a text, except in fields that hold
//! nothing else, because paths and messages hold dots and slashes too.

use super::field::{SearchField, TermName};
use super::node::{RangeLimit, RangeLimits, RangeValue, ValueCondition};
use super::number::parse_number;
use super::time_period::TimePeriod;
use crate::pattern::TopicPattern;
use crate::severity::Severity;
use crate::time::Span;
use crate::value::{Comparison, GlobPattern, Network};

/// The operators between a field and its value. A longer one comes before any it begins with.
pub(super) const OPERATORS: [(&str, Comparison); 12] = [
    (":>=", Comparison::AtLeast),
    (":<=", Comparison::AtMost),
    (":>", Comparison::Greater),
    (":<", Comparison::Less),
    (":", Comparison::Equal),
    ("==", Comparison::Equal),
    ("=", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
];

/// A text with wildcards; quotes are escaped in it too, as they end a text.
pub(super) fn parse_glob(text: &str) -> GlobPattern {
    GlobPattern::parse(text, &['"'])
}

/// A value as it is written.
pub(super) struct ValueText<'t> {
    /// Without its quotes.
    pub(super) text: &'t str,
    pub(super) is_quoted: bool,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

/// Why a value is not valid for its field.
pub(super) struct ValueProblem {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl ValueProblem {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
        }
    }
}

const TIME_HELP: &str = "write a time such as 2026-11-20, 2026-11-20T12:00 or 2026-11-20T12:00:00Z, in UTC if it names no zone";
const SPAN_HELP: &str = "write a number and a unit, such as last:24h, last:30m or last:7d";

/// The condition of one of a field's `count` values.
pub(super) fn parse_condition(
    name: &TermName,
    operator: Comparison,
    written: &ValueText<'_>,
    count: usize,
) -> Result<(SearchField, ValueCondition), ValueProblem> {
    let is_equality = matches!(operator, Comparison::Equal | Comparison::NotEqual);
    if !is_equality && count > 1 {
        return Err(ValueProblem::new(
            "a list of values cannot be compared",
            "compare with one value, or list values behind a colon: severity:(high, critical)",
        ));
    }
    let limit = |operator, at| ValueCondition::Range(comparison_range(operator, at));
    let field = match name {
        TermName::Field(field) => field,
        // These are bounds already, so a second bound makes no sense.
        TermName::From | TermName::To | TermName::Last if !is_equality || count > 1 => {
            return Err(ValueProblem::new(
                "this takes one value behind a colon",
                "compare times by name: time>=2026-11-20",
            ));
        }
        TermName::From => {
            return Ok((
                SearchField::Time,
                limit(Comparison::AtLeast, parse_time(written.text)?),
            ));
        }
        TermName::To => {
            return Ok((
                SearchField::Time,
                limit(Comparison::AtMost, parse_time(written.text)?),
            ));
        }
        TermName::Last => {
            let span = Span::parse(written.text)
                .map_err(|error| ValueProblem::new(error.to_string(), SPAN_HELP))?;
            return Ok((SearchField::Time, ValueCondition::Last(span)));
        }
    };
    let want = if is_equality {
        parse_equality(field, written)?
    } else {
        ValueCondition::Range(comparison_range(
            operator,
            parse_range_value(field, written.text)?,
        ))
    };
    Ok((field.clone(), want))
}

fn comparison_range(operator: Comparison, at: RangeValue) -> RangeLimits {
    let limit = |is_included| Some(RangeLimit { at, is_included });
    let (low, high) = match operator {
        Comparison::Equal | Comparison::NotEqual => (limit(true), limit(true)),
        Comparison::Greater => (limit(false), None),
        Comparison::AtLeast => (limit(true), None),
        Comparison::Less => (None, limit(false)),
        Comparison::AtMost => (None, limit(true)),
    };
    RangeLimits { low, high }
}

fn parse_equality(
    field: &SearchField,
    written: &ValueText<'_>,
) -> Result<ValueCondition, ValueProblem> {
    let text = written.text;
    if text == "*" && !written.is_quoted {
        return Ok(ValueCondition::Present);
    }
    if text
        .strip_prefix('[')
        .is_some_and(|low| parse_number(low).is_some())
    {
        return Err(ValueProblem::new(
            "a range is written otherwise here",
            "write data.port:1..1024, or data.port>=1",
        ));
    }
    match field {
        SearchField::Time | SearchField::Severity => match parse_range(field, text)? {
            Some(range) => Ok(ValueCondition::Range(range)),
            None => Ok(ValueCondition::Range(RangeLimits::exactly(
                parse_range_value(field, text)?,
            ))),
        },
        SearchField::Topic if text.contains(['+', '#']) => TopicPattern::new(text)
            .map(ValueCondition::Topics)
            .map_err(|error| ValueProblem {
                message: error.to_string(),
                help: None,
            }),
        SearchField::Kind if !["event", "alert", "system"].contains(&text) => {
            Err(ValueProblem::new(
                format!("{text:?} is no kind"),
                "it is event, alert or system",
            ))
        }
        SearchField::Ip => {
            let network = text.parse().ok();
            Ok(network.map_or_else(
                || ValueCondition::Text(parse_glob(text)),
                ValueCondition::Network,
            ))
        }
        SearchField::Path(_) | SearchField::Host if !written.is_quoted => {
            if let Some(range) = parse_range(field, text)? {
                return Ok(ValueCondition::Range(range));
            }
            // An address alone is a text here: the field holds more than addresses.
            let network = text.parse().ok().filter(|_: &Network| text.contains('/'));
            Ok(network.map_or_else(
                || ValueCondition::Text(parse_glob(text)),
                ValueCondition::Network,
            ))
        }
        _ => Ok(ValueCondition::Text(parse_glob(text))),
    }
}

/// The range `low..high`, where one end may be missing; `None` if the text is not a range.
fn parse_range(field: &SearchField, text: &str) -> Result<Option<RangeLimits>, ValueProblem> {
    let Some((low, high)) = text.split_once("..") else {
        return Ok(None);
    };
    let side = |text: &str| match text {
        "" => Ok(None),
        _ => parse_range_value(field, text).map(|at| {
            Some(RangeLimit {
                at,
                is_included: true,
            })
        }),
    };
    let must_be_one = matches!(field, SearchField::Time | SearchField::Severity);
    let (low, high) = match (side(low), side(high)) {
        (Ok(low), Ok(high)) => (low, high),
        (Err(problem), _) | (_, Err(problem)) if must_be_one => return Err(problem),
        // Texts such as paths contain two dots as well.
        _ => return Ok(None),
    };
    let limits = RangeLimits { low, high };
    match (&limits.low, &limits.high) {
        (None, None) if must_be_one => Err(ValueProblem::new(
            "a range has at least one end",
            "write time:2026-11-20..2026-11-21",
        )),
        (None, None) => Ok(None),
        (Some(low), Some(high)) => match is_ascending(low.at, high.at) {
            Some(true) => Ok(Some(limits)),
            Some(false) => Err(ValueProblem::new(
                "the range ends before it begins",
                "write the smaller end first",
            )),
            None => Ok(None),
        },
        _ => Ok(Some(limits)),
    }
}

/// Whether `high` does not lie before `low`; `None` for places of different scales.
fn is_ascending(low: RangeValue, high: RangeValue) -> Option<bool> {
    match (low, high) {
        (RangeValue::Number(low), RangeValue::Number(high)) => {
            Some(low.satisfies(Comparison::AtMost, high))
        }
        (RangeValue::Time(low), RangeValue::Time(high)) => Some(low.from <= high.to),
        (RangeValue::Severity(low), RangeValue::Severity(high)) => Some(low <= high),
        _ => None,
    }
}

/// A place that the field's values can be compared with.
fn parse_range_value(field: &SearchField, text: &str) -> Result<RangeValue, ValueProblem> {
    match field {
        SearchField::Time => parse_time(text),
        SearchField::Severity => {
            text.parse::<Severity>()
                .map(RangeValue::Severity)
                .map_err(|error| {
                    ValueProblem::new(error.to_string(), "write severity:high or severity>=high")
                })
        }
        SearchField::Path(_) => parse_number(text)
            .map(RangeValue::Number)
            .or_else(|| TimePeriod::parse(text).map(RangeValue::Time))
            .ok_or_else(|| {
                ValueProblem::new(
                    format!("{text:?} is neither a number nor a time"),
                    "only numbers, times and severities are more or less than others",
                )
            }),
        _ => Err(ValueProblem::new(
            format!("the values of {field} are texts"),
            "only numbers, times and severities are more or less than others; write a colon and wildcards",
        )),
    }
}

fn parse_time(text: &str) -> Result<RangeValue, ValueProblem> {
    let moment = TimePeriod::parse(text).map(RangeValue::Time);
    moment.ok_or_else(|| ValueProblem::new(format!("{text:?} is not a time"), TIME_HELP))
}
