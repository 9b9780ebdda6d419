//! Trees that memory let go.

use larum_engine::{AsOf, TimelineQuery, TreeError};
use larum_event::{Position, Span, TenantId, Timestamp};

use super::{ask, counted, file, holding, step, steps, tree, unplaced};
use crate::support::{copy, emit, folder, manual, settled, started};

#[actix_rt::test]
async fn a_tree_that_memory_let_go_is_what_it_is_where_memory_holds_all() {
    let (small, large) = (folder(), folder());
    let small = started(holding(&small, 3)).await;
    let large = started(holding(&large, 1_000)).await;
    for batch in steps(0..20, 3).chunks(7) {
        emit(&small, batch.to_vec()).await;
        emit(&large, batch.to_vec()).await;
        settled(&small).await;
        settled(&large).await;
    }
    for workflow in 0..20 {
        for id in [
            format!("w{workflow}-0"),
            format!("w{workflow}-2"),
            format!("w{workflow}e1"),
        ] {
            let expected = tree(&large, &id).await;
            assert_eq!(expected.counts.alerts, 1);
            assert_eq!(tree(&small, &id).await, expected, "{id}");
        }
    }
    counted(&small, &[("evicted", 17)]).await;
    small.shutdown().await;
    large.shutdown().await;
}

#[actix_rt::test]
async fn an_alert_of_a_tree_that_memory_let_go_leads_to_it() {
    let store = folder();
    let engine = started(holding(&store, 2)).await;
    emit(&engine, steps(0..6, 2)).await;
    settled(&engine).await;
    let whole = tree(&engine, "w0-0").await;
    let alert = whole
        .nodes
        .iter()
        .find(|node| node.alert.is_some())
        .unwrap();
    assert_eq!(tree(&engine, &alert.id).await, whole);
    engine.shutdown().await;
}

#[actix_rt::test]
async fn what_comes_later_joins_what_memory_let_go() {
    let (small, large) = (folder(), folder());
    let small = started(holding(&small, 2)).await;
    let large = started(holding(&large, 1_000)).await;
    // Twice over: a tree that came back is let go again.
    for round in 0..3 {
        let mut batch = vec![step(0, round), file("b", "a", 5), step(1, round)];
        if round > 0 {
            batch.remove(1);
            batch.push(file(&format!("c{round}"), "b", 6));
        }
        batch.extend(steps(round * 10 + 2..round * 10 + 8, 2));
        for event in batch {
            emit(&small, [event.clone()]).await;
            emit(&large, [event]).await;
        }
        settled(&small).await;
        settled(&large).await;
    }
    for id in ["w0-0", "w0-2", "w1-1", "w0e1", "file:a", "file:c2", "f-c1"] {
        let (found, expected) = (tree(&small, id).await, tree(&large, id).await);
        assert_eq!(found, expected, "{id}");
    }
    small.shutdown().await;
    large.shutdown().await;
}

#[actix_rt::test]
async fn what_nobody_ever_had_is_not_found() {
    let store = folder();
    let engine = started(holding(&store, 2)).await;
    emit(&engine, steps(0..6, 2)).await;
    settled(&engine).await;
    for as_of in [AsOf::Now, AsOf::Position(Position(3))] {
        let asked = ask(&engine, "w99-0", as_of).await;
        assert!(matches!(asked, Err(TreeError::NotFound { id }) if id == "w99-0"));
    }
    let asked = ask(&engine, "w5-0", AsOf::Position(Position(3))).await;
    assert!(matches!(asked, Err(TreeError::NotFound { .. })));
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_tree_as_of_any_position_is_what_it_was_when_the_log_ended_there() {
    let store = folder();
    let engine = started(holding(&store, 2)).await;
    let mut moments = Vec::new();
    let events = [
        steps(0..2, 2),
        vec![step(1, 3), step(0, 2)],
        steps(2..6, 2),
        vec![step(1, 2)],
    ];
    for batch in events {
        emit(&engine, batch).await;
        settled(&engine).await;
        let at = engine.health().evaluated;
        moments.push((at, tree(&engine, "w0-0").await, tree(&engine, "w1-0").await));
    }
    for (at, first, second) in moments {
        let as_of = AsOf::Position(at);
        let view = ask(&engine, "w0-0", as_of).await.unwrap();
        assert_eq!(view.as_of, at);
        assert_eq!(unplaced(view), first, "{at}");
        assert_eq!(unplaced(ask(&engine, "w1-0", as_of).await.unwrap()), second);
    }
    engine.shutdown().await;
}

#[actix_rt::test]
async fn trees_of_an_engine_that_ended_at_any_moment_are_what_they_were() {
    let store = folder();
    let mut config = holding(&store, 3);
    (config.checkpoint_events, config.epoch_events) = (10, 5);
    let engine = started(config).await;
    let mut copies = Vec::new();
    for batch in steps(0..40, 3).chunks(11) {
        emit(&engine, batch.to_vec()).await;
        copies.push(copy(store.path()));
    }
    settled(&engine).await;
    let mut expected = Vec::new();
    for workflow in 0..40 {
        expected.push(tree(&engine, &format!("w{workflow}-0")).await);
    }
    engine.shutdown().await;
    copies.push(copy(store.path()));
    for (number, store) in copies.iter().enumerate() {
        let engine = started(holding(store, 3)).await;
        let rest = steps(0..40, 3);
        engine
            .emit_with_guarantee(rest, Default::default())
            .await
            .unwrap();
        settled(&engine).await;
        for (workflow, expected) in expected.iter().enumerate() {
            let id = format!("w{workflow}-0");
            let found = tree(&engine, &id).await;
            assert_eq!(&found, expected, "copy {number}, {id}");
        }
        engine.shutdown().await;
    }
}

#[actix_rt::test]
async fn a_moment_is_a_position_or_the_time_by_which_its_record_had_arrived() {
    let store = folder();
    let (clock, time) = manual();
    let mut config = holding(&store, 2);
    config.clock = clock.clone();
    let engine = started(config).await;
    emit(&engine, steps(0..1, 2)).await;
    settled(&engine).await;
    let (at, before) = (clock.now(), tree(&engine, "w0-0").await);
    time.advance(Span::from_seconds(5));
    emit(&engine, [step(0, 2)]).await;
    emit(&engine, steps(1..6, 1)).await;
    settled(&engine).await;
    let now = tree(&engine, "w0-0").await;
    assert_ne!(now, before);
    let then = ask(&engine, "w0-0", AsOf::Time(at)).await.unwrap();
    assert_eq!(unplaced(then), before);
    let then = AsOf::Time(at.saturating_add(Span::from_seconds(5)));
    assert_eq!(unplaced(ask(&engine, "w0-0", then).await.unwrap()), now);
    let long_ago = AsOf::Time(Timestamp::MIN);
    let asked = ask(&engine, "w0-0", long_ago).await;
    assert!(matches!(asked, Err(TreeError::NotFound { .. })));
    engine.shutdown().await;
}

#[actix_rt::test]
async fn what_changed_between_two_moments_is_told_also_where_there_was_no_tree_yet() {
    let store = folder();
    let engine = started(holding(&store, 2)).await;
    emit(&engine, [step(1, 0)]).await;
    settled(&engine).await;
    let begun = AsOf::Position(engine.health().evaluated);
    emit(&engine, [step(0, 0), step(0, 2)]).await;
    settled(&engine).await;
    let middle = AsOf::Position(engine.health().evaluated);
    emit(&engine, [step(0, 1)]).await;
    emit(&engine, steps(2..8, 1)).await;
    settled(&engine).await;
    let tenant = TenantId::default_tenant;
    let difference = |before, after| engine.tree_difference(tenant(), "w0-0".into(), before, after);
    let names =
        |ids: &[std::sync::Arc<str>]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let first = difference(begun, middle).await.unwrap();
    assert_eq!(names(&first.added), ["w0-0", "w0-1", "w0-2"]);
    let second = difference(middle, AsOf::Now).await.unwrap();
    assert_eq!(names(&second.seen), ["w0-1"]);
    assert_eq!(second.events.get("w0-1"), Some(&1));
    assert_eq!(second.alerts.len(), 1);
    assert!(difference(AsOf::Now, AsOf::Now).await.unwrap().is_empty());
    let asked = difference(begun, begun).await;
    assert!(matches!(asked, Err(TreeError::NotFound { .. })));
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_timeline_comes_in_pages_also_of_what_memory_let_go_and_of_an_incident() {
    let store = folder();
    let engine = started(holding(&store, 2)).await;
    emit(&engine, steps(0..1, 4)).await;
    settled(&engine).await;
    let tenant = TenantId::default_tenant;
    let incident = engine.incident(tenant(), "w0-0".into()).await.unwrap();
    emit(&engine, steps(1..7, 1)).await;
    settled(&engine).await;
    for id in ["w0-0", &*incident.id.0] {
        let query = TimelineQuery {
            limit: 3,
            ..TimelineQuery::for_id(id)
        };
        let first = engine
            .timeline(tenant(), query.clone(), AsOf::Now)
            .await
            .unwrap();
        let query = TimelineQuery { offset: 3, ..query };
        let second = engine.timeline(tenant(), query, AsOf::Now).await.unwrap();
        assert_eq!((first.total, second.total), (5, 5), "{id}");
        let entries = first.entries.iter().chain(&second.entries);
        let told: Vec<_> = entries.map(|entry| (&*entry.node, entry.alert)).collect();
        assert_eq!(told.len(), 5);
        assert_eq!(told[0], ("w0-0", false));
        assert!(told.iter().any(|(_, alert)| *alert));
    }
    engine.shutdown().await;
}
