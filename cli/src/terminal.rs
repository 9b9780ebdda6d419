//! Writing for people and for machines.
//!
//! Owns streams, colours and escaping; what is written is each verb's job. Colour goes to
//! terminals only and honours `NO_COLOR` (`anstream` takes it out otherwise).
//! Invariant: text that comes from events is [`escape_controls`] before it reaches a terminal, so
//! that no event can move the cursor or colour itself (4-27).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{BufWriter, StderrLock, StdoutLock, Write};

use anstream::AutoStream;
use clap::builder::styling::{AnsiColor, Color, Effects, Style};
use larum_event::Severity;

/// Style of headings.
pub const HEADING: Style = Style::new().effects(Effects::BOLD);
/// What matters less.
pub const DIM: Style = Style::new().effects(Effects::DIMMED);
/// What went well.
pub const GOOD: Style = colour_style(AnsiColor::Green);
/// What is wrong.
pub const BAD: Style = colour_style(AnsiColor::Red).effects(Effects::BOLD);
/// What to type.
pub const COMMAND: Style = colour_style(AnsiColor::Cyan);

const fn colour_style(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// The colour of a severity.
pub const fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Info => DIM,
        Severity::Low => colour_style(AnsiColor::Blue),
        Severity::Medium => colour_style(AnsiColor::Yellow),
        Severity::High => colour_style(AnsiColor::Red),
        Severity::Critical => BAD,
    }
}

/// Buffered standard output.
pub type BufferedStdout = BufWriter<AutoStream<StdoutLock<'static>>>;

/// Standard output, buffered; flush it at the end and where a reader waits for a line.
pub fn stdout() -> BufferedStdout {
    BufWriter::new(anstream::stdout().lock())
}

/// Standard error.
pub fn stderr() -> AutoStream<StderrLock<'static>> {
    anstream::stderr().lock()
}

/// One line on standard error; that it cannot be written ends nothing.
pub fn print_notice(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

/// `text` in `style`.
pub fn style_text(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// `text` with its control characters made visible.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() && !is_direction_mark(c);
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if harmless(character) {
            visible.push(character);
        } else {
            let _ = write!(visible, "\\u{{{:x}}}", u32::from(character));
        }
    }
    Cow::Owned(visible)
}

/// Characters that turn the direction of a line, with which text can be made to look like another.
fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` in lines of at most `width` characters, broken at blanks; every line but the first is
/// indented.
pub fn wrap_text(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("  {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `1234567` as `1,234,567`.
pub fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 event`, `2 events`.
pub fn count_noun(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", group_digits(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_events_never_reach_the_terminal() {
        assert_eq!(escape_controls("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\u{a}c");
        assert_eq!(escape_controls("user\u{202e}txt"), "user\\u{202e}txt");
        assert!(matches!(escape_controls("Grüße"), Cow::Borrowed("Grüße")));
    }

    #[test]
    fn long_texts_are_broken_at_blanks() {
        assert_eq!(wrap_text("one two three", 7), ["one two", "  three"]);
        assert_eq!(wrap_text("one two three", 6), ["one", "  two", "  three"]);
        assert_eq!(wrap_text("  one", 10), ["  one"]);
    }

    #[test]
    fn long_numbers_are_grouped_by_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(group_digits(number), text);
        }
        assert_eq!(count_noun(1, "event"), "1 event");
        assert_eq!(count_noun(2, "event"), "2 events");
    }
}
