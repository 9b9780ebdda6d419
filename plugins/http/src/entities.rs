//! Entities as clients name them: users, addresses, hosts, hashes, and what else links call one.

use crate::params::{QueryParams, bad_parameter};
use crate::problem::HttpProblem;

/// Those that have a parameter of their own.
const NAMED: [&str; 4] = ["user", "ip", "host", "hash"];

/// All entities that a request names, kind and value.
pub(crate) fn read_entities(params: &QueryParams) -> Result<Vec<(String, String)>, HttpProblem> {
    let mut found = Vec::new();
    for kind in NAMED {
        for value in params.all_values(kind) {
            if value.is_empty() {
                return Err(bad_parameter(kind, "it has no value"));
            }
            found.push((kind.to_owned(), value.to_owned()));
        }
    }
    for text in params.all_values("entity") {
        match text.split_once(':') {
            Some((kind, value)) if !kind.is_empty() && !value.is_empty() => {
                found.push((kind.to_owned(), value.to_owned()));
            }
            _ => {
                let message = "it is not a kind, a colon and a value, such as user:eve";
                return Err(bad_parameter("entity", message));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["user", "ip", "host", "hash", "entity"];

    #[test]
    fn entities_are_named_by_parameters_of_their_own_or_by_kind_and_value() {
        let params =
            QueryParams::from_query("user=eve&entity=device:a:b&ip=::1&user=bob", NAMES).unwrap();
        let found = read_entities(&params).unwrap();
        let found: Vec<String> = found
            .iter()
            .map(|(kind, value)| format!("{kind}={value}"))
            .collect();
        assert_eq!(found, ["user=eve", "user=bob", "ip=::1", "device=a:b"]);
        for query in [
            "user=",
            "entity=eve",
            "entity=:eve",
            "entity=user:",
            "entity=",
        ] {
            let params = QueryParams::from_query(query, NAMES).unwrap();
            let error = read_entities(&params).unwrap_err();
            assert_eq!(error.code(), "bad_parameter", "{query}");
        }
    }
}
