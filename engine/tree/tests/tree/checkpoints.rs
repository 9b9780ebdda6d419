//! Checkpoints: a restart changes nothing, and what they refuse.

use larum_event::{Event, Position};
use larum_tree::{CorrelationGraph, GraphLimits, GraphRestoreError};
use proptest::prelude::*;

use crate::fixture::{acme, alert, caused_by, said};

fn events() -> Vec<Event> {
    let trigger = said("e3", 3, "b").under("a").of("root");
    vec![
        said("e2", 2, "a")
            .under("root")
            .of("root")
            .stage("x")
            .tag("t", "v")
            .event(),
        trigger.event(),
        alert("alert-1", 1, &["e2", "bare", "e3"], caused_by(&trigger)),
        alert("alert-2", 1, &["e2"], None),
        said("e4", 1, "b").under("c").event(),
        said("e5", 5, "c").under("b").event(),
        alert("alert-1", 2, &["e2", "e3"], caused_by(&trigger)),
        said("e6", 6, "lonely").event(),
        said("e7", 7, "late").under("d").of("root").event(),
        said("e8", 8, "other").of("lonely").event(),
    ]
}

fn tight() -> GraphLimits {
    GraphLimits {
        nodes_per_root: 5,
        events_per_node: 2,
        roots_per_tenant: 2,
        ..GraphLimits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_restart_at_any_point_changes_nothing(
        order in Just((0..events().len()).collect::<Vec<_>>()).prop_shuffle(),
        at in 0..10_usize,
        limits in prop::sample::select(vec![tight(), GraphLimits::default()]),
    ) {
        let events = events();
        let (mut straight, mut restarted) = (CorrelationGraph::new(limits), CorrelationGraph::new(limits));
        let (mut expected, mut reports) = (Vec::new(), Vec::new());
        for (step, index) in order.into_iter().enumerate() {
            if step == at {
                let bytes = restarted.checkpoint();
                restarted = CorrelationGraph::restore(&bytes).unwrap();
                prop_assert_eq!(restarted.checkpoint(), bytes);
            }
            let position = Position(index as u64);
            straight.insert(&acme(), &events[index], position, &mut expected);
            restarted.insert(&acme(), &events[index], position, &mut reports);
            prop_assert_eq!(restarted.checkpoint(), straight.checkpoint());
            prop_assert_eq!(restarted.stats(), straight.stats());
        }
        prop_assert_eq!(reports, expected);
        for id in ["root", "a", "b", "c", "e2", "alert-1", "alert-1.2", "alert-2", "bare", "lonely"] {
            prop_assert_eq!(restarted.find_tree(&acme(), id), straight.find_tree(&acme(), id));
        }
        prop_assert_eq!(restarted.list_roots(&acme(), 9), straight.list_roots(&acme(), 9));
    }
}

#[test]
fn bytes_that_are_no_checkpoint_are_refused_with_the_reason() {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    crate::fixture::plant(&mut forest, &events());
    let bytes = forest.checkpoint();
    assert!(matches!(
        CorrelationGraph::restore(&[]),
        Err(GraphRestoreError::Damaged { .. })
    ));
    let mut other = bytes.clone();
    other[0] = 99;
    assert!(matches!(
        CorrelationGraph::restore(&other),
        Err(GraphRestoreError::Format { found: 99, .. })
    ));
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(
        CorrelationGraph::restore(&longer),
        Err(GraphRestoreError::Damaged { .. })
    ));
    for length in 1..bytes.len() {
        assert!(
            CorrelationGraph::restore(&bytes[..length]).is_err(),
            "{length}"
        );
    }
}

#[test]
fn evidence_whose_tree_had_to_go_is_known_by_its_alert_as_after_a_restart() {
    let events = events();
    let order = [1, 5, 4, 2, 8, 0, 6, 7, 3];
    let mut forest = CorrelationGraph::new(tight());
    for index in order {
        let position = Position(index as u64);
        forest.insert(&acme(), &events[index], position, &mut Vec::new());
    }
    let restarted = CorrelationGraph::restore(&forest.checkpoint()).unwrap();
    let view = forest.find_tree(&acme(), "e2").expect("alert-2 names it");
    assert_eq!(&*view.root, "alert-2");
    assert_eq!(restarted.find_tree(&acme(), "e2"), Some(view));
}
