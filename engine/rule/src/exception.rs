//! What rules shall not be told about: `except.toml` beside them.
/// The name of its files.
pub(crate) const FILE: &str = "except.toml";
