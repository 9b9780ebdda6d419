//! What passes with time: ticks, lateness, what is late, and what layers above see.

use std::collections::BTreeSet;

use larum_event::{AlertStatus, ClockTick, Event, Position, Span, Timestamp};
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
fn a_tick_tells_of_what_did_not_come_when_time_has_passed_the_deadline() {
    let mut pipeline = pipeline(LEFT_OPEN, 1);
    pipeline.run_inputs(&crate::given::inputs(vec![written(
        "opened", "web", 0, "open",
    )]));
    let quiet = pipeline.tick(Position(2), ClockTick::new(second(30)));
    assert_eq!(bytes(&quiet), Vec::<String>::new());
    let late = second(30).saturating_add(Span::from_nanos(1));
    let outcome = pipeline.tick(Position(3), ClockTick::new(late));
    assert_eq!(told(&outcome, "left_open"), [(1, AlertStatus::Final, 1)]);
    let raised = &outcome.alerts[0];
    assert_eq!(raised.event.envelope().time, second(30));
    assert_eq!(raised.place.position, Position(3));
    assert_eq!(
        bytes(&pipeline.tick(Position(4), ClockTick::new(second(100)))),
        Vec::<String>::new()
    );
}

/// A tick after a stretch in which the engine did not run.
fn resumed(at: i64) -> ClockTick {
    ClockTick {
        at: second(at),
        hold: Span::from_seconds(120),
    }
}

/// An event that happened at `at` and arrived at `arrived`.
fn arriving(id: &str, position: u64, at: i64, arrived: i64, does: &str) -> EventInput {
    let (event, _) = written(id, "web", at, does);
    EventInput {
        position: Position(position),
        event,
        arrived: Some(second(arrived)),
        record: None,
    }
}

#[test]
fn what_sources_kept_while_the_engine_did_not_run_still_closes_what_was_open() {
    let mut pipeline = pipeline(LEFT_OPEN, 1);
    pipeline.run_inputs(&[arriving("opened", 1, 0, 0, "open")]);
    let nothing = Vec::<String>::new();
    // Stopped from second 1 to 500: that the deadline passed meanwhile says nothing.
    assert_eq!(bytes(&pipeline.tick(Position(2), resumed(500))), nothing);
    let live = [arriving("other", 3, 501, 501, "nothing")];
    assert_eq!(bytes(&pipeline.run_inputs(&live)), nothing);
    assert_eq!(
        bytes(&pipeline.tick(Position(4), ClockTick::new(second(600)))),
        nothing
    );
    let kept = [arriving("closed", 5, 20, 601, "close")];
    assert_eq!(bytes(&pipeline.run_inputs(&kept)), nothing);
    assert_eq!(bytes(&pipeline.amend(Position(6), usize::MAX)), nothing);
    assert_eq!(
        bytes(&pipeline.tick(Position(7), ClockTick::new(second(900)))),
        nothing
    );
}

#[test]
fn what_still_has_not_come_is_said_when_the_engine_has_run_for_the_hold() {
    for shards in [1, 3] {
        let mut pipeline = pipeline(LEFT_OPEN, shards);
        pipeline.run_inputs(&[arriving("opened", 1, 0, 0, "open")]);
        pipeline.tick(Position(2), resumed(500));
        let live = [arriving("other", 3, 501, 501, "nothing")];
        pipeline.run_inputs(&live);
        let held = pipeline.tick(Position(4), ClockTick::new(second(619)));
        assert_eq!(bytes(&held), Vec::<String>::new());
        let outcome = pipeline.tick(Position(5), ClockTick::new(second(620)));
        assert_eq!(told(&outcome, "left_open"), [(1, AlertStatus::Final, 1)]);
    }
}

#[test]
fn time_in_which_the_engine_did_not_run_does_not_pass() {
    let mut pipeline = pipeline(LEFT_OPEN, 1);
    pipeline.run_inputs(&[arriving("opened", 1, 0, 0, "open")]);
    pipeline.tick(Position(2), resumed(500));
    // The hold is over, and 29 seconds of time have passed since the opening.
    let outcome = pipeline.tick(Position(3), ClockTick::new(second(529)));
    assert_eq!(bytes(&outcome), Vec::<String>::new());
    assert_eq!(pipeline.watermark(), second(29));
}

#[test]
fn a_clock_that_is_set_back_does_not_make_the_hold_longer() {
    let mut pipeline = pipeline(LEFT_OPEN, 1);
    let year = 365 * 24 * 60 * 60;
    pipeline.tick(Position(1), resumed(year));
    pipeline.run_inputs(&[arriving("opened", 2, 0, 0, "open")]);
    let outcome = pipeline.tick(Position(3), ClockTick::new(second(119)));
    assert_eq!(bytes(&outcome), Vec::<String>::new());
    let outcome = pipeline.tick(Position(4), ClockTick::new(second(121)));
    assert_eq!(told(&outcome, "left_open"), [(1, AlertStatus::Final, 1)]);
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

fn with_horizon(text: &str, seconds: u32) -> Pipeline {
    let set = std::sync::Arc::clone(pipeline(text, 1).rule_set());
    let settings = PipelineSettings {
        amend_horizon: Span::from_seconds(seconds),
        ..PipelineSettings::default()
    };
    Pipeline::new(set, settings)
}

#[test]
fn what_is_late_is_told_once_naming_every_rule_that_left_it_out_and_rules_without_windows_see_it() {
    let events = [("a", 100, "fail"), ("b", 89, "fail"), ("c", 101, "ok")];
    let outcome = with_horizon(FAILURES, 10).run_inputs(&log(&events));
    assert_eq!(by_rule(&outcome, "failures"), (0, 0));
    assert_eq!(by_rule(&outcome, "each"), (2, 2));
    let [late] = &outcome.late[..] else {
        panic!("{:?}", outcome.late);
    };
    assert_eq!(late.event.as_str(), "b");
    assert_eq!(late.behind, Span::from_seconds(11));
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
        event.json().contains(r#""secondsBehind":11.0"#),
        "{}",
        event.json()
    );
}

#[test]
fn within_the_horizon_it_counts_once_amended_and_exactly_at_its_end_too() {
    for (at, alerts) in [(70, 1), (69, 0)] {
        let events = [
            ("a", 99, "fail"),
            ("b", 100, "ok"),
            ("c", at, "fail"),
            ("d", 200, "ok"),
        ];
        let mut pipeline = with_horizon(FAILURES, 30);
        let outcome = pipeline.run_inputs(&log(&events));
        assert_eq!(by_rule(&outcome, "failures").0, 0, "at {at}");
        let amended = pipeline.amend(Position(5), usize::MAX);
        assert_eq!(by_rule(&amended, "failures").0, alerts, "at {at}");
        assert_eq!(outcome.late.len(), 1 - alerts, "at {at}");
    }
}

#[test]
fn the_first_match_after_the_clock_was_set_back_is_not_late() {
    let mut pipeline = with_horizon(FAILURES, 600);
    // Nothing but the engine's clock says that it is later than it is, as stamps do that follow it.
    let ahead = written("ahead", "web", 10_000, "fail");
    let back = [("first", 0), ("second", 5)].map(|(id, at)| written(id, "web", at, "fail"));
    let inputs = crate::given::inputs([ahead].into_iter().chain(back).collect());
    let mut outcome = pipeline.run_inputs(&inputs);
    assert_eq!(outcome.late, []);
    outcome.extend(pipeline.amend(Position(10), usize::MAX));
    assert_eq!(told(&outcome, "failures"), [(1, AlertStatus::Final, 2)]);
}

#[test]
fn layers_above_see_an_alert_as_it_fired_at_once_though_it_is_early() {
    let events = [("a", 99, "fail"), ("b", 100, "fail"), ("c", 131, "ok")];
    let outcome = with_lateness(FAILURES, 30).run_inputs(&log(&events));
    assert_eq!(
        told(&outcome, "failures"),
        [(1, AlertStatus::Early, 2), (2, AlertStatus::Final, 2)]
    );
    let over = told(&outcome, "over");
    assert_eq!(over.first(), Some(&(1, AlertStatus::Early, 1)));
    let seen = outcome
        .alerts
        .iter()
        .find(|raised| raised.alert.rule.as_str() == "over");
    assert_eq!(seen.unwrap().place.position, Position(2));
}

#[test]
fn an_alert_that_is_explained_away_is_retracted_and_so_is_what_rests_on_it() {
    let text = r#"
rule("pair").on("security.#").group_by("metadata.user").within("1m").sequence([
    step("one").when(|event| event.data.does == "one"),
    absent("none").when(|event| event.data.does == "none"),
    step("two").when(|event| event.data.does == "two"),
]);
rule("over").on("alerts.pair").within("1h").count(1);
"#;
    let events = [
        ("a", 100, "one"),
        ("b", 110, "two"),
        ("d", 200, "ok"),
        ("c", 105, "none"),
    ];
    let mut pipeline = pipeline(text, 1);
    let outcome = pipeline.run_inputs(&log(&events));
    assert_eq!(told(&outcome, "pair"), [(1, AlertStatus::Final, 2)]);
    assert_eq!(told(&outcome, "over"), [(1, AlertStatus::Final, 1)]);
    let amended = pipeline.amend(Position(5), usize::MAX);
    assert_eq!(told(&amended, "pair"), [(2, AlertStatus::Retracted, 2)]);
    assert_eq!(told(&amended, "over"), [(2, AlertStatus::Retracted, 1)]);
}

/// Two doors that nobody closes; an alert each, 30 seconds later.
const DOORS: &str = r#"
rule("left_open").on("security.#").group_by("data.door").within("30s").sequence([
    step("opened").when(|event| event.data.does == "open"),
    absent("closed").when(|event| event.data.does == "close"),
]);
rule("one_only").on("alerts.left_open").tumbling("1m").count("< 2");
"#;

fn opened(position: u64, id: &str, door: &str, at: i64) -> EventInput {
    let time = second(at);
    let json = format!(
        r#"{{"id":"{id}","type":"door","source":"web","time":"{time}","channel":"security","data":{{"door":"{door}","does":"open"}}}}"#
    );
    EventInput {
        position: Position(position),
        event: event(&json, time),
        arrived: None,
        record: None,
    }
}

#[test]
fn what_a_rule_above_decided_is_undone_when_an_alert_comes_that_was_waited_for_below() {
    let mut pipeline = pipeline(DOORS, 1);
    // Full minutes of the clock end at 20, 80, 140 and 200 seconds.
    let first = [opened(1, "a", "front", 100), opened(2, "b", "side", 175)];
    let outcome = pipeline.run_inputs(&first);
    assert_eq!(told(&outcome, "left_open"), [(1, AlertStatus::Final, 1)]);
    assert_eq!(told(&outcome, "one_only"), [(1, AlertStatus::Final, 1)]);
    // It opened in the same minute, and nobody has closed it either. By now the source is known to
    // be 70 seconds late, and is waited for.
    let late = pipeline.run_inputs(&[opened(3, "c", "back", 105), opened(4, "d", "attic", 206)]);
    assert_eq!(told(&late, "left_open"), [(1, AlertStatus::Final, 1)]);
    assert_eq!(told(&late, "one_only"), []);
    let amended = pipeline.amend(Position(5), usize::MAX);
    assert_eq!(told(&amended, "one_only"), [(2, AlertStatus::Retracted, 1)]);
}

#[test]
fn an_alert_closure_that_fails_on_what_time_decides_is_reported_once() {
    let text = LEFT_OPEN.replace("]);", r#"]).alert(|window| { throw "no words" });"#);
    let mut pipeline = pipeline(&text, 1);
    let mut outcome = pipeline.run_inputs(&log(&[("opened", 0, "open"), ("later", 31, "ok")]));
    outcome.extend(pipeline.close_input());
    assert_eq!(told(&outcome, "left_open"), [(1, AlertStatus::Final, 1)]);
    let [fault] = &outcome.faults[..] else {
        panic!("{:?}", outcome.faults);
    };
    assert_eq!(fault.event.as_str(), "opened");
    assert!(fault.message.contains("no words"), "{}", fault.message);
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

#[test]
fn an_alert_of_an_event_of_the_engine_itself_is_late_only_if_it_was_so_at_its_position() {
    let text = r##"
rule("own").on("$sys.#");
rule("over").on("alerts.own").within("30s").count(1);
"##;
    let mut inputs = log(&[("a", 100, "ok"), ("b", 300, "ok")]);
    let time = second(95);
    let own = format!(
        r#"{{"id":"own","type":"rules.refused","source":"larum","time":"{time}","channel":"$sys"}}"#
    );
    let own = EventInput {
        position: Position(2),
        event: event(&own, second(0)),
        arrived: None,
        record: None,
    };
    inputs[1].position = Position(3);
    inputs.insert(1, own);
    let outcome = with_horizon(text, 10).run_inputs(&inputs);
    assert_eq!(by_rule(&outcome, "own").0, 1);
    assert_eq!(by_rule(&outcome, "over").0, 1);
    assert_eq!(outcome.late, []);
}

#[test]
fn each_alert_that_is_late_is_found_in_its_layer() {
    let text = r##"
rule("each").on("security.#");
rule("again").on("alerts.each");
rule("over").on(["alerts.each", "alerts.again"]).within("30s").count(1).policy("every");
"##;
    let inputs = log(&[("now", 100, "x"), ("old", 10, "x"), ("older", 9, "x")]);
    let outcome = with_horizon(text, 10).run_inputs(&inputs);
    let raised = outcome.alerts.iter().map(|raised| &raised.event);
    let is_old = |event: &&Event| event.envelope().time < second(50);
    let old: BTreeSet<_> = raised
        .filter(is_old)
        .map(|event| event.envelope().id.clone())
        .collect();
    let late: BTreeSet<_> = outcome.late.iter().map(|late| late.event.clone()).collect();
    assert_eq!((old.len(), outcome.late.len()), (4, 4));
    assert_eq!(late, old);
}
