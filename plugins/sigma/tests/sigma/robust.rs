use proptest::prelude::*;

use crate::{item, load};
use larum_sigma::LogSources;

proptest! {
    #[test]
    fn no_text_stops_the_loader(text in "[a-c:|{}\\[\\],&*!'\"#\\n \\-?>%@`~]{0,40}") {
        load(&text, LogSources::Ignored);
    }

    #[test]
    fn no_value_stops_the_loader(
        key in "F(\\|(contains|all|re|i|cidr|windash|base64offset|wide|base64|exists|gt|hour|fieldref|neq|cased|expand|utf16)){0,4}",
        value in "[a\\*?\\\\\\-/(\\[0-9:.ä]{0,10}",
    ) {
        let value = value.replace('\'', "''");
        let rules = load(&item(&format!("'{key}': ['{value}', '{value}b']")), LogSources::Ignored);
        prop_assert_eq!(rules.rules.len() + rules.refused.len(), 1);
    }
}

#[test]
fn aliases_that_grow_without_bound_are_refused() {
    let mut text = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        text.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
    }
    let rules = load(&text, LogSources::Ignored);
    assert!(
        rules.refused[0].reason.contains("too large"),
        "{:?}",
        rules.refused
    );
}

/// A rule of these lines is refused with these words, and before it takes much memory.
fn refused(text: &str, words: &str) {
    let rules = load(text, LogSources::Ignored);
    let reason = &rules.refused[0].reason;
    assert!(reason.contains(words), "{reason}");
    assert!(rules.rules.is_empty());
}

#[test]
fn a_condition_that_repeats_its_detections_without_bound_is_refused() {
    let values: Vec<String> = (0..1_000).map(|value| format!("v{value}")).collect();
    let of = |times: usize| {
        let condition = vec!["1 of them"; times].join(" or ");
        crate::rule(&format!(
            "s: {{F: [{}]}}\ncondition: {condition}",
            values.join(", ")
        ))
    };
    refused(&of(300), "more than 200000 questions");
    let rules = load(&of(100), LogSources::Ignored);
    assert_eq!(rules.rules.len(), 1);
}

#[test]
fn values_and_modifiers_that_multiply_without_bound_are_refused() {
    let key = format!("F{}", "|base64offset".repeat(8));
    refused(
        &item(&format!("'{key}': some value")),
        "more than 2000 of one value",
    );
    let key = format!("F{}", "|base64".repeat(9));
    refused(
        &item(&format!("'{key}': some value")),
        "more than 8 modifiers",
    );
    let lists: Vec<String> = (0..400)
        .map(|value| format!("'-a -b -c -d {value}'"))
        .collect();
    let text = crate::rule(&format!(
        "s: {{'F|windash': [{}]}}\ncondition: s",
        lists.join(", ")
    ));
    refused(&text, "more than 200000 questions");
}

#[test]
fn regular_expressions_that_are_large_together_or_alone_are_refused() {
    let large = item(r"'F|re': '(\w{1,500}){1,50}'");
    refused(&large, "exceeds size limit");
    let many: Vec<String> = (0..501).map(|value| format!("'x{value}'")).collect();
    let text = |many: &[String]| {
        crate::rule(&format!(
            "s: {{'F|re': [{}]}}\ncondition: s",
            many.join(", ")
        ))
    };
    refused(&text(&many), "more than 200000 questions");
    assert_eq!(
        load(&text(&many[..490]), LogSources::Ignored).rules.len(),
        1
    );
}

#[test]
fn long_texts_that_aliases_repeat_are_refused_before_they_are_copied() {
    let text = format!(
        "a: &a {}\nb:\n{}",
        "x".repeat(400_000),
        "- *a\n".repeat(20_000)
    );
    refused(&text, "too large");
}
