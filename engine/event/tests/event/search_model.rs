//! Searches against the plain way: a tree of the event's JSON, and wildcards tried one by one.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use larum_event::search::{
    EventSearch, RangeLimit, RangeLimits, RangeValue, SearchField, SearchNode, SearchTerm,
    ValueCondition,
};
use larum_event::{Severity, Timestamp, Topic, TopicPattern};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::door::parse as event;
use crate::search_properties::searches;

fn fold(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['\0', rest @ ..] => (0..=text.len()).any(|skipped| like(rest, &text[skipped..])),
        ['\u{1}', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        [first, rest @ ..] => text.first() == Some(first) && like(rest, &text[1..]),
    }
}

/// A pattern as it prints, with wildcards as control characters.
fn pattern(printed: &str) -> String {
    let mut pattern = String::new();
    let mut characters = printed.chars();
    while let Some(c) = characters.next() {
        pattern.push(match c {
            '*' => '\0',
            '?' => '\u{1}',
            '\\' => characters.next().unwrap(),
            other => other,
        });
    }
    pattern
}

fn bounded<T: PartialOrd>(
    limits: &RangeLimits,
    value: T,
    ends: impl Fn(&RangeValue) -> Option<(T, T)>,
) -> bool {
    let check = |limit: &Option<RangeLimit>, holds: &dyn Fn(T, T, bool) -> bool| match limit {
        None => true,
        Some(limit) => ends(&limit.at).is_some_and(|(from, to)| holds(from, to, limit.is_included)),
    };
    check(&limits.low, &|from, to, included| {
        if included { value >= from } else { value > to }
    }) && check(&limits.high, &|from, to, included| {
        if included { value <= to } else { value < from }
    })
}

struct Model {
    event: Value,
    now: Timestamp,
}

impl Model {
    fn holds(&self, node: &SearchNode) -> bool {
        match node {
            SearchNode::All(parts) => parts.iter().all(|part| self.holds(part)),
            SearchNode::Any(parts) => parts.iter().any(|part| self.holds(part)),
            SearchNode::Not(part) => !self.holds(part),
            SearchNode::Term(term) => self.term(term),
            SearchNode::Word(word) => {
                let wanted = fold(&format!("\0{}\0", pattern(&word.to_string())));
                let mut texts = Vec::new();
                leaves(&self.event, &mut texts);
                texts.iter().any(|text| like(&wanted, &fold(text)))
            }
        }
    }

    fn term(&self, term: &SearchTerm) -> bool {
        let values = self.values(&term.field);
        values.iter().any(|value| {
            term.any
                .iter()
                .any(|want| self.wants(&term.field, want, value))
        })
    }

    fn at(&self, pointer: &str) -> Value {
        self.event.pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    fn values(&self, field: &SearchField) -> Vec<Value> {
        let channel = self.at("/channel");
        let event_type = self.at("/type");
        let each = |pointers: &[&str]| pointers.iter().map(|pointer| self.at(pointer)).collect();
        match field {
            SearchField::Type => each(&["/type"]),
            SearchField::Channel => each(&["/channel"]),
            SearchField::Source => each(&["/source"]),
            SearchField::User => each(&["/metadata/user"]),
            SearchField::Severity => each(&["/severity"]),
            SearchField::Tenant => each(&["/metadata/tenantId"]),
            SearchField::Id => each(&["/id"]),
            SearchField::Time => each(&["/time"]),
            SearchField::Step => each(&["/correlationId"]),
            SearchField::Parent => each(&["/correlation/parent"]),
            SearchField::Correlation => each(&["/correlationId", "/correlation/root"]),
            SearchField::Root => match self.at("/correlation/root") {
                Value::Null => each(&["/correlationId"]),
                root => vec![root],
            },
            SearchField::Topic => {
                let text = format!(
                    "{}.{}",
                    channel.as_str().unwrap(),
                    event_type.as_str().unwrap()
                );
                vec![text.to_lowercase().into()]
            }
            SearchField::Rule if channel == "alerts" => vec![event_type],
            SearchField::Rule => Vec::new(),
            SearchField::Kind => vec![Value::from(match channel.as_str() {
                Some("alerts") => "alert",
                Some("$sys") => "system",
                _ => "event",
            })],
            SearchField::Host => {
                let mut hosts: Vec<Value> = each(&["/metadata/host", "/data/host"]);
                let short: Vec<Value> = hosts
                    .iter()
                    .filter_map(|host| Some(host.as_str()?.split_once('.')?.0.into()))
                    .collect();
                hosts.extend(short);
                hosts
            }
            SearchField::Ip => each(&["/metadata/ip", "/data/ip"]),
            SearchField::Trace => match self.at("/traceparent").as_str() {
                None => Vec::new(),
                Some(parent) => {
                    let parts: Vec<&str> = parent.split('-').collect();
                    let both = format!("{}/{}", parts[1], parts[2]);
                    vec![parent.into(), parts[1].into(), both.into()]
                }
            },
            SearchField::Path(path) => {
                let mut found = Vec::new();
                let joined = path.replace("correlation.tags.a.b", "correlation.tags.a\0b");
                let path: Vec<String> = joined
                    .split('.')
                    .map(|name| name.replace('\0', "."))
                    .collect();
                walk(&self.event, &path, &mut found);
                found
            }
        }
    }

    fn wants(&self, field: &SearchField, want: &ValueCondition, value: &Value) -> bool {
        let text = match value {
            Value::Null => return false,
            _ if *want == ValueCondition::Present => return true,
            Value::Array(_) | Value::Object(_) => return false,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let number = value
            .as_f64()
            .or_else(|| text.parse().ok().filter(|_| text != "0443"));
        let time = Timestamp::parse(&text).ok();
        match want {
            ValueCondition::Present => true,
            ValueCondition::Text(glob) => {
                let printed = pattern(&glob.to_string());
                let is_id = matches!(
                    field,
                    SearchField::Id
                        | SearchField::Step
                        | SearchField::Correlation
                        | SearchField::Root
                        | SearchField::Parent
                );
                let is_alike = if is_id {
                    like(
                        &printed.chars().collect::<Vec<_>>(),
                        &text.chars().collect::<Vec<_>>(),
                    )
                } else {
                    like(&fold(&printed), &fold(&text))
                };
                is_alike
                    || (value.is_number()
                        && printed
                            .parse()
                            .is_ok_and(|wanted: f64| Some(wanted) == number))
            }
            ValueCondition::Network(network) => {
                let (address, prefix) = network
                    .to_string()
                    .split_once('/')
                    .map(|(a, p)| (a.to_owned(), p.to_owned()))
                    .unwrap();
                let bits = |text: &str| {
                    text.parse::<std::net::Ipv4Addr>()
                        .map(|it| u64::from(it.to_bits()))
                };
                let shift = 32 - prefix.parse::<u32>().unwrap();
                bits(&text).is_ok_and(|own| own >> shift == bits(&address).unwrap() >> shift)
            }
            ValueCondition::Topics(topics) => {
                let topics: &TopicPattern = topics;
                Topic::new(&text).is_ok_and(|topic| topics.matches(&topic))
            }
            ValueCondition::Last(span) => {
                time.is_some_and(|time| time >= self.now.saturating_sub(*span))
            }
            ValueCondition::Range(limits) => {
                let of_number = number.is_some_and(|number| {
                    bounded(limits, number, |at| match at {
                        RangeValue::Number(own) => {
                            own.to_string().parse().ok().map(|own: f64| (own, own))
                        }
                        _ => None,
                    })
                });
                let of_time = time.is_some_and(|time| {
                    bounded(limits, time, |at| match at {
                        RangeValue::Time(own) => Some((own.from, own.to)),
                        _ => None,
                    })
                });
                let of_severity = text.parse::<Severity>().is_ok_and(|own| {
                    bounded(limits, own, |at| match at {
                        RangeValue::Severity(at) => Some((*at, *at)),
                        _ => None,
                    })
                });
                of_number || of_time || of_severity
            }
        }
    }
}

fn leaves(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| leaves(item, texts)),
        Value::Object(members) => members.values().for_each(|member| leaves(member, texts)),
        Value::String(text) => texts.push(text.clone()),
        other => texts.push(other.to_string()),
    }
}

fn walk(value: &Value, path: &[String], found: &mut Vec<Value>) {
    if path.is_empty() {
        found.push(value.clone());
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, found)),
        Value::Object(members) => {
            if let Some((name, rest)) = path.split_first()
                && let Some(member) = members.get(name)
            {
                walk(member, rest, found);
            }
        }
        _ => {}
    }
}

fn one_of(values: &[Value]) -> impl Strategy<Value = Value> + use<> {
    prop::sample::select(values.to_vec())
}

fn leaf() -> impl Strategy<Value = Value> {
    one_of(&[
        json!(null),
        json!(0),
        json!(1),
        json!(2),
        json!(1.5),
        json!(100),
        json!(-1),
        json!(true),
        json!("eve"),
        json!("EVE"),
        json!("a b"),
        json!(""),
        json!("\"\\*"),
        json!("1"),
        json!("0443"),
        json!("10.1.2.3"),
        json!("É"),
        json!("abc"),
        json!("a"),
        json!("2026-11-20T12:00:30Z"),
        json!("2026-11-21T00:00:00Z"),
        json!("null"),
        json!("bca\nb"),
    ])
}

fn events() -> impl Strategy<Value = Value> {
    let node = || {
        one_of(&[
            json!(null),
            json!("t-1"),
            json!("r-1"),
            json!("T-1"),
            json!("eve"),
        ])
    };
    let data = (
        leaf(),
        leaf(),
        prop::collection::vec(leaf(), 0..3),
        leaf(),
        prop::collection::vec(leaf(), 0..3),
        leaf(),
    );
    let names = (
        one_of(&[
            json!("auth.login"),
            json!("auth.Login"),
            json!("a"),
            json!("abc"),
            json!("eve"),
        ]),
        one_of(&[
            json!("security"),
            json!("alerts"),
            json!("events"),
            json!("$sys"),
        ]),
        one_of(&[
            json!("info"),
            json!("low"),
            json!("medium"),
            json!("high"),
            json!("critical"),
        ]),
        one_of(&[
            json!("2026-11-20T12:00:00Z"),
            json!("2026-11-20T12:00:59.9Z"),
            json!("2026-11-19T23:59:59Z"),
            json!("2026-11-21T00:00:00Z"),
        ]),
        one_of(&[json!("eve"), json!("bob"), json!("a b")]),
    );
    let metadata = (
        leaf(),
        one_of(&[
            json!("ws5.example.com"),
            json!("WS5"),
            json!("10.1.2.3"),
            json!(null),
        ]),
        leaf(),
    );
    let links = (
        node(),
        node(),
        node(),
        one_of(&[
            json!(null),
            json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ]),
    );
    (names, metadata, links, data, node()).prop_map(|(names, metadata, links, data, id)| {
        let (event_type, channel, severity, time, source) = names;
        let (user, host, ip) = metadata;
        let (step, root, parent, trace) = links;
        let (n, s, l, in_o, ls, status) = data;
        // A user that is not a text does not count.
        let user = if user.is_string() { user } else { Value::Null };
        let tag = parent.as_str().unwrap_or_default().to_owned();
        json!({
            "id": id.as_str().unwrap_or("x"), "type": event_type, "channel": channel, "severity": severity, "time": time,
            "source": source, "correlationId": step, "traceparent": trace, "extra": in_o, "sequence": 1,
            "correlation": {"root": root, "parent": parent, "stage": "eve", "tags": {"case": tag, "a.b": "eve"}},
            "metadata": {"tenantId": "eve", "user": user, "host": host, "ip": ip},
            "data": {"n": n, "s": s, "l": l, "o": {"n": in_o}, "ls": ls.into_iter().map(|n| json!({"n": n})).collect::<Vec<_>>(),
                     "a b": s, "t": s, "status": status},
        })
    })
}

proptest! {
    #[test]
    fn a_search_finds_what_the_plain_way_finds(text in searches(), json in events()) {
        let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
        let event = event(json.to_string()).unwrap();
        let model = Model { event: serde_json::from_str(event.json()).unwrap(), now };
        if let Ok(search) = EventSearch::parse(&text, now) {
            prop_assert_eq!(search.matches(&event), model.holds(search.root()), "{} in {}", search, event.json());
        }
    }
}
