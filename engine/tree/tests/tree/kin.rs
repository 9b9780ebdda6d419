//! Trees as rules see them: as they were with an event.

use larum_event::{Event, Position, TreeLookup, VisitControl, VisitOutcome, limits};
use larum_tree::{CorrelationGraph, GraphLimits};

use crate::fixture::{acme, alert, caused_by, said};

fn limits() -> GraphLimits {
    GraphLimits::default()
}

/// The ids from the event's node up, as of its position.
fn chain(forest: &CorrelationGraph, event: &Event, at: u64) -> Vec<String> {
    let mut ids = Vec::new();
    forest.visit_ancestors(event, Position(at), &mut |kin| {
        ids.push(kin.id.to_string());
        VisitControl::Continue
    });
    ids
}

fn event(said: &crate::fixture::EventBuilder) -> Event {
    // Rules ask with the event's own tenant.
    let json = said
        .event()
        .json()
        .replace("\"tenantId\":\"default\"", "\"tenantId\":\"acme\"");
    crate::fixture::parse(&json)
}

fn feed(forest: &mut CorrelationGraph, events: &[Event], from: u64) {
    for (event, position) in events.iter().zip(from..) {
        forest.insert(&acme(), event, Position(position), &mut Vec::new());
    }
}

#[test]
fn an_event_sees_what_was_above_it_when_it_came_wherever_the_batch_is_cut() {
    let events = [
        event(&said("e1", 1, "child").under("parent")),
        event(&said("e2", 2, "parent").under("root").stage("late")),
        event(&said("e3", 3, "child")),
    ];
    for cut in 0..=3 {
        let mut forest = CorrelationGraph::new(limits());
        let mut seen = Vec::new();
        for (batch, from) in [(&events[..cut], 1), (&events[cut..], cut as u64 + 1)] {
            forest.begin_batch();
            feed(&mut forest, batch, from);
            for (event, position) in batch.iter().zip(from..) {
                seen.push((
                    chain(&forest, event, position).join(" "),
                    forest
                        .root_id(event, Position(position))
                        .unwrap()
                        .to_string(),
                ));
            }
        }
        let expected = [
            ("child parent", "parent"),
            ("parent root", "root"),
            ("child parent root", "root"),
        ];
        let expected = expected.map(|(chain, root)| (chain.to_owned(), root.to_owned()));
        assert_eq!(seen, expected, "cut at {cut}");
    }
}

#[test]
fn what_later_events_of_the_batch_say_of_a_node_is_not_seen() {
    let events = [
        event(&said("e1", 5, "child").under("parent").stage("first")),
        event(&said("e2", 2, "child").stage("earlier").tag("t", "v")),
        event(&said("e3", 3, "parent")),
    ];
    let mut forest = CorrelationGraph::new(limits());
    forest.begin_batch();
    feed(&mut forest, &events, 1);
    let kin = |at| {
        let mut found = Vec::new();
        forest.visit_ancestors(&events[0], Position(at), &mut |kin| {
            found.push(kin.clone());
            VisitControl::Continue
        });
        found
    };
    let first = kin(1);
    assert_eq!(first[0].stage.as_deref(), Some("first"));
    assert!(first[0].tags.is_empty());
    assert_eq!(first[1].first, None, "the parent has not spoken yet");
    let last = kin(3);
    assert_eq!(last[0].stage.as_deref(), Some("earlier"));
    assert_eq!(last[0].tags.len(), 1);
    assert!(last[1].first.is_some());
}

#[test]
fn a_tree_that_had_to_go_is_seen_by_the_events_of_its_batch_before_that() {
    let small = GraphLimits {
        roots_per_tenant: 1,
        ..limits()
    };
    let events = [
        event(&said("e1", 1, "child").under("parent")),
        event(&said("e2", 2, "other")),
    ];
    let mut forest = CorrelationGraph::new(small);
    forest.begin_batch();
    feed(&mut forest, &events, 1);
    assert_eq!(chain(&forest, &events[0], 1), ["child", "parent"]);
    assert!(chain(&forest, &events[0], 2).is_empty());
    assert_eq!(forest.find_tree(&acme(), "child"), None);
    forest.begin_batch();
    assert_eq!(forest.take_evicted_trees().len(), 1);
    assert!(chain(&forest, &events[0], 1).is_empty());
}

#[test]
fn alerts_say_nothing_to_rules_about_where_nodes_stand() {
    let events = [
        said("e1", 1, "root"),
        said("e2", 2, "answer").under("alert-1"),
    ];
    let mut forest = CorrelationGraph::new(limits());
    forest.begin_batch();
    feed(&mut forest, &[event(&events[0])], 1);
    feed(
        &mut forest,
        &[alert("alert-1", 1, &["e1"], caused_by(&events[0]))],
        2,
    );
    let answer = event(&events[1]);
    feed(&mut forest, std::slice::from_ref(&answer), 3);
    assert_eq!(chain(&forest, &answer, 3), ["answer", "alert-1"]);
    assert_eq!(&*forest.find_tree(&acme(), "e2").unwrap().root, "root");
}

#[test]
fn a_climb_ends_at_the_top_in_a_circle_and_at_its_bound() {
    let mut forest = CorrelationGraph::new(limits());
    forest.begin_batch();
    let high = larum_event::limits::ANCESTORS as i64;
    let chained: Vec<_> = (0..=high + 1)
        .map(|number| {
            event(
                &said(&format!("e{number}"), number, &format!("s{number}"))
                    .under(&format!("s{}", number + 1)),
            )
        })
        .collect();
    feed(&mut forest, &chained, 1);
    let at = Position(chained.len() as u64);
    let climbed =
        |event: &Event| forest.visit_ancestors(event, at, &mut |_| VisitControl::Continue);
    assert_eq!(climbed(&chained[0]), VisitOutcome::TooHigh);
    assert_eq!(climbed(&chained[2]), VisitOutcome::Top);
    let stopped = forest.visit_ancestors(&chained[0], at, &mut |_| VisitControl::Stop);
    assert_eq!(stopped, VisitOutcome::Stopped);
    let mut round = CorrelationGraph::new(limits());
    round.begin_batch();
    let circle = [
        event(&said("c1", 1, "a").under("b")),
        event(&said("c2", 2, "b").under("a")),
    ];
    feed(&mut round, &circle, 1);
    assert_eq!(
        round.visit_ancestors(&circle[0], Position(2), &mut |_| VisitControl::Continue),
        VisitOutcome::Top
    );
    assert_eq!(round.root_id(&circle[0], Position(2)).as_deref(), Some("a"));
    let stranger = event(&said("x", 1, "nowhere"));
    assert_eq!(
        round.visit_ancestors(&stranger, Position(2), &mut |_| VisitControl::Continue),
        VisitOutcome::NoTree
    );
}

#[test]
fn a_circle_that_is_longer_than_anybody_may_climb_is_too_high_and_a_shorter_one_ends_at_its_top() {
    for (length, expected) in [
        (limits::ANCESTORS as i64 + 1, VisitOutcome::Top),
        (limits::ANCESTORS as i64 + 2, VisitOutcome::TooHigh),
    ] {
        let mut forest = CorrelationGraph::new(limits());
        forest.begin_batch();
        let steps: Vec<_> = (0..length)
            .map(|number| {
                let above = format!("n{:03}", (number + 1) % length);
                event(&said(&format!("e{number}"), number, &format!("n{number:03}")).under(&above))
            })
            .collect();
        feed(&mut forest, &steps, 1);
        let climbed = forest.visit_ancestors(&steps[9], Position(length as u64), &mut |_| {
            VisitControl::Continue
        });
        assert_eq!(climbed, expected, "{length}");
    }
}
