//! Disks that are full or fail.

use larum_event::Position;
use larum_log::{AppendOutcome, LogError, LogWrite};
use serde_json::json;

use crate::sample::{alert, all, append, commit, event, named, open, second};

#[test]
fn a_failed_commit_acknowledges_nothing_and_stops_the_writer_until_it_is_reopened() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, &[named("a")]);
    let mut reader = log.reader();
    log.fail_next_commit();
    let work = vec![
        LogWrite::Append(vec![(named("b"), second(0))]),
        LogWrite::Epoch {
            derived: vec![alert("x", "r1")],
            commit: commit(0, 1, 1),
            controls: Vec::new(),
        },
    ];
    let failed = log.execute_writes(work.clone()).unwrap_err();
    assert!(matches!(failed, LogError::Commit { .. }), "{failed}");
    let refused = log.execute_writes(work).unwrap_err();
    assert!(matches!(refused, LogError::Poisoned), "{refused}");
    assert_eq!((log.head(), reader.head()), (Position(1), Position(1)));
    assert_eq!(reader.read_after(Position(0), 9, 9_999).unwrap().len(), 1);
    assert_eq!(reader.last_epoch().unwrap(), None);
    drop(log);
    let mut log = open(dir.path());
    assert_eq!(all(&log), [(1, "a".to_owned())]);
    assert_eq!(
        append(&mut log, &[named("b")]),
        [AppendOutcome::Stored(Position(2))]
    );
}

#[test]
fn a_full_disk_is_said_so_leaves_no_gap_and_may_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append(&mut log, &[named("a")]);
    log.fill_disk_after(3).unwrap();
    let large = |id: &str| {
        let text = "x".repeat(60_000);
        event(json!({ "id": id, "type": format!("kind.{id}"), "data": { "text": text } }))
    };
    for _ in 0..2 {
        let full = log.append_events(&[(large("b"), second(0))]).unwrap_err();
        assert!(matches!(full, LogError::Full { .. }), "{full}");
        assert!(full.to_string().starts_with("no room left for "), "{full}");
    }
    assert_eq!(all(&log), [(1, "a".to_owned())]);
    assert_eq!(
        append(&mut log, &[named("a")]),
        [AppendOutcome::Duplicate(Position(1))]
    );
    log.fill_disk_after(1_000).unwrap();
    assert_eq!(
        append(&mut log, &[large("b"), large("c")]),
        [
            AppendOutcome::Stored(Position(2)),
            AppendOutcome::Stored(Position(3))
        ]
    );
    drop(log);
    let log = open(dir.path());
    let page = log.reader().query(&larum_log::EventQuery {
        event_type: Some("kind.b".into()),
        ..Default::default()
    });
    assert_eq!(page.unwrap().events.len(), 1);
}
