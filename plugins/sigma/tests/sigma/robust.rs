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
