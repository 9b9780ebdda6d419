//! Members that an event may not have: each is refused for its own reason and by its own path.

use crate::bad_input::{check, long, with};
use crate::door::{Door, parse};
use larum_event::{RejectionReason, limits};

#[test]
fn members_of_another_type_are_refused_by_name() {
    for name in [
        "id",
        "type",
        "source",
        "time",
        "channel",
        "dataVersion",
        "severity",
        "priority",
        "correlationId",
        "causationId",
        "traceparent",
    ] {
        for value in ["1", "true", "[]", "{}"] {
            check(with(name, value), RejectionReason::WrongType, Some(name));
        }
    }
    for (name, value, member) in [
        ("sequence", "\"1\"", "sequence"),
        ("metadata", "[]", "metadata"),
        ("metadata", "\"a\"", "metadata"),
        ("metadata", r#"{"tenantId":1}"#, "metadata.tenantId"),
        ("metadata", r#"{"tenantId":null}"#, "metadata.tenantId"),
        ("correlation", "\"a\"", "correlation"),
        ("correlation", r#"{"root":1}"#, "correlation.root"),
        ("correlation", r#"{"parent":[]}"#, "correlation.parent"),
        ("correlation", r#"{"stage":{}}"#, "correlation.stage"),
        ("correlation", r#"{"tags":["a"]}"#, "correlation.tags"),
        ("correlation", r#"{"tags":{"a":1}}"#, "correlation.tags.a"),
        ("filled", "\"id\"", "filled"),
        ("filled", "{}", "filled"),
    ] {
        check(with(name, value), RejectionReason::WrongType, Some(member));
    }
}

#[test]
fn members_without_content_or_with_a_value_they_may_not_have_are_refused_by_name() {
    for name in [
        "id",
        "type",
        "source",
        "channel",
        "dataVersion",
        "severity",
        "priority",
        "time",
        "correlationId",
        "causationId",
        "traceparent",
    ] {
        check(
            with(name, r#""""#),
            RejectionReason::InvalidMember,
            Some(name),
        );
    }
    for (name, value, member) in [
        ("severity", "\"loud\"", "severity"),
        ("priority", "\"urgent\"", "priority"),
        ("sequence", "-1", "sequence"),
        ("sequence", "1.5", "sequence"),
        ("sequence", "18446744073709551616", "sequence"),
        ("metadata", r#"{"tenantId":""}"#, "metadata.tenantId"),
        ("correlation", r#"{"root":""}"#, "correlation.root"),
        ("correlation", r#"{"stage":""}"#, "correlation.stage"),
        ("correlation", r#"{"tags":{"":"x"}}"#, "correlation.tags"),
        ("filled", "[\"type\"]", "filled"),
        ("filled", "[1]", "filled"),
        ("id", r#""a\u001bb""#, "id"),
        (
            "correlation",
            r#"{"tags":{"a":"\u0007"}}"#,
            "correlation.tags.a",
        ),
    ] {
        check(
            with(name, value),
            RejectionReason::InvalidMember,
            Some(member),
        );
    }
}

#[test]
fn lengths_are_checked_on_both_sides_of_each_limit() {
    let in_correlation = |name: &str, value: String| format!("{{\"{name}\":{value}}}");
    for (name, most) in [
        ("id", limits::ID_BYTES),
        ("source", limits::SOURCE_BYTES),
        ("correlationId", limits::CORRELATION_ID_BYTES),
        ("causationId", limits::ID_BYTES),
        ("dataVersion", limits::DATA_VERSION_BYTES),
        ("traceparent", limits::TRACEPARENT_BYTES),
    ] {
        parse(with(name, &long(most))).expect(name);
        check(
            with(name, &long(most + 1)),
            RejectionReason::InvalidMember,
            Some(name),
        );
    }
    for (name, most) in [
        ("root", limits::CORRELATION_ID_BYTES),
        ("parent", limits::CORRELATION_ID_BYTES),
        ("stage", limits::STAGE_BYTES),
    ] {
        parse(with("correlation", &in_correlation(name, long(most)))).expect(name);
        let member = format!("correlation.{name}");
        let value = in_correlation(name, long(most + 1));
        check(
            with("correlation", &value),
            RejectionReason::InvalidMember,
            Some(&member),
        );
    }
    let tenant = |bytes| format!("{{\"tenantId\":{}}}", long(bytes));
    parse(with("metadata", &tenant(limits::TENANT_BYTES))).expect("tenant");
    check(
        with("metadata", &tenant(limits::TENANT_BYTES + 1)),
        RejectionReason::InvalidMember,
        Some("metadata.tenantId"),
    );
    let tags = |tags: usize, name: usize, value: usize| {
        let tags: Vec<String> = (0..tags)
            .map(|n| format!("\"{n:0>name$}\":{}", long(value)))
            .collect();
        in_correlation("tags", format!("{{{}}}", tags.join(",")))
    };
    let (most, name, value) = (
        limits::TAGS,
        limits::TAG_NAME_BYTES,
        limits::TAG_VALUE_BYTES,
    );
    parse(with("correlation", &tags(most, name, value))).expect("tags");
    check(
        with("correlation", &tags(most + 1, 2, 1)),
        RejectionReason::InvalidMember,
        Some("correlation.tags"),
    );
    check(
        with("correlation", &tags(1, name + 1, 1)),
        RejectionReason::InvalidMember,
        Some("correlation.tags"),
    );
    check(
        with("correlation", &tags(1, 1, value + 1)),
        RejectionReason::InvalidMember,
        Some("correlation.tags.0"),
    );
}

#[test]
fn nul_is_allowed_inside_of_data_only() {
    for (name, value, member) in [
        ("id", r#""a\u0000b""#, "id"),
        ("type", r#""a\u0000""#, "type"),
        ("metadata", r#"{"user":"\u0000"}"#, "metadata.user"),
        ("x", r#"["\u0000"]"#, "x[0]"),
        (
            "correlation",
            r#"{"tags":{"a":"\u0000"}}"#,
            "correlation.tags.a",
        ),
    ] {
        check(
            with(name, value),
            RejectionReason::InvalidMember,
            Some(member),
        );
    }
    check(
        r#"{"type":"a","data":{},"\u0000":1}"#,
        RejectionReason::InvalidMember,
        Some("\\u{0}"),
    );
    let event = parse(with("data", r#"{"a\u0000":"\u0000"}"#)).expect("NUL in data");
    assert!(event.json().contains(r#"{"a\u0000":"\u0000"}"#));
}

#[test]
fn times_are_rfc_3339_within_range() {
    for time in [
        "yesterday",
        "2026-11-20",
        "2026-11-20 12:00",
        "2026-13-01T00:00:00Z",
        "2026-11-20T12:00:00",
        "1676-01-01T00:00:00Z",
        "2263-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "-0001-01-01T00:00:00Z",
    ] {
        check(
            with("time", &format!("\"{time}\"")),
            RejectionReason::InvalidTime,
            Some("time"),
        );
    }
    check(
        with("time", "1763640000"),
        RejectionReason::WrongType,
        Some("time"),
    );
    parse(with("time", "\"1678-01-01T00:00:00Z\"")).expect("early");
    parse(with("time", "\"2262-01-01T00:00:00.123456789+14:00\"")).expect("late");
}

#[test]
fn type_and_channel_that_make_no_topic_are_refused_with_a_hint_for_wildcards() {
    for name in ["type", "channel"] {
        for value in [
            "*", ">", "+", "#", "a*", "a b", "ä", "a/b", ".", "a.", ".a", "a..b",
        ] {
            check(
                with(name, &format!("\"{value}\"")),
                RejectionReason::InvalidTopic,
                Some(name),
            );
        }
        check(
            with(name, &long(limits::TOPIC_SEGMENT_BYTES + 1)),
            RejectionReason::InvalidTopic,
            Some(name),
        );
        parse(with(name, &long(limits::TOPIC_SEGMENT_BYTES))).expect(name);
    }
    for text in [
        with("type", "\"auth.*\""),
        with("type", "\"auth.>\""),
        with("channel", "\"*\""),
    ] {
        let rejection = parse(text).unwrap_err();
        assert!(rejection.detail.contains("did you mean"), "{rejection}");
        assert!(rejection.detail.contains("'+'"), "{rejection}");
    }
    check(
        with("channel", "\"Security\""),
        RejectionReason::InvalidTopic,
        Some("channel"),
    );
    check(
        with("channel", "\"a.b\""),
        RejectionReason::InvalidTopic,
        Some("channel"),
    );
    check(
        with("type", "\"$sys\""),
        RejectionReason::InvalidTopic,
        Some("type"),
    );
    // The channel is the first of eight segments.
    parse(with("type", "\"a.b.c.d.e.f.g\"")).expect("eight");
    check(
        with("type", "\"a.b.c.d.e.f.g.h\""),
        RejectionReason::InvalidTopic,
        Some("type"),
    );
    // Who may write to these is admission's business.
    parse(with("channel", "\"$sys\"")).expect("$sys");
    parse(with("channel", "\"alerts\"")).expect("alerts");
}

#[test]
fn required_members_are_required() {
    check(
        r#"{"data":{}}"#,
        RejectionReason::MissingMember,
        Some("type"),
    );
    check(
        with("type", "null"),
        RejectionReason::MissingMember,
        Some("type"),
    );
    let strict = Door {
        source: None,
        ..Door::default()
    };
    let rejection = strict.parse(r#"{"type":"a"}"#).unwrap_err();
    assert_eq!(rejection.reason, RejectionReason::MissingMember);
    assert_eq!(rejection.member.as_deref(), Some("source"));
}
