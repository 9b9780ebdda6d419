//! The actors give the bytes of the pure pipeline, however they share the work and however late
//! they answer.

use larum_engine::{EngineConfig, Metric};

use crate::stream::{self, RULES};
use crate::support::{
    check_same, config, derived, ended, faults, offline, records, settled, started, written,
};

const EVENTS: usize = 2_000;
const LATE_ANSWERS: &str =
    "delay:window/*=seed7:0..5ms; delay:matcher/*=seed8:0..5ms; delay:commit=seed9:0..3ms";

async fn check(seed: u64, change: impl FnOnce(&mut EngineConfig)) {
    let store = written(RULES, &stream::events(seed, EVENTS));
    let expected = offline(&records(store.path()));
    assert!(expected.len() > 300);
    let mut config = config(&store, RULES);
    change(&mut config);
    let engine = started(config).await;
    settled(&engine).await;
    let metrics = engine.metrics();
    assert_eq!(engine.health().problems, Vec::<String>::new());
    let found = ended(engine, &store).await;
    // Ticks may have come since.
    check_same(&derived(&found), &offline(&found), &format!("seed {seed}"));
    let late = expected
        .iter()
        .filter(|event| event.contains(r#""type":"late""#));
    let late = late.count() as u64;
    assert!(late > 20);
    assert_eq!(metrics.value(Metric::EventsLate), late);
    assert!(metrics.value(Metric::AlertRevisions) >= expected.len() as u64 - late);
}

async fn check_shared(matchers: usize, window_shards: usize) {
    check(11, |config| {
        config.matchers = matchers;
        config.window_shards = window_shards;
        // Large enough to be shared among matchers.
        config.epoch_events = 600;
        config.faults = faults(LATE_ANSWERS);
    })
    .await;
}

#[actix_rt::test]
async fn one_matcher_and_one_shard_give_the_bytes_of_the_pipeline() {
    check_shared(1, 1).await;
}

#[actix_rt::test]
async fn one_matcher_and_three_shards_give_the_bytes_of_the_pipeline() {
    check_shared(1, 3).await;
}

#[actix_rt::test]
async fn four_matchers_and_one_shard_give_the_bytes_of_the_pipeline() {
    check_shared(4, 1).await;
}

#[actix_rt::test]
async fn four_matchers_and_three_shards_give_the_bytes_of_the_pipeline() {
    check_shared(4, 3).await;
}

#[actix_rt::test]
async fn epochs_of_one_event_give_the_bytes_of_the_pipeline() {
    check(12, |config| config.epoch_events = 1).await;
}

#[actix_rt::test]
async fn epochs_of_seven_events_and_checkpoints_between_them_give_the_bytes_of_the_pipeline() {
    check(13, |config| {
        config.epoch_events = 7;
        config.checkpoint_events = 50;
        config.window_shards = 2;
    })
    .await;
}

#[actix_rt::test]
async fn epochs_of_a_thousand_events_give_the_bytes_of_the_pipeline() {
    check(14, |config| config.epoch_events = 1_000).await;
}
