//! Entities as clients name them: users, addresses, hosts, hashes, and what else links call one.

use crate::params::{Params, bad_parameter};
use crate::problem::Problem;

/// Those that have a parameter of their own.
const NAMED: [&str; 4] = ["user", "ip", "host", "hash"];

/// All entities that a request names, kind and value.
pub(crate) fn entities(params: &Params) -> Result<Vec<(String, String)>, Problem> {
    let mut found = Vec::new();
    for kind in NAMED {
        for value in params.all(kind) {
            if value.is_empty() {
                return Err(bad_parameter(kind, "it has no value"));
            }
            found.push((kind.to_owned(), value.to_owned()));
        }
    }
    for text in params.all("entity") {
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

/// How a value may be written where events are read: as it is, in lower case, and a host without its domain. Names of
/// users are what they are.
pub(crate) fn spellings(kind: &str, value: &str) -> Vec<String> {
    if kind == "user" {
        return vec![value.to_owned()];
    }
    let lower = value.to_lowercase();
    let short = lower.split('.').next().filter(|_| kind == "host");
    let short = short.filter(|short| !short.is_empty()).map(str::to_owned);
    let mut spellings = vec![value.to_owned()];
    for other in [Some(lower), short].into_iter().flatten() {
        if !spellings.contains(&other) {
            spellings.push(other);
        }
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["user", "ip", "host", "hash", "entity"];

    #[test]
    fn entities_are_named_by_parameters_of_their_own_or_by_kind_and_value() {
        let params = Params::read("user=eve&entity=device:a:b&ip=::1&user=bob", NAMES).unwrap();
        let found = entities(&params).unwrap();
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
            let params = Params::read(query, NAMES).unwrap();
            let error = entities(&params).unwrap_err();
            assert_eq!(error.code(), "bad_parameter", "{query}");
        }
    }

    #[test]
    fn a_host_is_also_looked_for_without_its_domain_and_other_values_are_not_cut() {
        assert_eq!(
            spellings("host", "WS5.shire.com"),
            ["WS5.shire.com", "ws5.shire.com", "ws5"]
        );
        assert_eq!(spellings("host", "ws5"), ["ws5"]);
        assert_eq!(spellings("host", ".x"), [".x"]);
        assert_eq!(spellings("hash", "AB.C"), ["AB.C", "ab.c"]);
        assert_eq!(spellings("user", "Eve.A"), ["Eve.A"]);
    }
}
