//! The readers of JSON against serde_json: what one takes the other takes, and they read the same.
#![no_main]

use std::cell::RefCell;
use std::fmt;

use larum_event::{
    Channel, Event, EventDefaults, EventId, Severity, Source, TenantId, Timestamp, limits,
};
use larum_predicate::{FlatRecord, FlatRecordReader, PathMap, ValueKind};
use larum_sigma::{LogSources, SigmaLoader};
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Asks of any value, so that a reader keeps them all.
const KEYWORDS: &str = "\
title: Keywords
logsource: { product: any }
detection: { keywords: [ any ], condition: keywords }
";

thread_local! {
    static READER: RefCell<FlatRecordReader> = RefCell::new({
        let mut loader = SigmaLoader::new(LogSources::Ignored);
        loader.add_file("keywords.yml", KEYWORDS);
        let rules = loader.finish().expect("a rule of one keyword");
        rules.record_reader(&PathMap::default())
    });
}

fuzz_target!(|bytes: &[u8]| {
    for line in bytes.split(|byte| *byte == b'\n') {
        records(line);
        events(line);
    }
});

/// Values in the order of the text, those of members that stand twice too.
#[derive(Default)]
struct Leaves {
    values: Vec<(ValueKind, String)>,
    depth: usize,
    is_deep: bool,
}

fn records(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut record = FlatRecord::default();
    let read = READER.with(|reader| reader.borrow_mut().read_json(text, &mut record));
    let oracle = serde_json::from_str::<Tree>(text);
    let (read, tree) = match (read, oracle) {
        (Ok(()), Ok(tree)) => (record, tree),
        (Err(error), Ok(tree)) => {
            let mut leaves = Leaves::default();
            leaves.walk(&tree);
            assert!(leaves.is_deep, "refused: {error}");
            return;
        }
        (Ok(()), Err(error)) => {
            // Larger numbers and half surrogate pairs are refused by one and read by the other.
            let error = error.to_string();
            let known = ["number out of range", "surrogate", "hex escape"];
            assert!(known.iter().any(|known| error.contains(known)), "{error}");
            return;
        }
        (Err(_), Err(_)) => return,
    };
    let mut leaves = Leaves::default();
    leaves.walk(&tree);
    let mut values = read
        .values()
        .filter(|value| value.kind != ValueKind::Container);
    for (kind, expected) in leaves.values {
        let value = values.next().expect("a value less than there are");
        assert_eq!(value.kind, kind);
        if kind == ValueKind::Number {
            let number = |text: &str| text.parse::<f64>().expect("a number");
            let (ours, theirs) = (number(value.text), number(&expected));
            // serde_json may miss the nearest number by the last bit.
            let near = (ours - theirs).abs() <= ours.abs() * 1e-14;
            assert!(near, "{} is not {expected}", value.text);
        } else {
            assert_eq!(value.text, expected);
        }
    }
    assert!(values.next().is_none(), "a value more than there are");
}

fn events(bytes: &[u8]) {
    let source = Source::new("fuzz").expect("a source");
    let fill = EventDefaults {
        arrived: Timestamp::MIN,
        new_id: &|| EventId::new("fuzz").expect("an id"),
        source: Some(&source),
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    let Ok(event) = Event::parse(bytes, &fill) else {
        return;
    };
    let again = Event::from_canonical(event.json()).expect("canonical JSON is read again");
    assert_eq!(again.json(), event.json());
    assert_eq!(again.content_hash(), event.content_hash());
    let canonical: Value = serde_json::from_str(event.json()).expect("canonical JSON is JSON");
    let given: Value = serde_json::from_slice(bytes).expect("what is an event is JSON");
    let data = |value: &Value| value.get("data").cloned().unwrap_or_default();
    assert_eq!(data(&canonical), data(&given));
}

enum Tree {
    Leaf(ValueKind, String),
    Inner(Vec<Tree>),
}

impl Leaves {
    fn walk(&mut self, tree: &Tree) {
        match tree {
            Tree::Leaf(kind, text) => self.values.push((*kind, text.clone())),
            Tree::Inner(members) => {
                self.depth += 1;
                // A value inside of as many is as deep as the limit.
                self.is_deep |= self.depth >= limits::EVENT_DEPTH;
                members.iter().for_each(|member| self.walk(member));
                self.depth -= 1;
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(ValueKind::Bool, value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(ValueKind::Number, value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(ValueKind::Number, value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(ValueKind::Number, value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(ValueKind::Text, value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(ValueKind::Null, String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut inner = Vec::new();
        while let Some(member) = members.next_element()? {
            inner.push(member);
        }
        Ok(Tree::Inner(inner))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut inner = Vec::new();
        while let Some((_, member)) = members.next_entry::<String, Tree>()? {
            inner.push(member);
        }
        Ok(Tree::Inner(inner))
    }
}
