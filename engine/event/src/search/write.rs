//! A search as text that reads back as the same.
//!
//! Owns the canonical text only; reading it is the job of `parse`.
//! Invariant: parsing the text gives an equal search. Page cursors carry a hash of this text, so a
//! change of it ends the pages that are being read.

use std::fmt::{self, Display, Write};

use super::field::SearchField;
use super::node::{RangeLimit, RangeLimits, RangeValue, SearchNode, SearchTerm, ValueCondition};
use crate::value::GlobPattern;

impl Display for SearchNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => write_joined(f, parts, " "),
            Self::Any(parts) => write_joined(f, parts, " OR "),
            Self::Not(part) => write!(f, "-{}", NestedNode(part, true)),
            Self::Term(term) => term.fmt(f),
            Self::Word(word) => match word.to_string() {
                text if is_plain_word(&text) => f.write_str(&text),
                text => write!(f, "\"{text}\""),
            },
        }
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, parts: &[SearchNode], between: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write!(f, "{}", NestedNode(part, false))?;
    }
    Ok(())
}

/// A part of another one, in parentheses where it needs them; whether it is negated.
struct NestedNode<'n>(&'n SearchNode, bool);

impl Display for NestedNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SearchNode::All(_) | SearchNode::Any(_) => write!(f, "({})", self.0),
            SearchNode::Not(_) if self.1 => write!(f, "({})", self.0),
            SearchNode::Not(_) | SearchNode::Term(_) | SearchNode::Word(_) => self.0.fmt(f),
        }
    }
}

fn is_plain_word(text: &str) -> bool {
    let is_keyword = ["and", "or", "not"]
        .iter()
        .any(|keyword| text.eq_ignore_ascii_case(keyword));
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '/' | '*' | '?');
    !is_keyword && !text.is_empty() && text.chars().all(is_plain)
}

impl Display for SearchTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.any.as_slice() {
            [ValueCondition::Last(span)] => write!(f, "last:{span}"),
            [ValueCondition::Range(limits)] => {
                let (sign, at) = match (&limits.low, &limits.high) {
                    (Some(low), None) if low.is_included => (">=", low.at),
                    (Some(low), None) => (">", low.at),
                    (None, Some(high)) if high.is_included => ("<=", high.at),
                    (None, Some(high)) => ("<", high.at),
                    // Both ends need the form with two dots.
                    _ => {
                        write!(f, "{}:", QuotedField(&self.field))?;
                        return write_range(f, &self.field, limits);
                    }
                };
                write!(f, "{}{sign}{at}", QuotedField(&self.field))
            }
            [only] => {
                write!(f, "{}:", QuotedField(&self.field))?;
                write_value(f, &self.field, only)
            }
            several => {
                write!(f, "{}:(", QuotedField(&self.field))?;
                for (index, want) in several.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write_value(f, &self.field, want)?;
                }
                f.write_char(')')
            }
        }
    }
}

/// A field's name, in quotes where it needs them.
struct QuotedField<'f>(&'f SearchField);

impl Display for QuotedField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.to_string();
        let is_plain =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '$' | '-' | '#');
        if name.chars().all(is_plain) && !name.starts_with('-') {
            f.write_str(&name)
        } else {
            write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
        }
    }
}

fn write_value(
    f: &mut fmt::Formatter<'_>,
    field: &SearchField,
    want: &ValueCondition,
) -> fmt::Result {
    match want {
        ValueCondition::Present => f.write_char('*'),
        ValueCondition::Text(glob) => write_text(f, field, glob),
        ValueCondition::Network(network) => network.fmt(f),
        ValueCondition::Topics(pattern) => pattern.fmt(f),
        ValueCondition::Range(limits) => write_range(f, field, limits),
        ValueCondition::Last(span) => span.fmt(f),
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, field: &SearchField, glob: &GlobPattern) -> fmt::Result {
    let text = glob.to_string();
    let is_plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '*' | '?' | '-' | '\\' | '$')
    };
    let is_special = text == "*" || text.contains("..") || text.is_empty();
    // Kinds are words that are never quoted.
    if *field == SearchField::Kind || (text.chars().all(is_plain) && !is_special) {
        f.write_str(&text)
    } else {
        write!(f, "\"{text}\"")
    }
}

/// `low..high`, or the one place that it is.
fn write_range(
    f: &mut fmt::Formatter<'_>,
    field: &SearchField,
    limits: &RangeLimits,
) -> fmt::Result {
    let at = |limit: &Option<RangeLimit>| limit.as_ref().map(|limit| limit.at);
    let (low, high) = (at(&limits.low), at(&limits.high));
    if let Some(low) = low {
        low.fmt(f)?;
        if matches!(field, SearchField::Time | SearchField::Severity) && high == Some(low) {
            return Ok(());
        }
    }
    f.write_str("..")?;
    high.map_or(Ok(()), |high| high.fmt(f))
}

impl Display for RangeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Time(moment) => moment.fmt(f),
            Self::Severity(severity) => severity.fmt(f),
        }
    }
}
