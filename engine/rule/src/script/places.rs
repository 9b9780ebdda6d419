//! The places of arguments of a rule's methods.
//!
//! A method that refuses its argument knows only where it was called; a caret under the argument
//! itself, or under the member of a list that is meant, is what its author needs.

use std::collections::HashMap;

use larum_event::RuleFile;
use larum_predicate::Diagnostic;
use rhai::{AST, Expr, Position};

use super::walk::as_call;
use crate::diagnostic::place_diagnostic;
use crate::draft::FORMS;

/// Findings about an argument, by their code.
const ABOUT_ARGUMENTS: [&str; 17] = [
    "bad-id",
    "bad-severity",
    "bad-pattern",
    "bad-duration",
    "bad-count",
    "bad-comparison",
    "bad-percentile",
    "bad-field",
    "bad-window",
    "bad-policy",
    "bad-attack",
    "bad-key",
    "unbounded-state",
    "bad-link",
    "bad-part",
    "bad-joins",
    "bad-begins",
];
/// Findings about an argument where it says what they name.
const ABOUT_NAMED: [&str; 3] = ["unknown-field", "unknown-topic", "key-clash"];

/// Moves findings about an argument from the call to the argument.
pub(crate) fn move_to_arguments(problems: &mut [Diagnostic], tree: &AST, file: &RuleFile) {
    let arguments = collect_arguments(tree);
    for problem in problems {
        let Some(argument) = arguments.get(&(problem.line, problem.column)) else {
            continue;
        };
        let named = argument.find_named_text(&problem.message);
        let place = if ABOUT_ARGUMENTS.contains(&problem.code) {
            named.unwrap_or(argument.place)
        } else if ABOUT_NAMED.contains(&problem.code) {
            named.unwrap_or_else(|| argument.only_text_place())
        } else {
            continue;
        };
        if !place.is_none() {
            *problem = place_diagnostic(problem.clone(), file, place);
        }
    }
}

/// The arguments of a call: the place of the only one, and the texts in all of them.
struct CallArguments {
    place: Position,
    texts: Vec<(String, Position)>,
}

impl CallArguments {
    /// The place of the text that a message names; of several the longest.
    fn find_named_text(&self, message: &str) -> Option<Position> {
        let texts = self.texts.iter();
        let named = texts.filter(|(text, _)| {
            message.contains(&format!("{text:?}")) || message.contains(&format!("`{text}`"))
        });
        let longest = named.max_by_key(|(text, _)| text.len());
        longest.map(|(_, place)| *place)
    }

    /// The text that can only be meant; nowhere, where there are more.
    fn only_text_place(&self) -> Position {
        match self.texts.as_slice() {
            [(_, place)] => *place,
            _ => Position::NONE,
        }
    }
}

/// By the line and column of the call.
fn collect_arguments(tree: &AST) -> HashMap<(usize, usize), CallArguments> {
    let mut found = HashMap::new();
    tree.walk(&mut |path| {
        if let Some(call) = path.last().and_then(as_call)
            && !call.call.args.is_empty()
            && let (Some(line), Some(column)) = (call.place.line(), call.place.position())
        {
            let mut texts = Vec::new();
            let arguments = call.call.args.iter();
            arguments.for_each(|one| collect_texts(one, &mut texts));
            let place = match call.call.args.as_slice() {
                [only] => only.start_position(),
                _ => Position::NONE,
            };
            let argument = CallArguments { place, texts };
            found.insert((line, column), argument);
        }
        true
    });
    found
}

/// Whether a function says how a field's value is written.
fn is_value_form(name: &str) -> bool {
    FORMS.iter().any(|(form, _)| *form == name)
}

fn collect_texts(expr: &Expr, texts: &mut Vec<(String, Position)>) {
    match expr {
        Expr::StringConstant(text, place) => texts.push((text.to_string(), *place)),
        Expr::FnCall(call, _) if is_value_form(&call.name) => {
            call.args.iter().for_each(|one| collect_texts(one, texts));
        }
        Expr::Array(elements, _) => elements.iter().for_each(|one| collect_texts(one, texts)),
        Expr::Map(members, _) => members
            .0
            .iter()
            .for_each(|(_, one)| collect_texts(one, texts)),
        _ => {}
    }
}
