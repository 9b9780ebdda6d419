//! Mistakes in rule files and what is said about them.

use larum_event::limits;
use larum_rule::{DiagnosticLevel, RuleSet};

use crate::fixtures::{file, load, show_problems, try_load};

/// Checks that each text of a file is refused with exactly the words below it. `LARUM_BLESS=1`
/// writes down what is said now.
fn check(name: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rules/mistakes");
    let path = format!("{folder}/{name}.txt");
    let golden = std::fs::read_to_string(&path).unwrap();
    let cases = golden.trim_matches('\n').split("\n\n");
    let cases: Vec<(&str, String)> = cases
        .map(|case| {
            let text = case.lines().next().unwrap().strip_prefix("> ").unwrap();
            (text, show_problems(&try_load(text).expect_err(text)))
        })
        .collect();
    let said = cases
        .iter()
        .map(|(text, said)| format!("> {text}\n{said}\n"));
    let said = said.collect::<Vec<_>>().join("\n");
    if std::env::var_os("LARUM_BLESS").is_some() {
        std::fs::write(&path, &said).unwrap();
    } else {
        assert_eq!(said, golden);
    }
}

#[test]
fn misspelt_methods_are_named_with_what_was_meant() {
    check("misspelt_methods_are_named_with_what_was_meant");
}

#[test]
fn values_of_methods_are_checked_where_they_are_given() {
    check("values_of_methods_are_checked_where_they_are_given");
}

#[test]
fn what_belongs_together_must_be_there() {
    check("what_belongs_together_must_be_there");
}

#[test]
fn group_keys_name_single_values_that_events_have() {
    check("group_keys_name_single_values_that_events_have");
}

#[test]
fn misspelt_fields_are_errors_and_never_silent() {
    check("misspelt_fields_are_errors_and_never_silent");
}

#[test]
fn functions_and_patterns_that_cannot_work_are_found_at_load() {
    check("functions_and_patterns_that_cannot_work_are_found_at_load");
}

#[test]
fn ids_must_make_a_topic_and_be_unique() {
    check("ids_must_make_a_topic_and_be_unique");
}

#[test]
fn rules_cannot_reach_out_of_the_sandbox() {
    check("rules_cannot_reach_out_of_the_sandbox");
}

#[test]
fn texts_that_are_no_rules_say_where_they_break() {
    check("texts_that_are_no_rules_say_where_they_break");
}

#[test]
fn links_that_cannot_work_are_refused_where_they_say_so() {
    check("links_that_cannot_work_are_refused_where_they_say_so");
}

#[test]
fn links_of_one_name_must_agree() {
    check("links_of_one_name_must_agree");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_files() {
    let problems = RuleSet::load(&[
        file(
            "a.rhai",
            "rule(\"a\").severty(\"high\").within(\"x\").count(0);",
        ),
        file("b.rhai", "let x = ;"),
        file(
            "c.rhai",
            "rule(\"c\").on(\"#\").when(|event| event.tpye == 1 || event.metdta == 2);",
        ),
    ])
    .unwrap_err();
    let found: Vec<(&str, &str)> = problems
        .iter()
        .map(|problem| (problem.file.as_str(), problem.code))
        .collect();
    assert_eq!(
        found,
        [
            ("a.rhai", "no-topic"),
            ("a.rhai", "unknown-method"),
            ("a.rhai", "bad-duration"),
            ("a.rhai", "bad-count"),
            ("b.rhai", "syntax"),
            ("c.rhai", "unknown-field"),
            ("c.rhai", "unknown-field"),
        ]
    );
}

#[test]
fn a_duplicate_names_both_places() {
    let rule = "\n\nrule(\"auth.fail\").on(\"#\");";
    let problems = RuleSet::load(&[file("a.rhai", rule), file("b.rhai", rule)]).unwrap_err();
    assert_eq!(
        show_problems(&problems),
        "b.rhai:3:1: error[duplicate-rule]: rule auth.fail is defined twice\n\
         \x20  3 | rule(\"auth.fail\").on(\"#\");\n\
         \x20    | ^\n\
         \x20    = help: the other one is at a.rhai:3"
    );
}

#[test]
fn a_file_of_the_largest_size_loads_and_a_larger_one_does_not() {
    let rule = "rule(\"r\").on(\"#\");";
    let padded = |bytes: usize| format!("{rule}{}", " ".repeat(bytes - rule.len()));
    assert!(try_load(&padded(limits::RULE_FILE_BYTES)).is_ok());
    let problems = try_load(&padded(limits::RULE_FILE_BYTES + 1)).unwrap_err();
    assert_eq!(
        show_problems(&problems),
        "a.rhai: error[file-too-large]: the file has 1048577 bytes, at most 1048576 are allowed"
    );
}

#[test]
fn an_expression_nested_too_deeply_is_refused_and_does_not_overflow() {
    let nested = |depth: usize| {
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        try_load(&format!(
            r##"rule("r").on("#").when(|event| {open}true{close});"##
        ))
    };
    assert!(nested(8).is_ok());
    assert_eq!(nested(10_000).unwrap_err()[0].code, "syntax");
}

#[test]
fn a_file_without_a_rule_is_a_warning() {
    let set = load("let x = 5;");
    assert_eq!(set.warnings().len(), 1);
    assert_eq!(set.warnings()[0].level, DiagnosticLevel::Warning);
    assert_eq!(
        show_problems(set.warnings()),
        "a.rhai: warning[no-rule]: the file defines no rule"
    );
}

#[test]
fn a_long_chain_of_methods_is_no_deep_expression() {
    let set = load(
        r##"rule("r").title("t").description("d").severity("low").attack("T1110").attack(["T1078.001", "TA0006"])
            .references("https://example.org").false_positives("tests").on("a.b").on(["c.#", "d.+"])
            .when(|event| event.data.x == 1).group_by("metadata.user").within("5m").count(5)
            .policy("suppress 10m").alert(|window| #{message: "m"});"##,
    );
    let rule = &set.rules()[0];
    assert_eq!(rule.title.as_deref(), Some("t"));
    assert_eq!(rule.attack.len(), 3);
    assert_eq!(rule.on.len(), 3);
    assert!(rule.has_alert() && rule.is_native());
    assert_eq!((rule.file.as_ref(), rule.line), ("a.rhai", 1));
}
