//! Events and folders for the tests.

use std::path::Path;

use larum_event::{
    Channel, EpochCommit, Event, EventDefaults, EventId, Position, Record, RecordBody, Severity,
    TenantId, Timestamp,
};
use larum_log::{AppendOutcome, EventQuery, Log, LogOptions};
use serde_json::{Value, json};

/// An event with the members given and plain ones for the rest.
pub fn event(members: Value) -> Event {
    let mut whole = json!({
        "type": "auth.login", "source": "sshd@web-1", "time": "2026-11-20T12:00:00Z",
        "channel": "security",
    });
    for (name, value) in members.as_object().unwrap() {
        whole[name] = value.clone();
    }
    let fill = EventDefaults {
        arrived: Timestamp::default(),
        new_id: &|| EventId::new("none").unwrap(),
        source: None,
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    Event::parse(whole.to_string().as_bytes(), &fill).unwrap()
}

/// The event with an id.
pub fn named(id: &str) -> Event {
    event(json!({ "id": id }))
}

/// An alert as the engine would make it.
pub fn alert(id: &str, rule: &str) -> Event {
    event(
        json!({ "id": id, "type": rule, "channel": "alerts", "source": "larum", "severity": "high" }),
    )
}

/// A second of the year 2026, as an arrival.
pub fn second(second: i64) -> Timestamp {
    let new_year = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    Timestamp::from_nanos(new_year.as_nanos() + second * 1_000_000_000)
}

pub fn append(log: &mut Log, events: &[Event]) -> Vec<AppendOutcome> {
    let arrived: Vec<_> = events.iter().map(|one| (one.clone(), second(0))).collect();
    log.append_events(&arrived).unwrap()
}

/// Appends events `e<number>` one by one, so that each may begin a partition.
pub fn append_numbered(log: &mut Log, numbers: std::ops::Range<u64>) {
    for number in numbers {
        append(log, &[named(&format!("e{number}"))]);
    }
}

/// Partitions of three records.
pub fn small_partitions() -> LogOptions {
    LogOptions {
        partition_records: 3,
        ..LogOptions::default()
    }
}

pub fn open(dir: &Path) -> Log {
    Log::open(dir, LogOptions::default()).unwrap()
}

pub fn open_small(dir: &Path) -> Log {
    Log::open(dir, small_partitions()).unwrap()
}

pub fn commit(from: u64, upto: u64, derived: u64) -> EpochCommit {
    EpochCommit {
        from: Position(from),
        upto: Position(upto),
        watermark: second(upto as i64),
        derived,
        hash: [7; 32],
        semantics: 1,
    }
}

/// All records, told shortly: the ids of events, the kinds of others.
pub fn all(log: &Log) -> Vec<(u64, String)> {
    let mut reader = log.reader();
    let first = reader.first_position();
    reader
        .read_after(Position(first.0 - 1), usize::MAX, usize::MAX)
        .unwrap()
        .into_iter()
        .map(told)
        .collect()
}

pub fn told(record: Record) -> (u64, String) {
    let text = match record.body {
        RecordBody::Event { event, .. } => event.envelope().id.to_string(),
        RecordBody::Derived { event } => format!("derived {}", event.envelope().id),
        RecordBody::RuleSetActivated(rules) => format!("rules {}", rules.files.len()),
        RecordBody::EpochCommit(commit) => format!("epoch {}", commit.upto),
        RecordBody::UnitDetached(unit) => format!("detached {}", unit.unit),
        RecordBody::UnitAttached(unit) => format!("attached {}", unit.unit),
        RecordBody::GapFilled(unit) => format!("filled {}", unit.unit),
        RecordBody::Tick(tick) => format!("tick {}", tick.at),
        RecordBody::Amend { most_rows } => format!("amend {most_rows}"),
        RecordBody::CursorMoved(cursor) => format!("{} at {}", cursor.consumer, cursor.position),
    };
    (record.position.0, text)
}

/// Copies a log's files as they are now, as a crash would leave them. The index of the write-ahead
/// log is left out: SQLite makes it again.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name != "lock" && !name.ends_with("-shm") {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// A query with something changed.
pub fn of(change: impl FnOnce(&mut EventQuery)) -> EventQuery {
    let mut query = EventQuery::default();
    change(&mut query);
    query
}
