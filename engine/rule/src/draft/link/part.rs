//! Parts of ids: a field, and how its value is written.

use std::sync::Arc;

use larum_event::{LinkPart, PartForm};
use rhai::Dynamic;

use super::super::argument::{one, shown, single};
use super::Parts;
use crate::diagnostic::Refusal;

/// Most fields that make one id.
const PARTS: usize = 8;

/// The functions that say how a value is written: `lower("data.Image")`.
pub(crate) const FORMS: [(&str, PartForm); 5] = [
    ("lower", PartForm::Lower),
    ("short_host", PartForm::ShortHost),
    ("number", PartForm::Number),
    ("account", PartForm::Account),
    ("sha256", PartForm::Sha256),
];

/// What a form makes of its argument. A path that is refused still makes a part, so that nothing else need
/// complain of it.
pub(crate) fn form(form: PartForm, path: &Dynamic) -> (LinkPart, Option<Refusal>) {
    let (path, problem) = match one(path) {
        Ok(path) => {
            let problem = single(&path, "bad-part", "links read").err();
            (path, problem)
        }
        Err(_) if path.is::<LinkPart>() => {
            let problem = Refusal::new("wrong-argument", "one form of a field is enough");
            (
                "?".to_owned(),
                Some(problem.help("leave the other one out")),
            )
        }
        Err(problem) => ("?".to_owned(), Some(problem)),
    };
    let path = Arc::from(path);
    (LinkPart { path, form }, problem)
}

/// The only argument.
pub(super) fn only(given: &[Dynamic]) -> Result<&Dynamic, Refusal> {
    let missing = || Refusal::new("wrong-argument", "an argument is missing");
    given.first().ok_or_else(missing)
}

/// One field, as it is or in a form.
pub(super) fn field(value: &Dynamic) -> Result<LinkPart, Refusal> {
    if let Some(part) = value.read_lock::<LinkPart>() {
        return Ok(part.clone());
    }
    let Ok(path) = one(value) else {
        let problem = format!("a field is wanted, not {}", shown(value));
        return Err(Refusal::new("wrong-argument", problem)
            .help("write its path, `\"data.pid\"`, or a form of it, `number(\"data.pid\")`"));
    };
    let (part, problem) = form(PartForm::AsIs, &path.into());
    problem.map_or(Ok(part), Err)
}

/// One field or a list of them, each as it is or in a form.
pub(super) fn parts(given: &[Dynamic]) -> Result<Parts, Refusal> {
    several(only(given)?, PARTS)
}

/// The same without repetition, at most so many.
pub(super) fn several(value: &Dynamic, most: usize) -> Result<Parts, Refusal> {
    let parts: Parts = match value.as_array_ref() {
        Ok(elements) => elements.iter().map(field).collect::<Result<_, _>>()?,
        Err(_) => vec![field(value)?],
    };
    if parts.is_empty() {
        return Err(Refusal::new("wrong-argument", "the list is empty")
            .help("name a field: `\"data.pid\"`"));
    }
    if parts.len() > most {
        let problem = format!("at most {most} fields, not {}", parts.len());
        return Err(Refusal::new("bad-part", problem));
    }
    let twice = |(index, part): (usize, &LinkPart)| {
        let mut before = parts.iter().take(index);
        before.any(|other| other.path == part.path)
    };
    if let Some((_, part)) = parts.iter().enumerate().find(|it| twice(*it)) {
        let problem = format!("`{}` is named twice", part.path);
        return Err(Refusal::new("bad-part", problem).help("once is enough"));
    }
    Ok(parts)
}

/// Paths, for what has no form.
pub(super) fn fields(value: &Dynamic, most: usize) -> Result<Vec<Arc<str>>, Refusal> {
    let parts = several(value, most)?;
    if let Some(part) = parts.iter().find(|part| part.form != PartForm::AsIs) {
        let problem = format!("`{}` is kept as it is", part.path);
        let help = format!("name the field alone: `{:?}`", part.path);
        return Err(Refusal::new("bad-part", problem).help(help));
    }
    Ok(parts.into_iter().map(|part| part.path).collect())
}
