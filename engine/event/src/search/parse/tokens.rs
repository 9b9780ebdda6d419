//! The words, quotes and signs that a search is made of.

use std::ops::Range;

use super::{ParseResult, SearchParser};
use crate::search::error::InvalidSearch;
use crate::search::value;
use crate::value::Comparison;

impl<'t> SearchParser<'t> {
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
    pub(super) fn error_here(&self, bytes: usize, message: impl Into<String>) -> InvalidSearch {
        self.error_at(self.at..self.at + bytes, message)
    }

    pub(super) fn error_at(&self, at: Range<usize>, message: impl Into<String>) -> InvalidSearch {
        InvalidSearch::new(self.text, at, message)
    }

    /// The characters up to one that `ends` them.
    pub(super) fn peek_until(&self, ends: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        rest.split(|c: char| c.is_whitespace() || ends(c))
            .next()
            .unwrap_or(rest)
    }

    /// The word here, if it is one of `AND`, `OR` and `NOT`.
    pub(super) fn peek_keyword(&self) -> Option<SearchKeyword> {
        let word = self.peek_until(|c| matches!(c, '(' | ')'));
        [
            ("and", SearchKeyword::And),
            ("or", SearchKeyword::Or),
            ("not", SearchKeyword::Not),
        ]
        .into_iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, keyword)| keyword)
    }

    pub(super) fn parse_operator(&mut self) -> Option<Comparison> {
        let (sign, operator) = value::OPERATORS
            .into_iter()
            .find(|(sign, _)| self.rest().starts_with(sign))?;
        self.at += sign.len();
        Some(operator)
    }

    /// A value, and whether it stands in quotes.
    pub(super) fn parse_value(
        &mut self,
        ends: impl Fn(char) -> bool,
    ) -> ParseResult<(&'t str, bool)> {
        if self.peek() == Some('"') {
            return Ok((self.parse_quoted()?, true));
        }
        let text = self.peek_until(ends);
        self.at += text.len();
        Ok((text, false))
    }

    /// The text between the quotes here, escapes and all.
    pub(super) fn parse_quoted(&mut self) -> ParseResult<&'t str> {
        let start = self.at;
        let inner = self.text.get(start + 1..).unwrap_or_default();
        let mut is_escaped = false;
        let end = inner.char_indices().find(|(_, c)| {
            let closes = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            closes
        });
        let Some((end, _)) = end else {
            let error = self.error_at(start..start + 1, "this quote is not closed");
            return Err(match inner.ends_with("\\\"") {
                true => error.with_help("the backslash makes the last quote a part of the text; write \\\\ for a backslash"),
                false => error,
            });
        };
        self.at = start + end + 2;
        Ok(inner.get(..end).unwrap_or_default())
    }

    /// What follows a term must be told apart from it.
    pub(super) fn check_term_end(&self) -> ParseResult<()> {
        match self.peek() {
            Some(c) if !c.is_whitespace() && c != ')' => {
                let error = self.error_here(c.len_utf8(), "a space is missing before this");
                Err(error.with_help(
                    "a value with spaces, quotes or parentheses in it stands in quotes as a whole",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// The text of a quoted name.
pub(super) fn unescape_name(inner: &str) -> String {
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
pub(super) enum SearchKeyword {
    And,
    Or,
    Not,
}

impl SearchKeyword {
    pub(super) fn spelling(self) -> (&'static str, usize) {
        match self {
            Self::And => ("AND", 3),
            Self::Or => ("OR", 2),
            Self::Not => ("NOT", 3),
        }
    }
}
