//! Loops through the outside world: an alert goes out, somebody answers with an event that names
//! it, and a rule fires on that (4-12).

use larum_event::{Position, limits};
use larum_pipeline::{EpochOutcome, EventInput};

use crate::given::{bytes, check_same, pipeline};
use crate::stream::{event, second};

const RULES: &str = r##"
rule("answered").on("events.#");
"##;

fn input(position: u64, cause: Option<&str>) -> EventInput {
    let cause = cause.map_or(String::new(), |id| format!(r#","causationId":"{id}""#));
    let at = second(position as i64);
    let json = format!(
        r#"{{"id":"e{position}","type":"ping","source":"door","time":"{at}","channel":"events"{cause}}}"#
    );
    EventInput {
        position: Position(position),
        event: event(&json, at),
        arrived: Some(at),
        record: None,
    }
}

/// A loop as it stands in the log in the end: every event names the alert of the one before, and
/// after the limit, where there is no alert, the event itself.
fn chain(length: u64) -> Vec<EventInput> {
    let mut pipeline = pipeline(RULES, 1);
    let mut cause: Option<String> = None;
    (1..=length)
        .map(|position| {
            let next = input(position, cause.as_deref());
            let outcome = pipeline.run_inputs(std::slice::from_ref(&next));
            let raised = outcome.alerts.first();
            cause = Some(raised.map_or(format!("e{position}"), |raised| {
                raised.event.envelope().id.to_string()
            }));
            next
        })
        .collect()
}

#[test]
fn a_loop_through_the_outside_ends_at_the_limit_with_a_diagnostic() {
    let most = u64::from(limits::DERIVED_DEPTH);
    let mut pipeline = pipeline(RULES, 1);
    let mut outcome = EpochOutcome::default();
    for piece in chain(most + 1).chunks(1) {
        outcome.extend(pipeline.run_inputs(piece));
    }
    let depths: Vec<u8> = outcome
        .alerts
        .iter()
        .map(|raised| raised.alert.depth)
        .collect();
    assert_eq!(depths, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(outcome.system.len(), 1);
    let diagnostic = outcome.system[0].1.envelope();
    assert_eq!(diagnostic.topic.as_str(), "$sys.causation.limit");
    assert_eq!(diagnostic.causation_id.as_ref().unwrap().as_str(), "e9");
}

#[test]
fn a_loop_is_as_deep_when_all_of_it_is_evaluated_at_once() {
    let chain = chain(12);
    let mut one_by_one = pipeline(RULES, 1);
    let mut expected = EpochOutcome::default();
    for piece in chain.chunks(1) {
        expected.extend(one_by_one.run_inputs(piece));
    }
    for size in [2, 3, 5, 12] {
        let mut pipeline = pipeline(RULES, 1);
        let mut outcome = EpochOutcome::default();
        for piece in chain.chunks(size) {
            outcome.extend(pipeline.run_inputs(piece));
        }
        check_same(
            &bytes(&outcome),
            &bytes(&expected),
            &format!("epochs of {size}"),
        );
    }
}

#[test]
fn events_that_name_events_as_their_cause_are_of_depth_zero() {
    let inputs = [input(1, None), input(2, Some("e1")), input(3, Some("e2"))];
    let outcome = pipeline(RULES, 1).run_inputs(&inputs);
    let depths: Vec<u8> = outcome
        .alerts
        .iter()
        .map(|raised| raised.alert.depth)
        .collect();
    assert_eq!(depths, [1, 1, 1]);
}

#[test]
fn an_alert_that_grows_by_events_it_has_caused_is_as_deep_as_when_it_was_raised() {
    let text = format!("{RULES}rule(\"grows\").on(\"events.#\").within(\"1h\").count(1);");
    let mut pipeline = pipeline(&text, 1);
    let mut outcome = EpochOutcome::default();
    for piece in chain(20).chunks(1) {
        outcome.extend(pipeline.run_inputs(piece));
    }
    outcome.extend(pipeline.close_input());
    let alerts = outcome.alerts.iter().map(|raised| &raised.alert);
    let grown: Vec<(u32, u64, u8)> = alerts
        .filter(|alert| alert.rule.as_str() == "grows")
        .map(|alert| (alert.revision, alert.count, alert.depth))
        .collect();
    assert_eq!(
        grown,
        [
            (1, 1, 1),
            (2, 2, 1),
            (3, 4, 1),
            (4, 8, 1),
            (5, 16, 1),
            (6, 20, 1)
        ]
    );
}

#[test]
fn an_alert_that_is_only_recalled_counts_as_a_cause_all_the_same() {
    let chain = chain(4);
    let mut whole = pipeline(RULES, 1);
    let expected = whole.run_inputs(&chain);
    let (before, last) = chain.split_at(3);
    let mut silent = pipeline(RULES, 1);
    silent.detach_rules([0]);
    assert!(silent.run_inputs(before).alerts.is_empty());
    let parts = silent.checkpoint();
    let mut other = pipeline(RULES, 1);
    other.restore(&parts).unwrap();
    for raised in &expected.alerts[..3] {
        other.remember_alert(&raised.event);
    }
    assert_eq!(bytes(&other.run_inputs(last)), bytes(&expected)[3..]);
}
