//! What source files look like from outside.

use super::assert_none;
use super::tree::{self, File};

/// A longer file says why in one of its first lines.
const LINES: usize = 500;
/// How such a line begins; the reason follows.
const REASON: &str = "// long because ";
/// Among how many first lines it must stand.
const FIRST_LINES: usize = 20;

/// Names that say nothing about what a file owns.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "shared",
];

fn too_long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    let has_reason = file.text.lines().take(FIRST_LINES).any(|line| {
        line.strip_prefix(REASON)
            .is_some_and(|why| why.trim().len() > 10)
    });
    (lines > LINES && !has_reason).then(|| {
        format!(
            "{} has {lines} lines: split it by responsibility, or write `{REASON}..` near its top",
            file.path
        )
    })
}

fn empty_name(file: &File) -> Option<String> {
    let stems = file
        .path
        .split('/')
        .map(|part| part.trim_end_matches(".rs"));
    let empty = stems.into_iter().find(|stem| EMPTY_NAMES.contains(stem))?;
    Some(format!(
        "{}: {empty} says nothing, name what it owns",
        file.path
    ))
}

/// Library files tell what they own before anything else; tests beside them need not.
fn without_words(file: &File) -> Option<String> {
    let is_library = file.path.contains("/src/") && !is_test(&file.path);
    (is_library && !file.text.starts_with("//! "))
        .then(|| format!("{}: begin with `//!` and say what the file owns", file.path))
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn no_file_is_too_long_without_a_reason() {
    assert_none(tree::files("rs").iter().filter_map(too_long).collect());
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    assert_none(tree::files("rs").iter().filter_map(empty_name).collect());
}

#[test]
fn every_source_file_begins_with_what_it_owns() {
    assert_none(tree::files("rs").iter().filter_map(without_words).collect());
}

fn planted(path: &str, text: String) -> File {
    File {
        path: path.to_owned(),
        text,
    }
}

#[test]
fn the_five_hundred_and_first_line_needs_a_reason_and_the_five_hundredth_does_not() {
    let lines = |number: usize| "x();\n".repeat(number);
    assert_eq!(too_long(&planted("a.rs", lines(500))), None);
    assert!(too_long(&planted("a.rs", lines(501))).is_some());
    let told = format!("// long because it is one table of cases\n{}", lines(501));
    assert_eq!(too_long(&planted("a.rs", told)), None);
    let empty = format!("// long because \n{}", lines(501));
    assert!(too_long(&planted("a.rs", empty)).is_some());
    let hidden = format!("{}// long because nobody looks here\n", lines(501));
    assert!(too_long(&planted("a.rs", hidden)).is_some());
}

#[test]
fn a_name_that_says_nothing_is_found_in_files_and_folders() {
    assert!(empty_name(&planted("engine/log/src/utils.rs", String::new())).is_some());
    assert!(empty_name(&planted("engine/common/src/lib.rs", String::new())).is_some());
    assert_eq!(
        empty_name(&planted("engine/log/src/utility.rs", String::new())),
        None
    );
}

#[test]
fn a_source_without_words_is_found_and_tests_need_none() {
    let code = || "use std::fmt;\n".to_owned();
    assert!(without_words(&planted("engine/log/src/a.rs", code())).is_some());
    assert_eq!(
        without_words(&planted("engine/log/src/a/tests.rs", code())),
        None
    );
    assert_eq!(
        without_words(&planted("engine/log/tests/log/a.rs", code())),
        None
    );
    let told = planted("engine/log/src/a.rs", "//! Owns a.\n".to_owned());
    assert_eq!(without_words(&told), None);
}
