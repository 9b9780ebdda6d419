//! How answers are written: for programs, or for people as wide as their terminal.

use larum_event::QueryPair;
use larum_view::{ColourMode, TextStyle};

/// Whether an answer is written for programs or for people.
#[derive(Debug, Clone, Copy)]
pub enum OutputStyle {
    /// For programs.
    Json,
    /// For people.
    Text(TextStyle),
}

impl OutputStyle {
    /// For people, unless `json` is asked for.
    pub fn new(json: bool) -> Self {
        if json {
            Self::Json
        } else {
            Self::Text(terminal_style())
        }
    }

    /// As parameters of a request.
    pub fn to_parameters(self) -> Vec<QueryPair> {
        match self {
            Self::Json => vec![("format", "json".to_owned())],
            Self::Text(style) => {
                let mut parameters = vec![("format", "text".to_owned())];
                parameters.extend(style_parameters(style));
                parameters
            }
        }
    }
}

/// Text as wide as the terminal, in colours; unwanted ones are taken out on the way to
/// it.
pub fn terminal_style() -> TextStyle {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    TextStyle {
        colour: ColourMode::Ansi,
        // Narrower than this nothing can be read anyway.
        width: size.map(|(width, _)| usize::from(width.0).max(20)),
        ..TextStyle::default()
    }
}

/// A style as parameters of a request.
pub fn style_parameters(style: TextStyle) -> Vec<QueryPair> {
    let mut parameters = Vec::new();
    if style.colour == ColourMode::Ansi {
        parameters.push(("colour", "true".to_owned()));
    }
    if let Some(width) = style.width {
        parameters.push(("width", width.to_string()));
    }
    if style.why {
        parameters.push(("why", "true".to_owned()));
    }
    parameters
}
