//! Bytes that are no event: each kind has its own typed rejection, and the next good event is read.

use crate::door::parse;
use larum_event::{RejectionReason, limits};

const GOOD: &str =
    r#"{"id":"e","type":"auth.login","source":"s","time":"2026-11-20T12:00:00Z","data":{}}"#;

/// Rejects `bytes` for `reason` because of `member`, then reads a good event.
#[track_caller]
pub fn check(bytes: impl AsRef<[u8]>, reason: RejectionReason, member: Option<&str>) {
    let bytes = bytes.as_ref();
    let shown = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes));
    let rejection = parse(bytes).expect_err(&shown);
    assert_eq!(rejection.reason, reason, "{shown}: {rejection}");
    assert_eq!(rejection.member.as_deref(), member, "{shown}: {rejection}");
    assert!(rejection.to_string().len() < 1_000, "{shown}: {rejection}");
    parse(GOOD).expect("a good event after a bad one");
}

/// The good event with the member `name` set to the JSON text `value`.
pub fn with(name: &str, value: &str) -> String {
    let mut members = vec![
        ("id", r#""e""#),
        ("type", r#""auth.login""#),
        ("source", r#""s""#),
        ("time", r#""2026-11-20T12:00:00Z""#),
        ("data", "{}"),
    ];
    members.retain(|(known, _)| *known != name);
    members.push((name, value));
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// A JSON string of `bytes` characters.
pub fn long(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes))
}

#[test]
fn every_truncation_of_a_good_event_is_a_syntax_error_with_its_place() {
    for end in 0..GOOD.len() {
        check(&GOOD[..end], RejectionReason::Syntax, None);
    }
    let rejection = parse("{\"type\":\n  nope}").unwrap_err();
    assert!(rejection.detail.contains("line 2 column 4"), "{rejection}");
}

#[test]
fn text_that_is_not_json_is_a_syntax_error() {
    for text in [
        "",
        " ",
        "nonsense",
        "{'type':1}",
        "{\"type\":\"a\",}",
        "{\"type\":\"a\"} {}",
        "{\"type\":\"a\"}\0",
        "{\"type\":\"a\nb\"}",
        "{\"type\":\"a\u{0}b\"}",
        r#"{"type":"a","data":"\ud800"}"#,
        r#"{"type":"a","data":"\x"}"#,
        r#"{"type":"a","data":NaN}"#,
        r#"{"type":"a","data":01}"#,
        r#"{"type":"a","data":[1,]}"#,
        "\u{feff}{\"type\":\"a\"}",
    ] {
        check(text, RejectionReason::Syntax, None);
    }
}

#[test]
fn bytes_that_are_not_utf8_are_told_by_their_place() {
    check(b"{\"type\":\"\xff\"}", RejectionReason::InvalidUtf8, None);
    check(b"\xed\xa0\x80", RejectionReason::InvalidUtf8, None);
    let rejection = parse(b"{\"type\":\"\xff\"}").unwrap_err();
    assert!(rejection.detail.contains("byte 9"), "{rejection}");
}

#[test]
fn an_event_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let empty = with("data", r#""""#);
    let room = limits::EVENT_BYTES - empty.len();
    let largest = with("data", &long(room));
    assert_eq!(largest.len(), limits::EVENT_BYTES);
    parse(&largest).expect("1 MiB");
    check(
        with("data", &long(room + 1)),
        RejectionReason::TooLarge,
        None,
    );
    // Size comes before anything else.
    check(
        vec![0xff; limits::EVENT_BYTES + 1],
        RejectionReason::TooLarge,
        None,
    );
}

#[test]
fn nesting_is_counted_from_the_event_itself() {
    let nested = |levels: usize| {
        with(
            "data",
            &format!("{}{}", "[".repeat(levels), "]".repeat(levels)),
        )
    };
    parse(nested(63)).expect("64 levels");
    let path = |levels: usize| format!("data{}", "[0]".repeat(levels));
    check(nested(64), RejectionReason::TooDeep, Some(&path(63)));
    check(nested(10_000), RejectionReason::TooDeep, Some(&path(63)));
    check(
        format!("{{\"data\":{}", "[".repeat(500_000)),
        RejectionReason::TooDeep,
        Some(&path(63)),
    );
    let objects = "{\"a\":".repeat(10_000);
    check(
        format!("{{\"data\":{objects}"),
        RejectionReason::TooDeep,
        Some(&format!("data{}", ".a".repeat(63))),
    );
    check("[".repeat(10_000), RejectionReason::WrongType, None);
}

#[test]
fn a_member_that_stands_twice_is_named_at_any_level() {
    for (text, member) in [
        (r#"{"type":"a","type":"a"}"#, "type"),
        (r#"{"type":"a","\u0074ype":"a"}"#, "type"),
        (r#"{"type":"a","x":1,"x":1}"#, "x"),
        (
            r#"{"type":"a","metadata":{"user":1,"user":2}}"#,
            "metadata.user",
        ),
        (
            r#"{"type":"a","data":{"items":[0,{"a":1,"b":{},"a":2}]}}"#,
            "data.items[1].a",
        ),
        (
            r#"{"type":"a","data":{"a":{"b":1},"c":{"b":1},"c":1}}"#,
            "data.c",
        ),
    ] {
        check(text, RejectionReason::DuplicateMember, Some(member));
    }
    let many = |last: usize| {
        let members: Vec<String> = (0..5_000)
            .chain([last])
            .map(|n| format!("\"m{n}\":0"))
            .collect();
        with("data", &format!("{{{}}}", members.join(",")))
    };
    parse(many(5_000)).expect("all different");
    check(many(3), RejectionReason::DuplicateMember, Some("data.m3"));
    check(
        many(4_999),
        RejectionReason::DuplicateMember,
        Some("data.m4999"),
    );
}

#[test]
fn a_path_in_a_rejection_is_short_and_safe_to_print() {
    let name = format!("\\u001b[2J{}", "x".repeat(10_000));
    let path = format!("data.\\u{{1b}}[2J{}", "x".repeat(60));
    let text = with("data", &format!("{{\"{name}\":1e999}}"));
    check(text, RejectionReason::NumberOutOfRange, Some(&path));
}

#[test]
fn numbers_beyond_range_are_refused_and_long_ones_are_kept() {
    for number in [
        "1e999",
        "-1e999",
        &"9".repeat(400),
        "1e99999999999999999999",
    ] {
        check(
            with("data", &format!("{{\"n\":[{number}]}}")),
            RejectionReason::NumberOutOfRange,
            Some("data.n[0]"),
        );
    }
    for number in [
        "18446744073709551616",
        "-9223372036854775809",
        "1e-999",
        "0e99999999999",
        "1.10",
    ] {
        let event = parse(with("data", number)).expect(number);
        assert!(
            event.json().ends_with(&format!("\"data\":{number}}}")),
            "{number}"
        );
    }
}

#[test]
fn a_whole_that_is_no_object_is_of_the_wrong_type() {
    for text in [
        "null",
        "true",
        "1",
        "-1",
        "1.5",
        "\"a\"",
        "[]",
        "[{}]",
        r#""a\nb""#,
    ] {
        check(text, RejectionReason::WrongType, None);
    }
}
