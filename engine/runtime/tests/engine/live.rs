//! Live subscriptions: what a slow one is told, and how one ends.

use larum_engine::{ActorState, Engine, EventDelivery, EventInterest};
use larum_event::{Span, limits};

use crate::support::{LONG, config, emit, faults, folder, logins, manual, started, until};

async fn next_id(subscription: &mut larum_engine::Subscription) -> String {
    match subscription.next().await {
        Some(EventDelivery::Event(delivered)) => delivered.event.envelope().id.to_string(),
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn a_subscription_ends_with_its_engine_after_what_came_before() {
    let store = tempfile::tempdir().unwrap();
    let engine = Engine::start(config(&store, "")).await.unwrap();
    let mut subscription = engine.subscribe(EventInterest::default()).await.unwrap();
    emit(&engine, logins(0..2, 1)).await;
    engine.shutdown().await;
    assert_eq!(next_id(&mut subscription).await, "e0");
    assert_eq!(next_id(&mut subscription).await, "e1");
    assert!(subscription.next().await.is_none());
    assert!(engine.subscribe(EventInterest::default()).await.is_err());
}

#[actix_rt::test]
async fn a_slow_subscriber_that_has_caught_up_is_told_its_gap_though_nothing_follows() {
    let store = tempfile::tempdir().unwrap();
    let engine = Engine::start(config(&store, "")).await.unwrap();
    let mut slow = engine.subscribe(EventInterest::default()).await.unwrap();
    let mut quick = engine.subscribe(EventInterest::default()).await.unwrap();
    let buffer = limits::SUBSCRIBER_EVENTS as u64;
    let batches = (0..buffer).step_by(500).map(|start| start..start + 500);
    for batch in batches.chain(std::iter::once(buffer..buffer + 3)) {
        emit(&engine, logins(batch.clone(), 1)).await;
        for number in batch {
            assert_eq!(next_id(&mut quick).await, format!("e{number}"));
        }
    }
    for number in 0..buffer {
        assert_eq!(next_id(&mut slow).await, format!("e{number}"));
    }
    let gap = slow.next().await;
    assert!(
        matches!(gap, Some(EventDelivery::Gap { missed: 3 })),
        "{gap:?}"
    );
}

#[actix_rt::test]
async fn events_of_a_channel_that_is_quarantined_are_reported_as_missed() {
    const CHANNEL: &str = "channel/security";
    let store = folder();
    let (clock, time) = manual();
    let mut config = config(&store, "");
    config.clock = clock;
    let panics = limits::RESTARTS as u64 + 1;
    config.faults = faults(&format!("panic:{CHANNEL}@1*{panics}"));
    let engine = started(config).await;
    let state = || {
        let mut actors = engine.actors().into_iter();
        let channel = actors.find(|actor| actor.name == CHANNEL)?;
        Some((channel.state, channel.restarts))
    };
    let mut subscription = engine.subscribe(EventInterest::default()).await.unwrap();
    for number in 0..panics + 2 {
        emit(&engine, logins(number..number + 1, 1)).await;
        let delivery = tokio::time::timeout(LONG, subscription.next()).await;
        assert!(
            matches!(delivery, Ok(Some(EventDelivery::Gap { missed: 1 }))),
            "event {number}: {delivery:?}"
        );
        if number + 1 < panics {
            until(|| state().is_some_and(|(_, restarts)| restarts == number + 1)).await;
            // The pause before the restart.
            time.advance(Span::from_seconds(1));
            until(|| state().is_some_and(|(state, _)| state == ActorState::Running)).await;
        } else {
            until(|| state().is_some_and(|(state, _)| state == ActorState::Quarantined)).await;
        }
    }
    engine.shutdown().await;
}
