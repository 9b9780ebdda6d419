//! What pages hold, by example and against the plain definition.

mod paged;

use larum_event::{EventId, Position, Severity, Timestamp};
use larum_tree::EdgeKind;

use super::*;
use crate::query::{NodeFilter, TreePart};
use crate::sketch::{node_mut, parse_sketch, shown_ids, sketch_edge};

const TREE: &str = "
root
  a e1@10 e2@20
    a1 e3@30
      a2
    !alert
  b e4@40
    b1 e5@50
  c";

fn ask(part: TreePart, id: &str) -> TreeQuery {
    TreeQuery {
        part,
        ..TreeQuery::whole_tree(id)
    }
}

fn check(query: &TreeQuery, wanted: &[&str]) -> TreeView {
    let view = select_page(&parse_sketch(TREE), query).unwrap();
    assert_eq!(shown_ids(&view), wanted, "{query:?}");
    view
}

fn at(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_seconds(seconds).ok()
}

#[test]
fn the_whole_tree_is_all_of_it() {
    let all = ["root", "a", "a1", "a2", "alert", "b", "b1", "c"];
    let view = check(&TreeQuery::whole_tree("a1"), &all);
    assert_eq!((view.counts.steps, view.counts.alerts), (7, 1));
    assert_eq!((view.counts.events, view.counts.depth), (5, 4));
    assert_eq!((view.partial, &view.next), (false, &None));
}

#[test]
fn ancestors_are_the_way_from_the_root() {
    let view = check(&ask(TreePart::Ancestors, "a2"), &["root", "a", "a1", "a2"]);
    assert_eq!(view.counts.depth, 4);
    check(&ask(TreePart::Ancestors, "root"), &["root"]);
}

#[test]
fn descendants_are_the_node_and_what_is_under_it() {
    let view = check(
        &ask(TreePart::Descendants, "a"),
        &["a", "a1", "a2", "alert"],
    );
    assert_eq!((view.counts.steps, view.counts.alerts), (3, 1));
    assert_eq!((view.counts.events, view.counts.depth), (3, 3));
    let first = view.nodes.first().unwrap();
    assert_eq!((first.parent, first.depth), (None, 1));
    check(&ask(TreePart::Descendants, "c"), &["c"]);
}

#[test]
fn siblings_are_the_parent_and_all_directly_under_it() {
    check(&ask(TreePart::Siblings, "b"), &["root", "a", "b", "c"]);
    check(&ask(TreePart::Siblings, "root"), &["root"]);
}

#[test]
fn a_path_goes_over_the_node_above_both() {
    let to = |other: &str| TreePart::PathTo(other.to_owned());
    check(&ask(to("b1"), "a2"), &["root", "a", "a1", "a2", "b", "b1"]);
    check(&ask(to("alert"), "a2"), &["a", "a1", "a2", "alert"]);
    check(&ask(to("a"), "a2"), &["a", "a1", "a2"]);
    check(&ask(to("a2"), "a2"), &["a2"]);
    let elsewhere = select_page(&parse_sketch(TREE), &ask(to("x"), "a2"));
    let (id, root) = ("x".to_owned(), "root".to_owned());
    assert_eq!(elsewhere, Err(TreeQueryError::NotInTree { id, root }));
}

#[test]
fn an_event_stands_for_the_deepest_node_that_it_hangs_on() {
    check(&ask(TreePart::Ancestors, "e5"), &["root", "b", "b1"]);
    let view = parse_sketch("root e1@10\n  a e1@10\n  b");
    let found = select_page(&view, &ask(TreePart::Ancestors, "e1")).unwrap();
    assert_eq!(shown_ids(&found), ["root", "a"]);
}

#[test]
fn a_trace_may_be_asked_for_without_its_prefix_and_what_is_no_node_means_the_root() {
    let view = parse_sketch("root\n  trace:4bf9\n    x");
    let found = select_page(&view, &ask(TreePart::Descendants, "4bf9")).unwrap();
    assert_eq!(shown_ids(&found), ["trace:4bf9", "x"]);
    let found = select_page(&view, &ask(TreePart::Siblings, "user:eve")).unwrap();
    assert_eq!(shown_ids(&found), ["root"]);
}

#[test]
fn a_depth_is_of_levels_below_the_first_node() {
    let deep = |part, depth| TreeQuery {
        depth: Some(depth),
        ..ask(part, "a")
    };
    check(&deep(TreePart::Whole, 0), &["root"]);
    check(&deep(TreePart::Whole, 1), &["root", "a", "b", "c"]);
    check(&deep(TreePart::Descendants, 1), &["a", "a1", "alert"]);
    let view = check(&deep(TreePart::Descendants, 9), &["a", "a1", "a2", "alert"]);
    assert!(!view.partial);
}

#[test]
fn nodes_above_a_wanted_one_stay_and_do_not_count() {
    let mut full = parse_sketch(TREE);
    node_mut(&mut full, "a2").stage = Some("collection".into());
    let mut query = TreeQuery::whole_tree("root");
    query.filter.stages = vec!["report".to_owned(), "collection".to_owned()];
    let view = select_page(&full, &query).unwrap();
    assert_eq!(shown_ids(&view), ["root", "a", "a1", "a2"]);
    assert_eq!((view.counts.steps, view.counts.events), (1, 0));
    assert_eq!(view.counts.depth, 4);
    query.part = TreePart::Descendants;
    query.id = "a1".to_owned();
    assert_eq!(
        shown_ids(&select_page(&full, &query).unwrap()),
        ["a1", "a2"]
    );
    query.filter.stages = vec!["report".to_owned()];
    assert!(shown_ids(&select_page(&full, &query).unwrap()).is_empty());
}

#[test]
fn all_tags_must_be_there() {
    let mut full = parse_sketch(TREE);
    let tags = [("k".into(), "v".into()), ("l".into(), "w".into())];
    node_mut(&mut full, "b").tags = tags.clone().into();
    node_mut(&mut full, "c").tags = tags.into_iter().take(1).collect();
    let mut query = TreeQuery::whole_tree("root");
    query.filter.tags = [("k".to_owned(), "v".to_owned())].into();
    assert_eq!(
        shown_ids(&select_page(&full, &query).unwrap()),
        ["root", "b", "c"]
    );
    query.filter.tags.insert("l".to_owned(), "w".to_owned());
    assert_eq!(
        shown_ids(&select_page(&full, &query).unwrap()),
        ["root", "b"]
    );
}

#[test]
fn severity_source_and_times_must_hold_of_one_event_or_of_the_alert() {
    let filtered = |filter: NodeFilter| TreeQuery {
        filter,
        ..TreeQuery::whole_tree("root")
    };
    let severe = NodeFilter {
        severity: Some(Severity::High),
        ..NodeFilter::default()
    };
    check(&filtered(severe.clone()), &["root", "a", "alert"]);
    let sshd = NodeFilter {
        sources: vec!["sshd".to_owned()],
        ..NodeFilter::default()
    };
    check(&filtered(sshd.clone()), &["root", "a", "a1", "b", "b1"]);
    let between = |from, to| NodeFilter {
        from: at(from),
        to: at(to),
        ..sshd.clone()
    };
    check(&filtered(between(20, 30)), &["root", "a", "a1"]);
    // Node a has an event before and one after, and none between.
    check(&filtered(between(11, 19)), &[]);
    check(&filtered(between(50, 50)), &["root", "b", "b1"]);
    let alert = NodeFilter {
        from: at(50),
        ..severe
    };
    check(&filtered(alert), &["root", "a", "alert"]);
}

#[test]
fn events_beyond_those_of_a_page_are_counted() {
    let query = TreeQuery {
        events_per_node: 1,
        ..ask(TreePart::Descendants, "a")
    };
    let view = select_page(&parse_sketch(TREE), &query).unwrap();
    let first = view.nodes.first().unwrap();
    assert_eq!((first.events.len(), first.events_left_out), (1, 1));
    assert_eq!(view.counts.events, 3);
    assert!(!view.partial);
}

#[test]
fn repeats_fold_and_say_when_the_first_and_last_were() {
    let mut full = parse_sketch("root e1@10 e2@20 e3@30");
    node_mut(&mut full, "root")
        .events
        .last_mut()
        .unwrap()
        .severity = Severity::Low;
    node_mut(&mut full, "root").events_left_out = 7;
    let query = TreeQuery {
        fold: true,
        ..TreeQuery::whole_tree("root")
    };
    let view = select_page(&full, &query).unwrap();
    let root = view.nodes.first().unwrap();
    assert!(root.events.is_empty());
    let [info, low] = &*root.folds else {
        panic!("{:?}", root.folds)
    };
    assert_eq!((info.count, low.count, root.events_left_out), (2, 1, 7));
    assert_eq!((Some(info.first), Some(info.last)), (at(10), at(20)));
    assert_eq!(info.example, EventId::new("e1").unwrap());
    assert_eq!(view.counts.events, 10);
    let one = TreeQuery {
        events_per_node: 1,
        ..query
    };
    let view = select_page(&full, &one).unwrap();
    let root = view.nodes.first().unwrap();
    assert_eq!((root.folds.len(), root.events_left_out), (1, 8));
}

#[test]
fn what_is_missing_is_what_the_part_misses() {
    let mut full = parse_sketch("root\n  a\n    ?b\n    x\n  c");
    node_mut(&mut full, "a").events_left_out = 5;
    full.why = vec![
        MissingPart::StepsNotSeen { count: 1 },
        MissingPart::EventsLeftOut { count: 5 },
        MissingPart::EventsRefused { count: 2 },
        MissingPart::CircleCut { parent: "x".into() },
    ];
    full.partial = true;
    let whole = select_page(&full, &TreeQuery::whole_tree("root")).unwrap();
    assert_eq!(whole.why, full.why);
    let part = select_page(&full, &ask(TreePart::Descendants, "c")).unwrap();
    assert_eq!(part.why, [MissingPart::EventsRefused { count: 2 }]);
    full.why.clear();
    let part = select_page(&full, &ask(TreePart::Descendants, "c")).unwrap();
    assert!(!part.partial);
}

#[test]
fn edges_come_with_their_lower_ends_and_those_that_lead_elsewhere_with_the_end_here() {
    let mut full = parse_sketch(TREE);
    full.edges
        .push(sketch_edge("session:7", "b1", EdgeKind::Shared));
    full.edges.push(sketch_edge(
        "a1",
        "alert-of-another-tree",
        EdgeKind::Causation,
    ));
    full.edges
        .push(sketch_edge("a1", "alert", EdgeKind::Causation));
    let ends = |part, id| -> Vec<(String, String)> {
        let view = select_page(&full, &ask(part, id)).unwrap();
        let edges = view.edges.iter();
        edges
            .map(|edge| (edge.from.to_string(), edge.to.to_string()))
            .collect()
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(
        ends(TreePart::Descendants, "a1"),
        [
            pair("a", "a1"),
            pair("a1", "a2"),
            pair("a1", "alert-of-another-tree")
        ]
    );
    assert_eq!(
        ends(TreePart::Descendants, "b1"),
        [pair("b", "b1"), pair("session:7", "b1")]
    );
}

#[test]
fn an_alerts_causes_point_at_nodes_of_the_page() {
    let mut full = parse_sketch(TREE);
    let cause = |event: &str, node| larum_tree::AlertCause {
        event: EventId::new(event).unwrap(),
        node: Some(node),
        step: None,
    };
    node_mut(&mut full, "alert").alert.as_mut().unwrap().causes =
        vec![cause("e3", 2), cause("e4", 5)];
    let view = select_page(&full, &ask(TreePart::Descendants, "a")).unwrap();
    let alert = view.nodes.iter().find(|node| *node.id == *"alert").unwrap();
    let causes = &alert.alert.as_ref().unwrap().causes;
    let places: Vec<_> = causes.iter().map(|cause| cause.node).collect();
    assert_eq!(places, [Some(1), None]);
    assert_eq!(view.as_of, Position(1_000));
}

#[test]
fn what_is_only_shown_beside_a_tree_does_not_count() {
    let full = parse_sketch("root e1@10\n  ~other e2@20");
    let view = select_page(&full, &TreeQuery::whole_tree("root")).unwrap();
    assert_eq!((view.counts.steps, view.counts.alerts), (1, 0));
    assert_eq!((view.counts.events, view.counts.depth), (1, 1));
}
