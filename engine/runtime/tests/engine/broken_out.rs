//! Rules that keep failing while the engine runs: broken out like the pipeline does, told, listed
//! and mended.

use larum_engine::{ConditionMode, Engine, EngineConfig, Metric, RuleState};
use larum_event::{Event, Timestamp};

use crate::stream::{self, Draw};
use crate::support::{
    check_same_set, config, copy, derived, emit, ended, faults, folder, manual, offline, settled,
    started, written,
};

const RULES: &str = r#"
rule("shaky").on("security.#").when(|event| {
    if event.data.bad == true { throw "no"; }
    event.data.hit == true
});
rule("picky").on("security.#").group_by("metadata.user").within("1m").count(3).when(|event| {
    if event.data.odd == true { throw "odd"; }
    event.data.hit == true
});
rule("steady").on("security.#").when(|event| event.data.hit == true);
rule("above").on("alerts.shaky");
"#;

fn event(number: u64, second: i64, tenant: &str, (bad, odd): (bool, bool)) -> (Event, Timestamp) {
    let at = stream::second(second);
    let json = format!(
        r#"{{"id":"e{number}","type":"auth.login","source":"s","time":"{at}","channel":"security","metadata":{{"tenantId":"{tenant}","user":"u{}"}},"data":{{"hit":true,"bad":{bad},"odd":{odd}}}}}"#,
        number % 3
    );
    (stream::event(&json, at), at)
}

/// Stretches of good and bad events of two tenants.
fn mixed(seed: u64, number: u64) -> Vec<(Event, Timestamp)> {
    let mut draw = Draw::new(seed);
    let (mut second, mut kind) = (0, (false, false));
    (0..number)
        .map(|number| {
            second += draw.below(2) as i64;
            if draw.percent(4) {
                kind = (draw.percent(50), draw.percent(40));
            }
            let kind = if draw.percent(20) {
                (false, false)
            } else {
                kind
            };
            event(number, second, ["a", "b"][draw.below(2) as usize], kind)
        })
        .collect()
}

fn rule(engine: &Engine, id: &str) -> RuleState {
    let rules = engine.rules_in_force().rules.into_iter();
    rules.filter(|rule| rule.id.as_str() == id).last().unwrap()
}

async fn check(seed: u64, change: impl FnOnce(&mut EngineConfig)) {
    let store = written(RULES, &mixed(seed, 800));
    let expected = offline(&crate::support::records(store.path()));
    let broken = expected
        .iter()
        .filter(|json| json.contains("larum.rule_broken_out"));
    assert!(broken.count() > 2);
    let mut config = config(&store, RULES);
    change(&mut config);
    let engine = started(config).await;
    settled(&engine).await;
    let listed = rule(&engine, "shaky");
    let found = ended(engine, &store).await;
    // Ticks may have come since.
    check_same_set(&derived(&found), &offline(&found), &format!("seed {seed}"));
    assert!(
        !listed.missed.is_empty() && listed.faults > 20,
        "{listed:?}"
    );
}

#[actix_rt::test]
async fn many_matchers_break_the_rules_out_that_the_pipeline_does() {
    check(81, |config| {
        config.matchers = 4;
        config.window_shards = 2;
        config.epoch_events = 600;
        config.faults = faults("delay:matcher/*=seed8:0..3ms");
    })
    .await;
}

#[actix_rt::test]
async fn epochs_of_seven_events_break_the_rules_out_that_the_pipeline_does() {
    check(82, |config| {
        config.epoch_events = 7;
        config.checkpoint_events = 50;
    })
    .await;
}

#[actix_rt::test]
async fn what_is_left_of_an_engine_breaks_the_same_rules_out() {
    let store = folder();
    let (clock, _time) = manual();
    let mut first = config(&store, RULES);
    first.clock = clock.clone();
    (first.epoch_events, first.checkpoint_events) = (20, 90);
    let engine = started(first).await;
    let events: Vec<Event> = (0..120)
        .map(|number| event(number, 0, "a", (number % 60 < 30, number % 80 > 40)).0)
        .collect();
    let mut copies = Vec::new();
    for batch in events.chunks(12) {
        emit(&engine, batch.iter().cloned()).await;
        copies.push(copy(store.path()));
    }
    settled(&engine).await;
    let whole = ended(engine, &store).await;
    check_same_set(&derived(&whole), &offline(&whole), "undisturbed");
    for (number, copied) in copies.iter().enumerate() {
        let mut next = config(copied, RULES);
        next.clock = clock.clone();
        next.epoch_events = 1 + 9 * number;
        let engine = started(next).await;
        let rest = events.iter().skip(12 * (number + 1)).cloned();
        emit(&engine, rest).await;
        settled(&engine).await;
        let problems = engine.health().problems;
        assert!(
            !problems.iter().any(|words| words.contains("again")),
            "{problems:?}"
        );
        let found = ended(engine, copied).await;
        check_same_set(
            &derived(&found),
            &offline(&found),
            &format!("copy {number}"),
        );
    }
}

#[actix_rt::test]
async fn a_broken_out_rule_is_listed_with_what_it_misses_until_it_is_mended() {
    let store = folder();
    let (clock, time) = manual();
    let mut with = config(&store, RULES);
    with.clock = clock;
    let engine = started(with).await;
    let events = |numbers: std::ops::Range<u64>, bad| {
        numbers.map(move |number| event(number, 0, "default", (bad, false)).0)
    };
    emit(&engine, events(0..30, true)).await;
    settled(&engine).await;
    let shaky = rule(&engine, "shaky");
    assert_eq!(
        (shaky.faults, shaky.matches, shaky.condition),
        (20, 0, ConditionMode::Scripted)
    );
    assert!(
        shaky.broken_out && shaky.missed[0].before.is_none(),
        "{shaky:?}"
    );
    let health = engine.health();
    assert!(health.ready);
    assert!(
        health.problems[0].starts_with("1 rules are broken out: shaky"),
        "{health:?}"
    );
    assert_eq!(engine.metrics().value(Metric::RulesBrokenOut), 1);
    let steady = rule(&engine, "steady");
    assert_eq!(
        (steady.matches, steady.alerts, steady.broken_out),
        (30, 30, false)
    );
    assert_eq!(steady.condition, ConditionMode::Native);

    // Time passes and it answers: it is back, and the stretch is closed.
    time.advance(larum_event::Span::from_seconds(5));
    emit(&engine, events(30..40, false)).await;
    settled(&engine).await;
    let shaky = rule(&engine, "shaky");
    assert_eq!(
        (shaky.matches, shaky.alerts, shaky.broken_out),
        (10, 10, false)
    );
    assert!(shaky.missed[0].before.is_some());
    assert_eq!(engine.health().problems, Vec::<String>::new());

    // Broken out again and mended: other rules begin anew.
    emit(&engine, events(40..80, true)).await;
    settled(&engine).await;
    assert!(rule(&engine, "shaky").broken_out);
    let mended = RULES.replace(r#"throw "no";"#, "return false;");
    engine.use_rules(stream::rules(&mended)).await.unwrap();
    let shaky = rule(&engine, "shaky");
    assert!(!shaky.broken_out && shaky.missed.len() == 2, "{shaky:?}");
    assert_eq!(engine.health().problems, Vec::<String>::new());
    emit(&engine, events(80..90, true)).await;
    settled(&engine).await;
    assert_eq!(rule(&engine, "shaky").faults, 40);
    let found = ended(engine, &store).await;
    check_same_set(&derived(&found), &offline(&found), "all");
}

#[actix_rt::test]
async fn scripts_that_run_are_counted_and_some_are_timed() {
    let store = folder();
    let engine = started(config(&store, RULES)).await;
    let events = (0..900).map(|number| event(number, 0, "a", (false, false)).0);
    emit(&engine, events).await;
    settled(&engine).await;
    let (shaky, steady) = (rule(&engine, "shaky"), rule(&engine, "steady"));
    assert_eq!((shaky.script_runs, steady.script_runs), (900, 0));
    assert!(
        shaky.script_nanos.is_some_and(|nanos| nanos > 0),
        "{shaky:?}"
    );
    assert_eq!(steady.script_nanos, None);
    let metrics = engine.metrics();
    let count = |metric| {
        let mut of_rules = metrics.by_label(metric).into_iter();
        of_rules.find(|(rule, _)| *rule == "shaky").unwrap().1
    };
    let counted = [Metric::RuleMatches, Metric::RuleScriptRuns].map(count);
    assert_eq!(counted, [900, 900]);
    assert!(count(Metric::RuleScriptNanoseconds) > 0);
    // An engine that recovers does not count again what was counted, and counts no alert of before.
    ended(engine, &store).await;
    let engine = started(config(&store, RULES)).await;
    assert_eq!(rule(&engine, "shaky").matches, 0);
    ended(engine, &store).await;
}
