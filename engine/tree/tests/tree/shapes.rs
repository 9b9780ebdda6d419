//! Which tree a set of events makes.

use larum_tree::{CorrelationGraph, GraphLimits, MissingPart, TreeReport};

use crate::fixture::{acme, grown, outline, plant, said, tree};

#[test]
fn steps_stand_under_their_parents_and_events_on_their_steps() {
    let (forest, reports) = grown(&[
        said("e1", 1, "root"),
        said("e2", 2, "login")
            .under("root")
            .of("root")
            .stage("collection")
            .tag("host", "web-1"),
        said("e3", 3, "login").under("root").of("root"),
        said("e4", 4, "child").under("login").of("root"),
    ]);
    assert_eq!(reports, []);
    let view = tree(&forest, "root");
    assert_eq!(
        outline(&view),
        ["root [e1]", "root > login [e2 e3]", "login > child [e4]"]
    );
    assert_eq!(view.nodes[1].stage.as_deref(), Some("collection"));
    assert_eq!(view.nodes[1].tags["host"].as_ref(), "web-1");
    assert_eq!(
        (view.counts.steps, view.counts.events, view.partial),
        (3, 4, false)
    );
}

#[test]
fn any_step_and_any_event_leads_to_the_whole_tree() {
    let (forest, _) = grown(&[
        said("e1", 1, "root"),
        said("e2", 2, "child").under("root"),
        said("e3", 3, "other"),
    ]);
    let whole = tree(&forest, "root");
    for id in ["child", "e1", "e2"] {
        assert_eq!(tree(&forest, id), whole, "{id}");
    }
    assert_ne!(tree(&forest, "e3"), whole);
    assert_eq!(forest.find_tree(&acme(), "nobody"), None);
    assert_eq!(forest.find_tree(&acme(), ""), None);
}

#[test]
fn a_child_before_its_parent_waits_under_the_root_and_is_adopted() {
    let child = said("e2", 2, "child").under("parent").of("root");
    let (forest, _) = grown(std::slice::from_ref(&child));
    let view = tree(&forest, "child");
    assert_eq!(
        outline(&view),
        ["root []", "root > parent []", "parent > child [e2]"]
    );
    assert_eq!(view.why, [MissingPart::StepsNotSeen { count: 1 }]);

    let (forest, _) = grown(&[
        child,
        said("e1", 1, "parent").under("grandparent").of("root"),
        said("e0", 0, "grandparent").under("root").of("root"),
        said("e", -1, "root"),
    ]);
    let view = tree(&forest, "child");
    let expected = [
        "root [e]",
        "root > grandparent [e0]",
        "grandparent > parent [e1]",
        "parent > child [e2]",
    ];
    assert_eq!(outline(&view), expected);
    assert!(!view.partial);
}

#[test]
fn a_step_without_a_root_is_its_own_unless_its_parent_says_otherwise() {
    let (forest, _) = grown(&[said("e1", 1, "alone")]);
    assert_eq!(tree(&forest, "alone").root.as_ref(), "alone");
    let (forest, _) = grown(&[
        said("e3", 3, "c").under("b"),
        said("e2", 2, "b").under("a"),
        said("e1", 1, "a").of("root"),
    ]);
    let view = tree(&forest, "e3");
    assert_eq!(
        outline(&view),
        ["root []", "root > a [e1]", "a > b [e2]", "b > c [e3]"]
    );
}

#[test]
fn siblings_are_in_order_of_their_first_time_and_then_of_their_id() {
    let (forest, _) = grown(&[
        said("e1", 5, "b").under("root"),
        said("e2", 5, "a").under("root"),
        said("e3", 9, "early").under("root"),
        said("e4", 1, "early").under("root"),
    ]);
    let view = tree(&forest, "root");
    let ids: Vec<_> = view.nodes.iter().map(|node| node.id.as_ref()).collect();
    assert_eq!(ids, ["root", "early", "a", "b"]);
}

#[test]
fn the_earliest_event_of_a_step_says_where_it_stands() {
    let (forest, _) = grown(&[
        said("e2", 2, "step").under("late"),
        said("e1", 1, "step").under("early"),
        said("e3", 3, "step").under("later"),
    ]);
    assert_eq!(tree(&forest, "step").root.as_ref(), "early");
    assert_eq!(outline(&tree(&forest, "late")), ["late []"]);
}

#[test]
fn the_same_event_twice_changes_nothing() {
    let events = [said("e1", 1, "root"), said("e2", 2, "child").under("root")];
    let (once, _) = grown(&events);
    let (twice, reports) = grown(&[events.clone(), events].concat());
    assert_eq!(reports, []);
    assert_eq!(tree(&twice, "root"), tree(&once, "root"));
    assert_eq!(twice.stats(), once.stats());
}

#[test]
fn an_event_stands_at_the_first_position_at_which_it_was_given() {
    use larum_event::Position;
    let event = said("e1", 1, "root").event();
    let raised = crate::fixture::alert("alert-1", 1, &["e1"], None);
    for positions in [[3, 9], [9, 3]] {
        let mut forest = CorrelationGraph::new(GraphLimits::default());
        for position in positions {
            forest.insert(&acme(), &event, Position(position), &mut Vec::new());
            forest.insert(&acme(), &raised, Position(position), &mut Vec::new());
        }
        assert_eq!(
            tree(&forest, "root").nodes[0].events[0].position,
            Position(3)
        );
        let view = tree(&forest, "alert-1");
        assert_eq!(view.nodes[1].alert.as_ref().unwrap().position, Position(3));
    }
}

#[test]
fn two_sources_may_give_their_events_the_same_id() {
    let (forest, _) = grown(&[
        said("e1", 1, "root").by("a"),
        said("e1", 1, "root").by("b"),
        said("e1", 1, "other").by("c"),
    ]);
    assert_eq!(outline(&tree(&forest, "root")), ["root [e1 e1]"]);
    assert_eq!(
        tree(&forest, "e1").root.as_ref(),
        "other",
        "the first step by name"
    );
}

#[test]
fn a_step_that_names_itself_as_parent_is_reported_and_stands_at_the_top() {
    let (forest, reports) = grown(&[said("e1", 1, "step").under("step")]);
    assert!(
        matches!(&reports[..], [TreeReport::SelfParent { step, .. }] if step.as_ref() == "step")
    );
    assert_eq!(outline(&tree(&forest, "step")), ["step [e1]"]);
}

#[test]
fn a_circle_is_reported_once_and_cut_at_its_latest_claim() {
    let mut events = vec![
        said("e1", 1, "a").under("c"),
        said("e2", 2, "b").under("a"),
        said("e3", 3, "c").under("b"),
        said("e4", 4, "leaf").under("b"),
    ];
    for _ in 0..events.len() {
        events.rotate_left(1);
        let (forest, reports) = grown(&[events.clone(), events.clone()].concat());
        assert!(
            matches!(&reports[..], [TreeReport::CycleRefused { step, parent, .. }]
                if (step.as_ref(), parent.as_ref()) == ("c", "b")),
            "{reports:?}"
        );
        let view = tree(&forest, "leaf");
        assert_eq!(
            outline(&view),
            ["c [e3]", "c > a [e1]", "a > b [e2]", "b > leaf [e4]"]
        );
        assert!(
            matches!(&view.why[..], [MissingPart::CircleCut { parent }] if parent.as_ref() == "b")
        );
    }
}

#[test]
fn an_event_of_no_workflow_makes_no_tree() {
    let mut event = said("e1", 1, "");
    event.step = None;
    let (forest, reports) = grown(&[event]);
    assert_eq!((reports.len(), forest.stats().nodes), (0, 0));
}

#[test]
fn a_chain_of_a_hundred_thousand_steps_neither_overflows_nor_takes_for_ever() {
    let named = |number: i64| format!("s{number:06}");
    let chain = (1..100_000).map(|number| {
        let event = said(&format!("e{number}"), number, &named(number));
        event.under(&named(number - 1)).of(&named(0)).event()
    });
    let forward: Vec<_> = chain.collect();
    let backward: Vec<_> = forward.iter().rev().cloned().collect();
    // 7919 is prime to the number of events, so this goes through all of them.
    let scattered = (0..forward.len()).map(|step| step * 7_919 % forward.len());
    let scattered: Vec<_> = scattered.map(|index| forward[index].clone()).collect();
    for events in [forward, backward, scattered] {
        let mut forest = CorrelationGraph::new(GraphLimits::default());
        assert_eq!(plant(&mut forest, &events), []);
        let view = tree(&forest, "e99999");
        assert_eq!(view.nodes.len(), 100_000);
        assert_eq!(view.nodes[99_999].depth, 99_999);
    }
}

#[test]
fn lineages_and_paths_lead_over_the_node_above_both() {
    let forest = grown(&[
        said("e1", 1, "root"),
        said("e2", 2, "left").under("root"),
        said("e3", 3, "leaf").under("left"),
        said("e4", 4, "right").under("root"),
        said("e5", 5, "other"),
    ])
    .0;
    let names = |ids: Option<Vec<std::sync::Arc<str>>>| ids.map(|ids| ids.join(" "));
    assert_eq!(
        names(forest.ancestor_ids(&acme(), "e3")).as_deref(),
        Some("leaf left root")
    );
    assert_eq!(
        names(forest.path_between(&acme(), "leaf", "e4")).as_deref(),
        Some("leaf left root right")
    );
    assert_eq!(
        names(forest.path_between(&acme(), "left", "leaf")).as_deref(),
        Some("left leaf")
    );
    assert_eq!(
        names(forest.path_between(&acme(), "left", "left")).as_deref(),
        Some("left")
    );
    assert_eq!(forest.path_between(&acme(), "left", "other"), None);
    assert_eq!(forest.ancestor_ids(&acme(), "nobody"), None);
}
