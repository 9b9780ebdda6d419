//! The parameters of a request.

use std::fmt::Display;

use actix_web::web;
use larum_event::{ParameterError, QueryParams};

use crate::problem::HttpProblem;

/// Reads a query string whose names are all among `known`.
pub(crate) fn read_params(query: &str, known: &[&'static str]) -> Result<QueryParams, HttpProblem> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query).map_err(|error| {
        let message = format!("the query string is not one: {error}");
        HttpProblem::bad_request("bad_query", message)
    })?;
    Ok(QueryParams::new(pairs.into_inner(), known.to_vec())?)
}

/// A parameter's value is not one it may have.
pub(crate) fn bad_parameter(name: &'static str, cause: impl Display) -> HttpProblem {
    ParameterError::wrong_value(name, "", cause).into()
}
