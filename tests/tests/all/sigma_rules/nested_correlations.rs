//! Correlations over correlations: what they group by, how they are named, and what they mean.

use super::correlations::{body, load, refused, rule, text};

/// The correlation `many` by `user`, and one over it.
fn nested(over: &str) -> String {
    let many = body("type: event_count, condition: {gte: 5}");
    // The reader stands first: documents come in any order.
    format!("title: D\nid: d\n{over}\n---\n{}", text(&many))
}

#[test]
fn a_correlation_of_correlations_groups_by_what_they_carry() {
    for (over, words) in [
        (
            "type: temporal, group-by: [host]",
            Some("carry no \"host\""),
        ),
        (
            "type: temporal, group-by: [host], aliases: {host: {many: user}}",
            None,
        ),
        (
            "type: temporal, group-by: [host], aliases: {host: {c: user}}",
            None,
        ),
        (
            "type: temporal, group-by: [who], aliases: {who: {many: host}}",
            Some("carry no \"host\""),
        ),
        ("type: temporal, group-by: [user]", None),
        ("type: temporal", None),
        ("type: value_count, condition: {field: user, gte: 2}", None),
        (
            "type: value_count, condition: {field: host, gte: 2}",
            Some("carry no \"host\""),
        ),
    ] {
        let over = format!("correlation: {{rules: [many], timespan: 1h, {over}}}");
        let set = load(&nested(&over));
        match words {
            None => {
                assert_eq!(set.warnings(), [], "{over}");
                let (reader, read) = (rule(&set, "sigma.d"), rule(&set, "sigma.c"));
                assert_eq!((reader.layer, read.layer), (1, 0));
                let topics: Vec<_> = reader.on.iter().map(|on| on.as_str()).collect();
                assert_eq!(topics, ["alerts.sigma.c"]);
            }
            Some(words) => {
                assert!(
                    set.warnings()[0].message.contains(words),
                    "{}",
                    set.warnings()[0]
                );
                assert_eq!(set.rules().len(), 3);
            }
        }
    }
}

#[test]
fn a_name_that_two_documents_have_names_neither() {
    let other = "title: other\nid: other\nname: a\nlogsource: {product: test}\ndetection: {s: {x: y}, condition: s}\n---\n";
    let set = load(&format!("{other}{}", text(&body("type: temporal"))));
    assert!(refused(&set)[0].message.contains("several are called so"));
}

#[test]
fn what_a_correlation_means_changes_with_the_rules_it_is_over_and_not_with_words_for_people() {
    let over = "correlation: {type: temporal, rules: [many], timespan: 1h}";
    let hash = |text: &str, id: &str| rule(&load(text), id).semantic_hash;
    let first = nested(over);
    for id in ["sigma.c", "sigma.d"] {
        let before = hash(&first, id);
        assert_eq!(before, hash(&first.replace("title: C", "title: E"), id));
        assert_ne!(
            before,
            hash(&first.replace("kind: b", "kind: z"), id),
            "{id}"
        );
        assert_ne!(before, hash(&first.replace("gte: 5", "gte: 6"), id), "{id}");
        assert_ne!(before, hash(&first.replace("[user]", "[host]"), id), "{id}");
    }
    let same = hash(&first, "sigma.c");
    assert_eq!(same, hash(&first.replace("1h", "2h"), "sigma.c"));
    assert_ne!(
        hash(&first, "sigma.d"),
        hash(&first.replace("1h", "2h"), "sigma.d")
    );
}
