//! Durations as arguments.

use larum_event::Span;
use rhai::Dynamic;

use super::argument::{read_text, suggest_duration};
use crate::diagnostic::RuleProblem;

/// A duration other than zero.
pub(super) fn read_nonzero_span(value: &Dynamic) -> Result<Span, RuleProblem> {
    let span = read_span(value)?;
    if span.is_zero() {
        return Err(
            RuleProblem::new("bad-duration", "a window of no length holds nothing")
                .with_help("leave `.within(..)` and `.count(..)` out for an alert at each match"),
        );
    }
    Ok(span)
}

/// A duration.
pub(super) fn read_span(value: &Dynamic) -> Result<Span, RuleProblem> {
    if let Ok(seconds) = value.as_int() {
        return Err(RuleProblem::new(
            "bad-duration",
            format!("a duration is a text with a unit, not {seconds}"),
        )
        .with_help(format!("did you mean `\"{seconds}s\"`?")));
    }
    let text = read_text(value)?;
    Span::parse(&text).map_err(|error| {
        RuleProblem::new("bad-duration", error.to_string())
            .with_optional_help(suggest_duration(&text))
    })
}
