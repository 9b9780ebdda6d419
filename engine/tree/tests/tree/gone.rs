//! Nodes that had to go, and whatever still speaks of them.

use larum_event::Position;
use larum_tree::{CorrelationGraph, GraphLimits};

use crate::fixture::{acme, alert, outline, said, tree};
use crate::links::{event, links};

fn tight(roots: usize) -> CorrelationGraph {
    let mut forest = CorrelationGraph::new(GraphLimits {
        roots_per_tenant: roots,
        ..GraphLimits::default()
    });
    forest.use_links(&links());
    forest
}

fn feed(forest: &mut CorrelationGraph, events: &[larum_event::Event], from: u64) {
    for (event, position) in events.iter().zip(from..) {
        forest.insert(&acme(), event, Position(position), &mut Vec::new());
    }
}

/// A process that began in a session which outlives it here, and a tree that takes its place in
/// memory.
fn a_process_whose_place_another_took() -> CorrelationGraph {
    let started = serde_json::json!({
        "host": "ws5", "guid": "cmd", "parent": "explorer", "pid": 7, "image": "cmd",
        "ppid": 9, "pimage": "explorer", "logon": "0x3e7",
    });
    let logoff = serde_json::json!({"host": "ws5", "logon": "0x3e7"});
    let mut forest = tight(2);
    feed(
        &mut forest,
        &[
            event("start", "process.create", 1, started),
            event("end", "session.logoff", 2, logoff),
            said("o1", 3, "other").event(),
            said("o2", 4, "a").under("other").event(),
            said("o3", 5, "b").under("other").event(),
        ],
        1,
    );
    forest
}

#[test]
fn an_event_whose_first_node_went_is_not_found_in_the_tree_that_took_its_place() {
    let forest = a_process_whose_place_another_took();
    assert!(forest.find_tree(&acme(), "process:ws5/cmd").is_none());
    assert_eq!(forest.find_tree(&acme(), "start"), None);
}

#[test]
fn an_alert_does_not_stand_in_the_tree_that_took_the_place_of_its_trigger() {
    let mut forest = a_process_whose_place_another_took();
    feed(&mut forest, &[alert("alert-1", 1, &["start"], None)], 6);
    let view = tree(&forest, "alert-1");
    assert_eq!(view.root.as_ref(), "alert-1", "{:?}", outline(&view));
}

#[test]
fn what_an_alert_waits_for_is_the_same_after_a_restart() {
    let mut forest = tight(2);
    feed(
        &mut forest,
        &[
            said("e1", 1, "one").event(),
            said("e2", 2, "two").event(),
            alert("alert-1", 1, &["e1", "e2"], None),
            said("e3", 3, "three").event(),
        ],
        1,
    );
    assert!(forest.find_tree(&acme(), "one").is_none());
    let restored = CorrelationGraph::restore(&forest.checkpoint()).unwrap();
    assert_eq!(
        restored.find_tree(&acme(), "e1"),
        forest.find_tree(&acme(), "e1")
    );
}

#[test]
fn a_step_that_shares_events_with_very_many_nodes_keeps_few_ties() {
    let mut forest = tight(9_000);
    for number in 0..3_000 {
        let json = serde_json::json!({
            "id": format!("e{number}"), "type": "session.use", "source": "edr",
            "time": crate::fixture::time(number).to_string(), "correlationId": "step",
            "data": {"host": "ws5", "logon": format!("s{number}")},
        });
        let event = crate::fixture::parse(&json.to_string());
        let position = Position(number.unsigned_abs() + 1);
        forest.insert(&acme(), &event, position, &mut Vec::new());
    }
    let view = tree(&forest, "step");
    assert_eq!(view.edges.len(), 1_000);
    assert_eq!(tree(&forest, "session:ws5/s0").edges.len(), 1);
    assert_eq!(tree(&forest, "session:ws5/s2999").edges.len(), 0);
}

#[test]
fn of_events_of_very_many_sources_with_one_id_few_are_found_by_it_also_after_a_restart() {
    let mut forest = tight(9_000);
    let events = (0..300).map(|number| {
        let step = said("same", 1_000 - number, &format!("step{number}"));
        step.by(&format!("source-{number:03}")).event()
    });
    feed(&mut forest, &events.collect::<Vec<_>>(), 1);
    let restored = CorrelationGraph::restore(&forest.checkpoint()).unwrap();
    for mut forest in [forest, restored] {
        feed(&mut forest, &[alert("alert-1", 1, &["same"], None)], 301);
        let tied = (0..300).filter(|number| {
            let view = tree(&forest, &format!("step{number}"));
            view.edges.iter().any(|edge| *edge.to == *"alert-1")
        });
        assert_eq!(tied.collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }
}

#[test]
fn a_tree_that_went_in_a_batch_leaves_nothing_behind_in_what_was_restored() {
    let mut forest = tight(1);
    forest.begin_batch();
    let events = [
        said("e1", 1, "a").under("b").event(),
        said("e2", 2, "c").event(),
    ];
    feed(&mut forest, &events, 1);
    let mut restored = CorrelationGraph::restore(&forest.checkpoint()).unwrap();
    forest.begin_batch();
    restored.begin_batch();
    assert_eq!(restored.checkpoint(), forest.checkpoint());
}

#[test]
fn an_entity_is_not_found_by_a_tree_that_went_in_a_batch() {
    let mut forest = tight(1);
    forest.begin_batch();
    let told = |id: &str, step: &str, user: &str| {
        let json = serde_json::json!({
            "id": id, "type": "work.done", "source": "c", "time": crate::fixture::time(1).to_string(),
            "correlationId": step, "metadata": {"user": user},
        });
        crate::fixture::parse(&json.to_string())
    };
    let events = [
        told("e1", "a", "eve"),
        told("e2", "b", "bob"),
        told("e3", "c", "carol"),
    ];
    feed(&mut forest, &events, 1);
    assert_eq!(forest.trees_of_entity(&acme(), "user", "carol").len(), 1);
    assert_eq!(forest.trees_of_entity(&acme(), "user", "eve"), []);
}
