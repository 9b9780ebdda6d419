//! From a text to what it asks.
//!
//! Terms that follow each other must all hold; `OR` binds less, `NOT` and `-` more. A field's name is
//! followed at once by its operator and its value, so that a word is never taken for what it is not.

mod read;

use super::ask::{Node, Term};
use super::error::InvalidSearch;
use super::field::Name;
use super::glob::Glob;
use super::value::{self, Operator, Written};
use crate::limits;
use read::{Keyword, unquoted};

/// Reads a text as a search.
pub(super) fn parse(text: &str) -> Result<Node, InvalidSearch> {
    if text.len() > limits::SEARCH_BYTES {
        let most = limits::SEARCH_BYTES;
        let message = format!("a search has at most {most} bytes, not {}", text.len());
        return Err(InvalidSearch::new(text, most..text.len(), message));
    }
    let mut parser = Parser {
        text,
        at: 0,
        terms: 0,
        depth: 0,
    };
    parser.skip_spaces();
    if parser.rest().is_empty() {
        return Ok(Node::All(Vec::new()));
    }
    let node = parser.alternatives()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.wrong(1, "this parenthesis closes nothing")),
    }
}

const QUOTE_IT: &str = "text with a colon or sign in it stands in quotes";

struct Parser<'t> {
    text: &'t str,
    at: usize,
    terms: usize,
    depth: usize,
}

type Parsed<T> = Result<T, InvalidSearch>;

impl<'t> Parser<'t> {
    fn alternatives(&mut self) -> Parsed<Node> {
        let mut found = vec![self.together()?];
        while self.keyword() == Some(Keyword::Or) {
            let operator = self.at..self.at + 2;
            self.at += 2;
            self.skip_spaces();
            if matches!(self.peek(), None | Some(')')) {
                return Err(self.wrong_at(operator, "OR has nothing behind it"));
            }
            found.push(self.together()?);
        }
        Ok(Node::any(found))
    }

    fn together(&mut self) -> Parsed<Node> {
        let mut found = Vec::new();
        loop {
            self.skip_spaces();
            let keyword = self.keyword();
            match keyword {
                _ if matches!(self.peek(), None | Some(')')) => break,
                Some(Keyword::Or) if !found.is_empty() => break,
                Some(keyword @ (Keyword::And | Keyword::Or)) => {
                    let (name, length) = keyword.named();
                    if found.is_empty() {
                        let error = self.wrong(length, format!("{name} has nothing before it"));
                        return Err(error.help("a word in quotes is only a word"));
                    }
                    let operator = self.at..self.at + length;
                    self.at += length;
                    self.skip_spaces();
                    let is_last = matches!(self.peek(), None | Some(')'))
                        || matches!(self.keyword(), Some(Keyword::And | Keyword::Or));
                    if is_last {
                        let message = format!("{name} has no term behind it");
                        return Err(self.wrong_at(operator, message));
                    }
                }
                Some(Keyword::Not) | None => found.push(self.negated()?),
            }
        }
        match found.is_empty() {
            true => Err(self.wrong(1, "there is no term here")),
            false => Ok(Node::all(found)),
        }
    }

    fn negated(&mut self) -> Parsed<Node> {
        let start = self.at;
        let is_word = self.keyword() == Some(Keyword::Not);
        if is_word {
            self.at += 3;
            self.skip_spaces();
        } else if self.peek() == Some('-') {
            self.at += 1;
        } else {
            return self.atom();
        }
        let sign = start..self.at;
        let next = self.peek();
        let has_term = match next {
            None | Some(')') => false,
            Some(c) => is_word || !(c.is_whitespace() || c == '-'),
        };
        if !has_term || matches!(self.keyword(), Some(Keyword::And | Keyword::Or)) {
            let name = if is_word { "NOT" } else { "'-'" };
            let error = self.wrong_at(sign, format!("{name} has no term behind it"));
            return Err(error.help("to find text that begins with '-', put it in quotes: \"-enc\""));
        }
        self.deeper(start)?;
        let node = self.negated()?;
        self.depth -= 1;
        Ok(Node::Not(Box::new(node)))
    }

    fn deeper(&mut self, start: usize) -> Parsed<()> {
        self.depth += 1;
        if self.depth <= limits::SEARCH_DEPTH {
            return Ok(());
        }
        let most = limits::SEARCH_DEPTH;
        let message = format!("parentheses and negations are nested deeper than {most}");
        Err(self.wrong_at(start..start + 1, message))
    }

    fn atom(&mut self) -> Parsed<Node> {
        let start = self.at;
        match self.peek() {
            Some('(') => {
                self.deeper(start)?;
                self.at += 1;
                self.skip_spaces();
                if self.peek() == Some(')') {
                    let message = "there is nothing in these parentheses";
                    return Err(self.wrong_at(start..self.at + 1, message));
                }
                let node = self.alternatives()?;
                if self.peek() != Some(')') {
                    return Err(self.wrong_at(start..start + 1, "this parenthesis is not closed"));
                }
                self.at += 1;
                self.depth -= 1;
                self.after_term()?;
                Ok(node)
            }
            Some('"') => {
                let quoted = self.quoted()?;
                match self.operator() {
                    Some(operator) => self.term(&unquoted(quoted), start, operator),
                    None => self.word(Glob::parse(quoted), start),
                }
            }
            _ => self.bare(start),
        }
    }

    /// A field's name or a word of its own.
    fn bare(&mut self, start: usize) -> Parsed<Node> {
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
        if let Some(operator) = self.operator() {
            if word.is_empty() {
                let message = "a field's name is missing before this";
                return Err(self
                    .wrong_at(start..self.at, message)
                    .help("write the name directly before it, without a space: severity>=high"));
            }
            return self.term(word, start, operator);
        }
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
            let error = self.wrong_at(start..start + 1, format!("'{sign}' means nothing here"));
            return Err(error.help(*help));
        }
        self.word(Glob::parse(word), start)
    }

    fn word(&mut self, word: Glob, start: usize) -> Parsed<Node> {
        self.count(start)?;
        self.after_term()?;
        match word.has_no_text() {
            true => Err(self.wrong_at(start..self.at, "an empty text is in every event")),
            false => Ok(Node::Word(word)),
        }
    }

    fn count(&mut self, start: usize) -> Parsed<()> {
        self.terms += 1;
        if self.terms <= limits::SEARCH_TERMS {
            return Ok(());
        }
        let message = format!("a search has at most {} terms", limits::SEARCH_TERMS);
        Err(self.wrong_at(start..self.at, message))
    }

    /// The term of a name and an operator that were read.
    fn term(&mut self, name: &str, start: usize, operator: Operator) -> Parsed<Node> {
        let signed = self.at;
        let of_name = start..start + name.len();
        let known = Name::of(name).map_err(|near| {
            let error = self.wrong_at(of_name.clone(), format!("there is no field {name:?}"));
            let near = near
                .map(|near| format!("did you mean {near:?}? "))
                .unwrap_or_default();
            error.help(format!(
                "{near}members of an event's data are named data.{name}; {QUOTE_IT}"
            ))
        })?;
        let mut values = Vec::new();
        if self.peek() == Some('(') {
            self.list(&mut values)?;
        } else {
            let (text, is_quoted) = self.value(|c| matches!(c, '(' | ')' | '"'))?;
            if text.is_empty() && !is_quoted {
                let error = self.wrong_at(start..signed, format!("{name} has no value"));
                return Err(
                    error.help("write it directly behind, without a space; an empty text is \"\"")
                );
            }
            self.count(start)?;
            values.push(Written {
                text,
                is_quoted,
                at: self.at - text.len() - usize::from(is_quoted),
            });
        }
        self.after_term()?;
        let mut any = Vec::new();
        let mut field = None;
        for written in &values {
            let asked = value::wanted(&known, operator, written, values.len());
            let (of, want) = asked.map_err(|problem| {
                let end = written.at + written.text.len();
                let error = self.wrong_at(written.at..end.max(written.at + 1), problem.message);
                match problem.help {
                    Some(help) => error.help(help),
                    None => error,
                }
            })?;
            field = Some(of);
            any.push(want);
        }
        let Some(field) = field else {
            return Err(self.wrong_at(signed..self.at, "there is nothing in these parentheses"));
        };
        let term = Node::Term(Term { field, any });
        Ok(match operator {
            Operator::IsNot => Node::Not(Box::new(term)),
            Operator::Is
            | Operator::Above
            | Operator::AtLeast
            | Operator::Below
            | Operator::AtMost => term,
        })
    }

    /// The values between the parentheses here.
    fn list(&mut self, values: &mut Vec<Written<'t>>) -> Parsed<()> {
        let start = self.at;
        self.at += 1;
        loop {
            self.skip_spaces();
            let from = self.at;
            let (text, is_quoted) = self.value(|c| matches!(c, '(' | ')' | '"' | ','))?;
            if text.is_empty() && !is_quoted {
                return Err(match self.peek() {
                    None => self.wrong_at(start..start + 1, "this parenthesis is not closed"),
                    Some(c) => self.wrong(c.len_utf8(), "a value is missing before this"),
                });
            }
            self.count(from)?;
            values.push(Written {
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
                    return Err(self.wrong_at(start..start + 1, "this parenthesis is not closed"));
                }
                Some(_) if self.keyword() == Some(Keyword::Or) => self.at += 2,
                Some(c) => {
                    let error = self.wrong(c.len_utf8(), "a comma is missing before this");
                    return Err(
                        error.help("values of a list are separated by commas: user:(eve, mallory)")
                    );
                }
            }
        }
    }
}
