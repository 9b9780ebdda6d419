//! Events by their positions, and positions by the time of arrival.

use larum_event::{ClockTick, Position, RecordBody};
use larum_log::{Log, LogOptions};

use crate::sample::{alert, append_numbered, commit, named, open_small, second, small_partitions};

fn at(log: &Log, positions: &[u64]) -> Vec<(u64, String)> {
    let positions: Vec<_> = positions.iter().copied().map(Position).collect();
    let events = log.reader().events_at(&positions).unwrap();
    events
        .iter()
        .map(|one| (one.position.0, one.event.envelope().id.to_string()))
        .collect()
}

fn told(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    let expected = expected.iter();
    expected
        .map(|(position, id)| (*position, (*id).to_owned()))
        .collect()
}

#[test]
fn events_are_read_by_position_over_partitions_from_memory_and_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..9);
    let check = |log: &Log| {
        assert_eq!(at(log, &[]), told(&[]));
        assert_eq!(
            at(log, &[1, 3, 4, 8]),
            told(&[(1, "e1"), (3, "e3"), (4, "e4"), (8, "e8")])
        );
        assert_eq!(at(log, &[0, 5, 9, 900]), told(&[(5, "e5")]));
    };
    check(&log);
    drop(log);
    let mut log = open_small(dir.path());
    check(&log);
    append_numbered(&mut log, 9..11);
    assert_eq!(
        at(&log, &[7, 8, 9, 10]),
        told(&[(7, "e7"), (8, "e8"), (9, "e9"), (10, "e10")])
    );
}

#[test]
fn positions_that_hold_no_event_or_are_gone_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..4);
    log.commit_epoch(vec![alert("a1", "many")], commit(0, 3, 1), Vec::new())
        .unwrap();
    assert_eq!(
        at(&log, &[3, 4, 5]),
        told(&[(3, "e3"), (4, "a1")]),
        "position 5 is the commit"
    );
    append_numbered(&mut log, 4..9);
    log.maintenance().run_due().unwrap();
    log.drop_before(Position(7)).unwrap();
    assert_eq!(log.reader().first_position(), Position(7));
    let left = at(&log, &[1, 3, 6, 7]);
    assert_eq!(left.first().map(|(position, _)| *position), Some(7));
}

/// Two events each second from 1 on.
fn two_each_second(log: &mut Log, seconds: std::ops::Range<i64>) {
    for number in seconds {
        for half in ["a", "b"] {
            let event = named(&format!("e{number}{half}"));
            log.append_events(&[(event, second(number))]).unwrap();
        }
    }
}

#[test]
fn the_position_at_a_time_is_that_of_the_last_record_that_had_come_by_then() {
    let dir = tempfile::tempdir().unwrap();
    for options in [small_partitions(), LogOptions::default()] {
        let dir = dir.path().join(options.partition_records.to_string());
        let mut log = Log::open(&dir, options).unwrap();
        assert_eq!(log.reader().position_at(second(9)).unwrap(), Position(0));
        two_each_second(&mut log, 1..11);
        log.maintenance().run_due().unwrap();
        let mut reader = log.reader();
        for (time, expected) in [(0, 0), (1, 2), (2, 4), (9, 18), (10, 20), (99, 20)] {
            let position = reader.position_at(second(time)).unwrap();
            assert_eq!(position, Position(expected), "second {time}");
        }
    }
}

#[test]
fn what_was_derived_counts_as_come_with_the_event_before_until_a_tick_says_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    two_each_second(&mut log, 1..3);
    log.commit_epoch(vec![alert("a1", "many")], commit(0, 4, 1), Vec::new())
        .unwrap();
    log.append_controls(vec![RecordBody::Tick(ClockTick::new(second(5)))])
        .unwrap();
    log.commit_epoch(vec![alert("a2", "many")], commit(4, 7, 1), Vec::new())
        .unwrap();
    two_each_second(&mut log, 9..10);
    let mut reader = log.reader();
    for (time, expected) in [(1, 2), (2, 6), (4, 6), (5, 9), (8, 9), (9, 11)] {
        let position = reader.position_at(second(time)).unwrap();
        assert_eq!(position, Position(expected), "second {time}");
    }
}
