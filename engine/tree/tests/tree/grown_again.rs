//! Trees that had to go are what they were when they are grown from their events again; likewise as
//! of a moment.

use larum_event::{Event, Position, Timestamp};
use larum_tree::{CorrelationGraph, GraphLimits, TreeMembers, TreeView, key_hash};
use proptest::prelude::*;

use crate::fixture::{EventBuilder, acme, muddle};
use crate::links::{event, links};

fn tight() -> GraphLimits {
    GraphLimits {
        roots_per_tenant: 2,
        nodes_per_tenant: 9,
        ..GraphLimits::default()
    }
}

fn forest(limits: GraphLimits) -> CorrelationGraph {
    let mut forest = CorrelationGraph::new(limits);
    forest.use_links(&links());
    forest
}

fn insert(forest: &mut CorrelationGraph, events: &[Event], place: usize) {
    let position = Position(place as u64 + 1);
    forest.insert(&acme(), &events[place], position, &mut Vec::new());
}

/// The tree of a root, made of the events of some members alone.
fn grown_again(events: &[Event], members: &TreeMembers) -> CorrelationGraph {
    let mut grown = forest(GraphLimits::default());
    for position in &members.events {
        insert(&mut grown, events, position.0 as usize - 1);
    }
    grown
}

/// Without what a part of the log cannot tell.
fn undated(view: Option<TreeView>) -> Option<TreeView> {
    view.map(|view| TreeView {
        as_of: Position::START,
        incident: None,
        ..view
    })
}

/// Processes that start each other, some of them under names of their own.
fn processes() -> impl Strategy<Value = Vec<Event>> {
    let create = (0..8_u8, 0..8_u8, 0..3_u8, 0..3_u8, 0..9_i64, any::<bool>());
    prop::collection::vec(create, 1..25).prop_map(|creates| {
        let creates = creates.into_iter().enumerate();
        creates
            .map(|(number, (guid, parent, pid, ppid, seconds, begins))| {
                let kind = if begins { "process.create" } else { "process.exit" };
                let data = serde_json::json!({
                    "host": "ws5", "guid": format!("g{guid}"), "pid": pid, "image": "i",
                    "parent": begins.then(|| format!("g{parent}")), "ppid": ppid, "pimage": "i", "logon": "0x1",
                });
                event(&format!("e{number}"), kind, seconds, data)
            })
            .collect()
    })
}

fn workflows() -> impl Strategy<Value = Vec<Event>> {
    // A log holds no event twice.
    let unique = |(said, number): (&EventBuilder, usize)| EventBuilder {
        id: format!("u{number}"),
        ..said.clone()
    };
    muddle().prop_map(move |said| {
        let said = said.iter().zip(0..).map(unique);
        said.map(|said| said.event()).collect()
    })
}

/// Ids of nodes that the events may have named.
fn ids() -> Vec<String> {
    let steps = (0..7).map(|name| format!("n{name}"));
    let processes = (0..8).map(|name| format!("process:ws5/g{name}"));
    steps.chain(processes).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_tree_that_went_is_grown_again_as_it_was(events in prop_oneof![workflows(), processes()]) {
        let mut small = forest(tight());
        for place in 0..events.len() {
            let before: Vec<_> = ids()
                .iter()
                .map(|id| (id.clone(), undated(small.find_tree(&acme(), id)), small.tree_members(&acme(), id)))
                .collect();
            insert(&mut small, &events, place);
            for gone in small.take_evicted_trees() {
                let mine = before.iter().filter(|(id, ..)| gone.keys.contains(&key_hash(id)));
                for (id, view, members) in mine {
                    // What the event that made it go added itself is not what it was.
                    let (Some(view), Some(members)) = (view, members) else { continue };
                    if members.tree != gone.tree || members.events != gone.events {
                        continue;
                    }
                    let grown = grown_again(&events, &gone);
                    let again = undated(grown.find_tree(&acme(), id)).unwrap();
                    // Ties to trees that are not grown again are not there.
                    prop_assert_eq!(&again.nodes, &view.nodes, "{}", id);
                    prop_assert_eq!(&again.root, &view.root);
                    prop_assert_eq!(again.counts, view.counts);
                }
            }
        }
    }

    #[test]
    fn a_tree_as_of_a_moment_is_made_of_its_members_up_to_there(events in prop_oneof![workflows(), processes()]) {
        let mut now = forest(GraphLimits::default());
        let mut then = Vec::new();
        for place in 0..events.len() {
            insert(&mut now, &events, place);
            let views: Vec<_> = ids().iter().map(|id| undated(now.find_tree(&acme(), id))).collect();
            then.push(views);
        }
        for (place, views) in then.iter().enumerate() {
            for (id, view) in ids().iter().zip(views) {
                let Some(view) = view else { continue };
                let mut members = now.tree_members(&acme(), id).unwrap();
                members.events.retain(|position| position.0 <= place as u64 + 1);
                let again = undated(grown_again(&events, &members).find_tree(&acme(), id)).unwrap();
                prop_assert_eq!(&again.nodes, &view.nodes, "{} as of {}", id, place + 1);
            }
        }
    }
}

#[test]
fn members_say_when_a_tree_began_and_ended() {
    let events = [
        event(
            "e1",
            "process.create",
            5,
            serde_json::json!({"host": "ws5", "guid": "a", "parent": "b"}),
        ),
        event(
            "e2",
            "process.exit",
            3,
            serde_json::json!({"host": "ws5", "guid": "a"}),
        ),
    ];
    let mut forest = forest(GraphLimits::default());
    insert(&mut forest, &events, 0);
    insert(&mut forest, &events, 1);
    let members = forest.tree_members(&acme(), "e1").unwrap();
    let times: [Timestamp; 2] = [crate::fixture::time(3), crate::fixture::time(5)];
    assert_eq!([members.first, members.last], times);
    assert_eq!(members.events, [Position(1), Position(2)]);
    assert_eq!(&*members.root, "process:ws5/b");
    let mut keys = ["process:ws5/a", "process:ws5/b"].map(key_hash);
    keys.sort_unstable();
    assert_eq!(members.keys, keys);
    assert_eq!(
        forest.node_names(&events[0]),
        ["process:ws5/a".into(), "process:ws5/b".into()]
    );
}
