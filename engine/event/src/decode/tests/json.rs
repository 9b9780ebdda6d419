//! JSON records.

use super::{Decoder, decode, member};

const SSH: &str = r#"
name = "ssh"
format = "json"
channel = "security"
[fields]
type = { from = "event", map = { failed_login = "ssh.failure" }, prefix = "auth." }
time = "ts"
sequence = "seq"
source = { from = "host", prefix = "sshd@", default = "nobody" }
[metadata]
user = "user"
ip = "net.src"
"#;

#[test]
fn mapped_members_fill_the_envelope_and_the_rest_lands_under_data() {
    let record = r#"{"seq":7,"ts":"2016-12-10T07:55:46+01:00","host":"web-1","event":"failed_login",
        "user":null,"net":{"src":"203.0.113.9","port":22},"tries":1e2,"text":"a \"b\""}"#;
    let event = decode(SSH, &[record]).remove(0);
    let id = member(&event, "id");
    let expected = concat!(
        r#"{"id":ID,"type":"auth.ssh.failure","source":"sshd@web-1","time":"2016-12-10T06:55:46Z","#,
        r#""channel":"security","sequence":7,"metadata":{"ip":"203.0.113.9","user":null},"#,
        r#""data":{"net":{"src":"203.0.113.9","port":22},"tries":1e2,"text":"a \"b\""}}"#
    );
    assert_eq!(event, expected.replace("ID", &id));
    assert_eq!(id.len(), 34, "32 digits and the quotes: {id}");
}

#[test]
fn the_id_depends_on_source_bytes_and_number_and_on_nothing_else() {
    let id = |file: &str, records: &[&str], at: usize| member(&decode(file, records)[at], "id");
    let a = r#"{"ts":"2016-12-10T06:55:46Z","host":"a","event":"x"}"#;
    let b = r#"{"ts":"2016-12-10T06:55:46Z","host":"b","event":"x"}"#;
    let first = id(SSH, &[a], 0);
    assert_eq!(first, id(SSH, &[a, b], 0));
    assert_ne!(first, id(SSH, &[a, a], 1));
    assert_ne!(first, id(SSH, &[b], 0));
    assert_ne!(first, id(SSH, &[&format!("{a} ")], 0));
    assert_ne!(first, id(&SSH.replace("sshd@", "other@"), &[a], 0));
    assert_eq!(first, id(&SSH.replace("\"ssh\"", "\"other\""), &[a], 0));
}

#[test]
fn a_missing_value_is_null_or_the_default_or_a_rejection_that_names_it() {
    let events = decode(
        SSH,
        &[
            r#"{"ts":"2016-12-10T06:55:46Z","event":"x"}"#,
            r#"{"ts":"2016-12-10T06:55:46Z","event":null}"#,
            r#"{"event":"x"}"#,
            r#"{"ts":"2016-12-10T06:55:46Z","event":{}}"#,
            r#"{"ts":17,"event":"x"}"#,
            r#"{"ts":"2016-12-10T06:55:46Z","event":"x","seq":-1}"#,
        ],
    );
    assert_eq!(member(&events[0], "source"), "\"nobody\"");
    assert_eq!(member(&events[0], "metadata"), "{}");
    assert_eq!(member(&events[0], "sequence"), "");
    assert_eq!(
        events[1],
        "missing_member event: the record has no value here, and the event's `type` is read from it"
    );
    assert!(
        events[2].starts_with("missing_member ts: "),
        "{}",
        events[2]
    );
    assert!(events[3].starts_with("wrong_type event: "), "{}", events[3]);
    assert!(events[4].starts_with("invalid_time ts: "), "{}", events[4]);
    assert!(
        events[5].starts_with("invalid_member seq: "),
        "{}",
        events[5]
    );
}

#[test]
fn a_map_replaces_what_it_lists_and_the_default_stands_for_the_rest() {
    let file = r#"
name = "x"
format = "json"
[fields]
type = { from = "e", map = { 1 = "one", true = "yes" }, prefix = "p.", default = "other" }
severity = { value = "low" }
correlationId = "job"
correlation = { root = "run" }
"#;
    let types: Vec<String> = decode(
        file,
        &[r#"{"e":1}"#, r#"{"e":true}"#, r#"{"e":2}"#, r#"{"e":null}"#],
    )
    .iter()
    .map(|event| member(event, "type"))
    .collect();
    assert_eq!(types, ["\"p.one\"", "\"p.yes\"", "\"other\"", "\"other\""]);
    let event = decode(file, &[r#"{"job":"j-1","run":5}"#]).remove(0);
    assert_eq!(member(&event, "severity"), "\"low\"");
    assert_eq!(member(&event, "correlationId"), "\"j-1\"");
    assert_eq!(member(&event, "correlation"), r#"{"root":"5"}"#);
    assert_eq!(member(&event, "time"), "", "the door fills it in");
    assert_eq!(member(&event, "source"), "\"x\"");
}

#[test]
fn kept_members_stay_in_data_and_dropped_ones_go() {
    let file = format!("{SSH}[data]\nkeep = [\"event\"]\ndrop = [\"line\"]");
    let record = r#"{"ts":"2016-12-10T06:55:46Z","event":"x","line":1,"more":2}"#;
    let event = decode(&file, &[record]).remove(0);
    assert_eq!(member(&event, "data"), r#"{"event":"x","more":2}"#);
}

#[test]
fn a_name_with_dots_is_a_member_of_that_name_before_it_is_a_path() {
    let records = [
        r#"{"ts":"2016-12-10T06:55:46Z","event":"x","net.src":"flat","net":{"src":"deep"}}"#,
        r#"{"ts":"2016-12-10T06:55:46Z","event":"x","net":{"src":"deep"}}"#,
        r#"{"ts":"2016-12-10T06:55:46Z","event":"x","net":"src"}"#,
    ];
    let metadata: Vec<String> = decode(SSH, &records)
        .iter()
        .map(|event| member(event, "metadata"))
        .collect();
    assert_eq!(metadata, [r#"{"ip":"flat"}"#, r#"{"ip":"deep"}"#, "{}"]);
}

#[test]
fn the_units_of_epoch_times_are_told_apart_by_the_format_alone() {
    for (format, record) in [
        ("epoch_s", r#"{"t":1481352946.5}"#),
        ("epoch_s", r#"{"t":"1481352946.5"}"#),
        ("epoch_ms", r#"{"t":1481352946500}"#),
        ("epoch_us", r#"{"t":1481352946500000}"#),
        ("epoch_ns", r#"{"t":1481352946500000000}"#),
        ("%Y-%m-%d %H:%M:%S%.f", r#"{"t":"2016-12-10 06:55:46.5"}"#),
        (
            "%d/%b/%Y:%H:%M:%S%.f %z",
            r#"{"t":"10/Dec/2016:07:55:46.5 +0100"}"#,
        ),
    ] {
        let file = format!(
            "name = 'x'\nformat = 'json'\n[fields]\ntype = {{ value = 'x' }}\n\
             time = {{ from = 't', format = '{format}' }}"
        );
        let event = decode(&file, &[record]).remove(0);
        assert_eq!(
            member(&event, "time"),
            "\"2016-12-10T06:55:46.500Z\"",
            "{format}"
        );
    }
}

#[test]
fn what_is_no_json_object_is_rejected_for_its_own_reason() {
    let big = format!(r#"{{"a":"{}"}}"#, "x".repeat(1024 * 1024 - 8));
    let too_big = format!(r#"{{"a":"{}"}}"#, "x".repeat(1024 * 1024 - 7));
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for (record, reason) in [
        ("", "syntax"),
        ("{", "syntax"),
        (r#"{"a":1"#, "syntax"),
        (r#"{"a":1} x"#, "syntax"),
        ("[1]", "wrong_type"),
        ("17", "wrong_type"),
        (r#"{"a":1,"b":2,"a":3}"#, "duplicate_member"),
        (&big, "missing_member"),
        (&too_big, "too_large"),
        (&deep, "missing_member"),
    ] {
        let outcome = decode(SSH, &[record]).remove(0);
        assert!(outcome.starts_with(&format!("{reason} ")), "{outcome:.200}");
    }
}

const EITHER: &str = r#"
name = "either"
format = "json"
[fields]
type = { from = ["kind", "inner.kind"], default = "none" }
time = { from = ["at", "inner.at"], default = "2026-01-01T00:00:00Z" }
source = ["host", "inner.host"]
[data]
keep = ["*"]
drop = ["secret"]
"#;

#[test]
fn of_several_paths_the_first_with_a_value_counts() {
    let at = r#""at":"2026-02-01T00:00:00Z""#;
    for (record, kind, source) in [
        (
            format!(r#"{{{at},"kind":"a","host":"h","inner":{{"kind":"b","host":"i"}}}}"#),
            "a",
            "h",
        ),
        (
            format!(r#"{{{at},"kind":null,"inner":{{"kind":"b","host":"i"}}}}"#),
            "b",
            "i",
        ),
        (format!(r#"{{{at},"host":"h","inner":null}}"#), "none", "h"),
    ] {
        let event = decode(EITHER, &[&record]).remove(0);
        assert_eq!(member(&event, "type"), format!("{kind:?}"), "{event}");
        assert_eq!(member(&event, "source"), format!("{source:?}"), "{event}");
    }
    let none = decode(EITHER, &[&format!(r#"{{{at},"host":null}}"#)]).remove(0);
    assert!(
        none.starts_with("missing_member host or inner.host: "),
        "{none}"
    );
}

#[test]
fn a_record_without_a_time_may_have_a_default_one() {
    for (record, time) in [
        (r#"{"host":"h"}"#, "2026-01-01T00:00:00Z"),
        (r#"{"host":"h","at":null}"#, "2026-01-01T00:00:00Z"),
        (
            r#"{"host":"h","inner":{"at":"2026-03-01T00:00:00Z"}}"#,
            "2026-03-01T00:00:00Z",
        ),
    ] {
        let event = decode(EITHER, &[record]).remove(0);
        assert_eq!(member(&event, "time"), format!("{time:?}"), "{event}");
    }
    let wrong = decode(EITHER, &[r#"{"host":"h","at":"yesterday"}"#]).remove(0);
    assert!(
        wrong.starts_with("invalid_time at or inner.at: "),
        "{wrong}"
    );
}

#[test]
fn keeping_everything_leaves_the_record_as_it_was_but_for_what_is_dropped() {
    let record = r#"{"host":"h","kind":"k","secret":1,"inner":{"at":"2026-03-01T00:00:00Z"}}"#;
    let event = decode(EITHER, &[record]).remove(0);
    let data = record.replace(r#""secret":1,"#, "");
    assert_eq!(member(&event, "data"), data);
}

#[test]
fn windows_events_are_known_in_each_of_their_forms() {
    let decoder = Decoder::builtin("windows").expect("it comes with us");
    assert!(Decoder::builtin_names().any(|name| name == "windows"));
    assert!(Decoder::builtin("none").is_none());
    let nested = r##"{"Event":{"System":{"EventID":4624,"Computer":"dc","Channel":"Security",
        "TimeCreated":{"#attributes":{"SystemTime":"2026-01-02T03:04:05.6Z"}}},
        "EventData":{"TargetUserName":"eve","IpAddress":"10.0.0.1"}}}"##;
    let attributed = nested.replace("4624", r##"{"#attributes":{"Qualifiers":0},"#text":4624}"##);
    let flat = r#"{"EventID":4624,"Hostname":"dc","@timestamp":"2026-01-02T03:04:05.6Z",
        "TargetUserName":"eve","IpAddress":"10.0.0.1","EventTime":"2026-01-02 05:04:05"}"#;
    let beat = r#"{"@timestamp":"2026-01-02T03:04:05.6Z","winlog":{"event_id":"4624",
        "computer_name":"dc","event_data":{"TargetUserName":"eve","IpAddress":"10.0.0.1"}}}"#;
    for record in [nested, &attributed, flat, beat] {
        let event = super::decode_with(&decoder, &[record]).remove(0);
        for (name, wanted) in [
            ("type", "\"event.4624\""),
            ("source", "\"dc\""),
            ("channel", "\"windows\""),
            ("time", "\"2026-01-02T03:04:05.600Z\""),
            ("metadata", r#"{"ip":"10.0.0.1","user":"eve"}"#),
        ] {
            assert_eq!(member(&event, name), wanted, "{name} of {event}");
        }
        let data: serde_json::Value = serde_json::from_str(&member(&event, "data")).unwrap();
        let whole: serde_json::Value = serde_json::from_str(record).unwrap();
        assert_eq!(data, whole);
    }
}
