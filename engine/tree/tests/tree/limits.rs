//! What happens when there is too much.

use larum_tree::{CorrelationGraph, GraphLimits, MissingPart, TreeReport};

use crate::fixture::{EventBuilder, acme, alert, outline, plant, said, tree};

fn small() -> GraphLimits {
    GraphLimits {
        nodes_per_root: 3,
        events_per_node: 2,
        roots_per_tenant: 2,
        ..GraphLimits::default()
    }
}

fn grown(said: &[EventBuilder]) -> (CorrelationGraph, Vec<TreeReport>) {
    let mut forest = CorrelationGraph::new(small());
    let events: Vec<_> = said.iter().map(EventBuilder::event).collect();
    let reports = plant(&mut forest, &events);
    (forest, reports)
}

#[test]
fn a_tree_takes_its_last_step_and_refuses_the_next() {
    let mut events = vec![
        said("e1", 1, "root"),
        said("e2", 2, "a").under("root"),
        said("e3", 3, "b").under("root"),
    ];
    let (forest, reports) = grown(&events);
    assert_eq!((reports.len(), forest.stats().nodes), (0, 3));
    events.push(said("e4", 4, "c").under("root"));
    events.push(said("e5", 5, "b").under("root"));
    let (forest, reports) = grown(&events);
    assert!(matches!(&reports[..], [TreeReport::RootFull { event, .. }] if event.as_str() == "e4"));
    let view = tree(&forest, "root");
    assert_eq!(
        outline(&view),
        ["root [e1]", "root > a [e2]", "root > b [e3 e5]"]
    );
    assert_eq!(view.why, [MissingPart::EventsRefused { count: 1 }]);
    assert_eq!(forest.stats().refused_events, 1);
}

#[test]
fn trees_that_would_be_too_large_together_stay_two() {
    let (forest, reports) = grown(&[
        said("e1", 1, "one"),
        said("e2", 2, "a").under("one"),
        said("e3", 3, "two"),
        said("e4", 4, "b").under("two"),
        said("e5", 5, "two").under("one"),
    ]);
    assert!(matches!(&reports[..], [TreeReport::RootFull { event, .. }] if event.as_str() == "e5"));
    assert_eq!(forest.stats().roots, 2);
    assert_eq!(outline(&tree(&forest, "b")), ["two [e3]", "two > b [e4]"]);
}

#[test]
fn a_step_keeps_its_earliest_events_and_counts_the_others() {
    let events = [
        said("e3", 3, "root"),
        said("e1", 1, "root"),
        said("e2", 2, "root"),
    ];
    let (forest, _) = grown(&events[..2]);
    assert!(!tree(&forest, "root").partial);
    let (forest, reports) = grown(&events);
    assert_eq!(reports, []);
    let view = tree(&forest, "root");
    assert_eq!(outline(&view), ["root [e1 e2]"]);
    assert_eq!((view.counts.events, view.nodes[0].events_left_out), (3, 1));
    assert_eq!(view.why, [MissingPart::EventsLeftOut { count: 1 }]);
    assert_eq!(forest.find_tree(&acme(), "e3"), None);
}

#[test]
fn the_tree_idle_longest_makes_room_with_all_that_is_in_it() {
    let (forest, reports) = grown(&[
        said("e1", 1, "one"),
        said("e2", 2, "two"),
        said("e3", 3, "more").under("one"),
        said("e4", 4, "three"),
    ]);
    assert!(
        matches!(&reports[..], [TreeReport::RootEvicted { root, steps: 1, .. }] if root.as_ref() == "two"),
        "{reports:?}"
    );
    let roots: Vec<_> = forest
        .list_roots(&acme(), 9)
        .into_iter()
        .map(|root| root.root.to_string())
        .collect();
    assert_eq!(roots, ["three", "one"]);
    assert_eq!(forest.find_tree(&acme(), "e2"), None);
    let stats = forest.stats();
    assert_eq!(
        (stats.roots, stats.nodes, stats.events, stats.evicted_roots),
        (2, 3, 3, 1)
    );
}

#[test]
fn a_joined_tree_counts_once() {
    let (forest, reports) = grown(&[
        said("e1", 1, "one"),
        said("e2", 2, "two"),
        said("e3", 3, "two").under("one"),
        said("e4", 0, "two").under("one"),
        said("e5", 5, "three"),
    ]);
    assert_eq!(reports, []);
    assert_eq!(forest.stats().roots, 2);
}

#[test]
fn an_alert_that_goes_takes_the_ids_of_its_evidence_along() {
    let mut forest = CorrelationGraph::new(small());
    let events = [
        alert("alert-1", 1, &["x"], None),
        said("e1", 1, "one").event(),
        said("e2", 2, "two").event(),
    ];
    plant(&mut forest, &events);
    assert_eq!(forest.find_tree(&acme(), "x"), None);
    assert_eq!(forest.find_tree(&acme(), "alert-1"), None);
    assert_eq!(forest.stats().events, 2);
}
