use crate::{check, check_refused, item, load, matching, rule};
use larum_sigma::LogSources;

#[test]
fn lists_of_maps_are_one_of_them_and_mixtures_are_refused() {
    let rule_of_maps =
        rule("s:\n  - {F: a, G: b}\n  - {H|contains|all: [c, d]}\ncondition: 1 of s");
    check(
        &rule_of_maps,
        &[
            (r#"{"F":"a","G":"b"}"#, true),
            (r#"{"F":"a"}"#, false),
            (r#"{"H":"cd"}"#, true),
            (r#"{"H":"c"}"#, false),
        ],
    );
    check_refused(&rule("s: [{F: a}, b]\ncondition: s"), "mixes");
}

#[test]
fn selectors_of_nothing_never_hold() {
    for condition in ["all of x*", "1 of x*", "all of them"] {
        let text = rule(&format!("_s: {{F: a}}\ncondition: {condition}"));
        check(&text, &[(r#"{"F":"a"}"#, false), ("{}", false)]);
    }
    check(
        &rule("_s: {F: a}\ncondition: 1 of _*"),
        &[(r#"{"F":"a"}"#, true)],
    );
    check(
        &rule("s: {F: a}\ncondition: s and not 1 of f*"),
        &[(r#"{"F":"a"}"#, true)],
    );
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    for (text, words) in [
        (item("F|contain: a"), "no modifier \"contain\""),
        (item("F|expand: '%x%'"), "source of values"),
        (item("'|exists': true"), "needs a field"),
        (item("F: {a: b}"), "is a map"),
        (item("F: [[a]]"), "must be a text"),
        (item("F: []"), "no value"),
        (rule("s: {F: a}\ncondition: t"), "no detection \"t\""),
        (
            rule("s: {F: a}\ncondition: s | count() > 5"),
            "correlations",
        ),
        (rule("s: {F: a}\ntimeframe: 5m\ncondition: s"), "timeframe"),
        (rule("s: {F: a}"), "no condition"),
        (rule("s: {F: a, F: b}\ncondition: s"), "occurs twice"),
        (rule("condition: s"), "detects nothing"),
        (
            "title: T\ndetection: {s: {F: a}, condition: s}\n".to_owned(),
            "no logsource",
        ),
        ("title: T\naction: global\n".to_owned(), "action"),
        ("a: [".to_owned(), "not YAML"),
    ] {
        check_refused(&text, words);
    }
}

#[test]
fn a_refusal_names_file_line_and_rule_and_spares_the_others() {
    let text = format!(
        "{}---\n{}",
        item("F: a"),
        item("F|x: a").replace("id: t", "id: u")
    );
    let rules = load(&text, LogSources::Ignored);
    assert_eq!(rules.rules.len(), 1);
    let refusal = rules.refused[0].to_string();
    assert_eq!(
        refusal,
        "rules.yml:12: \"T\" is refused: there is no modifier \"x\""
    );
}

#[test]
fn a_refused_rule_leaves_its_id_to_another() {
    // The condition is read last of all.
    let refused = rule("s: {F: a}\ncondition: s and t");
    let text = format!("{refused}---\n{}", item("F: a"));
    let rules = load(&text, LogSources::Ignored);
    let reasons: Vec<_> = rules.refused.iter().map(|one| &*one.reason).collect();
    assert!(
        matches!(reasons[..], [reason] if reason.contains("no detection \"t\"")),
        "{reasons:?}"
    );
    assert_eq!(matching(&rules, r#"{"F":"a"}"#), ["T"]);
}

#[test]
fn an_alias_may_name_any_rule_of_its_correlation_and_no_other() {
    let second = item("F: b").replace("id: t", "id: u");
    let third = item("F: c").replace("id: t", "id: v");
    let correlation = |alias: &str| {
        format!(
            "title: C\ncorrelation:\n  type: temporal\n  rules: [t, u]\n  group-by: [user]\n  \
             timespan: 5m\n  aliases: {{user: {{{alias}: User}}}}\n"
        )
    };
    for (alias, is_known) in [("t", true), ("u", true), ("v", false)] {
        let documents = [&item("F: a"), &second, &third, &correlation(alias)];
        let text = documents.map(String::as_str).join("---\n");
        let loaded = load(&text, LogSources::Ignored);
        assert_eq!(loaded.correlations.len(), usize::from(is_known), "{alias}");
        let words = "which it is not about";
        let is_refused = loaded.refused.iter().any(|one| one.reason.contains(words));
        assert_eq!(is_refused, !is_known, "{alias}: {:?}", loaded.refused);
    }
}

#[test]
fn filters_are_added_to_the_rules_they_name_and_do_not_collide() {
    let filter = |value: &str, rules: &str| {
        format!(
            "---\ntitle: F\nlogsource: {{product: test}}\nfilter:\n  rules: {rules}\n  s: {{U: {value}}}\n  condition: not s\n"
        )
    };
    let filters = [filter("x", "[t]"), filter("y", "[t]"), filter("z", "any")];
    let text = format!("{}{}", item("F: a"), filters.concat());
    check(
        &text,
        &[
            (r#"{"F":"a"}"#, true),
            (r#"{"F":"a","U":"x"}"#, false),
            (r#"{"F":"a","U":"y"}"#, false),
            (r#"{"F":"a","U":"z"}"#, false),
            (r#"{"F":"b"}"#, false),
        ],
    );
    let other = filter("x", "any").replace("product: test", "product: windows");
    check(
        &format!("{}{other}", item("F: a")),
        &[(r#"{"F":"a","U":"x"}"#, true)],
    );
    let unknown = load(
        &format!("{}{}", item("F: a"), filter("x", "[v]")),
        LogSources::Ignored,
    );
    assert!(unknown.refused[0].reason.contains("\"v\""));
    assert_eq!(matching(&unknown, r#"{"F":"a","U":"x"}"#), ["T"]);
}

#[test]
fn a_mistake_in_a_filter_is_the_filter_s_and_spares_the_rules_it_is_about() {
    let filter = |rules: &str, source: &str, field: &str| {
        format!(
            "---\ntitle: F\nlogsource: {{product: {source}}}\nfilter:\n  rules: {rules}\n  f: {{{field}: x}}\n  condition: not f\n"
        )
    };
    for (rules, source, field, words) in [
        ("any", "test", "User|startwith", "no modifier \"startwith\""),
        ("[t]", "test", "User|startwith", "no modifier \"startwith\""),
        ("[t]", "linux", "User", "whose log source is another"),
    ] {
        let text = format!("{}{}", item("F: a"), filter(rules, source, field));
        let loaded = load(&text, LogSources::Ignored);
        assert_eq!(loaded.rules.len(), 1, "{words}");
        let refused = &loaded.refused[0];
        assert_eq!(refused.name, "F");
        assert!(
            refused.line > 6 && refused.reason.contains(words),
            "{refused}"
        );
        assert_eq!(matching(&loaded, r#"{"F":"a","User":"x"}"#), ["T"]);
    }
    let text = format!("{}{}", item("F: a"), filter("any", "linux", "User"));
    assert_eq!(load(&text, LogSources::Ignored).refused, []);
}

#[test]
fn tags_and_keys_that_mean_nothing_here_are_refused() {
    for (text, words) in [
        (rule("s: !!set {F: a}\ncondition: s"), "YAML tags"),
        (rule("s: {F: !x [a, b]}\ncondition: s"), "YAML tags"),
    ] {
        let loaded = load(&text, LogSources::Ignored);
        assert!(
            loaded.refused[0].reason.contains(words),
            "{}",
            loaded.refused[0]
        );
    }
}
