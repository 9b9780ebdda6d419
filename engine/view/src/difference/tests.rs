use super::*;
use crate::sketch::{node_mut, parse_sketch};

fn check(before: &TreeView, after: &TreeView, wanted: &TreeDiff) {
    assert_eq!(TreeDiff::between(before, after), *wanted);
}

const TREE: &str = "
root
  a e1@1 e2@2
    b e3@3
  ?c
  !alert";

#[test]
fn a_tree_does_not_differ_from_itself() {
    let view = parse_sketch(TREE);
    check(&view, &view, &TreeDiff::default());
    assert!(TreeDiff::between(&view, &view).is_empty());
}

#[test]
fn nodes_come_go_and_move() {
    let after = parse_sketch(
        "
root
  a e1@1 e2@2
    d
    !alert
  ?c
    e",
    );
    let wanted = TreeDiff {
        added: vec!["d".into(), "e".into()],
        gone: vec!["b".into()],
        moved: vec![NodeMove {
            node: "alert".into(),
            before: Some("root".into()),
            after: Some("a".into()),
        }],
        ..TreeDiff::default()
    };
    check(&parse_sketch(TREE), &after, &wanted);
}

#[test]
fn a_new_root_moves_the_old_one() {
    let before = parse_sketch("a e1@1");
    let after = parse_sketch("root\n  a e1@1");
    let wanted = TreeDiff {
        added: vec!["root".into()],
        moved: vec![NodeMove {
            node: "a".into(),
            before: None,
            after: Some("root".into()),
        }],
        ..TreeDiff::default()
    };
    check(&before, &after, &wanted);
}

#[test]
fn a_node_that_was_only_named_speaks() {
    let after = parse_sketch(&TREE.replace("?c", "c e4@4"));
    let wanted = TreeDiff {
        seen: vec!["c".into()],
        events: [("c".into(), 1)].into(),
        ..TreeDiff::default()
    };
    check(&parse_sketch(TREE), &after, &wanted);
}

#[test]
fn events_count_whether_listed_folded_or_left_out() {
    let mut after = parse_sketch(TREE);
    let node = node_mut(&mut after, "a");
    let events = std::mem::take(&mut node.events);
    node.folds = crate::select::fold_events(&events);
    check(&parse_sketch(TREE), &after, &TreeDiff::default());
    node_mut(&mut after, "a").events_left_out = 3;
    let wanted = TreeDiff {
        events: [("a".into(), 3)].into(),
        ..TreeDiff::default()
    };
    check(&parse_sketch(TREE), &after, &wanted);
}

#[test]
fn alerts_are_named_when_they_are_raised_and_when_they_change() {
    let before = parse_sketch("root\n  !old");
    let mut after = parse_sketch("root\n  !old\n  ~other");
    node_mut(&mut after, "old").alert.as_mut().unwrap().revision = 2;
    let wanted = TreeDiff {
        added: vec!["other".into()],
        alerts: vec!["old".into(), "other".into()],
        ..TreeDiff::default()
    };
    check(&before, &after, &wanted);
}

#[test]
fn an_event_without_a_node_that_raised_two_alerts_counts_once() {
    let mut after = parse_sketch("root\n  !one\n    x e9@9\n  !two\n    x e9@9");
    for node in after.nodes.iter_mut().filter(|node| *node.id == *"x") {
        node.kind = NodeKind::Event;
    }
    let wanted = TreeDiff {
        added: vec!["x".into()],
        events: [("x".into(), 1)].into(),
        ..TreeDiff::default()
    };
    check(&parse_sketch("root\n  !one\n  !two"), &after, &wanted);
}
