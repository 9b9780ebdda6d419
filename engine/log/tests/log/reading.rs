//! Reading in order, and what stands at the end.

use larum_event::{
    Channel, CursorMove, Position, RecordBody, RuleFile, RuleSetActivation, Span, UnitChange,
};
use larum_log::LogReader;

use crate::sample::{
    alert, all, append, append_numbered, commit, named, open, open_small, second, told,
};

fn ids(reader: &mut LogReader, after: u64, records: usize, bytes: usize) -> Vec<u64> {
    reader
        .read_after(Position(after), records, bytes)
        .unwrap()
        .into_iter()
        .map(|record| record.position.0)
        .collect()
}

#[test]
fn reading_crosses_partitions_whether_sealed_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..11);
    // From memory, from the disk, and from sealed partitions.
    for round in 0..3 {
        let mut reader = log.reader();
        for after in 0..=10 {
            let wanted: Vec<u64> = (after + 1..=10).collect();
            assert_eq!(ids(&mut reader, after, 100, usize::MAX), wanted);
        }
        assert_eq!(ids(&mut reader, 1, 4, usize::MAX), [2, 3, 4, 5]);
        assert_eq!(
            ids(&mut reader, u64::MAX, 4, usize::MAX),
            Vec::<u64>::new(),
            "round {round}"
        );
        drop((log, reader));
        log = open_small(dir.path());
        if round == 1 {
            log.maintenance().run_due().unwrap();
        }
    }
}

#[test]
fn what_is_partly_in_memory_is_read_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    append_numbered(&mut open_small(dir.path()), 1..6);
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 6..11);
    let mut reader = log.reader();
    for after in 0..=10 {
        let wanted: Vec<u64> = (after + 1..=10).collect();
        assert_eq!(ids(&mut reader, after, 100, usize::MAX), wanted);
    }
}

#[test]
fn a_page_of_bytes_holds_one_record_at_least() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append_numbered(&mut log, 1..5);
    let one = named("e1").json().len();
    for _ in 0..2 {
        let mut reader = log.reader();
        assert_eq!(ids(&mut reader, 0, 100, 0), [1]);
        assert_eq!(ids(&mut reader, 0, 100, one), [1]);
        assert_eq!(ids(&mut reader, 0, 100, one + 1), [1, 2]);
        assert_eq!(ids(&mut reader, 0, 0, 100), Vec::<u64>::new());
        drop((log, reader));
        log = open(dir.path());
    }
}

#[test]
fn an_event_reads_back_with_its_bytes_and_arrival() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    log.append_events(&[(named("a"), second(9))]).unwrap();
    drop(log);
    let log = open(dir.path());
    let record = log
        .reader()
        .read_after(Position::START, 1, 1)
        .unwrap()
        .remove(0);
    let RecordBody::Event { event, arrived } = record.body else {
        panic!("{record:?}");
    };
    assert_eq!((event.json(), arrived), (named("a").json(), second(9)));
    assert_eq!(event.envelope(), named("a").envelope());
    assert_eq!(event.content_hash(), named("a").content_hash());
}

fn rules(number: usize) -> RecordBody {
    let file = |number| RuleFile {
        path: format!("{number}.rhai"),
        text: String::new(),
    };
    RecordBody::RuleSetActivated(RuleSetActivation {
        files: (0..number).map(file).collect(),
        amend_horizon: Span::ZERO,
        lateness: Span::ZERO,
        keys_per_rule: 1,
    })
}

fn moved(consumer: &str, position: u64) -> RecordBody {
    RecordBody::CursorMoved(CursorMove {
        channel: Channel::alerts(),
        consumer: consumer.into(),
        position: Position(position),
    })
}

fn unit(name: &str) -> UnitChange {
    UnitChange {
        unit: name.into(),
        rules: Vec::new(),
        from: Position(0),
        reason: "it kept failing".into(),
        at: second(0),
    }
}

#[test]
fn what_stands_is_found_from_any_partition_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    assert_eq!(log.reader().last_epoch().unwrap(), None);
    assert_eq!(log.reader().last_rule_set(Position(9)).unwrap(), None);
    log.append_controls(vec![rules(1), moved("siem", 0), moved("mail", 0)])
        .unwrap();
    log.append_controls(vec![RecordBody::UnitDetached(unit("w/a/0"))])
        .unwrap();
    log.append_controls(vec![RecordBody::UnitDetached(unit("w/b/0"))])
        .unwrap();
    append_numbered(&mut log, 6..12);
    log.append_controls(vec![rules(2), moved("siem", 7)])
        .unwrap();
    log.append_controls(vec![RecordBody::UnitAttached(unit("w/a/0"))])
        .unwrap();
    log.commit_epoch(vec![alert("x", "r")], commit(0, 11, 1), vec![])
        .unwrap();
    append_numbered(&mut log, 17..30);
    for round in 0..3 {
        let mut reader = log.reader();
        let rule_set = |reader: &mut LogReader, at| {
            let found = reader.last_rule_set(Position(at)).unwrap();
            found.map(|(position, rules)| (position.0, rules.files.len()))
        };
        assert_eq!(rule_set(&mut reader, 0), None);
        for at in [1, 2, 5, 9, 11] {
            assert_eq!(rule_set(&mut reader, at), Some((1, 1)), "{at}");
        }
        for at in [12, 13, 25, u64::MAX] {
            assert_eq!(rule_set(&mut reader, at), Some((12, 2)), "{at}");
        }
        assert_eq!(reader.last_epoch().unwrap(), Some(commit(0, 11, 1)));
        let mut cursors: Vec<_> = reader.cursors().unwrap();
        cursors.sort_by(|a, b| a.consumer.cmp(&b.consumer));
        let cursors: Vec<_> = cursors
            .iter()
            .map(|cursor| (&*cursor.consumer, cursor.position.0))
            .collect();
        assert_eq!(cursors, [("mail", 0), ("siem", 7)]);
        let detached: Vec<_> = reader.detached_units().unwrap();
        assert_eq!(detached, [unit("w/b/0")]);
        if round == 0 {
            log.maintenance().run_due().unwrap();
        } else {
            drop((log, reader));
            log = open_small(dir.path());
        }
    }
}

#[test]
fn a_reader_on_another_thread_sees_whole_transactions_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    let mut reader = log.reader();
    let reading = std::thread::spawn(move || {
        let mut after = Position::START;
        let mut read = Vec::new();
        while read.len() < 400 {
            for record in reader.read_after(after, 7, usize::MAX).unwrap() {
                after = record.position;
                read.push(told(record));
            }
            let head = reader.head().0;
            assert_eq!(head % 2, 0, "half a transaction is visible");
            std::thread::yield_now();
        }
        read
    });
    let maintenance = log.maintenance();
    for number in 0..200 {
        append(
            &mut log,
            &[named(&format!("a{number}")), named(&format!("b{number}"))],
        );
        if number % 20 == 0 {
            maintenance.run_due().unwrap();
        }
    }
    assert_eq!(reading.join().unwrap(), all(&log));
}
