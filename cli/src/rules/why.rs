//! A rule's condition for people: what it asks, what an event answered, and what decided.

use std::io::{self, Write};

use larum_rule::{ConditionKind, ConditionPart};
use serde_json::{Value, json};

use crate::terminal::{BAD, DIM, GOOD, plain, styled};

/// Columns that a line may take.
pub const WIDTH: usize = 100;
/// Parts of an alternative that are listed; of the others their number is told.
const PARTS_SHOWN: usize = 12;

/// What is shown in front of each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Margin {
    /// Where it stands.
    Places,
    /// Whether it held.
    Answers,
}

/// One line about a part.
struct Line<'p> {
    depth: usize,
    part: Option<&'p ConditionPart>,
    text: String,
}

/// Writes a condition, a part on each line, with `indent` blanks in front.
pub fn write(
    out: &mut impl Write,
    condition: &ConditionPart,
    margin: Margin,
    indent: usize,
) -> io::Result<()> {
    let mut lines = Vec::new();
    collect(condition, 0, &mut lines);
    // What several parts in a row ask about is told once.
    let mut told = None;
    for line in &lines {
        let front = match (margin, line.part) {
            (_, None) => " ".repeat(9),
            (Margin::Places, Some(part)) => place(part),
            (Margin::Answers, Some(part)) => format!("{:<9}", answer(part.held)),
        };
        let front = match (margin, line.part.and_then(|part| part.held)) {
            (Margin::Answers, Some(true)) => styled(GOOD, front),
            (Margin::Answers, Some(false)) => styled(BAD, front),
            _ => styled(DIM, front),
        };
        let depth = line.depth * 2;
        let room = WIDTH.saturating_sub(indent + 9 + depth);
        let text = fitted(&plain(&line.text), room);
        writeln!(out, "{:indent$}{front}{:depth$}{text}", "", "")?;
        let seen = line.part.and_then(seen);
        if margin == Margin::Answers && seen != told {
            if let Some(seen) = &seen {
                let room = room.saturating_sub(2);
                let seen = styled(DIM, shortened(&plain(seen), room));
                writeln!(out, "{:indent$}{:9}{:depth$}  {seen}", "", "", "")?;
            }
            told = seen;
        }
    }
    Ok(())
}

fn answer(held: Option<bool>) -> &'static str {
    match held {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    }
}

fn place(part: &ConditionPart) -> String {
    let place = match part.line {
        0 => String::new(),
        line => format!("{line}:{}", part.column.max(1)),
    };
    format!("{place:<9}")
}

fn collect<'p>(part: &'p ConditionPart, depth: usize, lines: &mut Vec<Line<'p>>) {
    lines.push(Line {
        depth,
        part: Some(part),
        text: text_of(part),
    });
    let is_long = part.parts.len() > PARTS_SHOWN;
    // Of many alternatives those that held matter; without an event the first give an idea.
    let is_shown = |index: usize, one: &ConditionPart| match (is_long, one.held) {
        (false, _) | (true, Some(true)) => true,
        (true, _) => index < PARTS_SHOWN / 2,
    };
    let mut left_out = 0;
    for (index, one) in part.parts.iter().enumerate() {
        if is_shown(index, one) {
            collect(one, depth + 1, lines);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        lines.push(Line {
            depth: depth + 1,
            part: None,
            text: format!("and {left_out} more"),
        });
    }
}

fn text_of(part: &ConditionPart) -> String {
    match part.kind {
        ConditionKind::All => "all of".to_owned(),
        ConditionKind::Any => "one of".to_owned(),
        ConditionKind::Not => "not".to_owned(),
        ConditionKind::Choice => "if the first, the second, else the third".to_owned(),
        ConditionKind::After => "the last of".to_owned(),
        ConditionKind::Script => "what the script says here".to_owned(),
        ConditionKind::Step => match part.parts.is_empty() {
            true => format!("step {}: every event that it reads", part.text),
            false => format!("step {}", part.text),
        },
        ConditionKind::Constant | ConditionKind::Test => part.text.clone(),
    }
}

/// What the event holds there: `data.outcome is "success"`.
pub fn seen(part: &ConditionPart) -> Option<String> {
    if part.kind != ConditionKind::Test || part.fields.is_empty() {
        return None;
    }
    let fields = part.fields.iter().map(|field| match &field.value {
        Some(value) => format!("{} is {value}", field.name),
        None => format!("{} is missing", field.name),
    });
    Some(fields.collect::<Vec<_>>().join(", "))
}

/// The questions that decided: those because of which a condition held, or did not.
pub fn decisive(part: &ConditionPart) -> Vec<&ConditionPart> {
    let mut found = Vec::new();
    decide(part, &mut found);
    found
}

fn decide<'p>(part: &'p ConditionPart, found: &mut Vec<&'p ConditionPart>) {
    let Some(held) = part.held else {
        // Only the script knows; what it was asked first may still tell why.
        part.parts
            .iter()
            .filter(|one| one.held == Some(false))
            .for_each(|one| decide(one, found));
        return;
    };
    match part.kind {
        ConditionKind::All | ConditionKind::Any => {
            let by_one = (part.kind == ConditionKind::Any) == held;
            let mut agreeing = part.parts.iter().filter(|one| one.held == Some(held));
            if by_one {
                agreeing.take(1).for_each(|one| decide(one, found));
            } else {
                agreeing.by_ref().for_each(|one| decide(one, found));
            }
        }
        ConditionKind::Not | ConditionKind::Choice | ConditionKind::After | ConditionKind::Step => {
            part.parts.iter().for_each(|one| decide(one, found));
        }
        ConditionKind::Test | ConditionKind::Constant | ConditionKind::Script => found.push(part),
    }
}

/// `text`, or its beginning where it has no room.
pub fn fitted(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{}…", beginning.trim_end())
}

/// `text`, or its beginning and end: where a value is cut, both tell something.
fn shortened(text: &str, room: usize) -> String {
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
pub fn under_lines(condition: &ConditionPart, source: &str) -> Vec<String> {
    let decided = decisive(condition);
    let mut shown = Vec::new();
    let mut last = 0;
    for part in decided.iter().take(DECIDED_SHOWN) {
        let seen = seen(part).unwrap_or_else(|| text_of(part));
        let line = part.line.checked_sub(1);
        let Some(text) = line.and_then(|line| source.lines().nth(line)) else {
            shown.push(format!("{:>4} | {}", "", shortened(&seen, LINE_SHOWN)));
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
        let seen = shortened(&seen, room);
        shown.push(format!("{:>4} | {:caret$}^ {seen}", "", ""));
    }
    if decided.len() > DECIDED_SHOWN {
        let more = decided.len() - DECIDED_SHOWN;
        shown.push(format!("{:>4} | and {more} more", ""));
    }
    shown
}

/// A condition as JSON.
pub fn object(part: &ConditionPart) -> Value {
    let kind = match part.kind {
        ConditionKind::Constant => "constant",
        ConditionKind::All => "all",
        ConditionKind::Any => "any",
        ConditionKind::Not => "not",
        ConditionKind::Choice => "choice",
        ConditionKind::After => "after",
        ConditionKind::Step => "step",
        ConditionKind::Test => "test",
        ConditionKind::Script => "script",
    };
    let fields = part.fields.iter();
    let fields = fields.map(|field| json!({ "name": field.name, "value": field.value }));
    json!({
        "kind": kind,
        "text": part.text,
        "line": part.line,
        "column": part.column,
        "held": part.held,
        "fields": fields.collect::<Vec<_>>(),
        "parts": part.parts.iter().map(object).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: ConditionKind, held: Option<bool>, parts: Vec<ConditionPart>) -> ConditionPart {
        ConditionPart {
            kind,
            text: String::new(),
            line: 1,
            column: 1,
            fields: Vec::new(),
            held,
            parts,
        }
    }

    fn test(text: &str, held: bool) -> ConditionPart {
        ConditionPart {
            text: text.to_owned(),
            ..part(ConditionKind::Test, Some(held), Vec::new())
        }
    }

    fn decided(condition: &ConditionPart) -> Vec<&str> {
        let parts = decisive(condition);
        parts.iter().map(|part| part.text.as_str()).collect()
    }

    #[test]
    fn what_decided_is_the_first_that_settles_it_or_all_that_had_to() {
        let parts = || vec![test("a", true), test("b", false), test("c", false)];
        let all = part(ConditionKind::All, Some(false), parts());
        assert_eq!(decided(&all), ["b"]);
        let any = part(ConditionKind::Any, Some(true), parts());
        assert_eq!(decided(&any), ["a"]);
        let none = vec![test("b", false), test("c", false)];
        let none = part(ConditionKind::Any, Some(false), none);
        assert_eq!(decided(&none), ["b", "c"]);
        let not = part(ConditionKind::Not, Some(false), vec![test("a", true)]);
        let both = vec![test("d", true), not];
        assert_eq!(decided(&part(ConditionKind::All, Some(false), both)), ["a"]);
    }

    #[test]
    fn of_many_alternatives_those_that_held_are_shown() {
        let parts = (0..40).map(|number| test(&format!("t{number}"), number == 30));
        let any = part(ConditionKind::Any, Some(true), parts.collect());
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out, &any, Margin::Answers, 0).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        assert_eq!(text.lines().count(), 1 + PARTS_SHOWN / 2 + 1 + 1, "{text}");
        assert!(text.contains("yes        t30\n"), "{text}");
        assert!(text.contains("and 33 more\n"), "{text}");
    }

    #[test]
    fn a_line_ends_where_the_terminal_does() {
        let long = test(&"x".repeat(300), true);
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out, &long, Margin::Places, 4).unwrap();
        let text = String::from_utf8(out.into_inner()).unwrap();
        assert_eq!(text.trim_end().chars().count(), WIDTH);
    }
}
