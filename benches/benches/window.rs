//! Matches into a window: few keys that are busy, and many that are not; and its checkpoint.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use larum_event::{
    EvaluationPlace, EventId, EventOrder, FiringPolicy, GroupKey, Match, Position, ScalarValue,
    Span, TenantId, Timestamp, WindowSpec, limits,
};
use larum_window::{ClockMove, RuleWindow, WindowLimits};

const MATCHES: u64 = 20_000;

fn window() -> RuleWindow {
    let spec = WindowSpec::sliding_count(Span::from_seconds(300), 5, FiringPolicy::Edge);
    let window_limits = WindowLimits {
        keys: limits::KEYS_PER_RULE,
        events_per_key: limits::EVENTS_PER_KEY,
        lateness: Span::from_seconds(60),
        ..WindowLimits::default()
    };
    RuleWindow::new(0, spec, window_limits)
}

/// A match every 10 ms, its key one of `keys`.
fn matches(keys: u64, tenant: &TenantId) -> Vec<Match> {
    (0..MATCHES)
        .map(|number| Match {
            rule: 0,
            tenant: tenant.clone(),
            key: GroupKey::new(vec![ScalarValue::Str(
                format!("198.51.100.{}", number.wrapping_mul(0x9e37_79b9) % keys).into(),
            )]),
            order: EventOrder::of_event(
                Timestamp::from_nanos(number as i64 * 10_000_000),
                0,
                None,
                Position(number + 1),
            ),
            place: EvaluationPlace::for_raw_event(Position(number + 1)),
            source: 1,
            front: Timestamp::MIN,
            event_id: EventId::new(format!("{number:032x}")).expect("a number is a valid id"),
            steps: 1,
            values: larum_event::MatchValues::empty(),
            event: None,
        })
        .collect()
}

/// Adds the matches, the front moving with each of them.
fn run(window: &mut RuleWindow, tenant: &TenantId, matches: Vec<Match>) {
    let mut detections = Vec::new();
    for matched in matches {
        let (time, place) = (matched.order.time, matched.place);
        let _added = window.add_match(matched, &mut detections);
        let moved = ClockMove {
            is_held: false,
            tenant,
            front: time,
            source: None,
            place,
        };
        window.advance_clock(&moved, &mut detections);
    }
    black_box(detections);
}

fn add(criterion: &mut Criterion) {
    let tenant = TenantId::default_tenant();
    let mut group = criterion.benchmark_group("window");
    group.throughput(Throughput::Elements(MATCHES));
    for keys in [100, 1_000_000] {
        let matches = matches(keys, &tenant);
        group.bench_function(format!("add, {keys} keys"), |bencher| {
            bencher.iter_batched(
                || (window(), matches.clone()),
                |(mut window, matches)| {
                    run(&mut window, &tenant, matches);
                    window
                },
                BatchSize::LargeInput,
            );
        });
    }
    let mut held = window();
    run(&mut held, &tenant, matches(100, &tenant));
    group.bench_function("checkpoint, 20000 events held", |bencher| {
        bencher.iter(|| black_box(held.checkpoint()));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = add
}
criterion_main!(benches);
