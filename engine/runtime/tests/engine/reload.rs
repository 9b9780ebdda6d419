//! Other rules while events flow: all or nothing, and every event by one set.

use larum_engine::{Engine, EngineConfig, Metric, ReloadError, ReloadSource};
use larum_event::{Position, Record, RecordBody, RuleId};
use larum_rule::RuleSet;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

use crate::stream::{self, Draw, RULES};
use crate::support::{
    activated, check_same, config, copy, derived, emit, ended, faults, folder, login, logins,
    manual, of_rule, offline, records, settled, started,
};

/// The stream's rules with one that means something else, one gone and one new.
fn others() -> String {
    RULES
        .replace(".within(\"2m\").count(4)", ".within(\"2m\").count(3)")
        .replace("rule(\"mixed\")", "rule(\"unmixed\")")
}

fn ids(ids: &[RuleId]) -> Vec<&str> {
    ids.iter().map(RuleId::as_str).collect()
}

/// Where sets of rules were activated.
fn activations(records: &[Record]) -> Vec<Position> {
    let found = records.iter().filter_map(|record| match &record.body {
        RecordBody::RuleSetActivated(_) => Some(record.position),
        _ => None,
    });
    found.collect()
}

async fn reload(engine: &Engine, text: &str) -> larum_engine::ReloadOutcome {
    engine.use_rules(stream::rules(text)).await.unwrap()
}

#[actix_rt::test]
async fn a_reload_says_what_it_changed_and_the_engine_lists_the_rules_in_force() {
    let store = folder();
    let engine = started(config(&store, RULES)).await;
    let before = engine.rules_in_force();
    assert_eq!(before.rules.len(), engine.health().rules);
    let changed = reload(&engine, &others()).await;
    assert!(changed.in_force);
    assert_eq!(ids(&changed.added), ["unmixed"]);
    assert_eq!(ids(&changed.removed), ["mixed"]);
    assert_eq!(changed.changed.len(), 1, "{changed:?}");
    assert_eq!(changed.unchanged, before.rules.len() - 2);
    let after = engine.rules_in_force();
    assert_eq!(
        (after.since, after.hash),
        (changed.position.unwrap(), changed.hash)
    );
    assert_ne!(before.hash, reload(&engine, &others()).await.hash);
    let listed: Vec<&str> = after.rules.iter().map(|rule| rule.id.as_str()).collect();
    let set = RuleSet::load(&stream::rules(&others())).unwrap();
    let expected: Vec<&str> = set.rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(listed, expected);
    ended(engine, &store).await;
}

#[actix_rt::test]
async fn the_same_rules_again_change_nothing_and_write_nothing() {
    let store = folder();
    let engine = started(config(&store, RULES)).await;
    let changed = reload(&engine, RULES).await;
    assert_eq!((changed.position, changed.in_force), (None, true));
    assert!(changed.added.is_empty() && changed.removed.is_empty() && changed.changed.is_empty());
    assert_eq!(changed.unchanged, engine.rules_in_force().rules.len());
    assert_eq!(activations(&ended(engine, &store).await).len(), 1);
}

#[actix_rt::test]
async fn another_title_is_a_new_set_in_which_no_rule_has_changed() {
    let store = folder();
    let rule = r#"rule("five").on("security.auth.login").within("5m").count(5)"#;
    let engine = started(config(&store, &format!("{rule}.title(\"one\");"))).await;
    emit(&engine, logins(0..4, 1)).await;
    let changed = reload(&engine, &format!("{rule}.title(\"two\");")).await;
    assert!(changed.position.is_some());
    assert_eq!((changed.changed.len(), changed.unchanged), (0, 1));
    emit(&engine, [login(4, 1)]).await;
    settled(&engine).await;
    assert_eq!(
        engine.rules_in_force().rules[0].title.as_deref(),
        Some("two")
    );
    let found = derived(&ended(engine, &store).await);
    assert_eq!(of_rule(&found, "five")[0].title.as_deref(), Some("two"));
}

#[actix_rt::test]
async fn rules_that_do_not_load_change_nothing_and_say_so() {
    let store = folder();
    let one = r#"rule("any").on("security.#");"#;
    let engine = started(config(&store, one)).await;
    let refused = engine
        .use_rules(stream::rules(&format!("{one} rule(")))
        .await;
    let Err(ReloadError::Rules(findings)) = refused else {
        panic!("{refused:?}");
    };
    assert!(!findings.is_empty());
    let health = engine.health();
    assert!(health.ready);
    assert!(
        health
            .problems
            .iter()
            .any(|words| words.contains("the rules do not load")),
        "{health:?}"
    );
    assert!(
        engine.metrics().value(Metric::RulesReloadFailed) == 1
            && engine.rules_in_force().reload_failed
    );
    emit(&engine, [login(1, 1)]).await;
    settled(&engine).await;
    // Right again: what it said is over.
    reload(&engine, one).await;
    assert_eq!(engine.health().problems, Vec::<String>::new());
    let metrics = engine.metrics();
    assert_eq!(
        metrics.by_label(Metric::RulesReloads),
        [("ok", 1), ("failed", 1)]
    );
    assert_eq!(metrics.value(Metric::RulesReloadFailed), 0);
    let found = ended(engine, &store).await;
    assert_eq!(activations(&found).len(), 1);
    assert_eq!(of_rule(&derived(&found), "any").len(), 1);
    let told = found
        .iter()
        .filter_map(|record| record.body.outside_event());
    let told: Vec<_> = told
        .filter(|event| event.envelope().topic.as_str() == "$sys.rules.reload_failed")
        .collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].json().contains("findings"), "{}", told[0].json());
}

#[actix_rt::test]
async fn rules_are_read_again_from_where_the_engine_was_told() {
    let store = folder();
    let mut without = config(&store, RULES);
    without.reload_source = None;
    let engine = started(without).await;
    let refused = engine.reload_rules().await;
    assert!(matches!(refused, Err(ReloadError::NoSource)), "{refused:?}");
    ended(engine, &store).await;

    let text = Arc::new(Mutex::new(Ok(others())));
    let mut with = config(&store, RULES);
    let there = Arc::clone(&text);
    with.reload_source = Some(ReloadSource::new(move || {
        there
            .lock()
            .unwrap()
            .clone()
            .map(|text: String| stream::rules(&text))
    }));
    let engine = started(with).await;
    assert_eq!(
        ids(&engine.reload_rules().await.unwrap().added),
        ["unmixed"]
    );
    *text.lock().unwrap() = Err("the folder is gone".to_owned());
    let refused = engine.reload_rules().await;
    assert!(
        matches!(refused, Err(ReloadError::Unreadable { .. })),
        "{refused:?}"
    );
    assert!(engine.metrics().value(Metric::RulesReloadFailed) == 1 && engine.health().ready);
    assert_eq!(engine.rules_in_force().rules.len(), engine.health().rules);
    ended(engine, &store).await;
}

#[actix_rt::test]
async fn an_exception_takes_effect_by_a_reload_and_is_counted() {
    let store = folder();
    let mut files = stream::rules(r#"rule("any").on("security.#");"#);
    let mut with = config(&store, "");
    with.rules = files.clone();
    let engine = started(with).await;
    emit(&engine, logins(0..3, 1)).await;
    files.push(larum_event::RuleFile {
        path: "except.toml".to_owned(),
        text: "[[except]]\nfield = \"metadata.user\"\nvalue = \"u0\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2099-12-31\n".to_owned(),
    });
    files.sort_by(|one, other| one.path.cmp(&other.path));
    engine.use_rules(files).await.unwrap();
    emit(&engine, logins(3..7, 2)).await;
    settled(&engine).await;
    let rule = engine.rules_in_force().rules.remove(0);
    assert_eq!((rule.matches, rule.excepted, rule.alerts), (5, 2, 5));
    let found = ended(engine, &store).await;
    check_same(&derived(&found), &offline(&found), "both");
}

#[actix_rt::test]
async fn an_exception_for_one_user_keeps_what_was_counted_of_another() {
    let store = folder();
    let text = r#"rule("three").on("security.#").group_by("metadata.user").within("1h").count(3);"#;
    let mut files = stream::rules(text);
    let mut with = config(&store, "");
    with.rules = files.clone();
    let engine = started(with).await;
    emit(&engine, logins(0..2, 1)).await;
    files.push(larum_event::RuleFile {
        path: "except.toml".to_owned(),
        text: "[[except]]\nfield = \"metadata.user\"\nvalue = \"svc\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2099-12-31\n".to_owned(),
    });
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let changed = engine.use_rules(files).await.unwrap();
    assert_eq!((changed.unchanged, changed.changed.len()), (1, 0));
    assert_eq!(changed.exceptions_changed[0].as_str(), "three");
    emit(&engine, logins(2..3, 1)).await;
    settled(&engine).await;
    assert_eq!(engine.rules_in_force().rules.remove(0).alerts, 1);
    let found = ended(engine, &store).await;
    check_same(&derived(&found), &offline(&found), "counted on");
}

#[actix_rt::test]
async fn an_engine_that_ends_takes_no_other_rules() {
    let store = folder();
    let engine = started(config(&store, RULES)).await;
    engine.shutdown().await;
    let refused = engine.use_rules(stream::rules(&others())).await;
    assert!(matches!(refused, Err(ReloadError::Stopping)), "{refused:?}");
}

/// Emits a stream while rules are reloaded at random moments, between and beside the batches, and
/// copies the store around each reload; what the engine did and what others make of the copies is
/// what the pipeline says.
async fn check(seed: u64, events: usize, change: fn(&mut EngineConfig)) {
    let store = folder();
    let (clock, _time) = manual();
    let mut first = config(&store, RULES);
    first.clock = clock.clone();
    change(&mut first);
    let engine = started(first).await;
    let mut draw = Draw::new(seed);
    let mut events = stream::events(seed, events).into_iter().peekable();
    let texts = [RULES.to_owned(), others()];
    let mut copies: Vec<TempDir> = Vec::new();
    let mut reloads = 0;
    while events.peek().is_some() {
        let number = 1 + draw.below(40) as usize;
        let batch: Vec<_> = events
            .by_ref()
            .take(number)
            .map(|(event, _)| event)
            .collect();
        if draw.below(4) > 0 {
            emit(&engine, batch).await;
            continue;
        }
        reloads += 1;
        let text = &texts[reloads % 2];
        let (changed, ()) = tokio::join!(reload(&engine, text), async {
            emit(&engine, batch).await;
            copies.push(copy(store.path()));
        });
        assert!(
            changed.position.is_some() && changed.in_force,
            "{changed:?}"
        );
        copies.push(copy(store.path()));
    }
    settled(&engine).await;
    assert_eq!(engine.health().problems, Vec::<String>::new());
    let whole = ended(engine, &store).await;
    assert!(reloads > 3, "{reloads}");
    assert_eq!(activations(&whole).len(), 1 + reloads);
    check_same(&derived(&whole), &offline(&whole), &format!("seed {seed}"));

    for (number, copied) in copies.iter().enumerate() {
        // The rules of the last record go on, as when the files are still those.
        let last = records(copied.path());
        let last = last.iter().rev().find_map(|record| match &record.body {
            RecordBody::RuleSetActivated(activated) => Some(activated.clone()),
            _ => None,
        });
        let mut next = config(copied, "");
        next.rules = last.unwrap().files;
        next.clock = clock.clone();
        next.epoch_events = 1 + 13 * number;
        let engine = started(next).await;
        settled(&engine).await;
        assert_eq!(engine.health().problems, Vec::<String>::new());
        let found = ended(engine, copied).await;
        let what = format!("seed {seed} copy {number}");
        check_same(&derived(&found), &offline(&found), &what);
    }
}

#[actix_rt::test]
async fn every_event_is_evaluated_once_by_the_rules_of_its_place_whatever_ends_when() {
    check(51, 900, |config| {
        config.epoch_events = 30;
        config.checkpoint_events = 100;
        config.window_shards = 2;
    })
    .await;
}

#[actix_rt::test]
async fn late_answers_change_nothing_about_a_reload() {
    check(52, 700, |config| {
        config.matchers = 2;
        config.epoch_events = 300;
        config.clock = larum_engine::RuntimeClock::system();
        config.faults = faults("delay:window/*=seed7:0..2ms; delay:commit=seed1:1ms..4ms");
    })
    .await;
}

#[actix_rt::test]
async fn a_record_that_was_written_and_not_reached_takes_effect_at_the_next_start() {
    let store = folder();
    let engine = started(config(&store, RULES)).await;
    emit(&engine, logins(0..50, 3)).await;
    ended(engine, &store).await;
    let options = larum_log::LogOptions::default();
    let mut log = larum_log::Log::open(store.path(), options).unwrap();
    let written = RecordBody::RuleSetActivated(activated(&others()));
    log.append_controls(vec![written]).unwrap();
    drop(log);
    let engine = started(config(&store, &others())).await;
    emit(&engine, logins(50..100, 3)).await;
    settled(&engine).await;
    let found = ended(engine, &store).await;
    assert_eq!(activations(&found).len(), 2);
    check_same(&derived(&found), &offline(&found), "both");
}
