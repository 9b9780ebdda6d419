//! From the text behind a field to what is wanted of it.

use super::ask::{Limit, Limits, Scale, Want};
use super::field::{Field, Name};
use super::glob::Glob;
use super::moment::Moment;
use super::network::Network;
use super::number::Number;
use crate::pattern::TopicPattern;
use crate::severity::Severity;
use crate::time::Span;

/// How a field and its value are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Is,
    IsNot,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// How they are written; longer ones before those they begin with.
pub(super) const OPERATORS: [(&str, Operator); 12] = [
    (":>=", Operator::AtLeast),
    (":<=", Operator::AtMost),
    (":>", Operator::Above),
    (":<", Operator::Below),
    (":", Operator::Is),
    ("==", Operator::Is),
    ("=", Operator::Is),
    ("!=", Operator::IsNot),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    (">", Operator::Above),
    ("<", Operator::Below),
];

/// A value as it stands in the text.
pub(super) struct Written<'t> {
    /// Without its quotes.
    pub(super) text: &'t str,
    pub(super) is_quoted: bool,
    /// Where it stands, in bytes.
    pub(super) at: usize,
}

/// Why a value cannot be meant.
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Problem {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
        }
    }
}

const TIMES: &str = "write a time such as 2026-11-20, 2026-11-20T12:00 or 2026-11-20T12:00:00Z, in UTC if it names no zone";
const SPANS: &str = "write a number and a unit, such as last:24h, last:30m or last:7d";

/// What one of `count` values of a field asks.
pub(super) fn wanted(
    name: &Name,
    operator: Operator,
    written: &Written<'_>,
    count: usize,
) -> Result<(Field, Want), Problem> {
    let is_equality = matches!(operator, Operator::Is | Operator::IsNot);
    if !is_equality && count > 1 {
        return Err(Problem::new(
            "a list of values cannot be compared",
            "compare with one value, or list values behind a colon: severity:(high, critical)",
        ));
    }
    let limit = |operator, at| Want::Range(compared(operator, at));
    let field = match name {
        Name::Field(field) => field,
        Name::From | Name::To | Name::Last if !is_equality || count > 1 => {
            return Err(Problem::new(
                "this takes one value behind a colon",
                "compare times by name: time>=2026-11-20",
            ));
        }
        Name::From => return Ok((Field::Time, limit(Operator::AtLeast, moment(written.text)?))),
        Name::To => return Ok((Field::Time, limit(Operator::AtMost, moment(written.text)?))),
        Name::Last => {
            let span = Span::parse(written.text);
            let span = span.map_err(|error| Problem::new(error.to_string(), SPANS))?;
            return Ok((Field::Time, Want::Last(span)));
        }
    };
    let want = if is_equality {
        equality(field, written)?
    } else {
        Want::Range(compared(operator, scale(field, written.text)?))
    };
    Ok((field.clone(), want))
}

fn compared(operator: Operator, at: Scale) -> Limits {
    let limit = |is_included| Some(Limit { at, is_included });
    let (low, high) = match operator {
        Operator::Is | Operator::IsNot => (limit(true), limit(true)),
        Operator::Above => (limit(false), None),
        Operator::AtLeast => (limit(true), None),
        Operator::Below => (None, limit(false)),
        Operator::AtMost => (None, limit(true)),
    };
    Limits { low, high }
}

fn equality(field: &Field, written: &Written<'_>) -> Result<Want, Problem> {
    let text = written.text;
    if text == "*" && !written.is_quoted {
        return Ok(Want::Present);
    }
    if text
        .strip_prefix('[')
        .is_some_and(|low| Number::parse(low).is_some())
    {
        return Err(Problem::new(
            "a range is written otherwise here",
            "write data.port:1..1024, or data.port>=1",
        ));
    }
    match field {
        Field::Time | Field::Severity => match range(field, text)? {
            Some(range) => Ok(Want::Range(range)),
            None => Ok(Want::Range(Limits::only(scale(field, text)?))),
        },
        Field::Topic if text.contains(['+', '#']) => TopicPattern::new(text)
            .map(Want::Topics)
            .map_err(|error| Problem {
                message: error.to_string(),
                help: None,
            }),
        Field::Kind if !["event", "alert", "system"].contains(&text) => Err(Problem::new(
            format!("{text:?} is no kind"),
            "it is event, alert or system",
        )),
        Field::Ip => {
            let network = Network::parse(text).or_else(|| Network::of_one(text));
            Ok(network.map_or_else(|| Want::Text(Glob::parse(text)), Want::Network))
        }
        Field::Path(_) | Field::Host if !written.is_quoted => {
            if let Some(range) = range(field, text)? {
                return Ok(Want::Range(range));
            }
            let network = Network::parse(text);
            Ok(network.map_or_else(|| Want::Text(Glob::parse(text)), Want::Network))
        }
        _ => Ok(Want::Text(Glob::parse(text))),
    }
}

/// The range `low..high`, one of which may be left out; `None` where the text is none.
fn range(field: &Field, text: &str) -> Result<Option<Limits>, Problem> {
    let Some((low, high)) = text.split_once("..") else {
        return Ok(None);
    };
    let side = |text: &str| match text {
        "" => Ok(None),
        _ => scale(field, text).map(|at| {
            Some(Limit {
                at,
                is_included: true,
            })
        }),
    };
    let must_be_one = matches!(field, Field::Time | Field::Severity);
    let (low, high) = match (side(low), side(high)) {
        (Ok(low), Ok(high)) => (low, high),
        (Err(problem), _) | (_, Err(problem)) if must_be_one => return Err(problem),
        // Two dots stand in texts too, such as paths.
        _ => return Ok(None),
    };
    let limits = Limits { low, high };
    match (&limits.low, &limits.high) {
        (None, None) if must_be_one => Err(Problem::new(
            "a range has at least one end",
            "write time:2026-11-20..2026-11-21",
        )),
        (None, None) => Ok(None),
        (Some(low), Some(high)) => match ascend(low.at, high.at) {
            Some(true) => Ok(Some(limits)),
            Some(false) => Err(Problem::new(
                "the range ends before it begins",
                "write the smaller end first",
            )),
            None => Ok(None),
        },
        _ => Ok(Some(limits)),
    }
}

/// Whether `high` does not lie before `low`; `None` for places of different scales.
fn ascend(low: Scale, high: Scale) -> Option<bool> {
    match (low, high) {
        (Scale::Number(low), Scale::Number(high)) => Some(low <= high),
        (Scale::Time(low), Scale::Time(high)) => Some(low.from <= high.to),
        (Scale::Severity(low), Scale::Severity(high)) => Some(low <= high),
        _ => None,
    }
}

/// A place that the field's values can be compared with.
fn scale(field: &Field, text: &str) -> Result<Scale, Problem> {
    match field {
        Field::Time => moment(text),
        Field::Severity => text
            .parse::<Severity>()
            .map(Scale::Severity)
            .map_err(|error| {
                Problem::new(error.to_string(), "write severity:high or severity>=high")
            }),
        Field::Path(_) => Number::parse(text)
            .map(Scale::Number)
            .or_else(|| Moment::parse(text).map(Scale::Time))
            .ok_or_else(|| {
                Problem::new(
                    format!("{text:?} is neither a number nor a time"),
                    "only numbers, times and severities are more or less than others",
                )
            }),
        _ => Err(Problem::new(
            format!("the values of {field} are texts"),
            "only numbers, times and severities are more or less than others; write a colon and wildcards",
        )),
    }
}

fn moment(text: &str) -> Result<Scale, Problem> {
    let moment = Moment::parse(text).map(Scale::Time);
    moment.ok_or_else(|| Problem::new(format!("{text:?} is not a time"), TIMES))
}
