//! What becomes of appended events.

use larum_event::{Channel, CursorMove, Position, RecordBody};
use larum_log::{AppendOutcome, LogError, LogWrite, WriteReceipt};
use serde_json::json;

use crate::sample::{
    alert, all, append, append_numbered, commit, event, named, open, open_small, second,
};

#[test]
fn positions_are_dense_and_start_at_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    assert_eq!(log.head(), Position::START);
    let stored = append(&mut log, &[named("a"), named("b")]);
    assert_eq!(
        stored,
        [
            AppendOutcome::Stored(Position(1)),
            AppendOutcome::Stored(Position(2))
        ]
    );
    assert_eq!(
        append(&mut log, &[named("c")]),
        [AppendOutcome::Stored(Position(3))]
    );
    assert_eq!(log.head(), Position(3));
}

#[test]
fn a_repetition_is_a_duplicate_and_other_content_a_conflict_also_within_one_call() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let other = event(json!({ "id": "a", "data": { "outcome": "failure" } }));
    let became = append(
        &mut log,
        &[named("a"), named("a"), other.clone(), named("b")],
    );
    let first = Position(1);
    assert_eq!(
        became,
        [
            AppendOutcome::Stored(first),
            AppendOutcome::Duplicate(first),
            AppendOutcome::Conflict { first },
            AppendOutcome::Stored(Position(2)),
        ]
    );
    assert_eq!(
        append(&mut log, &[other, named("a")]),
        [
            AppendOutcome::Conflict { first },
            AppendOutcome::Duplicate(first)
        ]
    );
    assert_eq!(all(&log).len(), 2);
}

#[test]
fn the_same_id_of_another_source_or_tenant_is_another_event() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let events = [
        named("a"),
        event(json!({ "id": "a", "source": "sshd@web-2" })),
        event(json!({ "id": "a", "metadata": { "tenantId": "acme" } })),
    ];
    assert!(
        append(&mut log, &events)
            .iter()
            .all(|one| matches!(one, AppendOutcome::Stored(_)))
    );
}

#[test]
fn duplicates_and_conflicts_are_known_after_reopening_and_in_sealed_partitions() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..12);
    let check = |log: &mut larum_log::Log| {
        for number in 1..12 {
            let id = format!("e{number}");
            let first = Position(number);
            let other = event(json!({ "id": id, "severity": "high" }));
            assert_eq!(
                append(log, &[named(&id), other]),
                [
                    AppendOutcome::Duplicate(first),
                    AppendOutcome::Conflict { first }
                ]
            );
        }
    };
    check(&mut log);
    assert_eq!(log.maintenance().run_due().unwrap(), 3);
    check(&mut log);
    drop(log);
    let mut log = open_small(dir.path());
    check(&mut log);
    assert_eq!(
        append(&mut log, &[named("e12")]),
        [AppendOutcome::Stored(Position(12))]
    );
}

#[test]
fn the_work_of_many_callers_is_answered_piece_by_piece() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, &[named("a")]);
    let cursor = RecordBody::CursorMoved(CursorMove {
        channel: Channel::alerts(),
        consumer: "siem".into(),
        position: Position(1),
    });
    let done = log
        .execute_writes(vec![
            LogWrite::Append(vec![(named("a"), second(1)), (named("b"), second(1))]),
            LogWrite::Epoch {
                derived: vec![alert("x", "r1"), alert("y", "r1")],
                commit: commit(0, 1, 2),
                controls: vec![cursor.clone()],
            },
            LogWrite::Append(Vec::new()),
            LogWrite::Control(vec![cursor]),
        ])
        .unwrap();
    assert_eq!(
        done[0],
        WriteReceipt::Appended(vec![
            AppendOutcome::Duplicate(Position(1)),
            AppendOutcome::Stored(Position(2))
        ])
    );
    let WriteReceipt::Epoch(receipt) = &done[1] else {
        panic!("{done:?}");
    };
    assert_eq!(receipt.derived, [Position(3), Position(4)]);
    assert_eq!(
        (&*receipt.controls, receipt.commit),
        (&[Position(5)][..], Position(6))
    );
    assert_eq!(done[2], WriteReceipt::Appended(Vec::new()));
    assert_eq!(done[3], WriteReceipt::Control(vec![Position(7)]));
    let told: Vec<_> = all(&log).into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        told,
        [
            "a",
            "b",
            "derived x",
            "derived y",
            "siem at 1",
            "epoch 1",
            "siem at 1"
        ]
    );
}

#[test]
fn work_that_may_never_be_done_is_refused_whole_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, &[named("a")]);
    let smuggled = RecordBody::Derived {
        event: alert("x", "r1"),
    };
    let refused = log.append_controls(vec![smuggled]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a record of kind alert is not a control record"
    );
    for (from, upto, derived) in [(0, 2, 0), (1, 0, 0), (0, 1, 1)] {
        let refused = log.commit_epoch(Vec::new(), commit(from, upto, derived), Vec::new());
        assert!(
            matches!(refused, Err(LogError::Epoch { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(
        append(&mut log, &[named("b")]),
        [AppendOutcome::Stored(Position(2))]
    );
}

#[test]
fn a_partition_ends_when_its_day_is_over_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let day = 24 * 60 * 60;
    for (id, arrived) in [
        ("a", 0),
        ("b", day - 1),
        ("c", day),
        ("d", 5),
        ("e", 2 * day),
    ] {
        log.append_events(&[(named(id), second(arrived))]).unwrap();
    }
    let first: Vec<_> = log
        .maintenance()
        .partitions()
        .into_iter()
        .map(|partition| partition.first.0)
        .collect();
    // A clock that goes back begins no partition.
    assert_eq!(first, [1, 3, 5]);
}

#[test]
fn a_writer_that_is_never_maintained_seals_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 0..60);
    let partitions = log.maintenance().partitions();
    assert_eq!(partitions.len(), 20);
    assert_eq!(partitions.iter().filter(|one| !one.sealed).count(), 5);
}

#[test]
fn the_log_and_its_readers_may_live_on_any_thread() {
    fn moves<T: Send>() {}
    moves::<larum_log::Log>();
    moves::<larum_log::LogReader>();
    moves::<larum_log::LogMaintenance>();
    moves::<larum_log::CheckpointStore>();
}
