//! What the state of one key promises.

use larum_event::value::Comparison;
mod anything;
mod definition;
mod kinds;
mod limits;
mod recordings;
mod watching;

use larum_event::{
    EventId, EventOrder, FiringPolicy, Join, MatchValues, Position, ScalarValue, Sequence, Span,
    Step, StepOccurrence, Timestamp,
};

use super::{SequenceRule, SequenceState};
use crate::event_ref::EventRef;
use crate::state::{AlertReport, FiredAlert, StateOutput, WindowEvent};

/// Seconds after the beginning of time.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn seconds(seconds: i64) -> Span {
    Span::from_nanos(seconds * 1_000_000_000)
}

fn step(name: &str, occurs: StepOccurrence) -> Step {
    Step {
        name: name.into(),
        occurs,
        within: None,
        joins: Vec::new(),
    }
}

/// A step that occurs once.
fn one(name: &str) -> Step {
    step(name, StepOccurrence::Times(1))
}

fn absent(name: &str) -> Step {
    step(name, StepOccurrence::Never)
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

fn sequence_rule(sequence: &Sequence) -> SequenceRule {
    SequenceRule::new(sequence, 1_000, 100_000)
}

/// An event of the given steps; its id is its position.
fn event(seconds: i64, position: u64, steps: u32, value: Option<ScalarValue>) -> WindowEvent {
    WindowEvent {
        event_ref: EventRef {
            order: EventOrder::of_event(at(seconds), 0, None, Position(position)),
            id: EventId::new(position.to_string()).unwrap(),
        },
        steps,
        source: 1,
        values: MatchValues::new(vec![value]),
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
fn events(text: &str) -> Vec<WindowEvent> {
    let words = (1..).zip(text.split_whitespace());
    words
        .map(|(position, word)| {
            let (steps, rest) = word.split_once('@').unwrap();
            let (seconds, value) = match rest.split_once('=') {
                Some((seconds, value)) => (seconds, Some(value)),
                None => (rest, None),
            };
            let value = value.map(|value| match value.parse() {
                Ok(number) => ScalarValue::Int(number),
                Err(_) => ScalarValue::Str(value.into()),
            });
            event(seconds.parse().unwrap(), position, bits(steps), value)
        })
        .collect()
}

/// What a key reports about `events` until time ends.
fn run(sequence: &Sequence, events: &[WindowEvent]) -> Vec<FiredAlert> {
    let rule = sequence_rule(sequence);
    let mut state = SequenceState::default();
    let mut output = StateOutput::default();
    for event in events {
        state.advance_to(event.time(), &rule, &mut output);
        state.apply_event(event, &rule, &mut output);
        assert!(state.is_sound(&rule), "{state:?}");
    }
    state.close(&rule, &mut output);
    assert_eq!(state.due_time(&rule), None);
    assert_eq!(output.dropped, 0);
    fired(output)
}

fn fired(output: StateOutput) -> Vec<FiredAlert> {
    let reports = output.reports.into_iter();
    reports
        .map(|report| match report {
            AlertReport::Fired(fired) => *fired,
            AlertReport::Grew(_) | AlertReport::Ended(_) => {
                panic!("alerts of sequences are not open")
            }
        })
        .collect()
}

/// `trigger@seconds: evidence`, one after the other.
fn written(fired: &[FiredAlert]) -> String {
    let alerts = fired.iter().map(|fired| {
        let evidence: Vec<_> = fired.content.evidence.iter().map(EventId::as_str).collect();
        assert!(fired.anchor.as_str().starts_with(fired.trigger.id.as_str()));
        assert!(fired.content.count >= evidence.len() as u64);
        let seconds = fired.time.as_nanos() / 1_000_000_000;
        format!("{}@{seconds}:{}", fired.trigger.id, evidence.join("+"))
    });
    alerts.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(sequence: &Sequence, text: &str, expected: &str) {
    let fired = run(sequence, &events(text));
    assert_eq!(written(&fired), expected, "{text}");
}
