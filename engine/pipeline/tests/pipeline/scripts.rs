//! Scripts that keep state for each group: alike however the events are cut, also across a
//! checkpoint.

use larum_event::{Event, Position, Timestamp};
use larum_pipeline::{EpochOutcome, EventInput};

use crate::given::{inputs, pipeline};
use crate::stream::{event, second};

/// Counts what a door tells, tells of a door that stays open for five minutes, and fails on what is
/// no state.
const RULES: &str = r#"
rule("doors")
    .on("events.door")
    .group_by("data.door")
    .keep("1h")
    .on_event(|event, state| {
        if event.data.state == () { throw "no state"; }
        state.told = (state.told ?? 0) + 1;
        if event.data.state == "open" {
            state.since = event.time;
            state.timer = "5m";
        } else {
            state.timer = ();
        }
        if state.told % 3 == 0 { return `${state.told} times`; }
    })
    .on_timer(|state, time| #{ message: `open since ${state.since}`, told: state.told });
"#;

fn door(id: usize, offset: i64, door: &str, state: &str) -> (Event, Timestamp) {
    let time = second(offset);
    let json = format!(
        r#"{{"id":"e{id}","type":"door","source":"doors","time":"{time}","data":{{"door":"{door}"{state}}}}}"#
    );
    (event(&json, time), time)
}

fn events() -> Vec<EventInput> {
    let (open, closed) = (r#","state":"open""#, r#","state":"closed""#);
    let events = [
        (0, "a", open),
        (10, "b", open),
        (20, "a", ""),
        (100, "b", closed),
        (301, "c", closed),
        (310, "b", open),
        (900, "a", closed),
        (910, "a", closed),
    ];
    let events = events.iter().enumerate();
    inputs(
        events
            .map(|(id, (second, name, state))| door(id, *second, name, state))
            .collect(),
    )
}

fn told(outcome: &EpochOutcome) -> Vec<String> {
    let alerts = outcome.alerts.iter().map(|raised| {
        let alert = &raised.alert;
        let time = raised.event.envelope().time;
        let offset = (time.as_nanos() - second(0).as_nanos()) / 1_000_000_000;
        let message = alert
            .message
            .replace(&second(0).to_string(), "the beginning");
        let message = message.replace(&second(310).to_string(), "310");
        format!("{offset} {} {message}", alert.key["door"])
    });
    alerts.collect()
}

#[test]
fn scripts_answer_events_and_timers_and_a_fault_leaves_the_state() {
    let mut all = pipeline(RULES, 2);
    let outcome = all.run_inputs(&events());
    let [fault] = &outcome.faults[..] else {
        panic!("{:?}", outcome.faults);
    };
    assert_eq!((fault.rule.as_str(), fault.event.as_str()), ("doors", "e2"));
    assert!(fault.message.contains("no state"), "{}", fault.message);
    let mut found = told(&outcome);
    found.extend(told(&all.close_input()));
    assert_eq!(
        found,
        [
            r#"300 "a" open since the beginning"#,
            r#"310 "b" 3 times"#,
            r#"610 "b" open since 310"#,
            r#"910 "a" 3 times"#,
        ]
    );
}

#[test]
fn scripts_go_on_from_a_checkpoint() {
    let events = events();
    let mut whole = pipeline(RULES, 2);
    let expected = told(&whole.run_inputs(&events));
    for cut in 0..events.len() {
        let (first, rest) = events.split_at(cut);
        let mut before = pipeline(RULES, 2);
        let mut found = told(&before.run_inputs(first));
        let mut after = pipeline(RULES, 2);
        after.restore(&before.checkpoint()).unwrap();
        found.extend(told(&after.run_inputs(rest)));
        assert_eq!(found, expected, "cut at {cut}");
    }
}

/// Says so again and again as long as nothing comes.
const SILENT: &str = r#"
rule("silent")
    .on("events.door")
    .group_by("data.door")
    .keep("1h")
    .on_event(|event, state| { state.timer = "5m"; "heard" })
    .on_timer(|state, time| { state.timer = "5m"; "silent" });
"#;

#[test]
fn a_timer_that_is_always_set_anew_ends_with_the_input_and_each_alert_has_an_id() {
    let mut all = pipeline(SILENT, 1);
    let mut found = all.run_inputs(&inputs(vec![door(1, 0, "a", "")]));
    found.extend(all.close_input());
    let ids = found.alerts.iter().map(|it| it.alert.alert_id.clone());
    let ids: std::collections::BTreeSet<_> = ids.collect();
    assert_eq!(ids.len(), found.alerts.len());
    assert_eq!(ids.len(), 1 + larum_event::limits::SCRIPT_TIMERS as usize);
}

#[test]
fn an_amended_script_reports_a_fault_once_and_that_of_a_late_event_when_it_is_read() {
    let (open, closed) = (r#","state":"open""#, r#","state":"closed""#);
    let arrived = vec![
        door(0, 100, "a", open),
        door(1, 110, "a", ""),
        door(2, 120, "a", closed),
        door(3, 50, "a", ""),
        door(4, 60, "a", open),
        door(5, 300, "b", closed),
    ];
    let mut all = pipeline(RULES, 1);
    let faults = |outcome: &EpochOutcome| -> Vec<String> {
        let faults = outcome.faults.iter();
        faults.map(|fault| fault.event.to_string()).collect()
    };
    assert_eq!(faults(&all.run_inputs(&inputs(arrived))), ["e1"]);
    let amended = all.amend(Position(7), usize::MAX);
    assert_eq!(faults(&amended), ["e3"]);
    assert_eq!(told(&amended), [r#"120 "a" 3 times"#]);
    assert!(faults(&all.close_input()).is_empty());
}
