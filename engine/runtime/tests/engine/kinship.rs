//! Rules that ask trees get the answers that the pure pipeline gives, whatever becomes of the
//! engine.

use std::collections::BTreeSet;

use larum_engine::EngineConfig;
use larum_event::{Event, Timestamp};

use crate::crash::{self, Run};
use crate::stream::{self, RULES, TREE_RULES};
use crate::support::{
    activated, check_same, config, derived, emit, ended, faults, manual, of_rule, offline, records,
    settled, started, written,
};

const EVENTS: usize = 1_200;

async fn check(seed: u64, change: impl FnOnce(&mut EngineConfig)) {
    let store = written(TREE_RULES, &stream::tree_events(seed, EVENTS));
    let expected = offline(&records(store.path()));
    for rule in ["under", "deep", "many", "users", "chain", "storm", "storms"] {
        assert!(
            !of_rule(&expected, &format!("tree.{rule}")).is_empty(),
            "{rule}"
        );
    }
    let mut config = config(&store, TREE_RULES);
    change(&mut config);
    let engine = started(config).await;
    settled(&engine).await;
    let found = ended(engine, &store).await;
    // Ticks may have come since.
    check_same(&derived(&found), &offline(&found), &format!("seed {seed}"));
}

async fn check_shared(matchers: usize, window_shards: usize) {
    check(51, |config| {
        config.matchers = matchers;
        config.window_shards = window_shards;
        // Large enough to be shared among matchers.
        config.epoch_events = 600;
        config.faults = faults("delay:matcher/*=seed8:0..5ms; delay:commit=seed9:0..3ms");
    })
    .await;
}

#[actix_rt::test]
async fn one_matcher_and_one_shard_see_the_trees_of_the_pipeline() {
    check_shared(1, 1).await;
}

#[actix_rt::test]
async fn one_matcher_and_three_shards_see_the_trees_of_the_pipeline() {
    check_shared(1, 3).await;
}

#[actix_rt::test]
async fn four_matchers_and_one_shard_see_the_trees_of_the_pipeline() {
    check_shared(4, 1).await;
}

#[actix_rt::test]
async fn four_matchers_and_three_shards_see_the_trees_of_the_pipeline() {
    check_shared(4, 3).await;
}

#[actix_rt::test]
async fn small_epochs_with_checkpoints_between_them_see_the_trees_of_the_pipeline() {
    check(52, |config| {
        config.epoch_events = 7;
        config.checkpoint_events = 50;
    })
    .await;
}

#[actix_rt::test]
async fn a_panic_of_any_part_that_has_to_do_with_trees_changes_no_alert() {
    for fault in [
        // What people look at.
        "panic:tree/0@3*1",
        // What rules ask: evaluation starts over from disk.
        "panic:kinship@4*1",
        "panic:matcher/0@5*1",
        // Its state is made anew, trees and all.
        "panic:window/tree.many/0@3*1",
        "panic:window/tree.storm/0@2*1",
    ] {
        check(53, |config| {
            config.epoch_events = 60;
            config.checkpoint_events = 150;
            config.faults = faults(fault);
        })
        .await;
    }
}

/// The stream without events that are given twice, which the engine would refuse.
fn unrepeated(seed: u64, number: usize) -> Vec<(Event, Timestamp)> {
    let mut events = stream::tree_events(seed, number);
    let mut ids = BTreeSet::new();
    events.retain(|(event, _)| ids.insert(event.envelope().id.clone()));
    events
}

#[actix_rt::test]
async fn what_is_left_of_an_engine_is_enough_for_trees_to_be_as_they_were() {
    for (seed, checkpoint_events) in [(54, u64::MAX), (55, 50)] {
        let first: fn(&mut EngineConfig) = match checkpoint_events {
            u64::MAX => |config| config.epoch_events = 30,
            _ => |config| {
                config.epoch_events = 20;
                config.checkpoint_events = 50;
            },
        };
        crash::check(Run {
            rules: TREE_RULES,
            stream: unrepeated,
            seed,
            events: 900,
            copies: 6,
            first,
            next: |config, number| config.epoch_events = 1 + 7 * number as usize,
        })
        .await;
    }
}

#[actix_rt::test]
async fn rules_that_are_activated_later_see_the_trees_of_the_log_before() {
    let (clock, _time) = manual();
    let store = written(RULES, &stream::tree_events(56, 200));
    let mut first = config(&store, RULES);
    first.clock = clock.clone();
    let engine = started(first).await;
    settled(&engine).await;
    assert_eq!(derived(&ended(engine, &store).await), Vec::<String>::new());

    let rule = r##"rule("late").on("events.step.probe").when(|event| event.descendant_of("s3"));"##;
    let probe = || {
        let time = stream::second(0);
        let json = format!(
            r#"{{"id":"probe","source":"probe","time":"{time}","type":"step.probe","channel":"events","correlationId":"s10","metadata":{{"tenantId":"default"}},"data":{{}}}}"#
        );
        stream::event(&json, time)
    };
    // Once as it is, and once more from what that leaves behind.
    for number in 0..2 {
        let mut next = config(&store, rule);
        next.clock = clock.clone();
        let engine = started(next).await;
        if number == 0 {
            emit(&engine, [probe()]).await;
        }
        settled(&engine).await;
        assert_eq!(engine.health().problems, Vec::<String>::new());
        let found = derived(&ended(engine, &store).await);
        assert_eq!(of_rule(&found, "late").len(), 1);
    }
    assert_eq!(activated(rule).files.len(), 1);
}
