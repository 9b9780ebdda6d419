//! Measures appending and reading on the disk of a folder, beside the disk's own pace.
//!
//! `cargo run --release -p larum-log --example append -- [FOLDER [BATCHES [EVENTS_PER_BATCH
//! [EVENTS_PER_SECOND]]]]`

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement reads the clock, prints, and stops at the first trouble"
)]

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use larum_event::{
    Channel, Event, EventDefaults, EventId, Position, Severity, TenantId, Timestamp,
};
use larum_log::{EventKinds, EventQuery, Log, LogOptions};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "target".to_owned());
    let batches: u64 = arguments.next().map_or(1_000, |text| text.parse().unwrap());
    let size: u64 = arguments.next().map_or(1_000, |text| text.parse().unwrap());
    let pace: Option<u64> = arguments.next().map(|text| text.parse().unwrap());
    let dir = tempfile::tempdir_in(&folder).unwrap();

    let first = batch(0, size);
    let bytes: usize = first.iter().map(|(event, _)| event.json().len()).sum();
    println!(
        "{batches} batches of {size} events of {} bytes",
        bytes / first.len()
    );
    floor(dir.path(), bytes, batches);

    let path = dir.path().join("log");
    let mut log = Log::open(&path, LogOptions::default()).unwrap();
    let maintenance = log.maintenance();
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let maintaining = std::thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(200))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            maintenance.run_due().unwrap();
        }
    });
    let mut took = Vec::new();
    let began = Instant::now();
    let mut making = Duration::ZERO;
    for number in 0..batches {
        let made = Instant::now();
        let events = batch(number * size, size);
        if let Some(pace) = pace {
            let due = Duration::from_secs_f64((number * size) as f64 / pace as f64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        making += made.elapsed();
        let start = Instant::now();
        log.append_events(&events).unwrap();
        took.push(start.elapsed());
    }
    let spent = began.elapsed() - making;
    report("append", batches * size, spent, &mut took);
    drop(stop);
    maintaining.join().unwrap();
    after(log, &path, size);
}

/// What the same bytes cost when they are only written and synced.
fn floor(dir: &Path, bytes: usize, batches: u64) {
    let mut file = std::fs::File::create(dir.join("floor")).unwrap();
    let block = vec![b'x'; bytes];
    let mut took = Vec::new();
    let began = Instant::now();
    for _ in 0..batches.min(300) {
        let start = Instant::now();
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
        took.push(start.elapsed());
    }
    report("floor: write and fdatasync", 0, began.elapsed(), &mut took);
}

fn after(mut log: Log, path: &Path, size: u64) {
    let repeated = batch(0, size);
    timed("a batch of duplicates, sealed", || {
        log.append_events(&repeated).unwrap().len()
    });
    let mut reader = log.reader();
    timed("read 20,000 records", || {
        reader
            .read_after(Position::START, 20_000, usize::MAX)
            .unwrap()
            .len()
    });
    let late = Position(reader.head().0.saturating_sub(20_000));
    timed("read the last 20,000 records", || {
        reader.read_after(late, 20_000, usize::MAX).unwrap().len()
    });
    let mut query = EventQuery {
        kinds: EventKinds::Events,
        user: Some("user-77".to_owned()),
        ..EventQuery::default()
    };
    timed("100 newest of a user", || {
        reader.query(&query).unwrap().events.len()
    });
    query.user = Some("nobody".to_owned());
    timed("none of nobody", || {
        reader.query(&query).unwrap().events.len()
    });
    query.user = None;
    query.severity = Some(larum_log::SeverityFilter::AtLeast(Severity::Critical));
    timed("none so severe, one page", || {
        reader.query(&query).unwrap().events.len()
    });
    timed("find by id, sealed", || {
        reader.find_event(None, &id_of(5)).unwrap().iter().count()
    });
    timed("find what is not there", || {
        reader.find_event(None, "nothing").unwrap().iter().count()
    });
    drop((log, reader));
    timed("open", || {
        Log::open(path, LogOptions::default()).unwrap().head().0 as usize
    });
}

fn timed(what: &str, work: impl FnOnce() -> usize) {
    let start = Instant::now();
    let count = work();
    println!("{what}: {count} in {:.2?}", start.elapsed());
}

fn report(what: &str, events: u64, spent: Duration, took: &mut [Duration]) {
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1_000];
    println!(
        "{what}: {:.0} events/s, p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}, most {:.2?}",
        events as f64 / spent.as_secs_f64(),
        at(500),
        at(990),
        at(999),
        at(1_000)
    );
}

/// A random-looking id, the same for the same number.
fn id_of(number: u64) -> String {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{mixed:016x}-{number:08x}")
}

fn batch(first: u64, size: u64) -> Vec<(Event, Timestamp)> {
    let tenant = TenantId::default_tenant();
    let fill = EventDefaults {
        arrived: Timestamp::default(),
        new_id: &|| EventId::new("none").unwrap(),
        source: None,
        channel: &Channel::default_channel(),
        tenant: &tenant,
        severity: &|_| Severity::Info,
    };
    let events = (first..first + size).map(|number| {
        let json = format!(
            r#"{{"id":"{}","type":"auth.login.{}","source":"sshd@web-{}","time":"2026-11-20T12:{:02}:{:02}.{:06}Z","channel":"security","metadata":{{"user":"user-{}","ip":"203.0.113.{}"}},"data":{{"outcome":"failure","message":"{}"}}}}"#,
            id_of(number),
            number % 7,
            number % 50,
            number / 60_000 % 60,
            number / 1_000 % 60,
            number % 1_000_000,
            number % 1_000,
            number % 250,
            "Failed password for invalid user from 203.0.113.9 port 40022 ssh2; ".repeat(3)
        );
        (Event::parse(json.as_bytes(), &fill).unwrap(), Timestamp::default())
    });
    events.collect()
}
