//! What is wrong with a file that does not parse, or that fails when it is executed.
//!
//! Owns the sentences and the help; finding the errors is the script engine's job. Help is guessed
//! from the text around the place and never changes what is refused.
//! Invariant: every error of the engine becomes one problem, with or without help, so no file is
//! refused without a reason.

use larum_event::limits;
use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};

use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::draft::RULE_METHODS;
use crate::error::FaultKind;
use crate::sandbox;

/// Words of other languages, and what to write instead.
const FOREIGN_WORDS: [(&str, &str); 10] = [
    ("and", "write `&&`"),
    ("or", "write `||`"),
    ("not", "write `!`"),
    ("is", "write `==`"),
    ("null", "a field that is missing or null is `()`"),
    ("nil", "a field that is missing or null is `()`"),
    ("None", "a field that is missing or null is `()`"),
    ("undefined", "a field that is missing or null is `()`"),
    ("True", "write `true`"),
    ("False", "write `false`"),
];

/// A file that does not parse.
pub(super) fn syntax_problem(text: &str, error: &ParseError) -> RuleProblem {
    let reason = error.err_type().to_string();
    if let Some(word) = sandbox::FORBIDDEN
        .into_iter()
        .find(|word| reason.contains(&format!("'{word}'")))
    {
        return RuleProblem::new("forbidden", format!("rules may not use `{word}`")).with_help(format!(
            "a rule computes from the event alone; a field of that name is `event.data[\"{word}\"]`"
        ));
    }
    RuleProblem::new("syntax", sandbox::lowercase_first(&reason))
        .with_optional_help(suggest_syntax_fix(text, error))
}

/// A file that fails when it is executed.
pub(super) fn runtime_problem(error: &EvalAltResult) -> RuleProblem {
    let inner = error.unwrap_inner();
    if let EvalAltResult::ErrorTooManyOperations(_) = inner {
        return RuleProblem::new("budget", "the file takes too long to load")
            .with_help("a rule file builds its rules and ends; is there a loop that does not?");
    }
    let code = match sandbox::fault_kind(error) {
        FaultKind::Budget => "budget",
        FaultKind::Error => "load-failed",
    };
    let help = match inner {
        EvalAltResult::ErrorStackOverflow(_) => {
            Some("functions call each other too deeply; does one call itself?".to_owned())
        }
        EvalAltResult::ErrorDataTooLarge(what, _) if what.contains("string") => Some(format!(
            "a rule builds texts of at most {} bytes",
            limits::RULE_STRING_BYTES
        )),
        EvalAltResult::ErrorDataTooLarge(..) => Some(format!(
            "a rule builds lists and maps of at most {} members",
            limits::RULE_COLLECTION_MEMBERS
        )),
        _ => None,
    };
    RuleProblem::new(code, sandbox::error_sentence(inner)).with_optional_help(help)
}

/// Help for a file that does not parse.
fn suggest_syntax_fix(text: &str, error: &ParseError) -> Option<String> {
    let (before, at) = split_at_place(text, error.position());
    // Words of other languages first: rhai's own message about them is about what follows.
    let word: String = at.chars().take_while(|c| is_word_char(*c)).collect();
    if let Some((_, help)) = FOREIGN_WORDS.iter().find(|(known, _)| *known == word) {
        return Some((*help).to_owned());
    }
    match error.err_type() {
        ParseErrorType::Reserved(word) => Some(format!(
            "a field of that name is written `event.data[\"{word}\"]`"
        )),
        ParseErrorType::VariableUndefined(name) => match name.as_str() {
            "event" => Some("a condition is a closure: `.when(|event| ..)`".to_owned()),
            "window" => Some("an alert's text is a closure: `.alert(|window| ..)`".to_owned()),
            name => did_you_mean(name, ["event", "window"]),
        },
        ParseErrorType::MissingToken(token, _) if token == ";" => {
            let follows = at.get(word.len()..).unwrap_or_default();
            let is_method = RULE_METHODS.iter().any(|(method, _)| *method == word);
            if is_method && follows.starts_with('(') {
                return Some(format!("a dot is missing: `.{word}(..)`"));
            }
            Some("end what comes before it with `;`".to_owned())
        }
        ParseErrorType::BadInput(_) if at.starts_with('\'') || before.ends_with('\'') => {
            Some("texts stand in double quotes: `\"..\"`".to_owned())
        }
        ParseErrorType::BadInput(rhai::LexError::MalformedEscapeSequence(_)) => {
            Some("a backslash in a text is written twice: `\"\\\\cmd.exe\"`".to_owned())
        }
        ParseErrorType::BadInput(rhai::LexError::UnterminatedString) => {
            Some("it begins here and is not closed by a `\"` in the same line".to_owned())
        }
        ParseErrorType::BadInput(rhai::LexError::StringTooLong(_))
        | ParseErrorType::LiteralTooLarge(..) => {
            Some("what a rule compares with is short; name less of it".to_owned())
        }
        _ => None,
    }
}

/// The text before a place, and from there on.
fn split_at_place(text: &str, place: Position) -> (&str, &str) {
    let line = place.line().unwrap_or(1).saturating_sub(1);
    let starts = text.split_inclusive('\n').map(str::len);
    let start: usize = starts.take(line).sum();
    let rest = text.get(start..).unwrap_or_default();
    let column = place.position().unwrap_or(1).saturating_sub(1);
    let inside = rest.char_indices().nth(column).map(|(at, _)| at);
    text.split_at(start + inside.unwrap_or(rest.len()))
}

fn is_word_char(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}
