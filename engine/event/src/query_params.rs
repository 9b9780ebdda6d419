//! Parameters of a query, by name: `severity=high`, `tag=case=C-7`.
//!
//! Owns reading single parameters and the errors about them. Which parameters a query has is the
//! query's job ([`QueryForm`](crate::QueryForm)); how a request carries them is the door's.
//! Invariant: a name that nobody reads is an error, because a filter that is misspelt and ignored
//! shows everything.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::search::InvalidSearch;
use crate::time::Timestamp;

/// The name of a parameter and its value.
pub type QueryPair = (&'static str, String);

/// Characters of a client's text that an error repeats.
const SHOWN_CHARS: usize = 64;

/// Why parameters are no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A name that no parameter has here.
    #[error("there is no parameter {name:?} here")]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// A value that its parameter cannot have.
    #[error("parameter {name}: {cause}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its value; empty where it has none.
        value: String,
        /// Why not, and what to write.
        cause: String,
    },
    /// The text of a search cannot be read.
    #[error("parameter {name}: {error}")]
    Search {
        /// The parameter.
        name: &'static str,
        /// What is wrong, and where in the text.
        error: InvalidSearch,
    },
}

impl ParameterError {
    /// A value that its parameter cannot have.
    pub fn wrong_value(name: &'static str, value: &str, cause: impl Display) -> Self {
        Self::Value {
            name,
            value: shorten_text(value),
            cause: cause.to_string(),
        }
    }
}

/// The parameters of one query.
#[derive(Debug)]
pub struct QueryParams {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl QueryParams {
    /// The parameters `pairs`, whose names are all among `known`.
    ///
    /// # Errors
    /// There is another name.
    pub fn new(
        pairs: Vec<(String, String)>,
        known: Vec<&'static str>,
    ) -> Result<Self, ParameterError> {
        let unknown = pairs
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()));
        if let Some((name, _)) = unknown {
            let name = shorten_text(name);
            return Err(ParameterError::Unknown { name, known });
        }
        Ok(Self { pairs, known })
    }

    /// The value of a parameter that may be given once.
    ///
    /// # Errors
    /// It is given more than once.
    pub fn single_value(&self, name: &'static str) -> Result<Option<&str>, ParameterError> {
        let mut values = self.all_values(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(second) => Err(ParameterError::wrong_value(
                name,
                second,
                "it is given more than once",
            )),
        }
    }

    /// The value of a parameter that may be given once, as a `T`.
    ///
    /// # Errors
    /// It is given more than once, or cannot be read.
    pub fn parse<T>(&self, name: &'static str) -> Result<Option<T>, ParameterError>
    where
        T: FromStr<Err: Display>,
    {
        self.parse_with(name, T::from_str)
    }

    /// The value of a parameter that may be given once, read by `read`.
    ///
    /// # Errors
    /// It is given more than once, or cannot be read.
    pub fn parse_with<T, E: Display>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ParameterError> {
        let Some(text) = self.single_value(name)? else {
            return Ok(None);
        };
        let value = read(text).map_err(|error| ParameterError::wrong_value(name, text, error))?;
        Ok(Some(value))
    }

    /// The value of a parameter that is one of a few words.
    ///
    /// # Errors
    /// It is given more than once, or is another word.
    pub fn parse_choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ParameterError> {
        self.parse_with(name, |text| {
            let chosen = choices.iter().find(|(word, _)| *word == text);
            chosen.map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                let text = shorten_text(text);
                format!("{text:?} is not one of {}", words.join(", "))
            })
        })
    }

    /// The values of a parameter that may be given several times.
    pub fn all_values<'p>(&'p self, name: &'static str) -> impl Iterator<Item = &'p str> {
        debug_assert!(self.known.contains(&name), "{name} is read, but not known");
        let own = self.pairs.iter().filter(move |(given, _)| given == name);
        own.map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that is true or false; false where it is not given.
    ///
    /// # Errors
    /// It is given more than once, or is another word.
    pub fn parse_flag(&self, name: &'static str) -> Result<bool, ParameterError> {
        Ok(self.parse_bool(name)?.unwrap_or(false))
    }

    /// The value of a parameter that is true or false.
    ///
    /// # Errors
    /// It is given more than once, or is another word.
    pub fn parse_bool(&self, name: &'static str) -> Result<Option<bool>, ParameterError> {
        self.parse_choice(name, &[("true", true), ("false", false)])
    }

    /// The value of a parameter that is a number within `range`.
    ///
    /// # Errors
    /// It is given more than once, or is not such a number.
    pub fn parse_number(
        &self,
        name: &'static str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ParameterError> {
        self.parse_with(name, |text| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            let (least, most) = (range.start(), range.end());
            number.ok_or_else(|| format!("it is not a number from {least} to {most}"))
        })
    }
}

/// A tag, as parameters and flags give it.
///
/// # Errors
/// There is no `=`, or nothing before it.
pub fn parse_tag(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is not a name, = and a value, such as case=C-7"),
    }
}

/// An entity, as parameters and flags give it: its kind and its value.
///
/// # Errors
/// There is no colon, or nothing before or after it.
pub fn parse_entity(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once(':') {
        Some((kind, value)) if !kind.is_empty() && !value.is_empty() => {
            Ok((kind.to_owned(), value.to_owned()))
        }
        _ => Err("it is not a kind, a colon and a value, such as user:eve"),
    }
}

/// Refuses a span that ends before it begins.
pub(crate) fn check_times(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<(), ParameterError> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => {
            let cause = format!("{from} is later than to, {to}");
            Err(ParameterError::wrong_value(
                "from",
                &from.to_string(),
                cause,
            ))
        }
        _ => Ok(()),
    }
}

fn shorten_text(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)], known: &[&'static str]) -> QueryParams {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        QueryParams::new(pairs.collect(), known.to_vec()).unwrap()
    }

    #[test]
    fn an_unknown_name_is_an_error_that_names_it() {
        let pairs = vec![("severty".to_owned(), "high".to_owned())];
        let error = QueryParams::new(pairs, vec!["limit", "severity"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no parameter \"severty\" here");
        assert!(QueryParams::new(Vec::new(), Vec::new()).is_ok());
    }

    #[test]
    fn a_single_value_is_given_once() {
        let params = params(&[("a", "1"), ("a", "2"), ("b", "4")], &["a", "b", "c"]);
        assert_eq!(
            params.single_value("a").unwrap_err().to_string(),
            "parameter a: it is given more than once"
        );
        assert_eq!(params.parse::<u8>("b").unwrap(), Some(4));
        assert_eq!(params.parse::<u8>("c").unwrap(), None);
    }

    #[test]
    fn an_error_about_a_word_lists_the_words_there_are() {
        let params = params(&[("order", "up")], &["order"]);
        let choices = [("newest", 1), ("oldest", 2)];
        let error = params.parse_choice("order", &choices).unwrap_err();
        assert_eq!(
            error.to_string(),
            "parameter order: \"up\" is not one of newest, oldest"
        );
    }

    #[test]
    fn a_tag_needs_a_name_and_an_entity_a_kind_and_a_value() {
        for (text, reads) in [("a=", true), ("a=b=c", true), ("=b", false), ("a", false)] {
            assert_eq!(parse_tag(text).is_ok(), reads, "{text}");
        }
        for (text, reads) in [("a:b:c", true), ("a:", false), (":b", false), ("a", false)] {
            assert_eq!(parse_entity(text).is_ok(), reads, "{text}");
        }
    }
}
