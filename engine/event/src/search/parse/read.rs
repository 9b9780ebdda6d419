//! The words, quotes and signs that a search is made of.

use std::ops::Range;

use super::{Parsed, Parser};
use crate::search::error::InvalidSearch;
use crate::search::value::{self, Operator};

impl<'t> Parser<'t> {
    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// An error at the next `bytes`.
    pub(super) fn wrong(&self, bytes: usize, message: impl Into<String>) -> InvalidSearch {
        self.wrong_at(self.at..self.at + bytes, message)
    }

    pub(super) fn wrong_at(&self, at: Range<usize>, message: impl Into<String>) -> InvalidSearch {
        InvalidSearch::new(self.text, at, message)
    }

    /// The characters up to one that `ends` them.
    pub(super) fn run(&self, ends: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        rest.split(|c: char| c.is_whitespace() || ends(c))
            .next()
            .unwrap_or(rest)
    }

    /// The word here, if it is one of `AND`, `OR` and `NOT`.
    pub(super) fn keyword(&self) -> Option<Keyword> {
        let word = self.run(|c| matches!(c, '(' | ')'));
        [
            ("and", Keyword::And),
            ("or", Keyword::Or),
            ("not", Keyword::Not),
        ]
        .into_iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, keyword)| keyword)
    }

    pub(super) fn operator(&mut self) -> Option<Operator> {
        let (sign, operator) = value::OPERATORS
            .into_iter()
            .find(|(sign, _)| self.rest().starts_with(sign))?;
        self.at += sign.len();
        Some(operator)
    }

    /// A value, and whether it stands in quotes.
    pub(super) fn value(&mut self, ends: impl Fn(char) -> bool) -> Parsed<(&'t str, bool)> {
        if self.peek() == Some('"') {
            return Ok((self.quoted()?, true));
        }
        let text = self.run(ends);
        self.at += text.len();
        Ok((text, false))
    }

    /// The text between the quotes here, escapes and all.
    pub(super) fn quoted(&mut self) -> Parsed<&'t str> {
        let start = self.at;
        let inner = self.text.get(start + 1..).unwrap_or_default();
        let mut is_escaped = false;
        let end = inner.char_indices().find(|(_, c)| {
            let closes = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            closes
        });
        let Some((end, _)) = end else {
            let error = self.wrong_at(start..start + 1, "this quote is not closed");
            return Err(match inner.ends_with("\\\"") {
                true => error.help("the backslash makes the last quote a part of the text; write \\\\ for a backslash"),
                false => error,
            });
        };
        self.at = start + end + 2;
        Ok(inner.get(..end).unwrap_or_default())
    }

    /// What follows a term must be told apart from it.
    pub(super) fn after_term(&self) -> Parsed<()> {
        match self.peek() {
            Some(c) if !c.is_whitespace() && c != ')' => {
                let error = self.wrong(c.len_utf8(), "a space is missing before this");
                Err(error.help(
                    "a value with spaces, quotes or parentheses in it stands in quotes as a whole",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// The text of a quoted name.
pub(super) fn unquoted(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let escaped = matches!(character, '\\')
            .then(|| characters.next())
            .flatten();
        text.push(escaped.unwrap_or(character));
    }
    text
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Not,
}

impl Keyword {
    pub(super) fn named(self) -> (&'static str, usize) {
        match self {
            Self::And => ("AND", 3),
            Self::Or => ("OR", 2),
            Self::Not => ("NOT", 3),
        }
    }
}
