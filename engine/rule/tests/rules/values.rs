//! What conditions make of values: both ways of running them, both sides of each boundary.

use crate::fixtures::{condition, event, load, load_interpreted, login, matches, one, outcome};

/// Checks one condition as it is, and once more with its script.
fn check(when: &str, data: &str, expected: bool) {
    let native = condition(&format!("|event| {when}"));
    let scripted = load_interpreted(&one(&format!("|event| {when}")));
    let event = login(data);
    assert_eq!(matches(native, &event), expected, "{when} of {data}");
    assert_eq!(
        matches(scripted, &event),
        expected,
        "{when} of {data}, scripted"
    );
}

#[test]
fn nothing_is_coerced() {
    check(r#"event.data.x == "4688""#, r#"{"x":"4688"}"#, true);
    check(r#"event.data.x == "4688""#, r#"{"x":4688}"#, false);
    check(r#"event.data.x != "4688""#, r#"{"x":4688}"#, true);
    check(r#"event.data.x < "5""#, r#"{"x":4}"#, false);
    check("event.data.x == 1", r#"{"x":true}"#, false);
    check(r#"event.data.x == "A""#, r#"{"x":"a"}"#, false);
}

#[test]
fn whole_and_other_numbers_compare_by_value() {
    check("event.data.x == 1", r#"{"x":1.0}"#, true);
    check("event.data.x < 1.5", r#"{"x":1}"#, true);
    check("event.data.x > 1.5", r#"{"x":1}"#, false);
    check("event.data.x >= -2", r#"{"x":-2}"#, true);
    check("event.data.x > -2", r#"{"x":-2}"#, false);
    // 2^53 + 1 is no f64.
    check(
        "event.data.x == 9007199254740992.0",
        r#"{"x":9007199254740993}"#,
        false,
    );
    check("event.data.x == 0.3", r#"{"x":0.30000000000000004}"#, false);
}

#[test]
fn a_missing_field_equals_null_and_only_has_tells_them_apart() {
    for data in ["{}", r#"{"x":null}"#] {
        check("event.data.x == ()", data, true);
        check("event.data.x != ()", data, false);
        check("event.data.x == 1", data, false);
        check("event.data.x != 1", data, true);
        check("event.data.x < 1", data, false);
        check("event.data.x <= ()", data, false);
        check("event.data.x.y.z == ()", data, true);
        check(r#"event.data["x"]["y"].z == ()"#, data, true);
    }
    check(r#"event.has("data.x")"#, r#"{"x":null}"#, true);
    check(r#"event.has("data.x")"#, "{}", false);
    check(r#"event.has("data.x.y")"#, r#"{"x":{"y":0}}"#, true);
    check(r#"event.has("sequence")"#, "{}", false);
    check(r#"event.has("type")"#, "{}", true);
}

#[test]
fn a_member_of_a_text_or_number_is_missing() {
    for data in [
        r#"{"x":"text"}"#,
        r#"{"x":5}"#,
        r#"{"x":[1]}"#,
        r#"{"x":2.5}"#,
    ] {
        check("event.data.x.y == ()", data, true);
        check(r#"event.data.x["y"] == ()"#, data, true);
        check(r#"event.data.x.y == "t""#, data, false);
    }
}

#[test]
fn questions_about_texts_are_false_of_anything_else() {
    for data in ["{}", r#"{"x":null}"#, r#"{"x":4688}"#, r#"{"x":true}"#] {
        for question in [
            r#"event.data.x.contains("46")"#,
            r#"event.data.x.starts_with("")"#,
            r#"event.data.x.ends_with("")"#,
            r#"event.data.x.contains_ci("46")"#,
            r#"event.data.x.eq_ci("4688")"#,
            r#"event.data.x.matches(".*")"#,
            r#"cidr(event.data.x, "0.0.0.0/0")"#,
            r#""4" in event.data.x"#,
        ] {
            check(question, data, false);
        }
    }
    check(r#"event.data.x.to_lower() == ()"#, "{}", true);
    check(r#"event.data.x.len() > 3"#, r#"{"x":5}"#, false);
    check(r#"event.data.x.len() > 3"#, r#"{"x":"four"}"#, true);
    check(r#"event.data.x.len > 3"#, r#"{"x":"four"}"#, true);
    check(r#"event.data.x.len > 3"#, r#"{"x":{"len":4}}"#, true);
    check(r#"event.data.x.len > 3"#, "{}", false);
    check(r#"parse_int(event.data.x) == 5"#, r#"{"x":"5"}"#, true);
    check(r#"parse_int(event.data.x) == ()"#, r#"{"x":"five"}"#, true);
}

#[test]
fn texts_are_searched_with_and_without_case() {
    let data = r#"{"cmd":"C:\\Windows\\CMD.EXE /c whoami"}"#;
    check(r#"event.data.cmd.contains("whoami")"#, data, true);
    check(r#"event.data.cmd.contains("WHOAMI")"#, data, false);
    check(r#"event.data.cmd.contains_ci("cmd.exe")"#, data, true);
    check(r#"event.data.cmd.starts_with("C:")"#, data, true);
    check(r#"event.data.cmd.starts_with_ci("c:\\w")"#, data, true);
    check(r#"event.data.cmd.ends_with("whoami")"#, data, true);
    check(r#"event.data.cmd.ends_with_ci("WHOAMI")"#, data, true);
    check(r#"event.data.cmd.eq_ci("cmd.exe")"#, data, false);
    check(r#"event.data.cmd.matches("who[a-z]+$")"#, data, true);
    check(r#"event.data.cmd.matches("^who")"#, data, false);
    check(r#""whoami" in event.data.cmd"#, data, true);
}

#[test]
fn lists_hold_what_equals_one_of_them() {
    check("event.data.x in [1, 2]", r#"{"x":2}"#, true);
    check("event.data.x in [1, 2]", r#"{"x":2.0}"#, true);
    check("event.data.x in [1, 2]", r#"{"x":"2"}"#, false);
    check("event.data.x in [1, ()]", "{}", true);
    check("event.data.x !in [1, 2]", r#"{"x":3}"#, true);
    check(r#""b" in event.data.tags"#, r#"{"tags":["a","b"]}"#, true);
    check(
        r#"event.data.tags.contains("c")"#,
        r#"{"tags":["a","b"]}"#,
        false,
    );
    check(r#""k" in event.data.map"#, r#"{"map":{"k":1}}"#, true);
    check(
        "event.data.a == event.data.b",
        r#"{"a":[1,"x"],"b":[1,"x"]}"#,
        true,
    );
    check(
        "event.data.a == event.data.b",
        r#"{"a":{"x":1},"b":{"x":1}}"#,
        true,
    );
    check(
        "event.data.a != event.data.b",
        r#"{"a":{"x":1},"b":[1]}"#,
        true,
    );
    check("event.data.a[1] == 5", r#"{"a":[4,5]}"#, true);
    check("event.data.a[0].b == 5", r#"{"a":[{"b":5}]}"#, true);
}

#[test]
fn a_missing_flag_is_not_true_and_not_an_error() {
    check("event.data.ok", r#"{"ok":true}"#, true);
    check("event.data.ok", "{}", false);
    check("!event.data.ok", "{}", true);
    check("event.data.ok && true", "{}", false);
    check("event.data.ok || event.data.x == 1", r#"{"x":1}"#, true);
    check("if event.data.ok { false } else { true }", "{}", true);
    check("!(event.data.ok && event.data.x)", "{}", true);
}

#[test]
fn networks_hold_addresses_of_both_kinds() {
    let data = r#"{"ip":"10.1.2.3","six":"2001:db8::1"}"#;
    check(r#"cidr(event.data.ip, "10.0.0.0/8")"#, data, true);
    check(r#"event.data.ip.cidr("11.0.0.0/8")"#, data, false);
    check(r#"cidr(event.data.six, "2001:db8::/32")"#, data, true);
}

#[test]
fn names_with_dots_and_keywords_are_reached_by_brackets() {
    check(r#"event.data["new"] == 1"#, r#"{"new":1}"#, true);
    check(r#"event.data["a.b"] == 1"#, r#"{"a.b":1}"#, true);
    check("event.data.a.b == 1", r#"{"a.b":1}"#, true);
    check(r#"event.data.a.b == 2"#, r#"{"a.b":1,"a":{"b":2}}"#, true);
}

#[test]
fn the_envelope_is_seen_as_rules_name_it() {
    let event = event(
        r#"{"id":"e7","type":"Auth.Login","channel":"security","source":"sshd@web","severity":"high",
            "correlationId":"c1","correlation":{"root":"r1","tags":{"collector":"procmond"}},
            "time":"2026-11-20T12:00:00.5Z","metadata":{"user":"eve"},"x-own":{"y":1}}"#,
    );
    for holds in [
        r#"event.id == "e7" && event.type == "Auth.Login" && event.source == "sshd@web""#,
        r#"event.topic == "security.auth.login" && event.channel == "security""#,
        r#"event.severity == "high" && event.priority == "normal" && event.tenant == "default""#,
        r#"event.correlationId == "c1" && event.correlation.root == "r1""#,
        r#"event.correlation.tags.collector == "procmond" && event.correlation.stage == ()"#,
        r#"event.time == "2026-11-20T12:00:00.500Z" && event.causationId == ()"#,
        r#"event["x-own"].y == 1 && event["nothing"] == ()"#,
        r#"event.metadata["user"] == "eve""#,
        "event.type.len == 10",
    ] {
        for set in [
            condition(&format!("|event| {holds}")),
            load_interpreted(&one(&format!("|event| {holds}"))),
        ] {
            assert!(matches(set, &event), "{holds}");
        }
    }
}

#[test]
fn a_text_longer_than_rules_may_build_is_still_searched() {
    let long = "x".repeat(70_000);
    let data = format!(r#"{{"cmd":"{long} whoami"}}"#);
    check(r#"event.data.cmd.contains("whoami")"#, &data, true);
    check(r#"event.data.cmd.ends_with_ci("WHOAMI")"#, &data, true);
    check(r#"event.data.cmd == "x""#, &data, false);
    check(r#"event.data.cmd > "x""#, &data, true);
    check(r#"event.data.cmd == event.data.cmd"#, &data, true);
    check(r#"event.data.cmd in ["x", "y"]"#, &data, false);
}

#[test]
fn constants_and_functions_of_the_file_are_seen_by_conditions() {
    let text = r##"
        const LIMIT = 5;
        let names = ["eve", "mallory"];
        fn is_failure(e) { e.data.outcome == "failure" }
        rule("native").on("#").when(|event| event.data.n >= LIMIT && event.metadata.user in names);
        rule("scripted").on("#").when(|event| is_failure(event) && event.data.n > LIMIT);
        names.push("later");
        rule("frozen").on("#").when(|event| "later" in names);
    "##;
    let set = load(text);
    let native: Vec<_> = set.rules().iter().map(|rule| rule.is_native()).collect();
    // By id: frozen, native, scripted.
    assert_eq!(native, [true, true, true]);
    let (out, faults) = outcome(set, &login(r#"{"n":6,"outcome":"failure"}"#));
    assert_eq!(faults, []);
    let rules: Vec<u32> = out.iter().map(|found| found.rule).collect();
    assert_eq!(rules, [0, 1, 2]);
}

#[test]
fn what_a_closure_captured_does_not_change_afterwards() {
    let text = r##"
        let limit = 5;
        rule("r").on("#").when(|event| event.data.n == limit);
        limit = 6;
    "##;
    assert!(matches(load(text), &login(r#"{"n":5}"#)));
    assert!(!matches(load(text), &login(r#"{"n":6}"#)));
}

#[test]
fn scripts_do_what_conditions_cannot() {
    let check = |body: &str, data: &str, expected: bool| {
        let set = condition(&format!("|event| {{ {body} }}"));
        assert!(!set.rules()[0].is_native(), "{body}");
        assert_eq!(matches(set, &login(data)), expected, "{body}");
    };
    let data = r#"{"list":[1,2],"y":2,"objects":[{"n":1},{"n":5}],"cmd":"A b"}"#;
    check("event.data.list.some(|x| x == event.data.y)", data, true);
    check("event.data.list.some(|x| x == event.data.z)", data, false);
    check(
        "event.data.objects.filter(|o| o.n > 4).len() == 1",
        data,
        true,
    );
    check(
        "let n = 0; for o in event.data.objects { n += o.n; } n == 6",
        data,
        true,
    );
    check(
        "event.data.keys().len() == 4 && event.data.has(\"objects\")",
        data,
        true,
    );
    check("event.data.cmd.split().len() == 2", data, true);
    check("switch event.data.y { 2 => true, _ => false }", data, true);
    check("`${event.data.y}-${event.data.none}` == \"2-\"", data, true);
    check(
        "event.data[event.data.name] == 1",
        r#"{"name":"x","x":1}"#,
        true,
    );
    check(
        "try { throw 1; } catch { return event.data.y == 2; }",
        data,
        true,
    );
}

#[test]
fn a_name_that_was_bound_anew_holds_what_it_was_bound_to() {
    let data = r#"{"a":1,"list":[{"port":1}],"d":{"a":1}}"#;
    for when in [
        "{ let event = event.data; event.a == 1 }",
        "{ let event = event.data.d; event.a == 1 }",
        "{ for event in event.data.list { if event.port == 1 { return true; } } false }",
        "{ { let event = event.data.d; if event.a != 1 { return false; } } event.data.a == 1 }",
        "{ event = event.data; event.a == 1 }",
        "{ event.data.list.some(|event| event.port == 1) }",
    ] {
        check(when, data, true);
        check(when, r#"{"a":2,"list":[{"port":2}],"d":{"a":2}}"#, false);
    }
}

#[test]
fn functions_of_a_missing_field_give_nothing_and_never_fail() {
    for data in ["{}", r#"{"x":null}"#] {
        for holds in [
            "event.data.x.trim() == ()",
            r#"event.data.x.replace("a", "b") == ()"#,
            "event.data.x.to_int() == ()",
            "event.data.x.to_float() == ()",
            "event.data.x.chars() == ()",
            "event.data.x.sub_string(1, 2) == ()",
            "event.data.x.filter(|y| y == 1).len == 0",
            "event.data.x.map(|y| y + 1).len == 0",
            "event.data.x.keys().len == 0",
            "event.data.x.find(|y| y == 1) == ()",
            "event.data.x.reduce(|sum, y| sum + y, 0) == ()",
            "{ for y in event.data.x { return false; } true }",
            "{ let x = event.data.x; x.trim(); x == () }",
            "`<${event.data.x}>` == \"<>\"",
        ] {
            check(holds, data, true);
        }
        for fails in [
            "event.data.x.some(|y| true)",
            "event.data.x.all(|y| true)",
            "event.data.x.y.z.some(|y| true)",
            "event.data.x.is_odd()",
            "event.data.x.trim().len > 0",
        ] {
            check(fails, data, false);
        }
    }
    check("event.data.x.some(|y| y == 1)", r#"{"x":[2,1]}"#, true);
    check(
        "event.data.x.filter(|y| y == 1).len == 1",
        r#"{"x":[2,1]}"#,
        true,
    );
    check(
        "{ for y in event.data.x { return true; } false }",
        r#"{"x":[2]}"#,
        true,
    );
    check(
        r#"{ let x = event.data.x; x.trim(); x == "a" }"#,
        r#"{"x":" a "}"#,
        true,
    );
    // To reckon with what is missing is an error.
    for reckons in [
        "event.data.x % 2 == 0",
        "event.data.x + 1 == 1",
        "-event.data.x == 0",
    ] {
        let (out, faults) = outcome(condition(&format!("|event| {reckons}")), &login("{}"));
        assert_eq!((out.len(), faults.len()), (0, 1), "{reckons}");
    }
}
