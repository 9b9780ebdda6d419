//! How text for people is to look, as clients ask for it.

use actix_web::{HttpResponse, HttpResponseBuilder};
use larum_engine::{Colour, TextStyle};

use crate::params::{Params, bad_parameter};
use crate::problem::Problem;

/// Columns that a line may be cut to.
const WIDTHS: std::ops::RangeInclusive<usize> = 20..=10_000;

/// The parameters of a style.
pub(crate) const NAMES: &[&str] = &["width", "colour"];

/// The style that a request asks for: `width`, and `colour=true` for ANSI escapes.
pub(crate) fn style(params: &Params) -> Result<TextStyle, Problem> {
    Ok(TextStyle {
        colour: if params.flag("colour")? {
            Colour::Ansi
        } else {
            Colour::Plain
        },
        width: params.number("width", WIDTHS)?,
        ..TextStyle::default()
    })
}

/// Refuses what only goes with text, where the answer is none.
pub(crate) fn refuse_style(params: &Params, names: &[&'static str]) -> Result<(), Problem> {
    for name in names {
        if params.all(name).next().is_some() {
            return Err(bad_parameter(name, "it goes with format=text only"));
        }
    }
    Ok(())
}

/// Text for people.
pub(crate) fn text(response: &mut HttpResponseBuilder, body: String) -> HttpResponse {
    response
        .content_type("text/plain; charset=utf-8")
        .body(body)
}
