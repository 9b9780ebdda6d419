//! Lines in the making: parts with paint, coloured and cut only when they end.

use larum_event::Severity;

use super::harmless::harmless;
use super::{Colour, TextStyle};

/// How a part of a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Bold,
    Faint,
    Warning,
    Alarm,
}

impl Paint {
    pub(super) const fn of(severity: Severity) -> Self {
        match severity {
            Severity::Info | Severity::Low => Self::Plain,
            Severity::Medium => Self::Warning,
            Severity::High | Severity::Critical => Self::Alarm,
        }
    }

    const fn code(self) -> Option<&'static str> {
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
pub(super) struct Line {
    parts: Vec<(Paint, String)>,
}

impl Line {
    /// A line that is all of one paint.
    pub(super) fn of(paint: Paint, text: &str) -> Self {
        let mut line = Self::default();
        line.push(paint, text);
        line
    }

    /// Adds text, harmful characters replaced.
    pub(super) fn push(&mut self, paint: Paint, text: &str) {
        self.parts.push((paint, harmless(text)));
    }

    /// Adds text and spaces up to a width.
    pub(super) fn push_padded(&mut self, paint: Paint, text: &str, width: usize) {
        self.push(paint, text);
        let gap = width.saturating_sub(text.chars().count());
        self.push(Paint::Plain, &" ".repeat(gap));
    }

    /// The line with a faint indent before it.
    pub(super) fn behind(mut self, indent: &str) -> Self {
        self.parts.insert(0, (Paint::Faint, indent.to_owned()));
        self
    }

    /// The line without any but faint paint.
    pub(super) fn into_faint(mut self) -> Self {
        for (paint, _) in &mut self.parts {
            *paint = Paint::Faint;
        }
        self
    }

    /// Writes the line behind `text`.
    pub(super) fn end(self, text: &mut String, style: TextStyle) {
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
                .code()
                .filter(|_| style.colour == Colour::Ansi && !shown.is_empty())
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
