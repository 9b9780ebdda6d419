//! Events into correlation trees, and a tree asked for.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use larum_benches::parse_all;
use larum_event::{Event, Position, TenantId};
use larum_tree::{CorrelationGraph, GraphLimits};

const EVENTS: u64 = 10_000;

/// Workflows of a hundred events in ten steps, each step under the one before.
fn load() -> Vec<Event> {
    let lines: String = (0..EVENTS)
        .map(|number| {
            let (root, step) = (number / 100, number % 10);
            let parent = match step {
                0 => String::new(),
                _ => format!(r#","parent":"w{root}-{}""#, step - 1),
            };
            format!(
                r#"{{"id":"e{number}","type":"job.step","source":"agent-{}","time":"2026-11-20T12:00:00Z","correlationId":"w{root}-{step}","correlation":{{"root":"w{root}-0"{parent},"stage":"collection"}},"data":{{"step":{step}}}}}"#,
                number % 7
            ) + "\n"
        })
        .collect();
    parse_all(&lines)
}

fn grown(events: &[Event], tenant: &TenantId) -> CorrelationGraph {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    let mut reports = Vec::new();
    for (event, position) in events.iter().zip(1..) {
        forest.insert(tenant, event, Position(position), &mut reports);
    }
    forest
}

fn tree(criterion: &mut Criterion) {
    let (events, tenant) = (load(), TenantId::default_tenant());
    let mut group = criterion.benchmark_group("tree");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("insert", |bencher| {
        bencher.iter_batched(|| (), |()| grown(&events, &tenant), BatchSize::LargeInput);
    });
    let forest = grown(&events, &tenant);
    group.throughput(Throughput::Elements(1));
    group.bench_function("ask for a tree of 100 events", |bencher| {
        bencher.iter(|| black_box(forest.find_tree(&tenant, "e5050")));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = tree
}
criterion_main!(benches);
