//! Each construct that conditions are read from: decided by predicates as by the script, on both
//! sides.

use larum_rule::EventGate;

use crate::fixtures::{load, load_interpreted, login, outcome};

const FILE: &str = r#"
const LIMIT = 1024;
const PORTS = [22, 23];
const NAMES = #{ eve: 1 };
fn is_admin(user) { user == "root" || user.starts_with("adm-") }
fn failed(e) { e.data.outcome == "failure" }
fn repeated(e, least) { failed(e) && e.data.n >= least }
fn boom() { throw 1; }
fn sign(e) {
    if e.data.n < 0 { return "negative" == "positive"; }
    let big = e.data.n > 1000 * LEAST;
    big || e.data.n == 0
}
"#;

fn file(body: &str) -> String {
    let file = FILE.replace("LEAST", "1");
    format!("{file}\nrule(\"r\").on(\"#\").when(|event| {body});")
}

/// The first event satisfies the body, the second does not; nothing of it is left to the script.
fn check(body: &str, yes: &str, no: &str) {
    let text = file(body);
    for (data, wanted) in [(yes, true), (no, false)] {
        let event = login(data);
        for (set, how) in [(load(&text), "read"), (load_interpreted(&text), "run")] {
            if how == "read" {
                assert!(set.rules()[0].is_native(), "{body}");
            }
            let (out, faults) = outcome(set, &event);
            assert_eq!(faults, [], "{body} of {data}, {how}");
            assert_eq!(!out.is_empty(), wanted, "{body} of {data}, {how}");
        }
    }
}

#[test]
fn names_stand_for_fields_constants_and_truths() {
    check(
        r#"{ let user = event.data.user; user == "eve" }"#,
        r#"{"user":"eve"}"#,
        r#"{"user":"bob"}"#,
    );
    check(
        "{ let least = 2 * LIMIT; event.data.n >= least }",
        r#"{"n":2048}"#,
        r#"{"n":2047}"#,
    );
    check(
        r#"{ let out = event.data.way == "out"; let big = event.data.n > 5; out && big }"#,
        r#"{"way":"out","n":6}"#,
        r#"{"way":"out","n":5}"#,
    );
    check(
        "{ let d = event.data; let u = d.user; u.name == \"eve\" }",
        r#"{"user":{"name":"eve"}}"#,
        r#"{"user":{"name":"Eve"}}"#,
    );
    check(
        "{ let x = event.data.a; let x = event.data.b; x == 1 }",
        r#"{"a":0,"b":1}"#,
        r#"{"a":1,"b":0}"#,
    );
}

#[test]
fn functions_of_the_file_are_read_with_what_they_are_given() {
    check(
        "is_admin(event.data.user)",
        r#"{"user":"adm-1"}"#,
        r#"{"user":"eve"}"#,
    );
    check("failed(event)", r#"{"outcome":"failure"}"#, "{}");
    check(
        "repeated(event, 3)",
        r#"{"outcome":"failure","n":3}"#,
        r#"{"outcome":"failure","n":2}"#,
    );
    check("sign(event)", r#"{"n":1001}"#, r#"{"n":-1}"#);
    check("!sign(event)", r#"{"n":1000}"#, r#"{"n":0}"#);
}

#[test]
fn branches_and_returns_are_followed() {
    check(
        "{ if event.data.a == 1 { return false; } event.data.b == 1 }",
        r#"{"b":1}"#,
        r#"{"a":1,"b":1}"#,
    );
    check(
        "if event.data.a == 1 { event.data.b == 1 } else { event.data.c == 1 }",
        r#"{"a":1,"b":1}"#,
        r#"{"a":1,"c":1}"#,
    );
    check(
        "if event.data.a == 1 { event.data.b == 1 } else if event.data.a == 2 { true } else { false }",
        r#"{"a":2}"#,
        r#"{"a":3,"b":1}"#,
    );
    check("if event.data.a == 1 { true }", r#"{"a":1}"#, "{}");
    check("{ return event.data.a == 1; }", r#"{"a":1}"#, "{}");
}

#[test]
fn lists_ranges_and_maps_are_looked_through() {
    check(
        "event.data.port in PORTS",
        r#"{"port":22}"#,
        r#"{"port":24}"#,
    );
    check("event.data.port !in PORTS", "{}", r#"{"port":23}"#);
    check(
        "event.data.user in NAMES",
        r#"{"user":"eve"}"#,
        r#"{"user":1}"#,
    );
    check("event.data.n in 1..5", r#"{"n":4}"#, r#"{"n":5}"#);
    check("event.data.n in 1..=5", r#"{"n":5}"#, r#"{"n":6}"#);
    check("event.data.n in 1..5", r#"{"n":1}"#, r#"{"n":1.0}"#);
    check("event.data.n !in 1..5", r#"{"n":5}"#, r#"{"n":4}"#);
}

#[test]
fn lists_of_the_event_are_looked_through() {
    check(
        r#""admin" in event.data.groups"#,
        r#"{"groups":["user","admin"]}"#,
        r#"{"groups":["Admin",["admin"],{"admin":1}]}"#,
    );
    check(
        r#"event.data.groups.contains("admin")"#,
        r#"{"groups":"administrators"}"#,
        r#"{"groups":["administrators"]}"#,
    );
    check(
        "2 in event.data.n",
        r#"{"n":[1,2.0]}"#,
        r#"{"n":["2",[2]]}"#,
    );
    check(
        "event.data.user in event.data.users",
        r#"{"user":"eve","users":["bob","eve"]}"#,
        r#"{"user":"eve","users":["Eve"]}"#,
    );
    check(
        "event.data.user in event.data.users",
        r#"{"user":null,"users":[null]}"#,
        r#"{"users":[1]}"#,
    );
    let script = script_gate(r#""admin" in event.data.groups"#);
    assert_eq!(
        script,
        EventGate::AnyOf(vec![
            "event.data.groups is an object".to_owned(),
            "an element of event.data.groups stands under a name with a dot".to_owned(),
        ])
    );
}

#[test]
fn texts_in_other_letters_and_their_lengths_are_asked() {
    check(
        r#"event.data.x.to_lower() == "straße""#,
        r#"{"x":"STRAßE"}"#,
        r#"{"x":"STRASSE"}"#,
    );
    check(
        r#"event.data.x.to_upper().contains("SS")"#,
        r#"{"x":"straße"}"#,
        r#"{"x":"s"}"#,
    );
    check(
        r#"event.data.x.to_lower() in ["a", "b"]"#,
        r#"{"x":"B"}"#,
        r#"{"x":"c"}"#,
    );
    check(
        "event.data.x.to_lower().ends_with(\"i\\u0307\")",
        r#"{"x":"aİ"}"#,
        r#"{"x":"ai"}"#,
    );
    check("event.data.x.len > 3", r#"{"x":"four"}"#, r#"{"x":"the"}"#);
    check(
        "event.data.x.len() <= 3",
        r#"{"x":"äöü"}"#,
        r#"{"x":"four"}"#,
    );
    check(
        "event.data.x.len > 3",
        r#"{"x":{"len":4}}"#,
        r#"{"x":{"len":3}}"#,
    );
    check("event.data.x.is_empty()", r#"{"x":""}"#, "{}");
    check(
        "event.data.x.starts_with(event.data.y)",
        r#"{"x":"abc","y":"ab"}"#,
        r#"{"x":"abc"}"#,
    );
}

#[test]
fn a_text_longer_than_scripts_may_build_has_neither_length_nor_other_letters() {
    let data = |length: usize| format!(r#"{{"x":"{}"}}"#, "A".repeat(length));
    check("event.data.x.len() > 3", &data(65_536), &data(65_537));
    check("event.data.x.len > 3", &data(65_536), &data(65_537));
    check(
        "event.data.x.to_lower().starts_with(\"aa\")",
        &data(65_536),
        &data(65_537),
    );
    check("event.data.x.starts_with(\"AA\")", &data(65_537), "{}");
}

#[test]
fn a_missing_field_may_have_a_default() {
    check("(event.data.n ?? 7) == 7", "{}", r#"{"n":8}"#);
    check(
        "(event.data.a ?? event.data.b ?? 0) > 1",
        r#"{"a":null,"b":2}"#,
        r#"{"a":1,"b":2}"#,
    );
}

#[test]
fn an_envelope_is_asked_like_any_field() {
    check(
        r#"event.topic == "security.auth.login" && event.data.a == 1"#,
        r#"{"a":1}"#,
        "{}",
    );
    check(
        r#"event.tenant == "default" && event.has("data.a")"#,
        r#"{"a":null}"#,
        "{}",
    );
}

fn script_gate(body: &str) -> EventGate {
    load(&file(body)).outline_rule(0).expect("a rule").script
}

/// The script runs for events with `data.a` 1 only.
fn check_gated(body: &str) {
    let script = script_gate(body);
    let EventGate::AnyOf(asked) = script else {
        panic!("{body}: {script:?}");
    };
    assert_eq!(asked, ["event.data.a == 1"], "{body}");
}

#[test]
fn the_script_runs_only_where_what_stands_before_it_holds() {
    check_gated("event.data.a == 1 && event.data.list.some(|x| x == 2)");
    check_gated("{ if event.data.a != 1 { return false; } let n = 0; n += 1; n == 1 }");
    check_gated("event.data.a == 1 && (event.data.b + 1 == 2 || event.data.c == 2)");
    check_gated("!(event.data.a != 1 || event.data.b.split(\"x\").len() == 2)");
    check_gated("{ let y = 2; event.data.a == 1 && event.data.list.some(|x| x == y) }");
    // What cannot fail need not be reached.
    check_gated("parse_int(event.data.b) > 5 && event.data.a == 1");
    check_gated("{ let n = parse_int(event.data.b); event.data.a == 1 && n > 5 }");
}

#[test]
fn what_may_fail_is_never_skipped() {
    for body in [
        "event.data.b + 1 == 2 && event.data.a == 1",
        "boom() && event.data.a == 1",
        "{ let n = event.data.b + 1; event.data.a == 1 && n > 5 }",
        "event.data.list.some(|x| x == 2) && event.data.a == 1",
    ] {
        assert_eq!(script_gate(body), EventGate::EveryEvent, "{body}");
    }
}

#[test]
fn names_that_double_each_other_do_not_grow_without_bound() {
    let mut body = String::from("{ let t0 = event.data.a == 1;");
    for number in 1..60 {
        let last = number - 1;
        body += &format!(" let t{number} = t{last} && t{last};");
    }
    body += " t59 }";
    assert!(!load(&file(&body)).rules()[0].is_native());
    let mut text = String::from("fn f(e) { ");
    text += &"f(e) || ".repeat(50);
    text += "true }\nrule(\"r\").on(\"#\").when(|event| f(event));";
    assert!(!load(&text).rules()[0].is_native());
}

#[test]
fn a_question_that_is_not_asked_is_no_answer() {
    let inside = |body: &str| {
        let text = file(&format!("(if true {{ {body} }} else {{ false }}) || true"));
        for set in [load(&text), load_interpreted(&text)] {
            let (out, faults) = outcome(set, &login("{}"));
            assert_eq!((out.len(), faults.len()), (0, 1), "{body}");
        }
    };
    inside("event.data.a?.contains(\"x\")");
    inside("{ let d = event.data; d.a?.b.contains(\"x\") }");
    check(
        "event.data.a?.b.contains(\"x\") || event.data.c == 1",
        r#"{"c":1}"#,
        "{}",
    );
}
