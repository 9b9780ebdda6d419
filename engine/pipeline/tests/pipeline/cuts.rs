//! Where a stretch of the log is cut, and how its windows are split, changes no byte.

use std::sync::Arc;

use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings, WindowShard};

use crate::given::{by_rule, bytes, check_same, inputs, pipeline};
use crate::stream::{self, Draw, RULES};

const EVENTS: usize = 2_000;

/// How the input is cut.
#[derive(Clone, Copy)]
enum Cut {
    Every(usize),
    Anywhere { seed: u64 },
}

impl Cut {
    fn pieces(self, inputs: &[EventInput]) -> Vec<&[EventInput]> {
        let mut draw = Draw::new(match self {
            Self::Every(_) => 0,
            Self::Anywhere { seed } => seed,
        });
        let mut pieces = Vec::new();
        let mut rest = inputs;
        while !rest.is_empty() {
            let size = match self {
                Self::Every(size) => size,
                Self::Anywhere { .. } => draw.below(60) as usize,
            };
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces
    }
}

fn whole() -> (Vec<EventInput>, EpochOutcome) {
    let inputs = inputs(stream::events(1, EVENTS));
    let outcome = pipeline(RULES, 1).run_inputs(&inputs);
    (inputs, outcome)
}

fn check(cut: Cut, shards: usize) {
    let (inputs, expected) = whole();
    let mut pipeline = pipeline(RULES, shards);
    let mut outcome = EpochOutcome::default();
    for piece in cut.pieces(&inputs) {
        outcome.extend(pipeline.run_inputs(piece));
    }
    check_same(&bytes(&outcome), &bytes(&expected), "cut");
    assert_eq!(outcome.late, expected.late);
}

#[test]
fn the_stream_raises_alerts_of_every_rule_and_layer_and_has_late_events() {
    let (_, outcome) = whole();
    for rule in [
        "auth.every",
        "auth.edge",
        "auth.reset",
        "auth.suppress",
        "net.upload",
        "wave",
        "mixed",
        "storm",
    ] {
        let (first, revisions) = by_rule(&outcome, rule);
        assert!(first > 3, "{rule}: {first} alerts of {revisions} revisions");
    }
    let (first, revisions) = by_rule(&outcome, "auth.edge");
    assert!(revisions > first, "episodes are revised");
    assert!(outcome.late.len() > 20, "{}", outcome.late.len());
    assert!(outcome.alerts.iter().any(|raised| raised.alert.depth == 3));
    assert_eq!(outcome.faults, []);
}

#[test]
fn epochs_of_one_event_give_the_same_bytes() {
    check(Cut::Every(1), 1);
}

#[test]
fn epochs_of_seven_events_give_the_same_bytes() {
    check(Cut::Every(7), 1);
}

#[test]
fn epochs_of_a_thousand_events_give_the_same_bytes() {
    check(Cut::Every(1_000), 1);
}

#[test]
fn epochs_of_random_size_some_of_them_empty_give_the_same_bytes() {
    for seed in 1..4 {
        check(Cut::Anywhere { seed }, 1);
    }
}

#[test]
fn windows_in_three_shards_give_the_same_bytes_as_in_one() {
    check(Cut::Every(1_000), 3);
    check(Cut::Anywhere { seed: 5 }, 3);
}

#[test]
fn a_checkpoint_between_any_two_epochs_changes_no_byte() {
    let (inputs, expected) = whole();
    let mut checkpoint: Option<Vec<(String, Vec<u8>)>> = None;
    let mut outcome = EpochOutcome::default();
    for piece in (Cut::Anywhere { seed: 9 }).pieces(&inputs) {
        // Nothing but the bytes lives on.
        let mut next: Pipeline = pipeline(RULES, 2);
        if let Some(parts) = &checkpoint {
            next.restore(parts).unwrap();
        }
        outcome.extend(next.run_inputs(piece));
        checkpoint = Some(next.checkpoint());
    }
    check_same(&bytes(&outcome), &bytes(&expected), "cut");
}

#[test]
fn the_end_of_input_closes_episodes_the_same_way_after_an_empty_epoch() {
    let (inputs, _) = whole();
    let (mut one, mut other) = (pipeline(RULES, 1), pipeline(RULES, 1));
    one.run_inputs(&inputs);
    other.run_inputs(&inputs);
    other.run_inputs(&[]);
    let (one, other) = (one.close_input(), other.close_input());
    assert!(!one.alerts.is_empty());
    let places = |outcome: &EpochOutcome| -> Vec<_> {
        outcome.alerts.iter().map(|raised| raised.place).collect()
    };
    check_same(&bytes(&other), &bytes(&one), "closed");
    assert_eq!(places(&one), places(&other));
}

#[test]
fn a_smaller_number_of_keys_holds_for_windows_that_keep_their_state() {
    let (inputs, _) = whole();
    let mut pipeline = pipeline(RULES, 1);
    pipeline.run_inputs(&inputs[..1_000]);
    let set = Arc::clone(pipeline.rule_set());
    let few = PipelineSettings {
        keys_per_rule: 2,
        ..PipelineSettings::default()
    };
    pipeline.activate_rules(set, &few);
    pipeline.run_inputs(&inputs[1_000..]);
    let rules = pipeline.rule_set().rules().iter();
    let number = rules
        .zip(0..)
        .find(|(rule, _)| rule.id.as_str() == "auth.every")
        .map(|(_, number)| number);
    let unit = WindowShard {
        rule: number.unwrap(),
        shard: 0,
    };
    let window = pipeline.take_window(unit).unwrap();
    assert!(window.stats().keys <= 2 * 3, "two of each tenant");
    assert!(window.stats().evicted_keys > 0);
}
