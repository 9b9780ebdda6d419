//! Time passes while nothing arrives: what does not come is told at its deadline, once.

use larum_engine::ManualTime;
use larum_engine::{Engine, EngineConfig, EventKinds, EventQuery, RuntimeClock};
use larum_event::{Alert, ClockTick, Event, Record, RecordBody, Span, Timestamp};
use tempfile::TempDir;

use crate::stream::{self, second};
use crate::support::{
    check_same, config, copy, derived, emit, ended, folder, of_rule, offline, settled, started,
    until,
};

/// Opened and not closed within thirty seconds; and a rule over that.
const RULES: &str = r#"
rule("left_open")
    .on("security.session")
    .group_by("metadata.user")
    .within("30s")
    .sequence([
        step("opened").when(|event| event.data.does == "open"),
        absent("closed").when(|event| event.data.does == "close"),
    ]);

rule("seen").on("alerts.left_open");
"#;

struct Given {
    store: TempDir,
    config: EngineConfig,
    time: ManualTime,
}

/// A store and a clock that shows the first second of the stream.
fn given() -> Given {
    let store = folder();
    let (clock, time) = RuntimeClock::manual(second(0));
    let config = EngineConfig {
        clock,
        ..config(&store, RULES)
    };
    Given {
        store,
        config,
        time,
    }
}

fn session(id: &str, does: &str, seconds: i64) -> Event {
    let at = second(seconds);
    let json = format!(
        r#"{{"id":"{id}","type":"session","source":"sshd@web-1","time":"{at}","channel":"security","metadata":{{"user":"eve"}},"data":{{"does":"{does}"}}}}"#
    );
    stream::event(&json, at)
}

/// Lets seconds pass until the log holds so many alerts.
async fn pass_until(engine: &Engine, time: &ManualTime, alerts: usize) {
    while step(engine, time).await < alerts {}
}

/// Lets a moment pass, when what came before is evaluated: else the clock runs ahead of evaluation.
/// Says how many alerts are in the log.
async fn step(engine: &Engine, time: &ManualTime) -> usize {
    let head = engine.health().head;
    until(|| engine.health().evaluated.0 + 2 >= head.0).await;
    time.advance(Span::from_nanos(50_000_000));
    told(engine).await
}

fn left_open(records: &[Record]) -> Vec<Alert> {
    of_rule(&derived(records), "left_open")
}

/// What the ticks tell, up to the first alert and behind it.
fn ticks(records: &[Record]) -> (Vec<Timestamp>, Vec<Timestamp>) {
    let is_alert = |record: &Record| matches!(record.body, RecordBody::Derived { .. });
    let first = records.iter().position(is_alert).unwrap_or(records.len());
    let (before, behind) = records.split_at(first);
    let told = |records: &[Record]| {
        let ticks = records.iter().filter_map(|record| match record.body {
            RecordBody::Tick(tick) => Some(tick.at),
            _ => None,
        });
        ticks.collect()
    };
    (told(before), told(behind))
}

#[track_caller]
fn check_once(found: &[Record]) {
    let alerts = left_open(found);
    let [alert] = &alerts[..] else {
        panic!("{alerts:#?}");
    };
    assert_eq!(alert.trigger.id.as_str(), "opened");
    assert_eq!(of_rule(&derived(found), "seen").len(), 1);
    let told = derived(found);
    let deadline = format!(r#""time":"{}""#, second(30));
    assert!(told[0].contains(&deadline), "{}", told[0]);
    check_same(&told, &offline(found), "absence");
}

#[actix_rt::test]
async fn what_does_not_come_is_told_at_its_deadline_while_nothing_arrives() {
    let given = given();
    let engine = started(given.config).await;
    emit(&engine, [session("opened", "open", 0)]).await;
    // Before time passes: else the clock runs ahead of a machine that is slow to begin.
    settled(&engine).await;
    pass_until(&engine, &given.time, 2).await;
    let found = ended(engine, &given.store).await;
    check_once(&found);
    // Its only source is always punctual, so nothing is waited for beyond the deadline.
    let (before, _) = ticks(&found);
    assert!(before.first().is_some_and(|first| *first < second(5)));
    assert!(before.last().is_some_and(|last| *last > second(30)));
}

#[actix_rt::test]
async fn what_comes_at_the_deadline_is_in_time_and_a_moment_later_is_not() {
    for (closed, alerts) in [(29, 0), (30, 0), (31, 1)] {
        let given = given();
        let engine = started(given.config).await;
        emit(&engine, [session("opened", "open", 0)]).await;
        given.time.advance(Span::from_seconds(closed));
        emit(&engine, [session("closed", "close", closed.into())]).await;
        settled(&engine).await;
        given.time.advance(Span::from_seconds(1));
        emit(
            &engine,
            [session("later", "nothing", i64::from(closed) + 20)],
        )
        .await;
        settled(&engine).await;
        let found = ended(engine, &given.store).await;
        assert_eq!(left_open(&found).len(), alerts, "closed after {closed} s");
        check_same(&derived(&found), &offline(&found), "absence");
    }
}

#[actix_rt::test]
async fn nothing_is_written_while_nothing_waits() {
    let given = given();
    let engine = started(given.config).await;
    let before = engine.health().head;
    given.time.advance(Span::from_seconds(100));
    emit(&engine, [session("other", "nothing", 100)]).await;
    settled(&engine).await;
    given.time.advance(Span::from_seconds(100));
    settled(&engine).await;
    assert!(engine.health().head <= larum_event::Position(before.0 + 2));
    let (before, behind) = ticks(&ended(engine, &given.store).await);
    assert_eq!((before, behind), (Vec::new(), Vec::new()));
}

#[actix_rt::test]
async fn absence_is_told_once_whenever_the_engine_is_killed_between_opening_and_deadline() {
    let Given {
        store,
        config: first,
        time,
    } = given();
    let clock = first.clock.clone();
    let engine = started(first).await;
    emit(&engine, [session("opened", "open", 0)]).await;
    let mut copies = Vec::new();
    while told(&engine).await < 2 {
        copies.push(copy(store.path()));
        for _ in 0..100 {
            let _told = step(&engine, &time).await;
        }
    }
    copies.push(copy(store.path()));
    check_once(&ended(engine, &store).await);
    for copy in copies {
        let next = EngineConfig {
            clock: clock.clone(),
            ..config(&copy, RULES)
        };
        let engine = started(next).await;
        pass_until(&engine, &time, 2).await;
        check_once(&ended(engine, &copy).await);
    }
}

/// Of the ticks, those that hold back what waits.
fn holds(records: &[Record]) -> Vec<ClockTick> {
    let ticks = records.iter().filter_map(|record| match record.body {
        RecordBody::Tick(tick) => Some(tick),
        _ => None,
    });
    ticks.filter(|tick| !tick.hold.is_zero()).collect()
}

#[actix_rt::test]
async fn after_a_restart_what_waits_is_held_until_sources_had_time_to_send_what_they_kept() {
    let Given {
        store,
        config: mut first,
        time,
    } = given();
    first.resume_hold = Span::from_seconds(120);
    let again = first.clone();
    let engine = started(first).await;
    emit(&engine, [session("opened", "open", 0)]).await;
    settled(&engine).await;
    let found = ended(engine, &store).await;
    assert_eq!(holds(&found), [], "the first start has missed nothing");
    time.advance(Span::from_seconds(600));
    let engine = started(again).await;
    emit(&engine, [session("live", "nothing", 600)]).await;
    settled(&engine).await;
    emit(&engine, [session("closed", "close", 20)]).await;
    settled(&engine).await;
    let found = ended(engine, &store).await;
    let hold = Span::from_seconds(120);
    let at = second(600);
    assert_eq!(holds(&found), [ClockTick { at, hold }]);
    let said = derived(&found);
    assert_eq!(left_open(&found), [], "{said:#?}");
    check_same(&said, &offline(&found), "restart");
}

#[actix_rt::test]
async fn an_engine_that_was_stopped_says_so_in_its_log() {
    let Given {
        store,
        mut config,
        time,
    } = given();
    config.resume_hold = Span::from_seconds(120);
    let engine = started(config).await;
    emit(&engine, [session("opened", "open", 0)]).await;
    settled(&engine).await;
    let before = engine.health().head;
    time.advance(Span::from_seconds(100));
    until(|| engine.health().head > before).await;
    settled(&engine).await;
    let found = ended(engine, &store).await;
    let hold = Span::from_seconds(120);
    let at = second(100);
    assert_eq!(holds(&found), [ClockTick { at, hold }]);
    assert_eq!(left_open(&found), []);
}

/// How many alerts are in the log.
async fn told(engine: &Engine) -> usize {
    let query = EventQuery {
        kinds: EventKinds::Alerts,
        ..EventQuery::default()
    };
    engine.query_events(query).await.unwrap().events.len()
}
