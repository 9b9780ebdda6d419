//! The matcher against plain evaluation, and the reader against another reader.

use std::sync::Arc;

use larum_event::value::{CaseSensitivity, Comparison, GlobPart, GlobPattern, Number, fold_case};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const FIELDS: [&str; 3] = ["a", "b", "c.d"];

/// A test and the place of its field; past the last one, any value.
type Question = (usize, FieldTest);

/// A program over questions by number.
#[derive(Debug, Clone)]
enum Plan {
    Is(usize),
    Not(Box<Plan>),
    All(Vec<Plan>),
    Any(Vec<Plan>),
}

fn literal() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[abAÄä1]{0,3}").unwrap()
}

fn question() -> impl Strategy<Value = Question> {
    let kind = prop_oneof![
        Just(TextAnchor::Whole),
        Just(TextAnchor::Start),
        Just(TextAnchor::End),
        Just(TextAnchor::Anywhere)
    ];
    let case = prop_oneof![
        Just(CaseSensitivity::Insensitive),
        Just(CaseSensitivity::Sensitive)
    ];
    let part = prop_oneof![
        Just(GlobPart::Run),
        Just(GlobPart::One),
        literal().prop_map(GlobPart::Literal)
    ];
    let test = prop_oneof![
        6 => (kind, literal(), case.clone())
            .prop_map(|(kind, literal, case)| FieldTest::Text { kind, literal, case }),
        2 => (proptest::collection::vec(part, 0..4), case)
            .prop_map(|(parts, case)| FieldTest::Pattern { glob: GlobPattern::new(parts), case }),
        1 => Just(FieldTest::Regex("a.?b".to_owned())),
        1 => Just(FieldTest::Number(Comparison::AtLeast, Number::Whole(2))),
        1 => Just(FieldTest::Present),
        1 => Just(FieldTest::HasValue),
        1 => Just(FieldTest::Null),
    ];
    (0..=FIELDS.len(), test).prop_map(|(field, test)| match test {
        // Whether any value is there is not asked.
        FieldTest::Present | FieldTest::Null if field == FIELDS.len() => {
            (field, FieldTest::HasValue)
        }
        test => (field, test),
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let leaf = (0..12_usize).prop_map(Plan::Is);
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|plan| Plan::Not(Box::new(plan))),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Plan::All),
            proptest::collection::vec(inner, 0..4).prop_map(Plan::Any),
        ]
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => literal().prop_map(Value::from),
        1 => (0..4_i64).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
    ]
}

fn event() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        4 => scalar(),
        1 => proptest::collection::vec(scalar(), 0..3).prop_map(Value::from),
    ];
    proptest::collection::vec(proptest::option::of(value), FIELDS.len()).prop_map(|values| {
        let mut event = Map::new();
        for (field, value) in FIELDS.into_iter().zip(values) {
            let Some(value) = value else { continue };
            match field.split_once('.') {
                Some((outer, inner)) => event.insert(outer.to_owned(), json!({inner: value})),
                None => event.insert(field.to_owned(), value),
            };
        }
        event.into()
    })
}

fn scalars<'e>(value: &'e Value, into: &mut Vec<&'e Value>) {
    match value {
        Value::Array(members) => members.iter().for_each(|member| scalars(member, into)),
        Value::Object(members) => members.values().for_each(|member| scalars(member, into)),
        scalar => into.push(scalar),
    }
}

/// The answer, without any of what is being tested but folding and patterns.
pub(super) fn plainly(fields: &[&str], event: &Value, (field, test): &Question) -> bool {
    let name = fields.get(*field);
    let found = name.and_then(|name| event.pointer(&format!("/{}", name.replace('.', "/"))));
    let mut members = Vec::new();
    match (name, found) {
        (None, _) => scalars(event, &mut members),
        (Some(_), Some(value)) => scalars(value, &mut members),
        (Some(_), None) => {}
    }
    let texts = members.iter().filter_map(|member| match member {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    });
    let texts: Vec<String> = texts.collect();
    let folded = |case: &CaseSensitivity, text: &str| case.normalize(text).into_owned();
    texts.iter().any(|text| match test {
        FieldTest::Text {
            kind,
            literal,
            case,
        } => kind.holds(&folded(case, text), &folded(case, literal)),
        FieldTest::Pattern {
            glob,
            case: CaseSensitivity::Insensitive,
        } => glob
            .normalize(CaseSensitivity::Insensitive)
            .whole_matcher()
            .is_match(&fold_case(text)),
        FieldTest::Pattern { glob, .. } => glob.whole_matcher().is_match(text),
        FieldTest::Regex(pattern) => regex::Regex::new(pattern).unwrap().is_match(text),
        FieldTest::Number(..) => text.parse::<i64>().is_ok_and(|number| number >= 2),
        FieldTest::HasValue => true,
        _ => false,
    }) || match test {
        FieldTest::Present => found.is_some(),
        FieldTest::Null => found.is_none() || members.contains(&&Value::Null),
        _ => false,
    }
}

impl Plan {
    fn holds(&self, event: &Value, questions: &[Question]) -> bool {
        match self {
            Self::Is(at) => plainly(&FIELDS, event, &questions[at % questions.len()]),
            Self::Not(inner) => !inner.holds(event, questions),
            Self::All(parts) => parts.iter().all(|part| part.holds(event, questions)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(event, questions)),
        }
    }

    fn expression(&self, ids: &[PredicateId]) -> BoolExpression {
        let each = |parts: &[Self]| parts.iter().map(|part| part.expression(ids)).collect();
        match self {
            Self::Is(at) => BoolExpression::Is(ids[at % ids.len()]),
            Self::Not(inner) => inner.expression(ids).negate(),
            Self::All(parts) => BoolExpression::All(each(parts)),
            Self::Any(parts) => BoolExpression::Any(each(parts)),
        }
    }
}

proptest! {
    #[test]
    fn the_matcher_answers_as_plain_evaluation_does(
        questions in proptest::collection::vec(question(), 1..12),
        plans in proptest::collection::vec(plan(), 1..8),
        events in proptest::collection::vec(event(), 1..6),
    ) {
        let mut builder = PredicateSetBuilder::default();
        let view = builder.add_view("", BoolExpression::Always).unwrap();
        let mut ids = Vec::new();
        for (field, test) in &questions {
            let slot = FIELDS.get(*field).map(|name| builder.field_slot(name));
            ids.push(builder.add_predicate(slot, test.clone()).unwrap());
        }
        for plan in &plans {
            builder.add_rule([(view, plan.expression(&ids))]);
        }
        let set = Arc::new(builder.build().unwrap());
        let mut reader = FlatRecordReader::new(&set, &PathMap::default());
        let mut matcher = PredicateMatcher::new(Arc::clone(&set));
        let (mut record, mut found) = (FlatRecord::default(), Vec::new());
        for event in &events {
            reader.read_json(&event.to_string(), &mut record).unwrap();
            matcher.match_record(&record, &mut found);
            let wanted: Vec<u32> = (0..)
                .zip(&plans)
                .filter(|(_, plan)| plan.holds(event, &questions))
                .map(|(rule, _)| rule)
                .collect();
            prop_assert_eq!(&found, &wanted, "{}", event);
            for (question, id) in questions.iter().zip(&ids) {
                prop_assert_eq!(matcher.predicate_holds(&record, *id), plainly(&FIELDS, event, question));
            }
        }
    }

    #[test]
    fn the_reader_takes_what_is_json_and_nothing_else(text in "[ \\[\\]{}\",:0-9eE.+\\\\u\\-tru\\nä]{0,12}") {
        let set = PredicateSetBuilder::default().build().unwrap();
        let mut reader = FlatRecordReader::new(&set, &PathMap::default());
        let ours = reader.read_json(&text, &mut FlatRecord::default()).is_ok();
        // Half a surrogate pair is an error there and U+FFFD here.
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
        prop_assert_eq!(ours, theirs, "{:?}", text);
    }

    #[test]
    fn texts_are_unescaped_as_elsewhere(text in any::<String>()) {
        let mut builder = PredicateSetBuilder::default();
        let slot = builder.field_slot("a");
        let set = builder.build().unwrap();
        let mut record = FlatRecord::default();
        let event = json!({"x": [1, text.clone()], "a": text});
        FlatRecordReader::new(&set, &PathMap::default()).read_json(&event.to_string(), &mut record).unwrap();
        let values: Vec<_> = record.values().map(|value| (value.slot, value.text)).collect();
        prop_assert_eq!(values, [(Some(slot), text.as_str())]);
    }
}

#[test]
fn surrogates_pair_up_and_halves_are_replaced() {
    let mut builder = PredicateSetBuilder::default();
    builder.field_slot("a");
    let set = builder.build().unwrap();
    let mut reader = FlatRecordReader::new(&set, &PathMap::default());
    let mut record = FlatRecord::default();
    for (json, text) in [
        (r#"{"a":"\ud83d\ude00"}"#, "😀"),
        (r#"{"a":"\ud83dx"}"#, "\u{fffd}x"),
        (r#"{"a":"\ud83d\u0041"}"#, "\u{fffd}A"),
        (r#"{"\u0061":"\u00e4"}"#, "ä"),
    ] {
        reader.read_json(json, &mut record).unwrap();
        assert_eq!(
            record.values().next().map(|value| value.text),
            Some(text),
            "{json}"
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let set = PredicateSetBuilder::default().build().unwrap();
    let mut reader = FlatRecordReader::new(&set, &PathMap::default());
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let most = larum_event::limits::EVENT_DEPTH;
    assert!(
        reader
            .read_json(&nested(most), &mut FlatRecord::default())
            .is_ok()
    );
    assert!(
        reader
            .read_json(&nested(most + 1), &mut FlatRecord::default())
            .is_err()
    );
}

#[test]
fn a_view_may_only_ask_what_a_visit_settles() {
    let mut builder = PredicateSetBuilder::default();
    let slot = builder.field_slot("a");
    let regex = builder
        .add_predicate(Some(slot), FieldTest::Regex("a".to_owned()))
        .unwrap();
    let view = builder.add_view("v", BoolExpression::Is(regex));
    assert!(matches!(view, Err(BuildError::ExpensiveView)));
}

#[test]
fn the_same_question_is_one_predicate() {
    let mut builder = PredicateSetBuilder::default();
    let slot = builder.field_slot("a");
    let mut ask = |literal: &str, case| {
        let (kind, literal) = (TextAnchor::Whole, literal.to_owned());
        builder
            .add_predicate(
                Some(slot),
                FieldTest::Text {
                    kind,
                    literal,
                    case,
                },
            )
            .unwrap()
    };
    assert_eq!(
        ask("X", CaseSensitivity::Insensitive),
        ask("x", CaseSensitivity::Insensitive)
    );
    assert_ne!(
        ask("X", CaseSensitivity::Sensitive),
        ask("x", CaseSensitivity::Sensitive)
    );
}

#[test]
fn a_given_predicate_opens_a_view_and_holds_in_no_other_way() {
    let mut builder = PredicateSetBuilder::default();
    let topic = builder
        .add_predicate(None, FieldTest::Given("topic".to_owned()))
        .unwrap();
    let slot = builder.field_slot("a");
    let present = builder
        .add_predicate(Some(slot), FieldTest::Present)
        .unwrap();
    let of_topic = builder
        .add_view("topic", BoolExpression::Is(topic))
        .unwrap();
    let everywhere = builder.add_view("", BoolExpression::Always).unwrap();
    builder.add_rule([(of_topic, BoolExpression::Is(present))]);
    builder.add_rule([(everywhere, BoolExpression::Is(topic).negate())]);
    builder.add_rule([(of_topic, BoolExpression::Always)]);
    let set = Arc::new(builder.build().unwrap());
    assert!(!set.asks_any_value());
    let mut record = FlatRecord::default();
    record.push_value(set.field_slot("a"), ValueKind::Text, "topic");
    let mut matcher = PredicateMatcher::new(set);
    let mut out = Vec::new();
    for (given, wanted) in [
        (&[topic][..], vec![0, 2]),
        (&[], vec![1]),
        (&[topic], vec![0, 2]),
    ] {
        matcher.match_record_given(&record, given, &mut out);
        assert_eq!(out, wanted);
        assert_eq!(matcher.predicate_holds(&record, topic), !given.is_empty());
    }
}

#[test]
fn a_layout_below_a_member_finds_nothing_beside_it() {
    let mut map = PathMap::default();
    map.add_mount("inner");
    map.add_alias("alias", "b");
    let mut builder = PredicateSetBuilder::default();
    for field in ["a", "b", "type"] {
        builder.field_slot(field);
    }
    let set = builder.build().unwrap();
    let mut reader = FlatRecordReader::new(&set, &map.nest_under("data"));
    let mut record = FlatRecord::default();
    let event = json!({
        "type": "no field",
        "inner": {"a": "no"},
        "data": {"a": "1", "inner": {"a": "2"}, "alias": "3", "data": {"a": "no"}},
    });
    reader.read_json(&event.to_string(), &mut record).unwrap();
    let found: Vec<_> = record
        .values()
        .filter(|value| value.kind == ValueKind::Text)
        .filter_map(|value| Some((value.slot?, value.text)))
        .collect();
    let slot = |name| set.field_slot(name).unwrap();
    assert_eq!(
        found,
        [(slot("a"), "1"), (slot("a"), "2"), (slot("b"), "3")]
    );
}
