//! Compiles regular expressions within a bound of memory.

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES: usize = 1024 * 1024;

/// Compiles a regular expression; the error is what is wrong with it.
pub fn compile_regex(pattern: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES)
        .build()
        .map_err(|error| {
            let message = error.to_string();
            // The crate draws a picture; its last line says what is wrong.
            let reason = message.lines().last().unwrap_or_default();
            reason.trim().trim_start_matches("error: ").to_owned()
        })
}
