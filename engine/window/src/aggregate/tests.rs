//! States against what the rules say.

mod kinds;

mod model;

mod naive;

mod sizes;

use larum_event::{
    Aggregate, Bounds, EventId, EventOrder, FiringPolicy, MatchValues, Position, ScalarValue, Span,
    Timestamp, WindowExtent, WindowMeasure,
};

use super::{AggregateRule, AggregateState};
use crate::event_ref::EventRef;
use crate::state::{AlertReport, AlertSummary, StateOutput, WindowEvent};

fn span(nanos: i64) -> Span {
    Span::from_nanos(nanos)
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

fn aggregate(
    extent: WindowExtent,
    measure: WindowMeasure,
    bounds: &str,
    policy: FiringPolicy,
) -> Aggregate {
    Aggregate {
        extent,
        measure,
        bounds: match bounds {
            "" => Bounds::any_value(),
            bounds => bounds.parse().unwrap(),
        },
        policy,
        lateness: None,
    }
}

/// The event with number `number`, whose id is that.
fn event(number: u64, time: i64, value: Option<i64>, steps: u32) -> WindowEvent {
    WindowEvent {
        event_ref: EventRef {
            order: EventOrder::of_event(at(time), 0, None, Position(number)),
            id: EventId::new(number.to_string()).unwrap(),
        },
        steps,
        source: 1,
        values: MatchValues::new(vec![value.map(ScalarValue::Int)]),
        event: None,
    }
}

/// Feeds events of the given times and values, numbered from 0 on, and ends time.
fn reports(rule: &Aggregate, events: &[(i64, i64)]) -> Vec<AlertReport> {
    let rule = AggregateRule::new(rule, 1_000);
    let mut state = AggregateState::default();
    let mut output = StateOutput::default();
    for (number, (time, value)) in events.iter().enumerate() {
        state.advance_to(at(*time), &rule, &mut output);
        let event = event(number as u64, *time, Some(*value), 1);
        state.apply_event(&event, &rule, &mut output);
    }
    state.close(&rule, &mut output);
    assert_eq!(output.dropped, 0);
    output.reports
}

/// Reports in a word each: `fired 3 at 20 of 2: 5` is one that event 3 set off at time 20, over two
/// events of which 5 was measured.
fn words(reports: &[AlertReport]) -> Vec<String> {
    let content = |content: &AlertSummary| {
        let value = content.value.map(|value| format!(": {value}"));
        format!("of {}{}", content.count, value.unwrap_or_default())
    };
    let word = |report: &AlertReport| match report {
        AlertReport::Fired(fired) => {
            let (trigger, time) = (&fired.trigger.id, fired.time.as_nanos());
            format!("fired {trigger} at {time} {}", content(&fired.content))
        }
        AlertReport::Grew(all) => format!("grew {}", content(all)),
        AlertReport::Ended(all) => format!("ended {}", content(all)),
    };
    reports.iter().map(word).collect()
}
