//! The tree does not depend on the order in which events come.

use larum_event::{Event, Position};
use larum_tree::{CorrelationGraph, GraphLimits, TreeView};
use proptest::prelude::*;

use crate::fixture::{EventBuilder, acme, alert, caused_by, muddle, outline, said, tree};

/// Feeds numbered events in the order of `order`, which may repeat and must hold each.
fn fed(events: &[Event], order: &[usize]) -> CorrelationGraph {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    for index in order {
        let position = Position(*index as u64 + 1);
        forest.insert(&acme(), &events[*index], position, &mut Vec::new());
    }
    forest
}

/// Every tree that any of `ids` leads to. Which incident it is of, and which event came last,
/// depends on the order.
fn trees(forest: &CorrelationGraph, ids: &[String]) -> Vec<Option<TreeView>> {
    let trees = ids.iter().map(|id| {
        let mut view = forest.find_tree(&acme(), id)?;
        view.incident = None;
        view.as_of = Position::START;
        Some(view)
    });
    trees.collect()
}

/// An order in which each of `count` comes at least once and some come again.
fn orders(count: usize) -> impl Strategy<Value = Vec<usize>> {
    let again = prop::collection::vec(0..count, 0..count);
    again.prop_flat_map(move |again| {
        let all: Vec<_> = (0..count).chain(again).collect();
        Just(all).prop_shuffle()
    })
}

/// Three collectors, four stages of one incident, and an alert on what they saw.
fn incident() -> Vec<Event> {
    let mut said_by_collectors = vec![said("start", 0, "incident-9").by("sshd")];
    let stages = ["collection", "analysis", "spread", "upload"];
    let collectors = ["sshd", "procmond", "netmond"];
    for (number, collector) in collectors.into_iter().enumerate() {
        for (depth, stage) in stages.into_iter().enumerate() {
            let parent = match depth {
                0 => "incident-9".to_owned(),
                depth => format!("{collector}-{}", depth - 1),
            };
            let seconds = (10 * depth + number) as i64;
            let step = format!("{collector}-{depth}");
            for repeat in 0..2 {
                let event = said(&format!("{step}/{repeat}"), seconds + repeat, &step);
                let event = event.under(&parent).of("incident-9").by(collector);
                said_by_collectors.push(event.stage(stage).tag("collector", collector));
            }
        }
    }
    let trigger = said_by_collectors[5].clone();
    let mut events: Vec<_> = said_by_collectors.iter().map(EventBuilder::event).collect();
    let evidence = ["sshd-0/0", "procmond-1/0", "elsewhere", &trigger.id];
    for revision in 1..=3 {
        events.push(alert(
            "alert-1",
            revision,
            &evidence[4 - revision as usize - 1..],
            caused_by(&trigger),
        ));
    }
    events.push(alert("alert-2", 1, &["netmond-3/1", "elsewhere"], None));
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn three_collectors_and_four_stages_make_one_tree_in_any_order(order in orders(incident().len())) {
        let events = incident();
        let straight: Vec<_> = (0..events.len()).collect();
        let (expected, found) = (fed(&events, &straight), fed(&events, &order));
        let ids: Vec<_> = ["incident-9", "netmond-3", "sshd-0/1", "alert-1", "alert-1.2", "alert-2", "elsewhere"]
            .map(str::to_owned).to_vec();
        prop_assert_eq!(trees(&found, &ids), trees(&expected, &ids));
        let view = tree(&found, "incident-9");
        prop_assert_eq!((view.counts.steps, view.counts.events, view.counts.alerts), (13, 25, 1));
        prop_assert!(!view.partial);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn contradicting_events_make_the_same_trees_in_any_order(
        (said, order) in muddle().prop_flat_map(|said| {
            let count = said.len();
            (Just(said), orders(count))
        }),
        pick in any::<prop::sample::Index>(),
    ) {
        let mut events: Vec<_> = said.iter().map(EventBuilder::event).collect();
        let trigger = pick.get(&said);
        // One alert on its trigger's step and one that stands alone, in place of two events.
        if events.len() > 2 {
            events[0] = alert("a1", 1, &["e1", "e2", &trigger.id], caused_by(trigger));
            events[1] = alert("a2", 1, &["e3", "a1"], None);
        }
        let straight: Vec<_> = (0..events.len()).collect();
        let (expected, found) = (fed(&events, &straight), fed(&events, &order));
        let mut ids: Vec<_> = (0..7).map(|name| format!("n{name}")).collect();
        ids.extend((0..13).map(|name| format!("e{name}")));
        ids.extend(["a1".to_owned(), "a2".to_owned()]);
        prop_assert_eq!(trees(&found, &ids), trees(&expected, &ids));
        let shown = trees(&found, &ids).into_iter().flatten().map(|view| outline(&view).len()).max();
        prop_assert!(shown.is_some());
    }
}
