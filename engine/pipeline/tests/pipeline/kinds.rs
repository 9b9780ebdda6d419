//! Every kind of window, with lateness, ticks and amendments: where the log is cut and how windows
//! are split changes no byte.

use std::collections::BTreeSet;
use std::sync::Arc;

use larum_event::{AlertStatus, ClockTick, Position, Span, Timestamp};
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};

use crate::given::{by_rule, bytes, check_same, inputs};
use crate::stream::{self, Draw, second};

const KINDS: &str = r##"
rule("few").on("security.#").group_by("metadata.user").tumbling("1m").count("< 3");
rule("hops").on("security.#").group_by("metadata.user").hopping("2m", "30s").count(">= 6");
rule("burst").on("security.#").group_by("metadata.user").session("20s", "5m").count(4);
rule("mean").on("events.#").group_by("metadata.user").within("1m").average("data.bytes", "> 600").lateness("45s");
rule("places").on("security.#").group_by("metadata.user").within("1m").distinct("metadata.ip", 3);
rule("guessed").on("security.#").group_by("metadata.user").within("2m").sequence([
    step("guessing").when(|event| event.data.outcome == "failure").count(2),
    step("success").when(|event| event.data.outcome == "success"),
]);
rule("unanswered").on("security.#").group_by("metadata.user").within("20s").sequence([
    step("failed").when(|event| event.data.outcome == "failure"),
    absent("success").when(|event| event.data.outcome == "success"),
]);
rule("both").on(["alerts.unanswered", "alerts.places"]).group_by("data.key.user").within("5m").count(3);
rule("calm").on("alerts.unanswered").group_by("data.key.user").tumbling("1m").count("< 3");
rule("each").on("alerts.few").group_by("data.key.user");
rule("all").on("alerts.#").group_by("type").within("10m").count(10).policy("every");
"##;

/// An event, time that passes, or keys that are amended.
enum Step {
    Event(EventInput),
    Tick(Position, Timestamp),
    Amend(Position, usize),
}

fn steps(seed: u64) -> Vec<Step> {
    let mut draw = Draw::new(seed);
    let mut steps = Vec::new();
    let mut position = 0;
    for mut input in inputs(stream::events(seed, 1_200)) {
        position += 1;
        input.position = Position(position);
        let now = input.arrived.unwrap_or(second(0));
        steps.push(Step::Event(input));
        if draw.percent(20) {
            position += 1;
            let seconds = draw.below(8) as u32;
            steps.push(Step::Tick(
                Position(position),
                now.saturating_add(Span::from_seconds(seconds)),
            ));
        }
        if draw.percent(5) {
            position += 1;
            let most_rows = [1, 20, usize::MAX][draw.below(3) as usize];
            steps.push(Step::Amend(Position(position), most_rows));
        }
    }
    steps
}

fn pipeline(shards: usize) -> Pipeline {
    let set = Arc::clone(crate::given::pipeline(KINDS, 1).rule_set());
    let settings = PipelineSettings {
        lateness: Span::from_seconds(20),
        shards,
        ..PipelineSettings::default()
    };
    Pipeline::new(set, settings)
}

/// Runs `steps` in stretches of at most `most` events, between any two of which all but a
/// checkpoint may be lost.
fn run(steps: &[Step], shards: usize, most: usize, forgets: bool) -> EpochOutcome {
    let mut pipeline = pipeline(shards);
    let mut outcome = EpochOutcome::default();
    let mut waiting: Vec<EventInput> = Vec::new();
    for step in steps {
        match step {
            Step::Event(input) => waiting.push(input.clone()),
            Step::Tick(position, at) => {
                outcome.extend(pipeline.run_inputs(&std::mem::take(&mut waiting)));
                outcome.extend(pipeline.tick(*position, ClockTick::new(*at)));
            }
            Step::Amend(position, most_rows) => {
                outcome.extend(pipeline.run_inputs(&std::mem::take(&mut waiting)));
                outcome.extend(pipeline.amend(*position, *most_rows));
            }
        }
        if waiting.len() >= most {
            outcome.extend(pipeline.run_inputs(&std::mem::take(&mut waiting)));
            if forgets {
                let parts = pipeline.checkpoint();
                pipeline = self::pipeline(shards);
                pipeline.restore(&parts).unwrap();
            }
        }
    }
    outcome.extend(pipeline.run_inputs(&waiting));
    outcome.extend(pipeline.close_input());
    outcome
}

#[test]
fn every_kind_says_something_and_some_of_it_is_taken_back_or_late() {
    let outcome = run(&steps(3), 1, usize::MAX, false);
    for rule in [
        "few",
        "hops",
        "burst",
        "mean",
        "places",
        "guessed",
        "unanswered",
        "both",
        "calm",
        "each",
        "all",
    ] {
        let (first, revisions) = by_rule(&outcome, rule);
        assert!(first > 1, "{rule}: {first} alerts of {revisions} revisions");
    }
    assert!(!outcome.late.is_empty());
    assert_eq!(outcome.faults, []);
    let alerts = outcome.alerts.iter().map(|raised| &raised.alert);
    let retracted: BTreeSet<&str> = alerts
        .filter(|alert| alert.status == AlertStatus::Retracted)
        .map(|alert| alert.rule.as_str())
        .collect();
    let expected = ["few", "calm", "each"];
    assert!(
        expected.iter().all(|rule| retracted.contains(rule)),
        "{retracted:?}"
    );
    let left = outcome.late.iter().flat_map(|late| &late.rules);
    assert!(
        left.clone()
            .all(|rule| !["both", "calm", "each", "all"].contains(&rule.as_str()))
    );
}

#[test]
fn cuts_shards_and_checkpoints_change_no_byte_of_any_kind() {
    for (seed, shards, most, forgets) in [
        (4, 3, 1, false),
        (5, 3, 7, false),
        (6, 2, 60, true),
        (8, 1, 7, true),
    ] {
        let steps = steps(seed);
        let expected = bytes(&run(&steps, 1, usize::MAX, false));
        let found = run(&steps, shards, most, forgets);
        let what = format!("seed {seed}, {shards} shards, stretches of {most}");
        check_same(&bytes(&found), &expected, &what);
    }
}
