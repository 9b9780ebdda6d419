//! The matcher against plain evaluation on texts like those of real events: long, with other
//! letters than ASCII, asked by many rules of several views; and a reader that remembers against
//! one that does not.

use std::sync::Arc;

use larum_event::value::{CaseSensitivity, GlobPart, GlobPattern};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::tests::plainly;

const FIELDS: [&str; 3] = ["a", "b", "c.d"];

/// What texts and values are made of, so that they meet.
const PIECES: [&str; 24] = [
    r"\powershell.exe",
    "powershell",
    ".EXE",
    r"C:\Windows\System32",
    "SHA256=AB12CD34EF567890AB12CD34EF567890",
    "-EncodedCommand",
    " -e ",
    " /c",
    "ab",
    "a",
    "0",
    "\"",
    "\n",
    "ſ",
    "\u{212a}",
    "Ä",
    "ß",
    "日本語",
    "®",
    "İ",
    "Σας",
    "😀",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "mimikatz",
];

fn pieces(most: usize) -> impl Strategy<Value = String> {
    let piece = (0..PIECES.len(), 0..3_u8, 0..20_usize, 1..24_usize);
    let piece = piece.prop_map(|(piece, case, skip, take)| {
        let piece = match case {
            0 => PIECES[piece].to_lowercase(),
            1 => PIECES[piece].to_uppercase(),
            _ => PIECES[piece].to_owned(),
        };
        // Most pieces whole, some cut.
        let skip = skip.saturating_sub(14);
        piece
            .chars()
            .skip(skip)
            .take(take.max(8))
            .collect::<String>()
    });
    proptest::collection::vec(piece, 0..=most).prop_map(|pieces| pieces.concat())
}

fn test() -> impl Strategy<Value = FieldTest> {
    let kind = prop_oneof![
        Just(TextAnchor::Whole),
        Just(TextAnchor::Start),
        Just(TextAnchor::End),
        Just(TextAnchor::Anywhere),
        Just(TextAnchor::Anywhere)
    ];
    let case =
        prop_oneof![3 => Just(CaseSensitivity::Insensitive), 1 => Just(CaseSensitivity::Sensitive)];
    let regex = prop_oneof![
        Just("(?i)power.{0,9}EXE"),
        Just("[Kk]atz$|^sha(256|1)="),
        Just("(?i)k|ſ.*"),
        Just("\\d{2,}[A-F]+"),
    ];
    prop_oneof![
        8 => (kind, pieces(2), case.clone())
            .prop_map(|(kind, literal, case)| FieldTest::Text { kind, literal, case }),
        1 => (pieces(1), pieces(1), case).prop_map(|(before, behind, case)| {
            let literals = [GlobPart::Literal(before), GlobPart::Run, GlobPart::Literal(behind)];
            FieldTest::Pattern { glob: GlobPattern::new(literals), case }
        }),
        1 => regex.prop_map(|pattern| FieldTest::Regex(pattern.to_owned())),
    ]
}

fn event() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![Just("one"), Just("two"), Just("none")];
    let values = proptest::collection::vec(proptest::option::of(pieces(4)), FIELDS.len() + 1);
    (kind, values).prop_map(|(kind, values)| {
        let mut event = Map::new();
        event.insert("kind".to_owned(), kind.into());
        // The last stands where no rule asks.
        let names = FIELDS.into_iter().chain(["elsewhere"]);
        for (name, value) in names.zip(values) {
            let Some(value) = value else { continue };
            match name.split_once('.') {
                Some((outer, inner)) => {
                    event.insert(outer.to_owned(), serde_json::json!({ inner: value }))
                }
                None => event.insert(name.to_owned(), value.into()),
            };
        }
        event.into()
    })
}

fn kind_is(builder: &mut PredicateSetBuilder, kind: &str) -> BoolExpression {
    let slot = builder.field_slot("kind");
    let test = FieldTest::Text {
        kind: TextAnchor::Whole,
        literal: kind.to_owned(),
        case: CaseSensitivity::Insensitive,
    };
    BoolExpression::Is(builder.add_predicate(Some(slot), test).unwrap())
}

proptest! {
    #[test]
    fn texts_like_those_of_real_events_are_decided_as_plainly(
        questions in proptest::collection::vec((0..=FIELDS.len(), test()), 1..120),
        negations in proptest::collection::vec(any::<bool>(), 120),
        events in proptest::collection::vec(event(), 1..5),
    ) {
        let mut builder = PredicateSetBuilder::default();
        let views = ["one", "two"].map(|kind| {
            let expression = kind_is(&mut builder, kind);
            builder.add_view(kind, expression).unwrap()
        });
        // A rule is two questions of a view, of which the second may be denied.
        let mut ids = Vec::new();
        for (field, test) in &questions {
            let slot = FIELDS.get(*field).map(|name| builder.field_slot(name));
            ids.push(builder.add_predicate(slot, test.clone()).unwrap());
        }
        for (at, id) in ids.iter().enumerate() {
            let second = BoolExpression::Is(ids[at / 2]);
            let second = if negations[at] { second.negate() } else { second };
            builder.add_rule([(views[at % 2], BoolExpression::All(vec![BoolExpression::Is(*id), second]))]);
        }
        let set = Arc::new(builder.build().unwrap());
        let mut reader = FlatRecordReader::new(&set, &PathMap::default());
        let mut matcher = PredicateMatcher::new(Arc::clone(&set));
        let (mut record, mut found) = (FlatRecord::default(), Vec::new());
        for event in &events {
            reader.read_json(&event.to_string(), &mut record).unwrap();
            matcher.match_record(&record, &mut found);
            let plainly = |at: usize| plainly(&FIELDS, event, &questions[at]);
            let wanted: Vec<u32> = (0..questions.len())
                .filter(|at| event["kind"] == ["one", "two"][at % 2])
                .filter(|at| plainly(*at) && plainly(at / 2) != negations[*at])
                .map(|at| u32::try_from(at).unwrap())
                .collect();
            prop_assert_eq!(&found, &wanted, "{}", event);
            for (at, id) in ids.iter().enumerate() {
                prop_assert_eq!(matcher.predicate_holds(&record, *id), plainly(at), "{:?}", questions[at]);
            }
        }
    }

    #[test]
    fn a_reader_that_remembers_reads_as_one_that_does_not(
        events in proptest::collection::vec(document(3), 1..12),
    ) {
        let mut builder = PredicateSetBuilder::default();
        for field in ["a", "a.b", "ThreatName", "x", "n".repeat(31).as_str(), "c.d.a"] {
            builder.field_slot(field);
        }
        builder.add_predicate(None, FieldTest::HasValue).unwrap();
        builder.path_slot("a.b");
        builder.element_slot("x");
        let set = builder.build().unwrap();
        let mut map = PathMap::default();
        map.add_mount("m");
        map.add_mount("c.*");
        map.add_alias("b", "x");
        let mut remembers = FlatRecordReader::new(&set, &map);
        let (mut one, mut other) = (FlatRecord::default(), FlatRecord::default());
        for event in &events {
            remembers.read_json(event, &mut one).unwrap();
            FlatRecordReader::new(&set, &map).read_json(event, &mut other).unwrap();
            let values = |record: &FlatRecord| {
                let values = record.values();
                let owned = values.map(|value| (value.slot, value.kind, value.text.to_owned()));
                owned.collect::<Vec<_>>()
            };
            prop_assert_eq!(values(&one), values(&other), "{}", event);
        }
    }
}

/// JSON with names that are laid out, escaped, long, or of no rule.
fn document(depth: u32) -> impl Strategy<Value = String> {
    let names = [
        "a",
        "b",
        "a.b",
        "c",
        "d",
        "m",
        "x",
        "#text",
        "Threat Name",
        r"\u0061",
        r"a\u002eb",
        "n",
        "other",
    ];
    let mut names: Vec<String> = names.map(str::to_owned).into();
    names.extend([30, 31, 32, 33, 300].map(|count| "n".repeat(count)));
    let leaf = prop_oneof![
        pieces(2).prop_map(|text| Value::from(text).to_string()),
        Just("1.5e3".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[]".to_owned()),
    ];
    leaf.prop_recursive(depth, 24, 5, move |inner| {
        let name = proptest::sample::select(names.clone());
        let members = proptest::collection::vec((name, inner.clone()), 0..5);
        let object = members.prop_map(|members| {
            let member = |(name, value): &(String, String)| format!("\"{name}\": {value}");
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        });
        let elements = proptest::collection::vec(inner, 0..3);
        let array = elements.prop_map(|elements| format!("[{}]", elements.join(" , ")));
        prop_oneof![4 => object, 1 => array]
    })
}

#[test]
fn strings_are_read_at_every_place_of_a_step() {
    let mut builder = PredicateSetBuilder::default();
    let slot = builder.field_slot("a");
    let set = builder.build().unwrap();
    let mut reader = FlatRecordReader::new(&set, &PathMap::default());
    let mut record = FlatRecord::default();
    for before in 0..70 {
        for (written, meant) in [
            ("", ""),
            (r"\\", "\\"),
            (r"\u00e4", "ä"),
            ("ä", "ä"),
            (r"\n\t", "\n\t"),
        ] {
            for behind in [0, 1, 31, 32, 33] {
                let (before, behind) = ("b".repeat(before), "e".repeat(behind));
                let json = format!("{{\"a\":\"{before}{written}{behind}\"}}");
                reader.read_json(&json, &mut record).unwrap();
                let text = format!("{before}{meant}{behind}");
                let values: Vec<_> = record
                    .values()
                    .map(|value| (value.slot, value.text))
                    .collect();
                assert_eq!(values, [(Some(slot), text.as_str())]);
            }
        }
        // Control characters and ends that are missing are found wherever they stand.
        let before = "b".repeat(before);
        for wrong in [
            format!("\"{before}\u{1f}\""),
            format!("\"{before}"),
            format!("\"{before}\\"),
            format!("\"{before}\\x\""),
        ] {
            assert!(reader.read_json(&wrong, &mut record).is_err(), "{wrong:?}");
        }
        assert!(
            reader
                .read_json(&format!("\"{before}\u{7f}\u{20}\""), &mut record)
                .is_ok()
        );
    }
}

#[test]
fn what_is_asked_of_any_value_is_found_in_other_letters_and_not_across_values() {
    let mut builder = PredicateSetBuilder::default();
    let test = FieldTest::Text {
        kind: TextAnchor::Anywhere,
        literal: "mimikatz".to_owned(),
        case: CaseSensitivity::Insensitive,
    };
    let asked = builder.add_predicate(None, test).unwrap();
    let view = builder.add_view("", BoolExpression::Always).unwrap();
    builder.add_rule([(view, BoolExpression::Is(asked))]);
    let set = Arc::new(builder.build().unwrap());
    let mut reader = FlatRecordReader::new(&set, &PathMap::default());
    let mut matcher = PredicateMatcher::new(set);
    let (mut record, mut found) = (FlatRecord::default(), Vec::new());
    for (event, holds) in [
        (r#"{"x": "run MimiKatz now"}"#, true),
        (r#"{"x": "mimi\u212aatz"}"#, true),
        (r#"{"x": "ä MIMIKATZ"}"#, true),
        (r#"{"x": ["ä", {"y": "MIMIKATZ"}]}"#, true),
        (r#"{"x": "mimi", "y": "katz"}"#, false),
        (r#"{"x": "ämimi", "y": "katz"}"#, false),
        (r#"{"mimikatz": 1}"#, false),
    ] {
        reader.read_json(event, &mut record).unwrap();
        matcher.match_record(&record, &mut found);
        assert_eq!(!found.is_empty(), holds, "{event}");
    }
}
