//! Handlers: each gets everything, whatever happens to it or to the others.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use larum_engine::{
    DeliveredEvent, Engine, EngineConfig, EventHandler, EventInterest, HandlerError, HandlerResult,
    HandlerSpec, Metric,
};
use larum_event::{Channel, limits};
use tempfile::TempDir;

use crate::stream;
use crate::support::{
    config, derived, emit, ended, faults, folder, logins, manual, of_rule, until, while_time_passes,
};

/// What a handler was given, across its restarts.
#[derive(Clone, Default)]
struct Notes {
    ids: Arc<Mutex<Vec<String>>>,
    failures_left: Arc<AtomicU32>,
}

impl Notes {
    fn failing(times: u32) -> Self {
        let notes = Self::default();
        notes.failures_left.store(times, Ordering::SeqCst);
        notes
    }

    /// The ids in the order in which they came first.
    fn seen(&self) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        for id in self.ids.lock().unwrap().iter() {
            if !seen.contains(id) {
                seen.push(id.clone());
            }
        }
        seen
    }

    fn spec(&self, id: &str) -> HandlerSpec {
        let notes = self.clone();
        HandlerSpec {
            id: id.to_owned(),
            channel: Channel::new("security").unwrap(),
            interest: EventInterest::default(),
            batch: 10,
            timeout: Duration::from_secs(30),
            make: Arc::new(move || Box::new(Recorder(notes.clone()))),
        }
    }
}

struct Recorder(Notes);

impl EventHandler for Recorder {
    fn handle(
        &mut self,
        batch: Vec<Arc<DeliveredEvent>>,
    ) -> Pin<Box<dyn Future<Output = HandlerResult>>> {
        let less = |left: u32| left.checked_sub(1);
        let failing = &self.0.failures_left;
        if failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
        {
            return Box::pin(async { Err(HandlerError("the disk is full".to_owned())) });
        }
        let ids = batch
            .iter()
            .map(|delivered| delivered.event.envelope().id.to_string());
        self.0.ids.lock().unwrap().extend(ids);
        Box::pin(async { Ok(()) })
    }
}

fn with_handlers(store: &TempDir, handlers: Vec<HandlerSpec>, text: &str) -> EngineConfig {
    EngineConfig {
        handlers,
        faults: faults(text),
        ..config(store, "")
    }
}

fn expected(number: u64) -> Vec<String> {
    (0..number).map(|number| format!("e{number}")).collect()
}

#[actix_rt::test]
async fn a_handler_that_hangs_delays_no_other() {
    let store = folder();
    let (hangs, works) = (Notes::default(), Notes::default());
    let handlers = vec![hangs.spec("hangs"), works.spec("works")];
    let config = with_handlers(&store, handlers, "hang:handler/hangs");
    let stuck = config.faults.clone();
    let engine = Engine::start(config).await.unwrap();
    emit(&engine, logins(0..100, 3)).await;
    stuck.wait_for_strikes("handler/hangs", 1).await;
    until(|| works.seen().len() == 100).await;
    assert_eq!(works.seen(), expected(100));
    assert_eq!(hangs.seen(), expected(0));
    stuck.release_point("handler/hangs");
    until(|| hangs.seen().len() == 100).await;
    assert_eq!(hangs.seen(), expected(100));
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_handler_that_panics_is_restarted_and_given_the_batch_again() {
    let store = folder();
    let (panics, works) = (Notes::default(), Notes::default());
    let handlers = vec![panics.spec("panics"), works.spec("works")];
    let config = with_handlers(&store, handlers, "panic:handler/panics@2*1");
    let engine = Engine::start(config).await.unwrap();
    emit(&engine, logins(0..60, 3)).await;
    until(|| panics.seen().len() == 60 && works.seen().len() == 60).await;
    assert_eq!(panics.seen(), expected(60));
    assert_eq!(works.seen(), expected(60));
    let actors = engine.actors();
    let restarts = |name: &str| {
        actors
            .iter()
            .find(|actor| actor.name == name)
            .map(|a| a.restarts)
    };
    assert_eq!(restarts("handler/panics"), Some(1));
    assert_eq!(restarts("handler/works"), Some(0));
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_handler_that_keeps_failing_opens_its_breaker_and_loses_nothing() {
    let store = folder();
    let fails = Notes::failing(7);
    let (clock, time) = manual();
    let mut config = with_handlers(&store, vec![fails.spec("fails")], "");
    config.clock = clock;
    let engine = Engine::start(config).await.unwrap();
    emit(&engine, logins(0..30, 3)).await;
    let breaker = || {
        let actors = engine.actors();
        let channel = actors.iter().find(|actor| actor.name == "channel/security");
        channel.and_then(|actor| actor.breaker)
    };
    while_time_passes(&time, until(|| breaker() == Some("open"))).await;
    assert_eq!(fails.seen(), expected(0));
    while_time_passes(&time, until(|| fails.seen().len() == 30)).await;
    assert_eq!(fails.seen(), expected(30));
    while_time_passes(&time, until(|| breaker() == Some("closed"))).await;
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_handler_goes_on_where_it_stopped_when_the_engine_starts_again() {
    let store = folder();
    let notes = Notes::default();
    let engine = Engine::start(with_handlers(&store, vec![notes.spec("audit")], ""))
        .await
        .unwrap();
    emit(&engine, logins(0..25, 3)).await;
    until(|| notes.seen().len() == 25).await;
    engine.shutdown().await;
    let again = Notes::default();
    let engine = Engine::start(with_handlers(&store, vec![again.spec("audit")], ""))
        .await
        .unwrap();
    emit(&engine, logins(25..40, 3)).await;
    until(|| again.seen().last().is_some_and(|id| id == "e39")).await;
    let came = again.seen();
    let twice = came.len() - 15;
    assert!(
        twice <= 10,
        "at most the last batch comes again, not {twice} events"
    );
    assert_eq!(came[twice..], expected(40)[25..]);
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_channel_that_panics_is_restarted_and_its_consumers_miss_nothing() {
    let store = folder();
    let notes = Notes::default();
    let config = with_handlers(
        &store,
        vec![notes.spec("audit")],
        "panic:channel/security@2*1",
    );
    let engine = Engine::start(config).await.unwrap();
    for batch in 0..4 {
        emit(&engine, logins(batch * 10..batch * 10 + 10, 3)).await;
    }
    until(|| notes.seen().len() == 40).await;
    assert_eq!(notes.seen(), expected(40));
    let actors = engine.actors();
    let channel = actors
        .iter()
        .find(|actor| actor.name == "channel/security")
        .unwrap();
    assert_eq!(channel.restarts, 1);
    engine.shutdown().await;
}

/// Answers every alert with an event that names it as its cause, and that raises the next one.
struct Answering(Arc<OnceLock<Engine>>);

impl EventHandler for Answering {
    fn handle(
        &mut self,
        batch: Vec<Arc<DeliveredEvent>>,
    ) -> Pin<Box<dyn Future<Output = HandlerResult>>> {
        let engine = self.0.get().unwrap().clone();
        Box::pin(async move {
            for alert in batch {
                let cause = &alert.event.envelope().id;
                let json = format!(
                    r#"{{"id":"answer-{cause}","type":"ticket.opened","source":"desk","time":"{}","channel":"tickets","causationId":"{cause}"}}"#,
                    alert.event.envelope().time
                );
                emit(&engine, [stream::event(&json, alert.event.envelope().time)]).await;
            }
            Ok(())
        })
    }
}

#[actix_rt::test]
async fn a_loop_through_an_outside_handler_stops_at_the_depth_limit_with_one_diagnostic() {
    let store = folder();
    let engine: Arc<OnceLock<Engine>> = Arc::default();
    let answering = Arc::clone(&engine);
    let handler = HandlerSpec {
        channel: Channel::alerts(),
        make: Arc::new(move || Box::new(Answering(Arc::clone(&answering)))),
        ..Notes::default().spec("answers")
    };
    let rules = r#"rule("any").on(["security.#", "tickets.#"]);"#;
    let config = EngineConfig {
        handlers: vec![handler],
        ..config(&store, rules)
    };
    assert!(engine.set(Engine::start(config).await.unwrap()).is_ok());
    let engine = engine.get().unwrap();
    emit(engine, logins(0..1, 1)).await;
    let limit = u64::from(limits::DERIVED_DEPTH);
    // The login and an answer to each alert there may be.
    until(|| engine.metrics().value(Metric::EventsAccepted) == 1 + limit).await;
    let found = derived(&ended(engine.clone(), &store).await);
    assert_eq!(of_rule(&found, "any").len() as u64, limit);
    let diagnostics = found.iter().filter(|json| json.contains("causation.limit"));
    assert_eq!(diagnostics.count(), 1);
}

#[actix_rt::test]
async fn a_burst_beyond_the_credit_of_a_channel_reaches_its_handlers_though_nothing_follows() {
    let store = folder();
    let notes = Notes::default();
    let handler = HandlerSpec {
        batch: 1_000,
        ..notes.spec("audit")
    };
    let engine = Engine::start(with_handlers(&store, vec![handler], ""))
        .await
        .unwrap();
    let burst = async |from: u64| emit(&engine, logins(from..from + 3_000, 3)).await;
    tokio::join!(burst(0), burst(3_000), burst(6_000));
    let count = || notes.ids.lock().unwrap().len();
    until(|| count() >= 9_000).await;
    let mut seen = notes.ids.lock().unwrap().clone();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 9_000);
    engine.shutdown().await;
}
