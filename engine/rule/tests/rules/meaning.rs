//! The semantic hash: it changes when what decides a fire changes, and else it does not.

use crate::fixtures::load;

fn hash(text: &str) -> [u8; 32] {
    load(text).rules()[0].semantic_hash
}

const RULE: &str = r##"
    const LIMIT = 5;
    fn bad(e) { e.data.outcome == "failure" }
    rule("r").on("a.#").when(|event| bad(event) && event.data.n > LIMIT)
        .group_by("metadata.user").within("5m").count(5).policy("edge");
"##;

#[test]
fn what_is_for_people_leaves_the_hash_alone() {
    for same in [
        // Spaces, comments and the order of methods.
        r##"
        const LIMIT = 5; // why five
        fn bad(e) {
            e.data.outcome  == "failure"   /* really */
        }
        rule("r")
            .count(5).within("300s")
            .on("a.#")
            .policy("edge")
            .when(|event|
                bad(event)
                && event.data.n > LIMIT)
            .group_by("metadata.user");
        "##,
        // Texts, severity and the alert.
        &RULE.replace(
            r#".policy("edge")"#,
            r#".title("T").severity("critical").attack("T1110").alert(|window| #{message: "x"})"#,
        ),
        // The rule's own id is part of alert ids already.
        &RULE.replace(r#"rule("r")"#, r#"rule("other")"#),
        // A name for a member of the key.
        &RULE.replace(r#""metadata.user""#, r#"#{who: "metadata.user"}"#),
        // A function that is not called.
        &format!("fn unused(x) {{ x + 1 }} {RULE}"),
    ] {
        assert_eq!(hash(same), hash(RULE), "{same}");
    }
}

#[test]
fn whatever_decides_a_fire_changes_the_hash() {
    for (from, to) in [
        ("a.#", "b.#"),
        ("> LIMIT", ">= LIMIT"),
        ("event.data.n", "event.data.m"),
        ("LIMIT = 5", "LIMIT = 6"),
        (r#""failure""#, r#""error""#),
        ("metadata.user", "metadata.ip"),
        (r#".group_by("metadata.user")"#, ""),
        ("5m", "6m"),
        ("count(5)", "count(6)"),
        (r#""edge""#, r#""every""#),
        ("bad(event) &&", "bad(event) ||"),
        ("bad(event) &&", "!bad(event) &&"),
        ("bad(event) && ", ""),
    ] {
        let other = RULE.replace(from, to);
        assert_ne!(other, RULE);
        assert_ne!(hash(&other), hash(RULE), "{from} → {to}");
    }
}

#[test]
fn functions_behind_functions_and_closures_inside_of_closures_count() {
    let text = r##"
        fn inner(x) { x == 1 }
        fn outer(x) { inner(x) }
        rule("r").on("#").when(|event| outer(event.data.n) && event.data.list.some(|x| x > 2));
    "##;
    assert_ne!(hash(&text.replace("x == 1", "x == 2")), hash(text));
    assert_ne!(hash(&text.replace("x > 2", "x > 3")), hash(text));
    assert_eq!(hash(&text.replace("x > 2", "x  >  2")), hash(text));
}

#[test]
fn statements_of_every_kind_count() {
    for (one, other) in [
        (
            "if event.data.a { true } else { false }",
            "if event.data.a { true } else { true }",
        ),
        (
            "for x in [1, 2] { if x == 2 { return true; } } false",
            "for x in [1, 3] { if x == 2 { return true; } } false",
        ),
        (
            "let n = 1; while n < 3 { n += 1; } true",
            "let n = 1; while n < 4 { n += 1; } true",
        ),
        (
            "switch event.data.a { 1 => true, _ => false }",
            "switch event.data.a { 2 => true, _ => false }",
        ),
        ("`${event.data.a}` == \"x\"", "`${event.data.b}` == \"x\""),
        ("(event.data.a ?? 1) == 1", "(event.data.a ?? 2) == 1"),
    ] {
        let rule = |body: &str| format!(r##"rule("r").on("#").when(|event| {{ {body} }});"##);
        assert_ne!(hash(&rule(one)), hash(&rule(other)), "{one}");
        assert_eq!(hash(&rule(one)), hash(&rule(one)), "{one}");
    }
}

#[test]
fn the_hash_is_the_same_in_every_process_and_build() {
    // Ids of alerts are made of it: a change here changes them for every rule there is.
    let hex: String = hash(RULE)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "1b20f60861c1ca0a03d49e5080f8dcbc49bd62625d38e634fd44d98ce725a5d6"
    );
}

#[test]
fn functions_that_are_named_as_values_count() {
    for condition in [
        "[event.data.a].some(g)",
        "{ let h = g; h.call(event.data.a) }",
        "{ let h = g; let k = h; k.call(event.data.a) }",
        "{ fn_of().call(event.data.a) }",
        r#"is_def_fn("g", 1) && event.data.a == 1"#,
    ] {
        let text = format!(
            r##"fn g(x) {{ x == 4 }} fn fn_of() {{ g }} rule("r").on("#").when(|event| {condition});"##
        );
        assert_ne!(
            hash(&text.replace("x == 4", "x == 5")),
            hash(&text),
            "{condition}"
        );
        assert_eq!(
            hash(&text.replace("x == 4", "x  ==  4")),
            hash(&text),
            "{condition}"
        );
    }
}
