//! What these tests share.

use std::sync::Arc;

use larum_event::{Event, Position, RuleFile, Timestamp};
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;

use crate::stream;

/// A pipeline for the rules of `text`.
pub fn pipeline(text: &str, shards: usize) -> Pipeline {
    let files: Vec<RuleFile> = stream::rules(text);
    let set = RuleSet::load(&files).unwrap_or_else(|problems| panic!("{problems:?}"));
    let settings = PipelineSettings {
        shards,
        ..PipelineSettings::default()
    };
    Pipeline::new(Arc::new(set), settings)
}

/// Events as they stand in a log.
pub fn inputs(events: Vec<(Event, Timestamp)>) -> Vec<EventInput> {
    let numbered = events.into_iter().zip(1..);
    numbered
        .map(|((event, arrived), position)| EventInput {
            position: Position(position),
            event,
            arrived: Some(arrived),
            record: None,
        })
        .collect()
}

/// The canonical bytes of what came out, in order: alerts, then events of the engine's own.
pub fn bytes(outcome: &EpochOutcome) -> Vec<String> {
    outcome
        .derived_events()
        .map(|event| event.json().to_owned())
        .collect()
}

/// Of each rule, how many of `alerts` are first revisions and how many there are.
pub fn by_rule(alerts: &EpochOutcome, rule: &str) -> (usize, usize) {
    let of_rule = || {
        alerts
            .alerts
            .iter()
            .filter(|raised| raised.alert.rule.as_str() == rule)
    };
    let first = of_rule().filter(|raised| raised.alert.revision == 1);
    (first.count(), of_rule().count())
}

/// Says where the two begin to differ, rather than all of both.
#[track_caller]
pub fn check_same(found: &[String], expected: &[String], what: &str) {
    let mut pairs = found.iter().zip(expected).enumerate();
    if let Some((index, (found, expected))) = pairs.find(|(_, (found, expected))| found != expected)
    {
        panic!("{what}: number {index} is\n{found}\nand should be\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}
