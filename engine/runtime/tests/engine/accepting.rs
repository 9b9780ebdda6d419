//! What an engine takes and what it turns away: deadlines, overload, a log that fails.

use larum_engine::{EmitError, EmitOptions, EmitReceipt, Engine, Metric, ReloadError};
use larum_event::{Event, Span, Timestamp};

use crate::stream;
use crate::support::{
    check_same, config, derived, emit, ended, faults, folder, login, logins, manual, offline,
    settled, started, until, while_time_creeps,
};

const ANY: &str = r#"rule("any").on("security.#");"#;

async fn offer(engine: &Engine, events: Vec<Event>) -> Result<Vec<EmitReceipt>, EmitError> {
    let taken = engine.emit_with_guarantee(events, EmitOptions::default());
    taken.await
}

async fn before(engine: &Engine, number: u64, deadline: Timestamp) -> Result<(), EmitError> {
    let options = EmitOptions {
        delivery_deadline: Some(deadline),
    };
    let taken = engine.emit_with_guarantee(vec![login(number, 1)], options);
    taken.await.map(drop)
}

#[actix_rt::test]
async fn an_event_is_stored_at_its_deadline_and_not_a_nanosecond_later() {
    let store = folder();
    let (clock, time) = manual();
    let deadline = clock.now();
    let mut with = config(&store, ANY);
    with.clock = clock;
    let engine = started(with).await;
    assert_eq!(before(&engine, 1, deadline).await, Ok(()));
    time.advance(Span::from_nanos(1));
    let refused = before(&engine, 2, deadline).await;
    assert_eq!(refused, Err(EmitError::DeadlinePassed { deadline }));
    settled(&engine).await;
    assert_eq!(engine.metrics().value(Metric::EventsAccepted), 1);
    let found = ended(engine, &store).await;
    assert_eq!(derived(&found).len(), 1);
}

#[actix_rt::test]
async fn producers_are_turned_away_while_evaluation_is_behind_and_taken_when_it_has_caught_up() {
    let store = folder();
    let (clock, time) = manual();
    let step = Span::from_nanos(10_000);
    let mut with = config(&store, ANY);
    with.clock = clock;
    with.evaluation_lag_events = 10;
    // On a clock that stands still no outcome is written.
    with.faults = faults("delay:commit=seed1:1ms..6ms");
    let engine = started(with).await;
    // As many as there may be behind are no reason to refuse, one more is.
    emit(&engine, logins(0..10, 3)).await;
    emit(&engine, logins(10..11, 3)).await;
    let refused = offer(&engine, logins(11..12, 3)).await;
    assert!(
        matches!(refused, Err(EmitError::Overloaded { behind: 11, .. })),
        "{refused:?}"
    );
    assert_eq!(engine.metrics().value(Metric::RequestsOverloaded), 1);
    assert!(engine.health().ready);
    while_time_creeps(&time, step, settled(&engine)).await;
    emit(&engine, logins(11..12, 3)).await;
    while_time_creeps(&time, step, settled(&engine)).await;
    let found = while_time_creeps(&time, step, ended(engine, &store)).await;
    check_same(&derived(&found), &offline(&found), "all");
    assert_eq!(derived(&found).len(), 12);
}

/// Offers single events until one meets the commit that fails; how many were stored.
async fn until_the_log_fails(engine: &Engine) -> u64 {
    for number in 0..100 {
        match offer(engine, vec![login(number, 1)]).await {
            Ok(_) => {}
            Err(EmitError::LogFailed { .. }) => return number,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the log never failed");
}

#[actix_rt::test]
async fn a_log_that_failed_takes_nothing_until_it_is_open_again_and_then_all_goes_on() {
    let store = folder();
    let mut with = config(&store, ANY);
    with.faults = faults("panic:log@20");
    let engine = started(with).await;
    let stored = until_the_log_fails(&engine).await;
    assert!(!engine.health().ready);
    let refused = offer(&engine, vec![login(200, 1)]).await;
    assert!(
        matches!(refused, Err(EmitError::LogFailed { .. })),
        "{refused:?}"
    );
    let others = format!("{ANY} rule(\"more\").on(\"security.#\");");
    let refused = engine.use_rules(stream::rules(&others)).await;
    assert!(
        matches!(refused, Err(ReloadError::Log { .. })),
        "{refused:?}"
    );
    assert_eq!(engine.rules_in_force().rules.len(), 1);

    until(|| engine.health().ready).await;
    emit(&engine, [login(300, 1)]).await;
    engine.use_rules(stream::rules(&others)).await.unwrap();
    emit(&engine, [login(301, 1)]).await;
    settled(&engine).await;
    assert_eq!(engine.health().problems, Vec::<String>::new());
    let found = ended(engine, &store).await;
    check_same(&derived(&found), &offline(&found), "all");
    // The event that was answered as not stored is not there either.
    assert_eq!(derived(&found).len() as u64, stored + 1 + 2);
}
