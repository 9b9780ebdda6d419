//! Trees and incidents that somebody watches.

use std::collections::{BTreeMap, BTreeSet};

use larum_engine::{Engine, Metric, TreeDelivery, TreeNode, TreeUpdate, TreeView, TreeWatch};
use larum_event::{Position, TenantId, limits};

use super::{holding, step, steps, tree, unplaced};
use crate::support::{LONG, emit, folder, settled, started, until};

async fn watch(engine: &Engine, id: &str, after: u64) -> TreeWatch {
    let tenant = TenantId::default_tenant();
    let watched = engine.watch_tree(tenant, id.to_owned(), Position(after));
    watched.await.unwrap()
}

async fn next(watch: &mut TreeWatch) -> Option<TreeDelivery> {
    watch.next().await
}

async fn update(watch: &mut TreeWatch) -> TreeUpdate {
    match next(watch).await {
        Some(TreeDelivery::Change(update)) => update,
        other => panic!("{other:?}"),
    }
}

/// What somebody knows who heard the updates.
#[derive(Default)]
struct Heard {
    nodes: BTreeMap<String, TreeNode>,
    edges: BTreeSet<String>,
    upto: Position,
}

impl Heard {
    fn hear(&mut self, update: TreeUpdate) {
        assert!(update.position > self.upto, "{update:?}");
        self.upto = update.position;
        for node in update.nodes {
            self.nodes.insert(node.id.to_string(), node);
        }
        for edge in update.edges {
            self.edges.insert(format!("{}>{}", edge.from, edge.to));
        }
        for id in update.gone {
            self.nodes.remove(&*id);
        }
    }

    /// Hears until the nodes are those of `view`.
    async fn hear_until(&mut self, watch: &mut TreeWatch, view: &TreeView) {
        while !self.is(view) {
            let update = tokio::time::timeout(LONG, update(watch)).await;
            let Ok(update) = update else {
                panic!(
                    "nothing came behind {} of {}: {:#?}",
                    self.upto, view.as_of, self.nodes
                );
            };
            self.hear(update);
        }
    }

    fn is(&self, view: &TreeView) -> bool {
        let mut heard = TreeView {
            nodes: self.nodes.values().cloned().collect(),
            edges: Vec::new(),
            ..view.clone()
        };
        let mut told = view.clone();
        told.edges.clear();
        for node in &mut told.nodes {
            node.parent = None;
        }
        for node in heard.nodes.iter_mut().chain(&mut told.nodes) {
            // A page does not list all events of a node.
            node.events_left_out = node.event_count();
            node.events.clear();
        }
        told.nodes.sort_by(|a, b| a.id.cmp(&b.id));
        unplaced(heard) == unplaced(told)
    }
}

#[actix_rt::test]
async fn what_the_log_has_comes_first_and_then_what_happens() {
    let store = folder();
    let engine = started(holding(&store, 100)).await;
    emit(&engine, steps(0..2, 2)).await;
    settled(&engine).await;
    let mut watch = watch(&engine, "w0-0", 0).await;
    let mut heard = Heard::default();
    heard
        .hear_until(&mut watch, &tree(&engine, "w0-0").await)
        .await;
    for number in 2..6 {
        emit(&engine, [step(0, number), step(1, number)]).await;
        settled(&engine).await;
        heard
            .hear_until(&mut watch, &tree(&engine, "w0-0").await)
            .await;
    }
    assert!(heard.nodes.keys().all(|id| !id.starts_with("w1")));
    assert!(heard.edges.contains("w0-4>w0-5"));
    engine.shutdown().await;
    assert!(next(&mut watch).await.is_none());
}

#[actix_rt::test]
async fn each_event_of_a_small_tree_is_told_as_of_its_own_position() {
    let store = folder();
    let engine = started(holding(&store, 100)).await;
    emit(&engine, [step(0, 0), step(0, 2), step(0, 3)]).await;
    settled(&engine).await;
    let mut watch = watch(&engine, "w0-0", 0).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let update = update(&mut watch).await;
        let nodes = update.nodes.iter().map(|node| node.id.to_string());
        told.push((update.position.0, nodes.collect::<Vec<_>>()));
    }
    let first = told[0].0;
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = [
        (first, names(&["w0-0"])),
        // The step between has not come yet, only its name.
        (first + 1, names(&["w0-1", "w0-2"])),
        (first + 2, names(&["w0-2", "w0-3"])),
    ];
    assert_eq!(told[0], expected[0]);
    assert_eq!(told[1].0, expected[1].0);
    assert!(expected[1].1.iter().all(|id| told[1].1.contains(id)));
    assert!(told[2].1.contains(&"w0-3".to_owned()));
    engine.shutdown().await;
}

#[actix_rt::test]
async fn one_who_goes_on_from_any_position_hears_the_rest_and_nothing_twice() {
    let store = folder();
    let engine = started(holding(&store, 100)).await;
    let mut all = watch_from_the_start(&engine).await;
    for number in 1..20 {
        emit(&engine, [step(0, number), step(1, number)]).await;
    }
    settled(&engine).await;
    let whole = tree(&engine, "w0-0").await;
    let mut heard = Heard::default();
    let mut moments = vec![(Position::START, BTreeMap::new())];
    while !heard.is(&whole) {
        heard.hear(update(&mut all).await);
        moments.push((heard.upto, heard.nodes.clone()));
    }
    for (position, nodes) in moments {
        let mut later = watch(&engine, "w0-0", position.0).await;
        let mut heard = Heard {
            nodes,
            upto: position,
            ..Heard::default()
        };
        heard.hear_until(&mut later, &whole).await;
    }
    engine.shutdown().await;
}

async fn watch_from_the_start(engine: &Engine) -> TreeWatch {
    emit(engine, [step(0, 0)]).await;
    settled(engine).await;
    watch(engine, "w0-0", 0).await
}

#[actix_rt::test]
async fn a_tree_that_becomes_part_of_another_goes_on_as_that_one() {
    let store = folder();
    let engine = started(holding(&store, 100)).await;
    emit(&engine, steps(0..1, 2)).await;
    let apart = super::event(
        "apart",
        70,
        r#""type":"work.step","correlationId":"other","data":{}"#,
    );
    let below = super::event(
        "below",
        71,
        r#""type":"work.step","correlationId":"below","correlation":{"parent":"other"},"data":{}"#,
    );
    emit(&engine, [apart, below]).await;
    settled(&engine).await;
    let mut watch = watch(&engine, "below", 0).await;
    let mut heard = Heard::default();
    heard
        .hear_until(&mut watch, &tree(&engine, "below").await)
        .await;
    let joins = super::event(
        "joins",
        72,
        r#""type":"work.step","correlationId":"other","correlation":{"parent":"w0-1"},"data":{}"#,
    );
    emit(&engine, [joins]).await;
    settled(&engine).await;
    let whole = tree(&engine, "below").await;
    assert_eq!(&*whole.root, "w0-0");
    heard.hear_until(&mut watch, &whole).await;
    emit(&engine, [step(0, 2)]).await;
    settled(&engine).await;
    heard
        .hear_until(&mut watch, &tree(&engine, "w0-0").await)
        .await;
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_watch_outlives_the_memory_of_its_tree() {
    let store = folder();
    let engine = started(holding(&store, 2)).await;
    emit(&engine, steps(0..1, 2)).await;
    settled(&engine).await;
    let mut watch = watch(&engine, "w0-0", 0).await;
    let mut heard = Heard::default();
    heard
        .hear_until(&mut watch, &tree(&engine, "w0-0").await)
        .await;
    for round in 1..4 {
        emit(&engine, steps(round * 10..round * 10 + 6, 2)).await;
        emit(&engine, [step(0, round + 1)]).await;
        settled(&engine).await;
        heard
            .hear_until(&mut watch, &tree(&engine, "w0-0").await)
            .await;
    }
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_tree_that_memory_let_go_long_ago_can_be_watched() {
    let store = folder();
    let engine = started(holding(&store, 2)).await;
    emit(&engine, steps(0..9, 2)).await;
    settled(&engine).await;
    let mut watch = watch(&engine, "w0-1", 0).await;
    let mut heard = Heard::default();
    heard
        .hear_until(&mut watch, &tree(&engine, "w0-0").await)
        .await;
    emit(&engine, [step(8, 2)]).await;
    emit(&engine, [step(0, 2)]).await;
    settled(&engine).await;
    heard
        .hear_until(&mut watch, &tree(&engine, "w0-0").await)
        .await;
    engine.shutdown().await;
}

#[actix_rt::test]
async fn one_who_is_too_slow_is_told_from_where_to_go_on() {
    let store = folder();
    let engine = started(holding(&store, 100)).await;
    let mut slow = watch_from_the_start(&engine).await;
    let mut quick = watch(&engine, "w0-0", 0).await;
    let mut heard = Heard::default();
    // A small tree is told event by event.
    for batch in 0..limits::TREE_UPDATES as u64 / 50 + 1 {
        let events = (0..50).map(|number| {
            super::event(
                &format!("more{batch}-{number}"),
                3,
                r#""type":"work.step","correlationId":"w0-0","data":{}"#,
            )
        });
        emit(&engine, events).await;
        settled(&engine).await;
        let whole = tree(&engine, "w0-0").await;
        heard.hear_until(&mut quick, &whole).await;
    }
    // Read only then: a client that reads before its queue is full catches up and misses nothing.
    until(|| engine.metrics().value(Metric::TreeWatchesTooSlow) == 1).await;
    let mut behind = Heard::default();
    let resume = loop {
        match next(&mut slow).await {
            Some(TreeDelivery::Change(update)) => behind.hear(update),
            Some(TreeDelivery::Gap { resume }) => break resume,
            None => panic!("the watch ended without a word"),
        }
    };
    assert_eq!(resume, behind.upto);
    assert!(next(&mut slow).await.is_none());
    settled(&engine).await;
    let mut again = watch(&engine, "w0-0", resume.0).await;
    let whole = tree(&engine, "w0-0").await;
    behind.hear_until(&mut again, &whole).await;
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_watch_goes_on_after_the_trees_were_restarted() {
    let store = folder();
    let mut config = holding(&store, 100);
    config.faults = crate::support::faults("panic:tree/0@6");
    let engine = started(config).await;
    let mut watch = watch_from_the_start(&engine).await;
    let mut heard = Heard::default();
    for number in 1..12 {
        emit(&engine, [step(0, number)]).await;
    }
    settled(&engine).await;
    while heard.nodes.len() < 13 {
        heard.hear(update(&mut watch).await);
    }
    assert_eq!(heard.nodes.len(), 13, "the steps and an alert");
    engine.shutdown().await;
}

#[actix_rt::test]
async fn an_incident_is_watched_by_its_name() {
    let store = folder();
    let engine = started(holding(&store, 100)).await;
    emit(&engine, steps(0..1, 2)).await;
    settled(&engine).await;
    let tenant = TenantId::default_tenant();
    let incident = engine.incident(tenant, "w0-0".to_owned()).await.unwrap();
    let mut watch = watch(&engine, &incident.id.0, 0).await;
    let mut heard = Heard::default();
    heard
        .hear_until(&mut watch, &tree(&engine, "w0-0").await)
        .await;
    emit(&engine, [step(0, 2)]).await;
    settled(&engine).await;
    heard
        .hear_until(&mut watch, &tree(&engine, "w0-0").await)
        .await;
    engine.shutdown().await;
}
