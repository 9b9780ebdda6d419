//! The severity policy: how bad events are that do not say it themselves.

use std::path::Path;

use larum_event::SeverityPolicy;

use crate::error::CliError;

/// The policy of a file, or the one that holds without any.
pub fn load_policy(path: Option<&Path>) -> Result<SeverityPolicy, CliError> {
    let Some(path) = path else {
        return Ok(SeverityPolicy::default());
    };
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Open {
        path: path.to_owned(),
        source,
    })?;
    SeverityPolicy::from_toml(&text).map_err(|error| {
        let (line, column) = (error.line, error.column);
        CliError::Usage(format!(
            "{}:{line}:{column}: {}",
            path.display(),
            error.detail
        ))
    })
}
