//! How text for people is to look, as clients ask for it.

use actix_web::{HttpResponse, HttpResponseBuilder};
use larum_engine::{ColourMode, TextStyle};
use larum_event::QueryParams;

use crate::params::bad_parameter;
use crate::problem::HttpProblem;

/// Columns that a line may be cut to.
const WIDTHS: std::ops::RangeInclusive<usize> = 20..=10_000;

/// The parameters of a style.
pub(crate) const NAMES: &[&str] = &["width", "colour"];

/// How an answer is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnswerFormat {
    /// For programs.
    Json,
    /// For people.
    Text(TextStyle),
}

impl AnswerFormat {
    /// The form that a request asks for: `format`, and with text its style.
    pub(crate) fn parse(params: &QueryParams) -> Result<Self, HttpProblem> {
        let style = parse_style(params)?;
        let formats = [("json", Self::Json), ("text", Self::Text(style))];
        let format = params
            .parse_choice("format", &formats)?
            .unwrap_or(Self::Json);
        if let Self::Json = format {
            refuse_style(params, NAMES)?;
        }
        Ok(format)
    }
}

/// The style that a request asks for: `width`, and `colour=true` for ANSI escapes.
pub(crate) fn parse_style(params: &QueryParams) -> Result<TextStyle, HttpProblem> {
    Ok(TextStyle {
        colour: if params.parse_flag("colour")? {
            ColourMode::Ansi
        } else {
            ColourMode::Plain
        },
        width: params.parse_number("width", WIDTHS)?,
        ..TextStyle::default()
    })
}

/// Refuses parameters of text where the answer is not text.
pub(crate) fn refuse_style(
    params: &QueryParams,
    names: &[&'static str],
) -> Result<(), HttpProblem> {
    for name in names {
        if params.all_values(name).next().is_some() {
            return Err(bad_parameter(name, "it goes with format=text only"));
        }
    }
    Ok(())
}

/// Text for people.
pub(crate) fn text_response(response: &mut HttpResponseBuilder, body: String) -> HttpResponse {
    response
        .content_type("text/plain; charset=utf-8")
        .body(body)
}
