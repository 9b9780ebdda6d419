//! How inputs are split into records.

use std::io::{BufReader, Cursor, Read};

use larum_event::{RejectionReason, limits};
use larum_file::{FileRecordReader, InputForm};

use crate::read_all;

/// Each record as `number@line text`, or `number@line !reason`, read in chunks of `chunk` bytes.
fn split(bytes: &[u8], form: InputForm, chunk: usize) -> Vec<String> {
    let input = BufReader::with_capacity(chunk, Cursor::new(bytes));
    let mut reader = FileRecordReader::new(input, form);
    let mut records = Vec::new();
    while let Some(record) = reader.read_record().unwrap() {
        let shown = match record.bytes {
            Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Err(rejection) => format!("!{}", rejection.reason),
        };
        records.push(format!("{}@{} {shown}", record.number, record.line));
    }
    records
}

fn check(form: InputForm, input: &str, expected: &[&str]) {
    for chunk in [1, 2, 3, 7, 4096] {
        assert_eq!(
            split(input.as_bytes(), form, chunk),
            expected,
            "{input:?} in chunks of {chunk}"
        );
    }
}

#[test]
fn lines_end_with_or_without_a_carriage_return_and_the_last_with_neither() {
    let expected = ["0@1 a", "1@2 b", "2@3 c"];
    for input in ["a\nb\nc", "a\nb\nc\n", "a\r\nb\r\nc\r\n"] {
        check(InputForm::Json, input, &expected);
        check(InputForm::Lines, input, &expected);
    }
}

#[test]
fn blank_lines_are_no_records_but_count_as_lines() {
    check(
        InputForm::Lines,
        "\n \t\r\na\n\n\nb\n\n",
        &["0@3 a", "1@6 b"],
    );
    check(InputForm::Json, "\n\n  {}\n\n{}", &["0@3 {}", "1@5 {}"]);
    check(InputForm::Json, "", &[]);
    check(InputForm::Json, " \n\n", &[]);
}

#[test]
fn text_keeps_its_indentation_and_json_does_not() {
    check(InputForm::Lines, "a\n  b \n", &["0@1 a", "1@2   b "]);
    check(InputForm::Json, "1\n  2 \n", &["0@1 1", "1@2 2"]);
}

#[test]
fn a_bracket_opens_an_array_of_json_and_is_a_character_of_text() {
    check(InputForm::Json, "[1,2]", &["0@1 1", "1@1 2"]);
    check(InputForm::Lines, "[1,2]", &["0@1 [1,2]"]);
}

#[test]
fn elements_may_stand_on_any_lines_and_hold_anything() {
    let input = "\n[\n  {\"a\": [1, 2],\n   \"b\": \"],[{\\\"\\\\\"}\n  ,\r\n \"x\" , null\n]\n";
    check(
        InputForm::Json,
        input,
        &[
            "0@3 {\"a\": [1, 2],\n   \"b\": \"],[{\\\"\\\\\"}",
            "1@6 \"x\"",
            "2@6 null",
        ],
    );
    check(InputForm::Json, "[]", &[]);
    check(InputForm::Json, " [ ] \n [1]\n{}", &["0@2 1", "1@3 {}"]);
}

#[test]
fn what_is_wrong_with_an_array_is_a_rejection_and_the_rest_is_read() {
    check(InputForm::Json, "[1,]", &["0@1 1", "1@1 !syntax"]);
    check(InputForm::Json, "[,1]", &["0@1 !syntax", "1@1 1"]);
    check(
        InputForm::Json,
        "[1,,2]",
        &["0@1 1", "1@1 !syntax", "2@1 2"],
    );
    check(InputForm::Json, "[1", &["0@1 1", "1@1 !syntax"]);
    check(
        InputForm::Json,
        "[{\"a\":1},",
        &["0@1 {\"a\":1}", "1@1 !syntax"],
    );
    check(InputForm::Json, "[1,\n{\"a\":", &["0@1 1", "1@2 !syntax"]);
    check(InputForm::Json, "[", &["0@1 !syntax"]);
}

#[test]
fn a_string_that_is_never_closed_spoils_its_own_line_only() {
    check(
        InputForm::Json,
        "[\n{\"a\":\"b},\n{\"c\":1},\n2]",
        &["0@2 {\"a\":\"b},", "1@3 {\"c\":1}", "2@4 2"],
    );
    check(
        InputForm::Json,
        "[\n\"b,\n1,\n2]",
        &["0@2 \"b,", "1@3 1", "2@4 2"],
    );
}

#[test]
fn the_longest_record_is_accepted_and_one_byte_more_is_not() {
    let longest = "x".repeat(limits::EVENT_BYTES);
    for (form, before, between, after) in [
        (InputForm::Lines, "", "\n", "\n"),
        (InputForm::Lines, "", "\r\n", ""),
        (InputForm::Json, "", "\n", ""),
        (InputForm::Json, "[", ",\n", "]"),
    ] {
        let input =
            format!("{before}{longest}{between}{longest}x{between}{longest}xxxx{between}ok{after}");
        let records = split(input.as_bytes(), form, 4096);
        let shown: Vec<&str> = records
            .iter()
            .map(|record| &record[..record.len().min(15)])
            .collect();
        assert_eq!(shown[0], "0@1 xxxxxxxxxxx", "{form:?} {between:?}");
        assert_eq!(
            &shown[1..],
            ["1@2 !too_large", "2@3 !too_large", "3@4 ok"],
            "{form:?} {between:?}"
        );
    }
}

#[test]
fn a_huge_line_is_passed_over_without_being_held() {
    let line = std::io::repeat(b'x').take(64 * 1024 * 1024);
    let input = line.chain(Cursor::new(b"\nafter"));
    let mut reader = FileRecordReader::new(BufReader::new(input), InputForm::Lines);
    let record = reader.read_record().unwrap().unwrap();
    let rejection = record.bytes.unwrap_err();
    assert_eq!(rejection.reason, RejectionReason::TooLarge);
    assert_eq!(
        rejection.detail,
        "the record is 67108864 bytes long, at most 1048576 are allowed"
    );
    assert_eq!(
        reader.read_record().unwrap().unwrap().bytes,
        Ok(&b"after"[..])
    );
    assert_eq!(reader.read_record().unwrap(), None);
}

#[test]
fn without_a_decoder_records_are_events_in_larums_own_json() {
    let input = r#"{"type":"auth.login","source":"a","time":"2026-11-20T12:00:00Z"}
{"type":"auth.login","source":"a","time":"2026-11-20T12:00:01Z","id":"mine","sequence":9}
{"type":"auth.login"
{"type":"auth.login","source":"a","time":"2026-11-20T12:00:02Z"}"#;
    let records = read_all(input.as_bytes(), None);
    let ids: Vec<Option<&str>> = records
        .iter()
        .map(|record| {
            record
                .outcome
                .as_ref()
                .ok()
                .map(|event| event.envelope().id.as_str())
        })
        .collect();
    assert_eq!(ids[1], Some("mine"));
    assert_eq!(ids[2], None);
    assert_ne!(ids[0], ids[3], "made of different bytes");
    assert_eq!(
        read_all(input.as_bytes(), None)[0].outcome,
        records[0].outcome,
        "read again, the id is the same"
    );
    let sequences: Vec<u64> = records
        .iter()
        .map(larum_file::FileRecord::sequence)
        .collect();
    assert_eq!(sequences, [0, 9, 2, 3]);
    let bad = records[2].to_bad_record().unwrap().to_string();
    assert!(bad.starts_with("test.log:3: syntax: "), "{bad}");
}

#[test]
fn without_a_decoder_an_object_with_a_specversion_is_a_cloudevent() {
    let cloud =
        r#"{"specversion":"1.0","id":"c","type":"auth.login","source":"a","tenantid":"acme"}"#;
    let canonical = r#"{"id":"l","type":"auth.login","source":"a","data":{"specversion":"1.0"}}"#;
    let other = r#"{"specversion":"2.0","id":"c","type":"auth.login","source":"a"}"#;
    let input = format!("[{cloud},{canonical},{other}]");
    let records = read_all(input.as_bytes(), None);
    let tenant = |place: usize| {
        let event = records[place].outcome.as_ref().unwrap();
        event.envelope().tenant.to_string()
    };
    assert_eq!(
        (tenant(0).as_str(), tenant(1).as_str()),
        ("acme", "default")
    );
    let bad = records[2].to_bad_record().unwrap().to_string();
    assert!(
        bad.starts_with("test.log:1: invalid_member: specversion: "),
        "{bad}"
    );
}
