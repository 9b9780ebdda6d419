//! Alerts in trees.

use larum_tree::{CorrelationGraph, GraphLimits, NodeKind};

use crate::fixture::{EventBuilder, acme, alert, caused_by, outline, plant, said, tree};

fn forest(said: &[EventBuilder], alerts: Vec<larum_event::Event>) -> CorrelationGraph {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    let mut events: Vec<_> = said.iter().map(EventBuilder::event).collect();
    events.extend(alerts);
    let reports = plant(&mut forest, &events);
    assert_eq!(reports, []);
    forest
}

#[test]
fn an_alert_stands_under_its_triggers_step_and_points_to_its_evidence() {
    let events = [
        said("e1", 1, "root"),
        said("e2", 2, "a").under("root"),
        said("e3", 3, "b").under("root"),
    ];
    let raised = alert("alert-1", 1, &["e2", "e3"], caused_by(&events[2]));
    let forest = forest(&events, vec![raised]);
    let view = tree(&forest, "alert-1");
    assert_eq!(
        outline(&view),
        [
            "root [e1]",
            "root > a [e2]",
            "root > b [e3]",
            "b > alert-1 []"
        ]
    );
    let node = &view.nodes[3];
    assert_eq!(node.kind, NodeKind::Alert);
    let mark = node.alert.as_ref().unwrap();
    let causes: Vec<_> = mark.causes.iter().map(|cause| cause.node).collect();
    assert_eq!(causes, [Some(1), Some(2)]);
    assert_eq!(
        (view.counts.alerts, view.counts.steps, view.partial),
        (1, 3, false)
    );
}

#[test]
fn a_later_revision_updates_its_alert_and_an_earlier_one_does_not() {
    let event = said("e1", 1, "root");
    let first = alert("alert-1", 1, &["e1"], caused_by(&event));
    let second = alert("alert-1", 2, &["e1", "x", "e1"], caused_by(&event));
    let events = [event];
    for alerts in [vec![first.clone(), second.clone()], vec![second, first]] {
        let forest = forest(&events, alerts);
        let view = tree(&forest, "alert-1.2");
        assert_eq!(view, tree(&forest, "alert-1"));
        let mark = view.nodes[1].alert.as_ref().unwrap();
        assert_eq!((mark.revision, mark.count), (2, 3));
        assert_eq!(
            outline(&view),
            ["root [e1]", "root > alert-1 []", "alert-1 > x []"]
        );
    }
}

#[test]
fn evidence_of_no_workflow_hangs_under_the_alerts_own_tree() {
    let mut bare = said("e2", 7, "");
    bare.step = None;
    let raised = alert("alert-1", 1, &["e1", "e2"], None);
    let forest = forest(std::slice::from_ref(&bare), vec![raised]);
    let mut view = tree(&forest, "e2");
    assert_eq!(
        outline(&view),
        ["alert-1 []", "alert-1 > e1 []", "alert-1 > e2 []"]
    );
    assert_eq!(view.nodes[2].kind, NodeKind::Event);
    let unknown: Vec<_> = view
        .unknown_events()
        .iter()
        .map(|id| id.to_string())
        .collect();
    assert_eq!(unknown, ["e1", "e2"]);
    view.fill_event(&bare.event(), larum_event::Position(9));
    assert_eq!(view.unknown_events().len(), 1);
    assert_eq!(view.nodes[2].events[0].id.as_str(), "e2");
}

#[test]
fn evidence_that_turns_out_to_belong_to_a_step_links_to_it() {
    let raised = alert("alert-1", 1, &["e1", "e2"], None);
    let mut forest = forest(&[], vec![raised]);
    assert_eq!(outline(&tree(&forest, "alert-1")).len(), 3);
    plant(&mut forest, &[said("e1", 1, "root").event()]);
    let view = tree(&forest, "alert-1");
    assert_eq!(outline(&view), ["alert-1 []", "alert-1 > e2 []"]);
    let causes = &view.nodes[0].alert.as_ref().unwrap().causes;
    assert_eq!(causes[0].step.as_ref().unwrap().as_ref(), "root");
    assert_eq!((causes[0].node, causes[1].node), (None, Some(1)));
    let view = tree(&forest, "root");
    assert_eq!(outline(&view), ["root [e1]", "root > alert-1 []"]);
    assert_eq!(view.nodes[1].kind, NodeKind::LinkedAlert);
    assert_eq!(view.counts.alerts, 0, "it is counted in its own tree");
}

#[test]
fn an_alert_on_events_of_two_trees_stands_in_one_and_is_linked_in_the_other() {
    let events = [said("e1", 1, "one"), said("e2", 2, "two")];
    let raised = alert("alert-1", 1, &["e1", "e2"], caused_by(&events[1]));
    let forest = forest(&events, vec![raised]);
    assert_eq!(tree(&forest, "two").nodes[1].kind, NodeKind::Alert);
    assert_eq!(tree(&forest, "one").nodes[1].kind, NodeKind::LinkedAlert);
    assert_eq!(tree(&forest, "alert-1").root.as_ref(), "two");
}

#[test]
fn a_linked_alert_stands_under_its_trigger_and_not_under_other_evidence() {
    let events = [
        said("e1", 1, "one"),
        said("e2", 2, "a").under("one"),
        said("e3", 3, "two"),
    ];
    let raised = alert("alert-1", 1, &["e1", "e2"], caused_by(&events[2]));
    let forest = forest(&events, vec![raised]);
    assert_eq!(tree(&forest, "alert-1").root.as_ref(), "two");
    assert_eq!(
        outline(&tree(&forest, "one")),
        ["one [e1]", "one > a [e2]", "a > alert-1 []"]
    );
}

#[test]
fn an_alert_of_no_workflow_stands_under_the_alert_that_set_it_off() {
    let event = said("e1", 1, "root");
    let first = alert("alert-1", 1, &["e1"], caused_by(&event));
    let second = alert("alert-2", 1, &["alert-1"], None);
    let forest = forest(&[event], vec![first, second]);
    let view = tree(&forest, "root");
    assert_eq!(
        outline(&view),
        ["root [e1]", "root > alert-1 []", "alert-1 > alert-2 []"]
    );
    assert_eq!(view.nodes[2].kind, NodeKind::Alert);
}

#[test]
fn alerts_on_alerts_make_one_chain() {
    let event = said("e1", 1, "root");
    let first = alert("alert-1", 1, &["e1"], caused_by(&event));
    let second_place = larum_event::Correlation::child_of(first.envelope());
    let second = alert("alert-2", 1, &["alert-1"], second_place);
    let forest = forest(&[event], vec![second, first]);
    let view = tree(&forest, "alert-2");
    assert_eq!(
        outline(&view),
        ["root [e1]", "root > alert-1 []", "alert-1 > alert-2 []"]
    );
    assert_eq!(
        view.nodes[2].alert.as_ref().unwrap().causes[0].node,
        Some(1)
    );
    assert_eq!(forest.find_tree(&acme(), "alert-1"), Some(view));
}

#[test]
fn events_that_answer_an_alert_stand_under_it() {
    let event = said("e1", 1, "root");
    let raised = alert("alert-1", 1, &["e1"], caused_by(&event));
    let answer = said("e9", 9, "blocking").under("alert-1").of("root");
    let forest = forest(&[event, answer], vec![raised]);
    let view = tree(&forest, "e9");
    assert_eq!(
        outline(&view),
        ["root [e1]", "root > alert-1 []", "alert-1 > blocking [e9]"]
    );
}
