//! Real recordings with known answers: every fire, seq by seq and value by value.

use larum_event::{
    EvaluationPlace, EventId, EventOrder, FiringPolicy, GroupKey, Match, Position, ScalarValue,
    Span, Timestamp,
};
use larum_window::{RuleWindow, WindowLimits};
use serde_json::Value;

use crate::recorded::{lines, recordings};
use crate::stream::{EventTime, count, tenant};

/// The matches of the rule `member == value`, grouped by `src_ip`.
fn matches(events: &[Value], member: &str, value: &str) -> Vec<Match> {
    let mut matches: Vec<_> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| event[member] == value)
        .filter_map(|(index, event)| {
            let address = event["src_ip"].as_str()?;
            Some(Match {
                rule: 0,
                tenant: tenant("acme"),
                key: GroupKey::new(vec![ScalarValue::Str(address.into())]),
                order: EventOrder::of_event(
                    Timestamp::parse(event["ts"].as_str()?).unwrap(),
                    1,
                    event["seq"].as_u64(),
                    Position(index as u64 + 1),
                ),
                place: EvaluationPlace::for_raw_event(Position(index as u64 + 1)),
                source: 1,
                front: Timestamp::MIN,
                event_id: EventId::new(format!("{}", event["seq"])).unwrap(),
                steps: 1,
                values: larum_event::MatchValues::empty(),
                event: None,
            })
        })
        .collect();
    matches.sort_by_key(|matched| matched.order);
    matches
}

struct Rule {
    name: &'static str,
    member: &'static str,
    value: &'static str,
    within: Span,
    threshold: u64,
}

const R1: Rule = Rule {
    name: "R1",
    member: "outcome",
    value: "failed",
    within: Span::from_seconds(300),
    threshold: 5,
};

const R8: Rule = Rule {
    name: "R8",
    member: "event",
    value: "connection",
    within: Span::from_seconds(60),
    threshold: 10,
};

fn check(set: &str, rule: &Rule, fires: [usize; 4]) {
    let Some(folder) = recordings() else { return };
    let events = lines(folder.join(set).join("events.ndjson"));
    let expected = std::fs::read_to_string(folder.join(set).join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let matches = matches(&events, rule.member, rule.value);
    let policies = [
        ("every", FiringPolicy::Every),
        ("edge", FiringPolicy::Edge),
        ("reset", FiringPolicy::Reset),
        ("suppress", FiringPolicy::Suppress(rule.within)),
    ];
    for ((name, policy), total) in policies.into_iter().zip(fires) {
        let limits = WindowLimits {
            keys: 10_000,
            events_per_key: 10_000,
            ..WindowLimits::default()
        };
        let mut window = RuleWindow::new(0, count(rule.within, rule.threshold, policy), limits);
        let mut out = Vec::new();
        let mut time = EventTime::default();
        for matched in &matches {
            let added = time.feed(&mut window, matched, &mut out);
            assert_eq!(added, larum_window::MatchOutcome::Counted);
        }
        let found: Vec<_> = out
            .iter()
            .filter(|detection| detection.revision == 1)
            .map(|fire| {
                (
                    fire.trigger.order.sequence(),
                    fire.key.to_bytes(),
                    fire.count,
                )
            })
            .collect();
        let answers = expected["expected"][rule.name]["inclusive"][name].as_array();
        let answers: Vec<_> = answers
            .unwrap()
            .iter()
            .map(|answer| {
                let address = answer["key"]["src_ip"].as_str().unwrap();
                let key = GroupKey::new(vec![ScalarValue::Str(address.into())]);
                let value = answer["value"].as_u64().unwrap();
                (answer["seq"].as_u64(), key.to_bytes(), value)
            })
            .collect();
        assert_eq!(found, answers, "{set} {} {name}", rule.name);
        assert_eq!(found.len(), total, "{set} {} {name}", rule.name);
    }
}

#[test]
fn failures_by_address_in_the_openssh_recording() {
    check("openssh", &R1, [161, 8, 37, 9]);
}

#[test]
fn failures_by_address_in_the_linux_recording() {
    check("linux", &R1, [63, 14, 21, 14]);
}

#[test]
fn connections_by_address_in_the_linux_recording() {
    check("linux", &R8, [202, 19, 30, 19]);
}
