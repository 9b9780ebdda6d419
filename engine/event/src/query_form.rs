//! One description of a query's parameters, for reading them and for writing them.
//!
//! A query visits a [`QueryForm`] with each of its fields. The same visit reads the fields from
//! parameters, writes them as parameters, or lists the names; so the three cannot disagree, and a
//! new filter is one line. Owns how values are spelt; which fields there are is each query's job.
//! Invariant: what is written is read again as the same query.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::query_params::{
    ParameterError, QueryPair, QueryParams, check_times, parse_entity, parse_tag,
};
use crate::search::EventSearch;
use crate::time::Timestamp;

/// Kinds of entities that have a parameter of their own.
const NAMED_ENTITIES: [&str; 4] = ["user", "ip", "host", "hash"];

/// A query that has a form.
pub trait FormQuery: Clone {
    /// Visits `form` with every field.
    ///
    /// # Errors
    /// A parameter that is read is not a value of its field. Writing has no errors.
    fn visit_form(&mut self, form: &mut QueryForm<'_>) -> Result<(), ParameterError>;

    /// The names of all its parameters.
    fn parameter_names(&self) -> Vec<&'static str> {
        written_form(self).names
    }

    /// It as parameters.
    fn to_pairs(&self) -> Vec<QueryPair> {
        written_form(self).pairs
    }

    /// It with the fields that `params` give; the others stay as they are. Searches are as of
    /// `now`.
    ///
    /// # Errors
    /// A parameter is not a value of its field.
    fn with_params(mut self, params: &QueryParams, now: Timestamp) -> Result<Self, ParameterError> {
        self.visit_form(&mut QueryForm {
            source: Some((params, now)),
            ..QueryForm::default()
        })?;
        Ok(self)
    }
}

fn written_form(query: &impl FormQuery) -> QueryForm<'static> {
    let mut form = QueryForm::default();
    let written = query.clone().visit_form(&mut form);
    written.expect("only reading has errors");
    form
}

/// What a query visits. Where there is a source, fields are read, else written.
#[derive(Debug, Default)]
pub struct QueryForm<'p> {
    source: Option<(&'p QueryParams, Timestamp)>,
    pairs: Vec<QueryPair>,
    names: Vec<&'static str>,
}

impl QueryForm<'_> {
    /// A field that may be left out.
    ///
    /// # Errors
    /// The parameter cannot be read.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        field: &mut Option<T>,
    ) -> Result<(), ParameterError>
    where
        T: FromStr<Err: Display> + Display,
    {
        self.optional_with(name, field, T::from_str)
    }

    /// A field that may be left out and is read by `read`.
    ///
    /// # Errors
    /// The parameter cannot be read.
    pub fn optional_with<T: Display, E: Display>(
        &mut self,
        name: &'static str,
        field: &mut Option<T>,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<(), ParameterError> {
        self.names.push(name);
        match self.source {
            Some((params, _)) => *field = params.parse_with(name, read)?.or(field.take()),
            None => self.write(name, field.as_ref()),
        }
        Ok(())
    }

    /// A field that is one of a few words, or left out.
    ///
    /// # Errors
    /// The parameter is another word.
    pub fn choice<T: Copy + PartialEq>(
        &mut self,
        name: &'static str,
        field: &mut Option<T>,
        choices: &[(&str, T)],
    ) -> Result<(), ParameterError> {
        self.names.push(name);
        match self.source {
            Some((params, _)) => *field = params.parse_choice(name, choices)?.or(*field),
            None => {
                let word = choices.iter().find(|(_, value)| Some(*value) == *field);
                self.write(name, word.map(|(word, _)| *word));
            }
        }
        Ok(())
    }

    /// A field that is true or false.
    ///
    /// # Errors
    /// The parameter is another word.
    pub fn flag(&mut self, name: &'static str, field: &mut bool) -> Result<(), ParameterError> {
        let mut flag = Some(*field);
        self.choice(name, &mut flag, &[("true", true), ("false", false)])?;
        *field = flag.unwrap_or(*field);
        Ok(())
    }

    /// A field that is a number within `range`.
    ///
    /// # Errors
    /// The parameter is not such a number.
    pub fn number(
        &mut self,
        name: &'static str,
        field: &mut usize,
        range: RangeInclusive<usize>,
    ) -> Result<(), ParameterError> {
        self.names.push(name);
        match self.source {
            Some((params, _)) => *field = params.parse_number(name, range)?.unwrap_or(*field),
            None => self.write(name, Some(*field)),
        }
        Ok(())
    }

    /// A field with any number of texts.
    pub fn texts(&mut self, name: &'static str, field: &mut Vec<String>) {
        self.names.push(name);
        match self.source {
            Some((params, _)) => field.extend(params.all_values(name).map(str::to_owned)),
            None => field.iter().for_each(|text| self.write(name, Some(text))),
        }
    }

    /// The earliest and the latest time, in parameters `from` and `to`.
    ///
    /// # Errors
    /// A parameter is not a time, or `from` is later than `to`.
    pub fn times(
        &mut self,
        from: &mut Option<Timestamp>,
        to: &mut Option<Timestamp>,
    ) -> Result<(), ParameterError> {
        self.optional("from", from)?;
        self.optional("to", to)?;
        match self.source {
            Some(_) => check_times(*from, *to),
            None => Ok(()),
        }
    }

    /// Tags by name.
    ///
    /// # Errors
    /// A parameter is not a tag, or a name is given twice.
    pub fn tags(
        &mut self,
        name: &'static str,
        field: &mut std::collections::BTreeMap<String, String>,
    ) -> Result<(), ParameterError> {
        self.names.push(name);
        let Some((params, _)) = self.source else {
            for (tag, value) in field.iter() {
                self.write(name, Some(format!("{tag}={value}")));
            }
            return Ok(());
        };
        for text in params.all_values(name) {
            let wrong = |cause: &str| ParameterError::wrong_value(name, text, cause);
            let (tag, value) = parse_tag(text).map_err(wrong)?;
            if field.contains_key(&tag) {
                return Err(wrong(&format!("{tag:?} is given more than once")));
            }
            field.insert(tag, value);
        }
        Ok(())
    }

    /// Entities, kind and value; the usual kinds have parameters of their own.
    ///
    /// # Errors
    /// A parameter is not an entity.
    pub fn entities(&mut self, field: &mut Vec<(String, String)>) -> Result<(), ParameterError> {
        self.names.extend(NAMED_ENTITIES);
        self.names.push("entity");
        let Some((params, _)) = self.source else {
            for (kind, value) in field.iter() {
                self.write("entity", Some(format!("{kind}:{value}")));
            }
            return Ok(());
        };
        for kind in NAMED_ENTITIES {
            for value in params.all_values(kind) {
                if value.is_empty() {
                    return Err(ParameterError::wrong_value(kind, "", "it has no value"));
                }
                field.push((kind.to_owned(), value.to_owned()));
            }
        }
        for text in params.all_values("entity") {
            let entity = parse_entity(text);
            field.push(entity.map_err(|cause| ParameterError::wrong_value("entity", text, cause))?);
        }
        Ok(())
    }

    /// A search.
    ///
    /// # Errors
    /// The parameter is no search; the error says where in it.
    pub fn search(
        &mut self,
        name: &'static str,
        field: &mut Option<EventSearch>,
    ) -> Result<(), ParameterError> {
        self.names.push(name);
        let Some((params, now)) = self.source else {
            self.write(name, field.as_ref());
            return Ok(());
        };
        if let Some(text) = params.single_value(name)? {
            let search = EventSearch::parse(text, now);
            *field = Some(search.map_err(|error| ParameterError::Search { name, error })?);
        }
        Ok(())
    }

    fn write(&mut self, name: &'static str, value: Option<impl Display>) {
        self.pairs
            .extend(value.map(|value| (name, value.to_string())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Entities(Vec<(String, String)>);

    impl FormQuery for Entities {
        fn visit_form(&mut self, form: &mut QueryForm<'_>) -> Result<(), ParameterError> {
            form.entities(&mut self.0)
        }
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Entities, ParameterError> {
        let none = Entities(Vec::new());
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let params = QueryParams::new(pairs.collect(), none.parameter_names())?;
        none.with_params(&params, Timestamp::from_nanos(0))
    }

    #[test]
    fn entities_are_named_by_parameters_of_their_own_or_by_kind_and_value() {
        let found = read(&[("user", "eve"), ("entity", "device:a:b"), ("ip", "::1")]).unwrap();
        let written = found.to_pairs();
        let values: Vec<&str> = written.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["user:eve", "ip:::1", "device:a:b"]);
        for (name, value) in [
            ("user", ""),
            ("entity", "eve"),
            ("entity", ":eve"),
            ("entity", "user:"),
            ("entity", ""),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(
                matches!(&error, ParameterError::Value { name: at, .. } if *at == name),
                "{name}={value}: {error}"
            );
        }
    }
}
