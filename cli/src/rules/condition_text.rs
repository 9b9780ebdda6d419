//! A rule's condition for people: what it asks, what an event answered, and what decided.
//!
//! Owns layout; the answers themselves come from the matcher and are not computed here.
//! Invariant: no line is wider than [`WIDTH`] columns, because the margin with answers must stay
//! aligned.

use std::io::{self, Write};

use larum_rule::{ConditionPart, ConditionPartKind};
use serde_json::{Value, json};

use crate::terminal::{BAD, DIM, GOOD, escape_controls, style_text};

/// Columns that a line may take.
pub const WIDTH: usize = 100;
/// Parts of an alternative that are listed; the others are counted.
const PARTS_SHOWN: usize = 12;

/// What is shown in front of each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineMargin {
    /// Its line and column.
    Places,
    /// Whether it held.
    Answers,
}

/// One line about a part.
struct ConditionLine<'p> {
    depth: usize,
    part: Option<&'p ConditionPart>,
    text: String,
}

/// Writes a condition, a part on each line, with `indent` blanks in front.
pub fn write_condition(
    out: &mut impl Write,
    condition: &ConditionPart,
    margin: LineMargin,
    indent: usize,
) -> io::Result<()> {
    let mut lines = Vec::new();
    collect_lines(condition, 0, &mut lines);
    // A value that several parts in a row ask about is shown once.
    let mut shown = None;
    for line in &lines {
        let margin_text = match (margin, line.part) {
            (_, None) => " ".repeat(9),
            (LineMargin::Places, Some(part)) => place_text(part),
            (LineMargin::Answers, Some(part)) => format!("{:<9}", answer_text(part.holds)),
        };
        let front = match (margin, line.part.and_then(|part| part.holds)) {
            (LineMargin::Answers, Some(true)) => style_text(GOOD, margin_text),
            (LineMargin::Answers, Some(false)) => style_text(BAD, margin_text),
            _ => style_text(DIM, margin_text),
        };
        let depth = line.depth * 2;
        let room = WIDTH.saturating_sub(indent + 9 + depth);
        let text = fit_text(&escape_controls(&line.text), room);
        writeln!(out, "{:indent$}{front}{:depth$}{text}", "", "")?;
        let seen = line.part.and_then(observed_text);
        if margin == LineMargin::Answers && seen != shown {
            if let Some(seen) = &seen {
                let room = room.saturating_sub(2);
                let seen = style_text(DIM, shorten_middle(&escape_controls(seen), room));
                writeln!(out, "{:indent$}{:9}{:depth$}  {seen}", "", "", "")?;
            }
            shown = seen;
        }
    }
    Ok(())
}

fn answer_text(held: Option<bool>) -> &'static str {
    match held {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    }
}

fn place_text(part: &ConditionPart) -> String {
    let place = match part.line {
        0 => String::new(),
        line => format!("{line}:{}", part.column.max(1)),
    };
    format!("{place:<9}")
}

fn collect_lines<'p>(part: &'p ConditionPart, depth: usize, lines: &mut Vec<ConditionLine<'p>>) {
    lines.push(ConditionLine {
        depth,
        part: Some(part),
        text: part_text(part),
    });
    let is_long = part.parts.len() > PARTS_SHOWN;
    // Of many alternatives those that held matter; without an event the first give an idea.
    let is_shown = |index: usize, one: &ConditionPart| match (is_long, one.holds) {
        (false, _) | (true, Some(true)) => true,
        (true, _) => index < PARTS_SHOWN / 2,
    };
    let mut left_out = 0;
    for (index, one) in part.parts.iter().enumerate() {
        if is_shown(index, one) {
            collect_lines(one, depth + 1, lines);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        lines.push(ConditionLine {
            depth: depth + 1,
            part: None,
            text: format!("and {left_out} more"),
        });
    }
}

fn part_text(part: &ConditionPart) -> String {
    match part.kind {
        ConditionPartKind::All => "all of".to_owned(),
        ConditionPartKind::Any => "one of".to_owned(),
        ConditionPartKind::Not => "not".to_owned(),
        ConditionPartKind::Choice => "if the first, the second, else the third".to_owned(),
        ConditionPartKind::After => "the last of".to_owned(),
        ConditionPartKind::Script => "what the script says here".to_owned(),
        ConditionPartKind::Step => match part.parts.is_empty() {
            true => format!("step {}: every event that it reads", part.text),
            false => format!("step {}", part.text),
        },
        ConditionPartKind::Constant | ConditionPartKind::Test => part.text.clone(),
    }
}

/// What the event holds there: `data.outcome is "success"`.
pub fn observed_text(part: &ConditionPart) -> Option<String> {
    if part.kind != ConditionPartKind::Test || part.fields.is_empty() {
        return None;
    }
    let fields = part.fields.iter().map(|field| match &field.value {
        Some(value) => format!("{} is {value}", field.name),
        None => format!("{} is missing", field.name),
    });
    Some(fields.collect::<Vec<_>>().join(", "))
}

/// The parts that decided whether a condition held.
pub fn decisive_parts(part: &ConditionPart) -> Vec<&ConditionPart> {
    let mut found = Vec::new();
    collect_decisive(part, &mut found);
    found
}

fn collect_decisive<'p>(part: &'p ConditionPart, found: &mut Vec<&'p ConditionPart>) {
    let Some(held) = part.holds else {
        // Only the script knows; the parts before it may still say why.
        part.parts
            .iter()
            .filter(|one| one.holds == Some(false))
            .for_each(|one| collect_decisive(one, found));
        return;
    };
    match part.kind {
        ConditionPartKind::All | ConditionPartKind::Any => {
            let by_one = (part.kind == ConditionPartKind::Any) == held;
            let mut agreeing = part.parts.iter().filter(|one| one.holds == Some(held));
            if by_one {
                agreeing
                    .take(1)
                    .for_each(|one| collect_decisive(one, found));
            } else {
                agreeing
                    .by_ref()
                    .for_each(|one| collect_decisive(one, found));
            }
        }
        ConditionPartKind::Not
        | ConditionPartKind::Choice
        | ConditionPartKind::After
        | ConditionPartKind::Step => {
            part.parts
                .iter()
                .for_each(|one| collect_decisive(one, found));
        }
        ConditionPartKind::Test | ConditionPartKind::Constant | ConditionPartKind::Script => {
            found.push(part)
        }
    }
}

/// `text`, or its beginning where it has no room.
pub fn fit_text(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", beginning.trim_end())
}

/// `text`, or its beginning and end: where a value is cut, both ends are informative.
fn shorten_middle(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let end = room.saturating_sub(1) / 2;
    let beginning: String = text.chars().take(room.saturating_sub(end + 1)).collect();
    let end: String = text.chars().skip(length - end).collect();
    format!("{beginning}…{end}")
}

/// Questions that are listed under the lines that decided.
const DECIDED_SHOWN: usize = 6;
/// Characters of a source line that are shown.
const LINE_SHOWN: usize = 72;

/// The lines of the rule's file that decided, with a caret under each question and what the event
/// holds there.
pub fn annotate_source(condition: &ConditionPart, source: &str) -> Vec<String> {
    let decided = decisive_parts(condition);
    let mut shown = Vec::new();
    let mut last = 0;
    for part in decided.iter().take(DECIDED_SHOWN) {
        let seen = observed_text(part).unwrap_or_else(|| part_text(part));
        let line = part.line.checked_sub(1);
        let Some(text) = line.and_then(|line| source.lines().nth(line)) else {
            shown.push(format!("{:>4} | {}", "", shorten_middle(&seen, LINE_SHOWN)));
            continue;
        };
        let blanks = text.chars().take_while(|c| c.is_whitespace()).count();
        let from = blanks.max(part.column.saturating_sub(LINE_SHOWN * 2 / 3));
        if part.line != last {
            let text: String = text.chars().skip(from).take(LINE_SHOWN).collect();
            shown.push(format!("{:>4} | {text}", part.line));
            last = part.line;
        }
        let caret = part.column.saturating_sub(from + 1);
        let room = LINE_SHOWN.saturating_sub(caret.min(LINE_SHOWN / 2));
        let seen = shorten_middle(&seen, room);
        shown.push(format!("{:>4} | {:caret$}^ {seen}", "", ""));
    }
    if decided.len() > DECIDED_SHOWN {
        let more = decided.len() - DECIDED_SHOWN;
        shown.push(format!("{:>4} | and {more} more", ""));
    }
    shown
}

/// A condition as JSON.
pub fn condition_json(part: &ConditionPart) -> Value {
    let kind = match part.kind {
        ConditionPartKind::Constant => "constant",
        ConditionPartKind::All => "all",
        ConditionPartKind::Any => "any",
        ConditionPartKind::Not => "not",
        ConditionPartKind::Choice => "choice",
        ConditionPartKind::After => "after",
        ConditionPartKind::Step => "step",
        ConditionPartKind::Test => "test",
        ConditionPartKind::Script => "script",
    };
    let uses = part.fields.iter();
    let fields = uses.map(|field| json!({ "name": field.name, "value": field.value }));
    json!({
        "kind": kind,
        "text": part.text,
        "line": part.line,
        "column": part.column,
        "held": part.holds,
        "fields": fields.collect::<Vec<_>>(),
        "parts": part.parts.iter().map(condition_json).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(
        kind: ConditionPartKind,
        held: Option<bool>,
        parts: Vec<ConditionPart>,
    ) -> ConditionPart {
        ConditionPart {
            kind,
            text: String::new(),
            line: 1,
            column: 1,
            fields: Vec::new(),
            holds: held,
            parts,
        }
    }

    fn test(text: &str, held: bool) -> ConditionPart {
        ConditionPart {
            text: text.to_owned(),
            ..part(ConditionPartKind::Test, Some(held), Vec::new())
        }
    }

    fn decisive_texts(condition: &ConditionPart) -> Vec<&str> {
        let parts = decisive_parts(condition);
        parts.iter().map(|part| part.text.as_str()).collect()
    }

    #[test]
    fn what_decided_is_the_first_that_settles_it_or_all_that_had_to() {
        let parts = || vec![test("a", true), test("b", false), test("c", false)];
        let all = part(ConditionPartKind::All, Some(false), parts());
        assert_eq!(decisive_texts(&all), ["b"]);
        let any = part(ConditionPartKind::Any, Some(true), parts());
        assert_eq!(decisive_texts(&any), ["a"]);
        let none = vec![test("b", false), test("c", false)];
        let none = part(ConditionPartKind::Any, Some(false), none);
        assert_eq!(decisive_texts(&none), ["b", "c"]);
        let not = part(ConditionPartKind::Not, Some(false), vec![test("a", true)]);
        let both = vec![test("d", true), not];
        assert_eq!(
            decisive_texts(&part(ConditionPartKind::All, Some(false), both)),
            ["a"]
        );
    }

    #[test]
    fn of_many_alternatives_those_that_held_are_shown() {
        let parts = (0..40).map(|number| test(&format!("t{number}"), number == 30));
        let any = part(ConditionPartKind::Any, Some(true), parts.collect());
        let mut out = anstream::StripStream::new(Vec::new());
        write_condition(&mut out, &any, LineMargin::Answers, 0).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        assert_eq!(text.lines().count(), 1 + PARTS_SHOWN / 2 + 1 + 1, "{text}");
        assert!(text.contains("yes        t30\n"), "{text}");
        assert!(text.contains("and 33 more\n"), "{text}");
    }

    #[test]
    fn a_line_ends_where_the_terminal_does() {
        let long = test(&"x".repeat(300), true);
        let mut out = anstream::StripStream::new(Vec::new());
        write_condition(&mut out, &long, LineMargin::Places, 4).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        assert_eq!(text.trim_end().chars().count(), WIDTH);
    }
}
