//! What trees cost: inserting nodes, climbing, a page of a large tree, and memory.
//!
//! One thread, `larum-tree` alone. Times are of processor time, and events are parsed before;
//! memory is what the process holds.

#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement computes rates and prints"
)]

use std::hint::black_box;

use clap::Parser;
use larum_benches::{parse_all, processor_nanos, resident};
use larum_event::{Event, Position, TenantId};
use larum_tree::{CorrelationGraph, GraphLimits};
use larum_view::{TreePart, TreeQuery, query_tree};

/// Measures trees
#[derive(Parser)]
struct Arguments {
    /// Nodes of each measurement
    #[arg(long, default_value_t = 1_000_000)]
    nodes: u64,
    /// Measurements whose name contains this; without it, all
    #[arg(long, default_value = "")]
    only: String,
}

/// How the nodes of a load hang together.
#[derive(Clone, Copy)]
enum Shape {
    /// Workflows of a hundred steps, each step under one of the ten before it.
    Workflows,
    /// One tree, ten under each node.
    Wide,
    /// One chain.
    Chain,
    /// All events on one node.
    OneNode,
}

fn main() {
    let arguments = Arguments::parse();
    let wanted = |name: &str| name.contains(&arguments.only);
    if wanted("insert") {
        insert(arguments.nodes);
    }
    if wanted("memory") {
        memory(arguments.nodes);
    }
    if wanted("ancestors") {
        ancestors();
    }
    if wanted("page") {
        page(arguments.nodes);
    }
}

fn insert(nodes: u64) {
    for (name, shape) in [
        ("workflows of 100", Shape::Workflows),
        ("one tree, 10 under each", Shape::Wide),
    ] {
        let events = load(shape, nodes);
        let mut runs: Vec<f64> = (0..3)
            .map(|_| {
                let begun = processor_nanos();
                let forest = grown(&events);
                let took = (processor_nanos() - begun) as f64 / 1e9;
                assert!(forest.stats().nodes >= nodes);
                took
            })
            .collect();
        runs.sort_by(f64::total_cmp);
        let median = runs.get(1).copied().unwrap_or(f64::NAN);
        println!("insert: {name}: {:.0} nodes/s", nodes as f64 / median);
    }
}

fn memory(nodes: u64) {
    let held = |shape| {
        let events = load(shape, nodes);
        let before = resident();
        let forest = grown(&events);
        let held = resident().saturating_sub(before);
        black_box(&forest);
        held as f64 / nodes as f64
    };
    let event = held(Shape::OneNode);
    let both = held(Shape::Wide);
    println!(
        "memory: {both:.0} B a node with its event, {event:.0} B an event, so {:.0} B a node",
        both - event
    );
}

fn ancestors() {
    let forest = grown(&load(Shape::Chain, 100));
    let tenant = TenantId::default_tenant();
    let query = TreeQuery {
        part: TreePart::Ancestors,
        events_per_node: 0,
        ..TreeQuery::whole_tree("n99")
    };
    measured("ancestors: depth 100, shown", 2_000, || {
        black_box(query_tree(&forest, &tenant, &query)).ok();
    });
    let lineage = || forest.ancestor_ids(&tenant, "n99").map(|ids| ids.len());
    assert_eq!(lineage(), Some(100));
    measured("ancestors: depth 100, ids", 100_000, || {
        black_box(lineage());
    });
    let path = || {
        forest
            .path_between(&tenant, "n99", "n0")
            .map(|ids| ids.len())
    };
    assert_eq!(path(), Some(100));
    measured("path: depth 100, ids", 100_000, || {
        black_box(path());
    });
}

fn page(nodes: u64) {
    let forest = grown(&load(Shape::Wide, nodes));
    let tenant = TenantId::default_tenant();
    for (name, id) in [("from the root", "n0"), ("from a node below", "n7")] {
        let query = TreeQuery {
            part: TreePart::Descendants,
            limit: 200,
            ..TreeQuery::whole_tree(id)
        };
        let first = query_tree(&forest, &tenant, &query).expect("the tree is there");
        let next = TreeQuery {
            cursor: first.next.clone(),
            ..query.clone()
        };
        assert_eq!(first.nodes.len(), 200);
        measured(&format!("page: 200 of {nodes} {name}"), 200, || {
            black_box(query_tree(&forest, &tenant, &query)).ok();
        });
        measured(&format!("page: the next 200 {name}"), 200, || {
            black_box(query_tree(&forest, &tenant, &next)).ok();
        });
    }
}

fn measured(name: &str, times: u32, mut run: impl FnMut()) {
    let mut runs: Vec<f64> = (0..5)
        .map(|_| {
            let begun = processor_nanos();
            for _ in 0..times {
                run();
            }
            (processor_nanos() - begun) as f64 / 1e9 / f64::from(times)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    let median = runs.get(2).copied().unwrap_or(f64::NAN);
    println!("{name}: {:.2} µs", median * 1e6);
}

fn load(shape: Shape, nodes: u64) -> Vec<Event> {
    let mut events = Vec::with_capacity(nodes as usize);
    let mut lines = String::new();
    for number in 0..nodes {
        let parent = match shape {
            Shape::Workflows => {
                let back = number.wrapping_mul(0x9e37_79b9) % 10 + 1;
                (number % 100).checked_sub(back).map(|_| number - back)
            }
            Shape::Wide => (number > 0).then(|| (number - 1) / 10),
            Shape::Chain => number.checked_sub(1),
            Shape::OneNode => None,
        };
        let step = match shape {
            Shape::OneNode => 0,
            _ => number,
        };
        let correlation = parent.map_or(String::new(), |parent| {
            format!(r#","correlation":{{"parent":"n{parent}"}}"#)
        });
        lines.push_str(&format!(
            "{{\"id\":\"e{number:08}\",\"type\":\"job.step\",\"source\":\"agent-{}\",\"time\":\"2026-11-20T12:00:00Z\",\"correlationId\":\"n{step}\"{correlation},\"data\":{{\"step\":{number}}}}}\n",
            number % 7
        ));
        if lines.len() > 1 << 20 {
            events.extend(parse_all(&lines));
            lines.clear();
        }
    }
    events.extend(parse_all(&lines));
    events
}

fn grown(events: &[Event]) -> CorrelationGraph {
    let tenant = TenantId::default_tenant();
    let mut forest = CorrelationGraph::new(GraphLimits {
        nodes_per_root: usize::MAX,
        events_per_node: usize::MAX,
        ..GraphLimits::default()
    });
    let mut reports = Vec::new();
    for (event, position) in events.iter().zip(1..) {
        forest.insert(&tenant, event, Position(position), &mut reports);
    }
    forest
}
