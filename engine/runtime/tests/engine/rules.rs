//! Which rules are in force over restarts, and what becomes of the state of those that changed.

use larum_event::{Record, RecordBody, RuleSetActivation};
use larum_log::{Log, LogOptions};

use crate::stream::{self, RULES};
use crate::support::{
    activated, check_same, config, derived, emit, ended, folder, login, logins, of_rule, offline,
    records, settled, started, written,
};

/// The rules in another order of events: one means something else, one is gone, one is new.
fn others() -> String {
    RULES
        .replace(".within(\"2m\").count(4)", ".within(\"2m\").count(3)")
        .replace("rule(\"mixed\")", "rule(\"unmixed\")")
}

/// The rules that the log says were activated, in order.
fn activations(records: &[Record]) -> Vec<&RuleSetActivation> {
    let bodies = records.iter().filter_map(|record| match &record.body {
        RecordBody::RuleSetActivated(activated) => Some(activated),
        _ => None,
    });
    bodies.collect()
}

#[actix_rt::test]
async fn unchanged_rules_keep_their_state_when_others_change_between_runs() {
    let store = folder();
    let mut events = stream::events(31, 1_500)
        .into_iter()
        .map(|(event, _)| event);
    let texts = [RULES.to_owned(), others(), RULES.to_owned()];
    for (run, text) in texts.iter().enumerate() {
        let mut config = config(&store, text);
        config.window_shards = 1 + run;
        config.checkpoint_events = 200;
        let engine = started(config).await;
        emit(&engine, events.by_ref().take(500)).await;
        settled(&engine).await;
        assert_eq!(engine.health().problems, Vec::<String>::new());
        ended(engine, &store).await;
    }
    let found = records(store.path());
    assert_eq!(activations(&found).len(), 3);
    check_same(&derived(&found), &offline(&found), "with changes");
}

#[actix_rt::test]
async fn a_count_that_began_before_a_restart_with_another_rule_added_goes_on() {
    let store = folder();
    let one = r#"rule("five").on("security.auth.login").group_by("metadata.user").within("5m").count(5);"#;
    let two = format!(r##"{one} rule("any").on("alerts.#");"##);
    let engine = started(config(&store, one)).await;
    emit(&engine, logins(0..4, 1)).await;
    engine.shutdown().await;
    let engine = started(config(&store, &two)).await;
    emit(&engine, [login(4, 1)]).await;
    settled(&engine).await;
    let found = derived(&ended(engine, &store).await);
    assert_eq!(of_rule(&found, "five").len(), 1);
    assert_eq!(of_rule(&found, "any").len(), 1);
}

#[actix_rt::test]
async fn rules_that_a_run_activated_and_never_reached_do_not_outlive_it() {
    let store = written(RULES, &stream::events(32, 300));
    let mut log = Log::open(store.path(), LogOptions::default()).unwrap();
    let never_reached = RecordBody::RuleSetActivated(activated(&others()));
    log.append_controls(vec![never_reached]).unwrap();
    drop(log);
    let engine = started(config(&store, RULES)).await;
    emit(&engine, [login(1, 1)]).await;
    settled(&engine).await;
    let found = ended(engine, &store).await;
    assert_eq!(activations(&found).len(), 3);
    assert_eq!(activations(&found).last().copied(), Some(&activated(RULES)));
    check_same(&derived(&found), &offline(&found), "both");
}

#[actix_rt::test]
async fn the_same_rules_are_not_activated_twice() {
    let store = written(RULES, &stream::events(33, 300));
    for _ in 0..2 {
        let engine = started(config(&store, RULES)).await;
        ended(engine, &store).await;
    }
    assert_eq!(activations(&records(store.path())).len(), 1);
}

#[actix_rt::test]
async fn an_engine_without_rules_on_an_empty_store_starts_and_starts_again() {
    let store = folder();
    for run in 0..3 {
        let engine = started(config(&store, "")).await;
        emit(&engine, [login(run, 1)]).await;
        settled(&engine).await;
        assert_eq!(engine.health().rules, 0);
        ended(engine, &store).await;
    }
    assert_eq!(activations(&records(store.path())).len(), 1);
}

#[actix_rt::test]
async fn an_engine_that_did_not_start_leaves_the_store_to_the_next() {
    let store = written("", &[]);
    let mut log = Log::open(store.path(), LogOptions::default()).unwrap();
    let mut broken = activated("");
    broken.files = stream::rules("rule(");
    let broken = RecordBody::RuleSetActivated(broken);
    log.append_controls(vec![broken]).unwrap();
    drop(log);
    for _ in 0..2 {
        let refused = larum_engine::Engine::start(config(&store, RULES)).await;
        let words = refused.map(|_| ()).unwrap_err().to_string();
        assert!(words.contains("do not load"), "{words}");
    }
}
