//! Lines in the making: parts with paint, coloured and cut only when they end.

use larum_event::Severity;

use super::terminal_text::replace_harmful;
use super::{ColourMode, TextStyle};

/// How a part of a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextPaint {
    Plain,
    Bold,
    Faint,
    Warning,
    Alarm,
}

impl TextPaint {
    pub(super) const fn for_severity(severity: Severity) -> Self {
        match severity {
            Severity::Info | Severity::Low => Self::Plain,
            Severity::Medium => Self::Warning,
            Severity::High | Severity::Critical => Self::Alarm,
        }
    }

    const fn ansi_code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Faint => Some("2"),
            Self::Warning => Some("33"),
            Self::Alarm => Some("1;31"),
        }
    }
}

/// A line in the making, uncoloured and uncut.
#[derive(Default)]
pub(super) struct TextLine {
    parts: Vec<(TextPaint, String)>,
}

impl TextLine {
    /// A line that is all of one paint.
    pub(super) fn from_text(paint: TextPaint, text: &str) -> Self {
        let mut line = Self::default();
        line.push(paint, text);
        line
    }

    /// Adds text, harmful characters replaced.
    pub(super) fn push(&mut self, paint: TextPaint, text: &str) {
        self.parts.push((paint, replace_harmful(text)));
    }

    /// Adds text and spaces up to a width.
    pub(super) fn push_padded(&mut self, paint: TextPaint, text: &str, width: usize) {
        self.push(paint, text);
        let gap = width.saturating_sub(text.chars().count());
        self.push(TextPaint::Plain, &" ".repeat(gap));
    }

    /// The line with a faint indent before it.
    pub(super) fn with_indent(mut self, indent: &str) -> Self {
        self.parts.insert(0, (TextPaint::Faint, indent.to_owned()));
        self
    }

    /// The line without any but faint paint.
    pub(super) fn into_faint(mut self) -> Self {
        for (paint, _) in &mut self.parts {
            *paint = TextPaint::Faint;
        }
        self
    }

    /// Writes the line behind `text`.
    pub(super) fn write_to(self, text: &mut String, style: TextStyle) {
        let mut left = style.width.unwrap_or(usize::MAX);
        let lengths = self.parts.iter().map(|(_, part)| part.chars().count());
        let cut = lengths.sum::<usize>() > left;
        if cut {
            left = left.saturating_sub(1);
        }
        for (paint, part) in &self.parts {
            let shown: String = part.chars().take(left).collect();
            left -= shown.chars().count();
            match paint
                .ansi_code()
                .filter(|_| style.colour == ColourMode::Ansi && !shown.is_empty())
            {
                Some(code) => text.push_str(&format!("\u{1b}[{code}m{shown}\u{1b}[0m")),
                None => text.push_str(&shown),
            }
        }
        if cut {
            text.push('…');
        }
        while text.ends_with(' ') {
            text.pop();
        }
        text.push('\n');
    }
}
