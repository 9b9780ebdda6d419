//! Process trees and logon sessions of real recordings, against answers that were worked out
//! elsewhere.
//!
//! The records go through the `windows` decoder and the links that we ship; the answers say every
//! node, every way from a leaf to its root and every line of a session. The order in which records
//! come must not matter, nor that some come twice.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

mod recording;

mod nodes;

mod forest;

mod processes;

mod sessions;

mod entities;

mod served;

use larum_engine::SeededSequence;

use self::forest::{grown, shipped_links};
use self::nodes::Nodes;
use self::recording::Recording;

/// Checks every answer of a recording against what the trees say.
fn check(recording: &Recording, nodes: &mut Nodes<'_>, order: &str) {
    let place = format!("{}, {order}", recording.name);
    let trees = processes::read(recording, nodes);
    processes::check_trees(recording, &trees, &place);
    processes::check_activity(recording, nodes, &place);
    processes::check_creators(recording, nodes, &place);
    sessions::check(recording, nodes, &place);
}

#[test]
fn trees_and_sessions_of_the_recordings_are_those_that_others_found() {
    let links = shipped_links();
    for recording in Recording::all() {
        let forest = grown(&links, recording.events.iter());
        check(&recording, &mut Nodes::of_forest(&forest), "in order");
        entities::check(&recording, &forest, &recording.name);
    }
}

#[test]
fn a_server_that_is_killed_while_records_come_in_tells_the_same_trees_and_sessions() {
    for recording in Recording::all() {
        let store = tempfile::tempdir().unwrap();
        let server = served::survived(&recording, store.path());
        check(&recording, &mut served::nodes(&server), "served");
    }
}

#[test]
fn records_in_any_order_and_twice_give_the_same_trees_and_sessions() {
    let links = shipped_links();
    for recording in Recording::all() {
        for seed in 1..=3 {
            let order = recording.shuffled(&mut SeededSequence::new(seed));
            let forest = grown(&links, order.into_iter());
            let order = format!("in random order with duplicates, seed {seed}");
            check(&recording, &mut Nodes::of_forest(&forest), &order);
        }
    }
}
