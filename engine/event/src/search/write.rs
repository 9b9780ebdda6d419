//! A search as text that reads back as the same.

use std::fmt::{self, Display, Write};

use super::ask::{Limit, Limits, Node, Scale, Term, Want};
use super::field::Field;
use super::glob::Glob;

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => joined(f, parts, " "),
            Self::Any(parts) => joined(f, parts, " OR "),
            Self::Not(part) => write!(f, "-{}", Inner(part, true)),
            Self::Term(term) => term.fmt(f),
            Self::Word(word) => match word.to_string() {
                text if is_plain_word(&text) => f.write_str(&text),
                text => write!(f, "\"{text}\""),
            },
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Node], between: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write!(f, "{}", Inner(part, false))?;
    }
    Ok(())
}

/// A part of another one, in parentheses where it needs them; whether it is negated.
struct Inner<'n>(&'n Node, bool);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Node::All(_) | Node::Any(_) => write!(f, "({})", self.0),
            Node::Not(_) if self.1 => write!(f, "({})", self.0),
            Node::Not(_) | Node::Term(_) | Node::Word(_) => self.0.fmt(f),
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

impl Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.any.as_slice() {
            [Want::Last(span)] => write!(f, "last:{span}"),
            [Want::Range(limits)] => {
                let (sign, at) = match (&limits.low, &limits.high) {
                    (Some(low), None) if low.is_included => (">=", low.at),
                    (Some(low), None) => (">", low.at),
                    (None, Some(high)) if high.is_included => ("<=", high.at),
                    (None, Some(high)) => ("<", high.at),
                    _ => {
                        write!(f, "{}:", Named(&self.field))?;
                        return range(f, &self.field, limits);
                    }
                };
                write!(f, "{}{sign}{at}", Named(&self.field))
            }
            [only] => {
                write!(f, "{}:", Named(&self.field))?;
                value(f, &self.field, only)
            }
            several => {
                write!(f, "{}:(", Named(&self.field))?;
                for (index, want) in several.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    value(f, &self.field, want)?;
                }
                f.write_char(')')
            }
        }
    }
}

/// A field's name, in quotes where it needs them.
struct Named<'f>(&'f Field);

impl Display for Named<'_> {
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

fn value(f: &mut fmt::Formatter<'_>, field: &Field, want: &Want) -> fmt::Result {
    match want {
        Want::Present => f.write_char('*'),
        Want::Text(glob) => text(f, field, glob),
        Want::Network(network) => network.fmt(f),
        Want::Topics(pattern) => pattern.fmt(f),
        Want::Range(limits) => range(f, field, limits),
        Want::Last(span) => span.fmt(f),
    }
}

fn text(f: &mut fmt::Formatter<'_>, field: &Field, glob: &Glob) -> fmt::Result {
    let text = glob.to_string();
    let is_plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '*' | '?' | '-' | '\\' | '$')
    };
    let is_special = text == "*" || text.contains("..") || text.is_empty();
    // Kinds are words that are never quoted.
    if *field == Field::Kind || (text.chars().all(is_plain) && !is_special) {
        f.write_str(&text)
    } else {
        write!(f, "\"{text}\"")
    }
}

/// `low..high`, or the one place that it is.
fn range(f: &mut fmt::Formatter<'_>, field: &Field, limits: &Limits) -> fmt::Result {
    let at = |limit: &Option<Limit>| limit.as_ref().map(|limit| limit.at);
    let (low, high) = (at(&limits.low), at(&limits.high));
    if let Some(low) = low {
        low.fmt(f)?;
        if matches!(field, Field::Time | Field::Severity) && high == Some(low) {
            return Ok(());
        }
    }
    f.write_str("..")?;
    high.map_or(Ok(()), |high| high.fmt(f))
}

impl Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Time(moment) => moment.fmt(f),
            Self::Severity(severity) => severity.fmt(f),
        }
    }
}
