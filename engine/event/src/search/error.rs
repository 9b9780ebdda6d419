//! What is wrong with a search, and where.

use std::fmt;
use std::ops::Range;

/// Characters shown before and behind the place of a mistake.
const SHOWN_BEFORE: usize = 60;
const SHOWN_BEHIND: usize = 40;

/// A text that is no search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSearch {
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// The whole text.
    pub text: String,
    /// The place of the mistake, in bytes; on boundaries of characters.
    pub at: Range<usize>,
}

impl InvalidSearch {
    pub(super) fn new(text: &str, at: Range<usize>, message: impl Into<String>) -> Self {
        let boundary = |place: usize| {
            let place = place.min(text.len());
            (0..=place)
                .rev()
                .find(|place| text.is_char_boundary(*place))
                .unwrap_or(0)
        };
        let start = boundary(at.start);
        Self {
            message: message.into(),
            help: None,
            text: text.to_owned(),
            at: start..boundary(at.end).max(start),
        }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The place of the mistake in characters, from 1.
    pub fn column(&self) -> usize {
        self.text_before().chars().count() + 1
    }

    /// How many characters are meant; 1 at least.
    pub fn width(&self) -> usize {
        let meant = self.text.get(self.at.clone()).unwrap_or_default();
        meant.chars().count().max(1)
    }

    /// The text around the mistake and the line that points at it.
    pub fn excerpt(&self) -> String {
        let skipped = (self.column() - 1).saturating_sub(SHOWN_BEFORE);
        let indent = self.column() - 1 - skipped;
        let width = self.width().min(SHOWN_BEHIND);
        let around = self.text.chars().skip(skipped).take(indent + SHOWN_BEHIND);
        let shown: String = around
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        format!("  {shown}\n  {:indent$}{}", "", "^".repeat(width))
    }

    fn text_before(&self) -> &str {
        self.text.get(..self.at.start).unwrap_or_default()
    }
}

impl fmt::Display for InvalidSearch {
    /// What is wrong, the text with a caret under the place, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.excerpt())?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for InvalidSearch {}
