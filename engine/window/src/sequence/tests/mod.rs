//! What the state of one key promises.

mod anything;
mod definition;
mod kinds;
mod limits;
mod recordings;
mod watching;

use larum_event::{
    Comparison, EventId, FiringPolicy, GroupKey, Join, KeyValue, Match, Occurs, Place, Position,
    Sequence, Span, Step, TenantId, Timestamp, Values,
};

use super::{Following, SequenceState};
use crate::held::Held;
use crate::state::{Fired, Report, Taken, Told};

/// Seconds after the beginning of time.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn seconds(seconds: i64) -> Span {
    Span::from_nanos(seconds * 1_000_000_000)
}

fn step(name: &str, occurs: Occurs) -> Step {
    Step {
        name: name.into(),
        occurs,
        within: None,
        joins: Vec::new(),
    }
}

/// A step that occurs once.
fn one(name: &str) -> Step {
    step(name, Occurs::Times(1))
}

fn absent(name: &str) -> Step {
    step(name, Occurs::Never)
}

fn soon(within: i64, step: Step) -> Step {
    Step {
        within: Some(seconds(within)),
        ..step
    }
}

/// The only value of the step's event compared with that of an earlier step's.
fn joined(comparison: Comparison, earlier: u16, step: Step) -> Step {
    let join = Join {
        value: 0,
        comparison,
        step: earlier,
        other: 0,
    };
    Step {
        joins: vec![join],
        ..step
    }
}

fn sequence(within: i64, steps: Vec<Step>) -> Sequence {
    Sequence {
        steps,
        within: seconds(within),
        stops: false,
        policy: FiringPolicy::Every,
        lateness: None,
    }
}

fn with_policy(policy: FiringPolicy, sequence: Sequence) -> Sequence {
    Sequence { policy, ..sequence }
}

fn following(sequence: &Sequence) -> Following {
    Following::new(sequence, 1_000, 100_000)
}

/// An event of the given steps; its id is its position.
fn event(seconds: i64, position: u64, steps: u32, value: Option<KeyValue>) -> Taken {
    let matched = Match {
        rule: 0,
        tenant: TenantId::new("acme").unwrap(),
        clock: 0,
        key: GroupKey::everything(),
        time: at(seconds),
        sequence: None,
        place: Place::raw(Position(position)),
        event_id: EventId::new(position.to_string()).unwrap(),
        watermark: larum_event::Watermark::MIN,
        joins: false,
        steps,
        values: Values::new(vec![value]),
        event: None,
    };
    Taken {
        held: Held::of(&matched),
        steps,
        values: matched.values,
        event: None,
    }
}

/// The bits of the steps named in `word`, of a rule whose steps are named `a`, `b`, ..; `!` stops.
fn bits(word: &str) -> u32 {
    word.bytes().fold(0, |bits, byte| match byte {
        b'!' => bits | Sequence::STOP,
        byte => bits | 1 << (byte - b'a'),
    })
}

/// `a@1 bc@2=5`: events of steps at seconds, perhaps with a value; ids are numbers from 1 on.
fn events(text: &str) -> Vec<Taken> {
    let words = (1..).zip(text.split_whitespace());
    words
        .map(|(position, word)| {
            let (steps, rest) = word.split_once('@').unwrap();
            let (seconds, value) = match rest.split_once('=') {
                Some((seconds, value)) => (seconds, Some(value)),
                None => (rest, None),
            };
            let value = value.map(|value| match value.parse() {
                Ok(number) => KeyValue::Int(number),
                Err(_) => KeyValue::Str(value.into()),
            });
            event(seconds.parse().unwrap(), position, bits(steps), value)
        })
        .collect()
}

/// What a key tells of `events` until time ends.
fn run(sequence: &Sequence, events: &[Taken]) -> Vec<Fired> {
    let rule = following(sequence);
    let mut state = SequenceState::default();
    let mut told = Told::default();
    for event in events {
        state.pass(event.time(), &rule, &mut told);
        state.take(event, &rule, &mut told);
        assert!(state.is_sound(&rule), "{state:?}");
    }
    state.close(&rule, &mut told);
    assert_eq!(state.due(&rule), None);
    assert_eq!(told.dropped, 0);
    fired(told)
}

fn fired(told: Told) -> Vec<Fired> {
    let reports = told.reports.into_iter();
    reports
        .map(|report| match report {
            Report::Fired(fired) => *fired,
            Report::Grew(_) | Report::Ended(_) => panic!("alerts of sequences are not open"),
        })
        .collect()
}

/// `anchor@seconds: evidence`, one after the other.
fn written(fired: &[Fired]) -> String {
    let words = fired.iter().map(|fired| {
        let evidence: Vec<_> = fired.content.evidence.iter().map(EventId::as_str).collect();
        assert_eq!(fired.anchor, fired.trigger.id);
        assert!(fired.content.count >= evidence.len() as u64);
        let seconds = fired.time.as_nanos() / 1_000_000_000;
        format!("{}@{seconds}:{}", fired.anchor, evidence.join("+"))
    });
    words.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(sequence: &Sequence, text: &str, expected: &str) {
    let fired = run(sequence, &events(text));
    assert_eq!(written(&fired), expected, "{text}");
}
