//! Batches into the log, durable when they return, beside a write and `fdatasync` of the same bytes
//! on the same disk.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use larum_benches::{Latency, Traffic, fdatasync_floor, now, parse_all};
use larum_event::{Event, Position, Timestamp};
use larum_log::{Log, LogOptions};

/// Appends batches of traffic, each with events of its own.
struct Appending {
    log: Log,
    traffic: Traffic,
    latency: Latency,
}

impl Appending {
    fn batch(&mut self, events: usize) -> Vec<(Event, Timestamp)> {
        let mut lines = String::new();
        let time = now();
        self.traffic.write(events, time, &mut lines);
        parse_all(&lines)
            .into_iter()
            .map(|event| (event, time))
            .collect()
    }

    /// The time that `batches` appends take, without making the events.
    fn append(&mut self, batches: u64, events: usize) -> Duration {
        let mut spent = Duration::ZERO;
        for _ in 0..batches {
            let batch = self.batch(events);
            let start = Instant::now();
            self.log.append_events(&batch).expect("the disk works");
            self.latency.record(start.elapsed());
            spent += start.elapsed();
        }
        spent
    }
}

fn append(criterion: &mut Criterion) {
    let folder = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let mut group = criterion.benchmark_group("log");
    for events in [1, 100, 500, 2_000] {
        let dir = tempfile::tempdir_in(&folder)
            .or_else(|_| tempfile::tempdir())
            .expect("a folder can be made");
        let mut appending = Appending {
            log: Log::open(&dir.path().join("log"), LogOptions::default())
                .expect("a new log opens"),
            traffic: Traffic::new(0),
            latency: Latency::new(),
        };
        group.throughput(Throughput::Elements(events as u64));
        group.bench_function(format!("append {events}"), |bencher| {
            bencher.iter_custom(|batches| appending.append(batches, events));
        });
        println!("append {events}: {}", appending.latency);
        let floor = fdatasync_floor(dir.path(), 470 * events, 300).expect("the disk works");
        println!("floor of its {} bytes: {}", floor.bytes, floor.latency);
        if events == 500 {
            let mut reader = appending.log.reader();
            group.throughput(Throughput::Elements(2_000));
            group.bench_function("read 2000", |bencher| {
                bencher.iter(|| reader.read_after(Position::START, 2_000, usize::MAX));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = append
}
criterion_main!(benches);
