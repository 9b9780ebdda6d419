//! Durations as arguments.

use larum_event::Span;
use rhai::Dynamic;

use super::argument::{meant_duration, one};
use crate::diagnostic::Refusal;

/// A duration that is longer than none.
pub(super) fn span(value: &Dynamic) -> Result<Span, Refusal> {
    let span = any_span(value)?;
    if span.is_zero() {
        return Err(
            Refusal::new("bad-duration", "a window of no length holds nothing")
                .help("leave `.within(..)` and `.count(..)` out for an alert at each match"),
        );
    }
    Ok(span)
}

/// A duration.
pub(super) fn any_span(value: &Dynamic) -> Result<Span, Refusal> {
    if let Ok(seconds) = value.as_int() {
        return Err(Refusal::new(
            "bad-duration",
            format!("a duration is a text with a unit, not {seconds}"),
        )
        .help(format!("did you mean `\"{seconds}s\"`?")));
    }
    let text = one(value)?;
    Span::parse(&text).map_err(|error| {
        Refusal::new("bad-duration", error.to_string()).maybe_help(meant_duration(&text))
    })
}
