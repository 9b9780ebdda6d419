//! Events against rules: which of 20 and of 200 rules each event satisfies, and all of the pipeline
//! on one thread.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use larum_benches::{Traffic, parse_all, rule_files};
use larum_event::{Event, Position, Timestamp};
use larum_pipeline::{EventInput, Pipeline, PipelineSettings};
use larum_rule::{RuleMatcher, RuleSet};

const EVENTS: usize = 2_000;

fn load() -> Vec<Event> {
    let mut lines = String::new();
    Traffic::new(0).write(EVENTS, Timestamp::default(), &mut lines);
    parse_all(&lines)
}

fn rules(copies: usize) -> Arc<RuleSet> {
    Arc::new(RuleSet::load(&rule_files(copies)).expect("the rules of the benchmarks load"))
}

fn matching(criterion: &mut Criterion) {
    let events = load();
    let mut group = criterion.benchmark_group("match");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for copies in [1, 10] {
        let mut matcher = RuleMatcher::new(rules(copies));
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        group.bench_function(format!("{} rules", copies * 20), |bencher| {
            bencher.iter(|| {
                for event in &events {
                    found.clear();
                    matcher.match_event(0, event, &mut found, &mut faults);
                    black_box(&found);
                }
            });
        });
        assert!(faults.is_empty(), "the rules of the benchmarks do not fail");
    }
    group.finish();
}

fn pipeline(criterion: &mut Criterion) {
    let inputs: Vec<EventInput> = load()
        .into_iter()
        .zip(1..)
        .map(|(event, position)| EventInput {
            position: Position(position),
            event,
            arrived: None,
            record: None,
        })
        .collect();
    let mut group = criterion.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for copies in [1, 10] {
        let set = rules(copies);
        group.bench_function(format!("{} rules", copies * 20), |bencher| {
            bencher.iter_batched(
                || Pipeline::new(Arc::clone(&set), PipelineSettings::default()),
                |mut pipeline| {
                    black_box(pipeline.run_inputs(&inputs));
                    pipeline
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = matching, pipeline
}
criterion_main!(benches);
