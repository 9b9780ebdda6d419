//! What types and functions may be called: each type once, no function by a bare participle.

use std::collections::BTreeMap;

use super::assert_none;
use super::code::{self, Definition};
use super::tree::File;

/// Type names that may be defined more than once, each with its reason.
const SHARED_TYPES: &[(&str, &str)] = &[(
    "Faults",
    "one of the two is compiled: the injected faults of tests, or none in what ships",
)];
/// More exceptions would make the rule worthless.
const MOST_SHARED_TYPES: usize = 20;

/// Functions that may be called by a participle, each with its reason.
const PARTICIPLES: &[(&str, &str)] = &[];
/// More exceptions would make the rule worthless.
const MOST_PARTICIPLES: usize = 15;

/// Participles that do not end in `ed`.
const IRREGULAR: &[&str] = &[
    "told", "said", "kept", "held", "grown", "sought", "hung", "lost", "met", "gone", "made",
    "given", "taken", "found", "left", "shown", "known", "seen", "written", "chosen", "drawn",
    "sent", "built", "bound", "begun", "broken", "spoken", "stood", "born", "borne",
];

/// Verbs and nouns that end like a participle.
const NO_PARTICIPLES: &[&str] = &[
    "need", "feed", "seed", "speed", "bleed", "exceed", "proceed", "succeed", "embed",
];

fn places_by_name(definitions: &[Definition]) -> BTreeMap<&str, Vec<&str>> {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for definition in definitions {
        let places = places.entry(&definition.name).or_default();
        places.push(&definition.place);
    }
    places
}

fn shared_types(definitions: &[Definition]) -> Vec<String> {
    places_by_name(definitions)
        .into_iter()
        .filter(|(name, places)| places.len() > 1 && !is_excepted(SHARED_TYPES, name))
        .map(|(name, places)| {
            format!(
                "{name} is defined more than once: {}; say in each name what it is of",
                places.join(", ")
            )
        })
        .collect()
}

/// Exceptions for names that are not defined `least` times any more.
fn unused(exceptions: &[(&str, &str)], definitions: &[Definition], least: usize) -> Vec<String> {
    let places = places_by_name(definitions);
    exceptions
        .iter()
        .filter(|(name, _)| places.get(name).map_or(0, Vec::len) < least)
        .map(|(name, _)| format!("{name}: nothing needs the exception, remove it"))
        .collect()
}

/// Whether a function's whole name is one participle: `told`, `dropped`; not `is_dropped`, `need`.
fn is_bare_participle(name: &str) -> bool {
    if name.contains('_') || NO_PARTICIPLES.contains(&name) {
        return false;
    }
    IRREGULAR.contains(&name) || name.strip_suffix("ed").is_some_and(|stem| stem.len() >= 3)
}

fn participles(file: &File) -> Vec<String> {
    let functions = code::functions(file).into_iter();
    functions
        .map(|function| function.definition)
        .filter(|definition| {
            is_bare_participle(&definition.name) && !is_excepted(PARTICIPLES, &definition.name)
        })
        .map(|Definition { name, place }| {
            format!("{place}: `{name}` does not say what the function does; use verb + object")
        })
        .collect()
}

fn is_excepted(exceptions: &[(&str, &str)], name: &str) -> bool {
    exceptions.iter().any(|(excepted, _)| *excepted == name)
}

fn without_reason(exceptions: &[(&str, &str)], most: usize) -> Vec<String> {
    let mut problems: Vec<String> = exceptions
        .iter()
        .filter(|(_, reason)| reason.len() < 10)
        .map(|(name, _)| format!("{name}: an exception needs a reason"))
        .collect();
    if exceptions.len() > most {
        problems.push(format!("{} exceptions, {most} at most", exceptions.len()));
    }
    problems
}

#[test]
fn a_type_name_exists_once_in_the_product() {
    let files = code::product_files();
    let definitions: Vec<Definition> = files.iter().flat_map(code::types).collect();
    assert_none(shared_types(&definitions));
    assert_none(without_reason(SHARED_TYPES, MOST_SHARED_TYPES));
    assert_none(unused(SHARED_TYPES, &definitions, 2));
}

#[test]
fn no_function_is_named_by_a_bare_participle() {
    let files = code::product_files();
    assert_none(files.iter().flat_map(participles).collect());
    assert_none(without_reason(PARTICIPLES, MOST_PARTICIPLES));
    let functions = files.iter().flat_map(code::functions);
    let definitions: Vec<Definition> = functions.map(|function| function.definition).collect();
    assert_none(unused(PARTICIPLES, &definitions, 1));
}

fn planted(text: &str) -> File {
    File {
        path: "engine/log/src/a.rs".to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn a_type_defined_twice_is_found_and_one_for_tests_is_not() {
    let check = |text: &str| shared_types(&code::types(&planted(text)));
    assert_eq!(
        check("struct Found; mod inner { pub(crate) enum Found {} }").len(),
        1
    );
    assert!(check("struct Found; mod inner { enum FieldMatch {} }").is_empty());
    assert!(check("struct Found; #[cfg(test)] mod tests { struct Found; }").is_empty());
    assert!(check("trait Find { type Found; } struct Found;").is_empty());
}

#[test]
fn a_bare_participle_is_found_and_a_question_is_not() {
    let check = |text: &str| participles(&planted(text));
    assert_eq!(check("fn told() {}").len(), 1);
    assert_eq!(check("impl A { fn dropped(&self) {} }").len(), 1);
    assert_eq!(check("trait A { fn kept(&self); }").len(), 1);
    assert!(check("fn is_dropped() {} fn seed() {} fn notify_watchers() {}").is_empty());
    assert!(check("impl Actor for A { fn started(&mut self) {} }").is_empty());
    assert!(check("#[cfg(test)] mod tests { fn told() {} }").is_empty());
}

#[test]
fn an_exception_without_a_reason_and_one_too_many_are_found() {
    assert_eq!(without_reason(&[("a", "")], 1).len(), 1);
    let two = [("a", "a reason long enough"), ("b", "a reason long enough")];
    assert_eq!(without_reason(&two, 1).len(), 1);
    assert!(without_reason(&two, 2).is_empty());
}

#[test]
fn an_exception_that_nothing_needs_is_found() {
    let definitions = code::types(&planted(
        "struct Once; struct Twice; mod b { struct Twice; }",
    ));
    let excepted = [("Twice", "a reason long enough")];
    assert!(unused(&excepted, &definitions, 2).is_empty());
    for name in ["Once", "Gone"] {
        let excepted = [(name, "a reason long enough")];
        assert_eq!(unused(&excepted, &definitions, 2).len(), 1);
    }
}
