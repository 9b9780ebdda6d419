//! Parts of ids: a field, and how its value is written.

use std::sync::Arc;

use larum_event::{LinkPart, PartForm};
use rhai::Dynamic;

use super::super::argument::{check_single_value, describe_argument, read_text};
use super::LinkParts;
use crate::diagnostic::RuleProblem;

/// Most fields that make one id.
const MOST_ID_PARTS: usize = 8;

/// The functions that say how a value is written: `lower("data.Image")`.
pub(crate) const FORMS: [(&str, PartForm); 5] = [
    ("lower", PartForm::Lower),
    ("short_host", PartForm::ShortHost),
    ("number", PartForm::Number),
    ("account", PartForm::Account),
    ("sha256", PartForm::Sha256),
];

/// What a form makes of its argument. A path that is refused still makes a part, so that nothing
/// else need complain of it.
pub(crate) fn apply_form(form: PartForm, path: &Dynamic) -> (LinkPart, Option<RuleProblem>) {
    let (path, problem) = match read_text(path) {
        Ok(path) => {
            let problem = check_single_value(&path, "bad-part", "links read").err();
            (path, problem)
        }
        Err(_) if path.is::<LinkPart>() => {
            let problem = RuleProblem::new("wrong-argument", "one form of a field is enough");
            (
                "?".to_owned(),
                Some(problem.with_help("leave the other one out")),
            )
        }
        Err(problem) => ("?".to_owned(), Some(problem)),
    };
    let path = Arc::from(path);
    (LinkPart { path, form }, problem)
}

/// The only argument.
pub(super) fn only_argument(given: &[Dynamic]) -> Result<&Dynamic, RuleProblem> {
    let missing = || RuleProblem::new("wrong-argument", "an argument is missing");
    given.first().ok_or_else(missing)
}

/// One field, as it is or in a form.
pub(super) fn read_part(value: &Dynamic) -> Result<LinkPart, RuleProblem> {
    if let Some(part) = value.read_lock::<LinkPart>() {
        return Ok(part.clone());
    }
    let Ok(path) = read_text(value) else {
        let problem = format!("a field is wanted, not {}", describe_argument(value));
        return Err(RuleProblem::new("wrong-argument", problem)
            .with_help("write its path, `\"data.pid\"`, or a form of it, `number(\"data.pid\")`"));
    };
    let (part, problem) = apply_form(PartForm::AsIs, &path.into());
    problem.map_or(Ok(part), Err)
}

/// One field or a list of them, each as it is or in a form.
pub(super) fn read_parts(given: &[Dynamic]) -> Result<LinkParts, RuleProblem> {
    read_part_list(only_argument(given)?, MOST_ID_PARTS)
}

/// The same without repetition, at most so many.
pub(super) fn read_part_list(value: &Dynamic, most: usize) -> Result<LinkParts, RuleProblem> {
    let parts: LinkParts = match value.as_array_ref() {
        Ok(elements) => elements.iter().map(read_part).collect::<Result<_, _>>()?,
        Err(_) => vec![read_part(value)?],
    };
    if parts.is_empty() {
        return Err(RuleProblem::new("wrong-argument", "the list is empty")
            .with_help("name a field: `\"data.pid\"`"));
    }
    if parts.len() > most {
        let problem = format!("at most {most} fields, not {}", parts.len());
        return Err(RuleProblem::new("bad-part", problem));
    }
    let twice = |(index, part): (usize, &LinkPart)| {
        let mut before = parts.iter().take(index);
        before.any(|other| other.path == part.path)
    };
    if let Some((_, part)) = parts.iter().enumerate().find(|it| twice(*it)) {
        let problem = format!("`{}` is named twice", part.path);
        return Err(RuleProblem::new("bad-part", problem).with_help("once is enough"));
    }
    Ok(parts)
}

/// Paths, for what has no form.
pub(super) fn read_plain_paths(value: &Dynamic, most: usize) -> Result<Vec<Arc<str>>, RuleProblem> {
    let parts = read_part_list(value, most)?;
    if let Some(part) = parts.iter().find(|part| part.form != PartForm::AsIs) {
        let problem = format!("`{}` is kept as it is", part.path);
        let help = format!("name the field alone: `{:?}`", part.path);
        return Err(RuleProblem::new("bad-part", problem).with_help(help));
    }
    Ok(parts.into_iter().map(|part| part.path).collect())
}
