//! Whatever bytes come, nothing panics and nothing is lost.

use larum_event::decode::Decoder;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use crate::{read, read_all};

const TEXT: &str = r#"
name = "t"
format = "text"
[fields]
time = { from = "time", format = "%b %e %H:%M:%S", zone = "Europe/Berlin", year = 2016 }
[text]
integer = ["n"]
[[text.pattern]]
regex = '^(?P<time>\w+ +\d+ [\d:]+) ?(?P<n>\d+)?(?P<rest>.*)$'
type = "x"
"#;

const JSON: &str = r#"
name = "j"
format = "json"
[fields]
id = { from = "id", default = "none" }
type = { from = "type", prefix = "t." }
time = { from = "time", format = "epoch_ms" }
sequence = "n"
source = { from = "a.b", default = "s" }
[metadata]
user = { from = "user", map = { a = "b" } }
ip = "a"
"#;

/// Bytes that look like input more often than chance would have it.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        "[\\[\\]{}\",:\\\\ \n\r0-9a-z]{0,40}".prop_map(String::into_bytes),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just(b"\xff\xfe".to_vec()),
        Just(b"\x1f\x8b\x08\0".to_vec()),
        "[A-Z][a-z]{2} [ 0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{0,25}\n".prop_map(String::into_bytes),
        "\\{\"type\":\"[a-z.]{1,9}\",\"time\":-?[0-9]{1,20},\"a\":\\{\"b\":[0-9]{1,3}\\},\"user\":\"[a-c]\"\\}\n"
            .prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Only such input can break off; the tests of the input say how.
fn is_utf16_or_gzip(bytes: &[u8]) -> bool {
    [[0xff, 0xfe], [0xfe, 0xff], [0x1f, 0x8b]]
        .iter()
        .any(|start| bytes.starts_with(start))
}

proptest! {
    #[test]
    fn any_bytes_become_events_and_rejections_numbered_without_a_gap(bytes in input()) {
        let text = Decoder::load("t.toml", TEXT).unwrap();
        let json = Decoder::load("j.toml", JSON).unwrap();
        for decoder in [None, Some(&text), Some(&json)] {
            let Ok(outcomes) = read(&bytes, decoder) else {
                prop_assert!(is_utf16_or_gzip(&bytes));
                continue;
            };
            let mut line = 0;
            let last = outcomes.len().saturating_sub(1);
            for (place, record) in outcomes.into_iter().enumerate() {
                let Ok(record) = record else {
                    prop_assert!(place == last && is_utf16_or_gzip(&bytes));
                    continue;
                };
                prop_assert_eq!(record.number, place as u64);
                prop_assert!(record.line >= line);
                line = record.line;
            }
        }
    }

    #[test]
    fn objects_are_the_same_records_as_lines_and_as_an_array(numbers in proptest::collection::vec(any::<i64>(), 0..20)) {
        let json = Decoder::load("j.toml", JSON).unwrap();
        let objects: Vec<String> = numbers
            .iter()
            .map(|number| format!("{{\"type\":\"x\",\"time\":{number},\"more\":[{{}},\"],\"]}}"))
            .collect();
        let outcomes = |text: String| -> Vec<_> {
            read_all(text.as_bytes(), Some(&json)).into_iter().map(|record| record.outcome).collect()
        };
        let lines = outcomes(objects.join("\n"));
        prop_assert_eq!(lines.len(), numbers.len());
        prop_assert_eq!(lines, outcomes(format!(" [ {} ]", objects.join(" ,\n"))));
    }

    #[test]
    fn any_text_is_a_decoder_or_a_list_of_problems(text in "[a-z\\[\\]{}=\"'\n.# ]{0,80}") {
        if let Err(error) = Decoder::load("x.toml", &text) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.to_string().starts_with("x.toml:"));
        }
    }
}
