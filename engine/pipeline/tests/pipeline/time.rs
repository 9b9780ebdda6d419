//! What passes with time: ticks, lateness, what is late, and what layers above see.

use larum_event::{AlertStatus, Event, Position, Span, Timestamp};
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};

use crate::given::{by_rule, bytes, pipeline};
use crate::stream::{event, second};

fn written(id: &str, source: &str, at: i64, does: &str) -> (Event, Timestamp) {
    let time = second(at);
    let json = format!(
        r#"{{"id":"{id}","type":"session","source":"{source}","time":"{time}","channel":"security","metadata":{{"user":"eve"}},"data":{{"does":"{does}"}}}}"#
    );
    (event(&json, time), time)
}

/// Events of one source that arrive in this order.
fn log(events: &[(&str, i64, &str)]) -> Vec<EventInput> {
    let events = events.iter();
    let mut inputs = crate::given::inputs(
        events
            .map(|(id, at, does)| written(id, "web", *at, does))
            .collect(),
    );
    // Nobody knows when they arrived.
    inputs.iter_mut().for_each(|input| input.arrived = None);
    inputs
}

fn told(outcome: &EpochOutcome, rule: &str) -> Vec<(u32, AlertStatus, u64)> {
    let alerts = outcome.alerts.iter().map(|raised| &raised.alert);
    alerts
        .filter(|alert| alert.rule.as_str() == rule)
        .map(|alert| (alert.revision, alert.status, alert.count))
        .collect()
}

const LEFT_OPEN: &str = r#"
rule("left_open").on("security.#").group_by("metadata.user").within("30s").sequence([
    step("opened").when(|event| event.data.does == "open"),
    absent("closed").when(|event| event.data.does == "close"),
]);
"#;

#[test]
fn a_tick_tells_of_what_did_not_come_when_the_silent_source_has_passed_the_deadline() {
    let mut pipeline = pipeline(LEFT_OPEN, 1);
    pipeline.run_inputs(&crate::given::inputs(vec![written(
        "opened", "web", 0, "open",
    )]));
    let quiet = pipeline.tick(Position(2), second(35));
    assert_eq!(bytes(&quiet), Vec::<String>::new());
    let late = second(35).saturating_add(Span::from_nanos(1));
    let outcome = pipeline.tick(Position(3), late);
    assert_eq!(told(&outcome, "left_open"), [(1, AlertStatus::Final, 1)]);
    let raised = &outcome.alerts[0];
    assert_eq!(raised.event.envelope().time, second(30));
    assert_eq!(raised.place.position, Position(3));
    assert_eq!(
        bytes(&pipeline.tick(Position(4), second(100))),
        Vec::<String>::new()
    );
}

const FAILURES: &str = r#"
rule("failures").on("security.#").when(|event| event.data.does == "fail")
    .group_by("metadata.user").within("30s").count(2);
rule("each").on("security.#").when(|event| event.data.does == "fail");
rule("over").on("alerts.failures").group_by("data.key.user").within("1h").count(1).policy("every");
rule("mixed").on(["alerts.failures", "security.#"]).group_by("type").within("1h").count(1).policy("every");
"#;

fn with_lateness(text: &str, seconds: u32) -> Pipeline {
    let set = std::sync::Arc::clone(pipeline(text, 1).rule_set());
    let settings = PipelineSettings {
        lateness: Span::from_seconds(seconds),
        ..PipelineSettings::default()
    };
    Pipeline::new(set, settings)
}

#[test]
fn what_is_late_is_told_once_naming_every_rule_that_left_it_out_and_rules_without_windows_see_it() {
    let events = [("a", 100, "fail"), ("b", 90, "fail"), ("c", 101, "ok")];
    let outcome = pipeline(FAILURES, 1).run_inputs(&log(&events));
    assert_eq!(by_rule(&outcome, "failures"), (0, 0));
    assert_eq!(by_rule(&outcome, "each"), (2, 2));
    let [late] = &outcome.late[..] else {
        panic!("{:?}", outcome.late);
    };
    assert_eq!(late.event.as_str(), "b");
    assert_eq!(late.behind, Span::from_seconds(10));
    let rules: Vec<&str> = late.rules.iter().map(|rule| rule.as_str()).collect();
    assert_eq!(rules, ["failures", "mixed"]);
    let [(place, event)] = &outcome.system[..] else {
        panic!("{:?}", outcome.system);
    };
    assert_eq!(place.position, Position(2));
    let envelope = event.envelope();
    assert_eq!(envelope.topic.as_str(), "$sys.late");
    assert_eq!(envelope.causation_id.as_ref().unwrap().as_str(), "b");
    assert!(
        event.json().contains(r#""secondsBehind":10.0"#),
        "{}",
        event.json()
    );
}

#[test]
fn within_the_lateness_it_counts_and_exactly_at_its_end_too() {
    for (at, alerts) in [(70, 1), (69, 0)] {
        let events = [
            ("a", 99, "fail"),
            ("b", 100, "ok"),
            ("c", at, "fail"),
            ("d", 200, "ok"),
        ];
        let outcome = with_lateness(FAILURES, 30).run_inputs(&log(&events));
        assert_eq!(by_rule(&outcome, "failures").0, alerts, "at {at}");
    }
}

#[test]
fn layers_above_see_an_alert_when_it_is_final_however_late_that_is_and_it_is_not_late_there() {
    let events = [
        ("a", 99, "fail"),
        ("b", 100, "fail"),
        ("c", 120, "ok"),
        ("d", 131, "ok"),
        ("e", 161, "ok"),
        ("f", 500, "ok"),
    ];
    let mut pipeline = with_lateness(FAILURES, 30);
    let mut seen = Vec::new();
    for input in &log(&events) {
        let outcome = pipeline.run_inputs(std::slice::from_ref(input));
        let over = told(&outcome, "over");
        let first = over.iter().any(|(revision, ..)| *revision == 1);
        seen.push((told(&outcome, "failures"), first));
        assert_eq!(outcome.late, []);
    }
    let finals = |told: &[(u32, AlertStatus, u64)]| {
        told.iter()
            .any(|(_, status, _)| *status == AlertStatus::Final)
    };
    let first_final = seen.iter().position(|(told, _)| finals(told));
    assert_eq!(first_final, Some(3), "{seen:?}");
    let over: Vec<usize> = (0..)
        .zip(&seen)
        .filter(|(_, (_, over))| *over)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(
        over,
        [3],
        "seen once, at the place where it became final: {seen:?}"
    );
}

#[test]
fn a_retracted_alert_was_never_seen_above() {
    let text = r#"
rule("pair").on("security.#").group_by("metadata.user").within("1m").sequence([
    step("one").when(|event| event.data.does == "one"),
    absent("none").when(|event| event.data.does == "none"),
    step("two").when(|event| event.data.does == "two"),
]);
rule("over").on("alerts.pair");
"#;
    let events = [
        ("a", 100, "one"),
        ("b", 110, "two"),
        ("c", 105, "none"),
        ("d", 200, "ok"),
    ];
    let outcome = with_lateness(text, 30).run_inputs(&log(&events));
    assert_eq!(by_rule(&outcome, "over"), (0, 0));
}

#[test]
fn events_of_the_engine_itself_do_not_make_history_lag() {
    let rules =
        r#"rule("failures").on("security.#").group_by("metadata.user").within("30s").count(2);"#;
    let mut inputs = log(&[("a", 100, "fail"), ("b", 101, "fail")]);
    let own = r#"{"id":"own","type":"rules.refused","source":"larum","time":"2030-01-01T00:00:00Z","channel":"$sys"}"#;
    let told = EventInput {
        position: Position(2),
        event: event(own, second(0)),
        arrived: Some(second(0)),
        record: None,
    };
    inputs[1].position = Position(3);
    inputs.insert(1, told);
    let outcome = pipeline(rules, 1).run_inputs(&inputs);
    assert_eq!(by_rule(&outcome, "failures").0, 1);
    assert_eq!(outcome.late, []);
}
