//! From a text to the search that it asks.
//!
//! Owns the grammar: terms that follow each other must all hold; `OR` binds less, `NOT` and `-`
//! more. What a value means is left to `value`.
//! Invariant: a field's name is followed at once by its operator and its value, so a word is never
//! taken for a field, and every error names the bytes that it is about.

mod tokens;

use super::error::InvalidSearch;
use super::field::TermName;
use super::node::{SearchNode, SearchTerm};
use super::value::{self, ValueText};
use crate::limits;
use crate::value::{Comparison, GlobPattern};
use tokens::{SearchKeyword, unescape_name};

/// Reads a text as a search.
pub(super) fn parse_search(text: &str) -> Result<SearchNode, InvalidSearch> {
    if text.len() > limits::SEARCH_BYTES {
        let most = limits::SEARCH_BYTES;
        let message = format!("a search has at most {most} bytes, not {}", text.len());
        return Err(InvalidSearch::new(text, most..text.len(), message));
    }
    let mut parser = SearchParser {
        text,
        at: 0,
        terms: 0,
        depth: 0,
    };
    parser.skip_spaces();
    if parser.rest().is_empty() {
        return Ok(SearchNode::All(Vec::new()));
    }
    let node = parser.parse_alternatives()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error_here(1, "this parenthesis closes nothing")),
    }
}

const QUOTE_HINT: &str = "text with a colon or sign in it goes in quotes";

struct SearchParser<'t> {
    text: &'t str,
    at: usize,
    terms: usize,
    depth: usize,
}

type ParseResult<T> = Result<T, InvalidSearch>;

impl<'t> SearchParser<'t> {
    fn parse_alternatives(&mut self) -> ParseResult<SearchNode> {
        let mut found = vec![self.parse_conjunction()?];
        while self.peek_keyword() == Some(SearchKeyword::Or) {
            let operator = self.at..self.at + 2;
            self.at += 2;
            self.skip_spaces();
            if matches!(self.peek(), None | Some(')')) {
                return Err(self.error_at(operator, "OR has nothing behind it"));
            }
            found.push(self.parse_conjunction()?);
        }
        Ok(SearchNode::any_of(found))
    }

    fn parse_conjunction(&mut self) -> ParseResult<SearchNode> {
        let mut found = Vec::new();
        loop {
            self.skip_spaces();
            let keyword = self.peek_keyword();
            match keyword {
                _ if matches!(self.peek(), None | Some(')')) => break,
                Some(SearchKeyword::Or) if !found.is_empty() => break,
                // OR behind a term ends this loop above, so here it is at the beginning.
                Some(keyword @ (SearchKeyword::And | SearchKeyword::Or)) => {
                    let (name, length) = keyword.spelling();
                    if found.is_empty() {
                        let error =
                            self.error_here(length, format!("{name} has nothing before it"));
                        return Err(error.with_help("a word in quotes is only a word"));
                    }
                    let operator = self.at..self.at + length;
                    self.at += length;
                    self.skip_spaces();
                    let is_last = matches!(self.peek(), None | Some(')'))
                        || matches!(
                            self.peek_keyword(),
                            Some(SearchKeyword::And | SearchKeyword::Or)
                        );
                    if is_last {
                        let message = format!("{name} has no term behind it");
                        return Err(self.error_at(operator, message));
                    }
                }
                Some(SearchKeyword::Not) | None => found.push(self.parse_negation()?),
            }
        }
        match found.is_empty() {
            true => Err(self.error_here(1, "there is no term here")),
            false => Ok(SearchNode::all_of(found)),
        }
    }

    fn parse_negation(&mut self) -> ParseResult<SearchNode> {
        let start = self.at;
        let is_word = self.peek_keyword() == Some(SearchKeyword::Not);
        if is_word {
            self.at += 3;
            self.skip_spaces();
        } else if self.peek() == Some('-') {
            self.at += 1;
        } else {
            return self.parse_atom();
        }
        let sign = start..self.at;
        let next = self.peek();
        let has_term = match next {
            None | Some(')') => false,
            Some(c) => is_word || !(c.is_whitespace() || c == '-'),
        };
        if !has_term
            || matches!(
                self.peek_keyword(),
                Some(SearchKeyword::And | SearchKeyword::Or)
            )
        {
            let name = if is_word { "NOT" } else { "'-'" };
            let error = self.error_at(sign, format!("{name} has no term behind it"));
            return Err(
                error.with_help("to find text that begins with '-', put it in quotes: \"-enc\"")
            );
        }
        // Each negation is a call deeper, so a row of them must not exhaust the stack.
        self.enter_nesting(start)?;
        let node = self.parse_negation()?;
        self.depth -= 1;
        Ok(SearchNode::Not(Box::new(node)))
    }

    fn enter_nesting(&mut self, start: usize) -> ParseResult<()> {
        self.depth += 1;
        if self.depth <= limits::SEARCH_DEPTH {
            return Ok(());
        }
        let most = limits::SEARCH_DEPTH;
        let message = format!("parentheses and negations are nested deeper than {most}");
        Err(self.error_at(start..start + 1, message))
    }

    fn parse_atom(&mut self) -> ParseResult<SearchNode> {
        let start = self.at;
        match self.peek() {
            Some('(') => {
                self.enter_nesting(start)?;
                self.at += 1;
                self.skip_spaces();
                if self.peek() == Some(')') {
                    let message = "there is nothing in these parentheses";
                    return Err(self.error_at(start..self.at + 1, message));
                }
                let node = self.parse_alternatives()?;
                if self.peek() != Some(')') {
                    return Err(self.error_at(start..start + 1, "this parenthesis is not closed"));
                }
                self.at += 1;
                self.depth -= 1;
                self.check_term_end()?;
                Ok(node)
            }
            Some('"') => {
                // A name may be quoted too, so what it is shows only behind it.
                let quoted = self.parse_quoted()?;
                match self.parse_operator() {
                    Some(operator) => self.parse_term(&unescape_name(quoted), start, operator),
                    None => self.finish_word(value::parse_glob(quoted), start),
                }
            }
            _ => self.parse_bare_word(start),
        }
    }

    /// A field's name or a word of its own.
    fn parse_bare_word(&mut self, start: usize) -> ParseResult<SearchNode> {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .find(|(at, c)| {
                c.is_whitespace()
                    || matches!(c, '(' | ')' | '"' | ':' | '=' | '<' | '>')
                    || rest.get(*at..).is_some_and(|rest| rest.starts_with("!="))
            })
            .map_or(rest.len(), |(at, _)| at);
        let (word, _) = rest.split_at_checked(end).unwrap_or((rest, ""));
        self.at += word.len();
        if let Some(operator) = self.parse_operator() {
            if word.is_empty() {
                let message = "a field's name is missing before this";
                return Err(self.error_at(start..self.at, message).with_help(
                    "write the name directly before it, without a space: severity>=high",
                ));
            }
            return self.parse_term(word, start, operator);
        }
        // Signs of other search languages would else be found as text, and find nothing.
        let foreign = [
            ("+", "every term is required already; leave out the '+'"),
            (
                "&",
                "terms that follow each other must all hold; leave out the '&&'",
            ),
            (
                "|",
                "write OR between terms of which one must hold; there are no pipes here",
            ),
        ];
        if let Some((sign, help)) = foreign.iter().find(|(sign, _)| word.starts_with(sign)) {
            let error = self.error_at(start..start + 1, format!("'{sign}' means nothing here"));
            return Err(error.with_help(*help));
        }
        self.finish_word(value::parse_glob(word), start)
    }

    fn finish_word(&mut self, word: GlobPattern, start: usize) -> ParseResult<SearchNode> {
        self.count_term(start)?;
        self.check_term_end()?;
        match word.is_empty() {
            true => Err(self.error_at(start..self.at, "an empty text is in every event")),
            false => Ok(SearchNode::Word(word)),
        }
    }

    fn count_term(&mut self, start: usize) -> ParseResult<()> {
        self.terms += 1;
        if self.terms <= limits::SEARCH_TERMS {
            return Ok(());
        }
        let message = format!("a search has at most {} terms", limits::SEARCH_TERMS);
        Err(self.error_at(start..self.at, message))
    }

    /// The term of a name and an operator that were read.
    fn parse_term(
        &mut self,
        name: &str,
        start: usize,
        operator: Comparison,
    ) -> ParseResult<SearchNode> {
        let signed = self.at;
        let of_name = start..start + name.len();
        let known = TermName::parse(name).map_err(|near| {
            let error = self.error_at(of_name.clone(), format!("there is no field {name:?}"));
            let near = near
                .map(|near| format!("did you mean {near:?}? "))
                .unwrap_or_default();
            error.with_help(format!(
                "{near}members of an event's data are named data.{name}; {QUOTE_HINT}"
            ))
        })?;
        let mut values = Vec::new();
        if self.peek() == Some('(') {
            self.parse_list(&mut values)?;
        } else {
            let (text, is_quoted) = self.parse_value(|c| matches!(c, '(' | ')' | '"'))?;
            if text.is_empty() && !is_quoted {
                let error = self.error_at(start..signed, format!("{name} has no value"));
                return Err(error.with_help(
                    "write it directly behind, without a space; an empty text is \"\"",
                ));
            }
            self.count_term(start)?;
            values.push(ValueText {
                text,
                is_quoted,
                at: self.at - text.len() - usize::from(is_quoted),
            });
        }
        self.check_term_end()?;
        // Only now, as what a value means depends on how many there are.
        let mut any = Vec::new();
        let mut field = None;
        for written in &values {
            let asked = value::parse_condition(&known, operator, written, values.len());
            let (of, want) = asked.map_err(|problem| {
                let end = written.at + written.text.len();
                let error = self.error_at(written.at..end.max(written.at + 1), problem.message);
                match problem.help {
                    Some(help) => error.with_help(help),
                    None => error,
                }
            })?;
            field = Some(of);
            any.push(want);
        }
        let Some(field) = field else {
            return Err(self.error_at(signed..self.at, "there is nothing in these parentheses"));
        };
        let term = SearchNode::Term(SearchTerm { field, any });
        // `a!=(x, y)` is neither, so the whole term is negated and not each value.
        Ok(match operator {
            Comparison::NotEqual => SearchNode::Not(Box::new(term)),
            Comparison::Equal
            | Comparison::Greater
            | Comparison::AtLeast
            | Comparison::Less
            | Comparison::AtMost => term,
        })
    }

    /// The values between the parentheses here.
    fn parse_list(&mut self, values: &mut Vec<ValueText<'t>>) -> ParseResult<()> {
        let start = self.at;
        self.at += 1;
        loop {
            self.skip_spaces();
            let from = self.at;
            let (text, is_quoted) = self.parse_value(|c| matches!(c, '(' | ')' | '"' | ','))?;
            if text.is_empty() && !is_quoted {
                return Err(match self.peek() {
                    None => self.error_at(start..start + 1, "this parenthesis is not closed"),
                    Some(c) => self.error_here(c.len_utf8(), "a value is missing before this"),
                });
            }
            // Each value is asked on its own, so a long list costs as much as many terms.
            self.count_term(from)?;
            values.push(ValueText {
                text,
                is_quoted,
                at: from + usize::from(is_quoted),
            });
            self.skip_spaces();
            match self.peek() {
                Some(')') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(',') => self.at += 1,
                None => {
                    return Err(self.error_at(start..start + 1, "this parenthesis is not closed"));
                }
                Some(_) if self.peek_keyword() == Some(SearchKeyword::Or) => self.at += 2,
                Some(c) => {
                    let error = self.error_here(c.len_utf8(), "a comma is missing before this");
                    return Err(error.with_help(
                        "values of a list are separated by commas: user:(eve, mallory)",
                    ));
                }
            }
        }
    }
}
