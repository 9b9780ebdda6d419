//! The parameters of a request, by name. A name nobody knows is an error, for a filter that is
//! misspelt and ignored shows everything.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use actix_web::web;
use larum_event::Timestamp;

use crate::problem::HttpProblem;

/// Most that may be left out before a page.
pub(crate) const OFFSET_MOST: usize = 1_000_000_000;

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct QueryParams {
    pairs: Vec<(String, String)>,
    allowed: &'static [&'static str],
}

impl QueryParams {
    /// Reads a query string whose names are all among `allowed`.
    pub(crate) fn from_query(
        query: &str,
        allowed: &'static [&'static str],
    ) -> Result<Self, HttpProblem> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|error| {
                HttpProblem::bad_request(
                    "bad_query",
                    format!("the query string is not one: {error}"),
                )
            })?
            .into_inner();
        let params = Self { pairs, allowed };
        match params
            .pairs
            .iter()
            .find(|(name, _)| !allowed.contains(&name.as_str()))
        {
            None => Ok(params),
            Some((name, _)) => Err(HttpProblem::bad_request(
                "unknown_parameter",
                format!("there is no parameter {:?} here", shorten_text(name)),
            )
            .with_help(params.names_help())),
        }
    }

    /// The value of a parameter that may stand once.
    pub(crate) fn single_value(&self, name: &'static str) -> Result<Option<&str>, HttpProblem> {
        let mut values = self.values(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(bad_parameter(name, "it stands more than once")),
        }
    }

    /// The value of a parameter that may stand once, as a `T`.
    pub(crate) fn parse<T>(&self, name: &'static str) -> Result<Option<T>, HttpProblem>
    where
        T: FromStr<Err: Display>,
    {
        self.parse_with(name, T::from_str)
    }

    /// The value of a parameter that may stand once, read by `read`.
    pub(crate) fn parse_with<T, E: Display>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, HttpProblem> {
        self.single_value(name)?
            .map(|text| read(text).map_err(|error| bad_parameter(name, error)))
            .transpose()
    }

    /// The value of a parameter that is one of a few words.
    pub(crate) fn parse_choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, HttpProblem> {
        self.parse_with(name, |text| {
            let chosen = choices.iter().find(|(word, _)| *word == text);
            chosen.map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                format!(
                    "{:?} is not one of {}",
                    shorten_text(text),
                    words.join(", ")
                )
            })
        })
    }

    /// The values of a parameter that may stand several times.
    pub(crate) fn all_values<'p>(&'p self, name: &'static str) -> impl Iterator<Item = &'p str> {
        self.values(name)
    }

    /// The value of a parameter that is true or false; false where it does not stand.
    pub(crate) fn parse_flag(&self, name: &'static str) -> Result<bool, HttpProblem> {
        Ok(self.parse_bool(name)?.unwrap_or(false))
    }

    /// The value of a parameter that is true or false.
    pub(crate) fn parse_bool(&self, name: &'static str) -> Result<Option<bool>, HttpProblem> {
        self.parse_choice(name, &[("true", true), ("false", false)])
    }

    /// The value of a parameter that is a number within `range`.
    pub(crate) fn parse_number(
        &self,
        name: &'static str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, HttpProblem> {
        self.parse_with(name, |text| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            let (least, most) = (range.start(), range.end());
            number.ok_or_else(|| format!("it is not a number from {least} to {most}"))
        })
    }

    /// The times `from` and `to`, the earlier one first.
    pub(crate) fn parse_times(
        &self,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), HttpProblem> {
        let from = self.parse::<Timestamp>("from")?;
        let to = self.parse::<Timestamp>("to")?;
        match (from, to) {
            (Some(from), Some(to)) if from > to => Err(bad_parameter(
                "from",
                format!("{from} is later than to, {to}"),
            )),
            times => Ok(times),
        }
    }

    fn values<'p>(&'p self, name: &'static str) -> impl Iterator<Item = &'p str> {
        debug_assert!(
            self.allowed.contains(&name),
            "{name} is read but not allowed"
        );
        self.pairs
            .iter()
            .filter(move |(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    fn names_help(&self) -> String {
        if self.allowed.is_empty() {
            return "this endpoint takes no parameters".to_owned();
        }
        format!("the parameters here are {}", self.allowed.join(", "))
    }
}

/// A parameter's value is not one it may have.
pub(crate) fn bad_parameter(name: &str, error: impl Display) -> HttpProblem {
    HttpProblem::bad_request("bad_parameter", format!("parameter {name}: {error}"))
}

fn shorten_text(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(problem: HttpProblem) -> String {
        problem.to_string()
    }

    #[test]
    fn an_unknown_name_is_an_error_that_names_it() {
        let error =
            QueryParams::from_query("limit=1&severty=high", &["limit", "severity"]).unwrap_err();
        assert_eq!(message(error), "there is no parameter \"severty\" here");
        assert!(QueryParams::from_query("", &[]).is_ok());
    }

    #[test]
    fn a_value_stands_once() {
        let params = QueryParams::from_query("a=1&a=2&b=4&c=x%2By", &["a", "b", "c", "d"]).unwrap();
        assert_eq!(
            message(params.single_value("a").unwrap_err()),
            "parameter a: it stands more than once"
        );
        assert_eq!(params.parse::<u8>("b").unwrap(), Some(4));
        assert_eq!(params.single_value("c").unwrap(), Some("x+y"));
        assert_eq!(params.parse::<u8>("d").unwrap(), None);
    }

    #[test]
    fn a_word_that_is_no_choice_is_told_the_choices() {
        let params = QueryParams::from_query("order=up", &["order"]).unwrap();
        let error = params
            .parse_choice("order", &[("newest", 1), ("oldest", 2)])
            .unwrap_err();
        assert_eq!(
            message(error),
            "parameter order: \"up\" is not one of newest, oldest"
        );
    }
}
