//! Dropping whole partitions (3-07).

use larum_event::{Position, RecordBody, RuleSetActivation, Span};
use larum_log::{AppendOutcome, EventQuery, LogError};

use crate::sample::{all, append, append_numbered, named, open, open_small, second};

#[test]
fn whole_sealed_partitions_before_a_position_go_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..12);
    assert_eq!(
        log.drop_before(Position(7)).unwrap(),
        0,
        "nothing is sealed"
    );
    log.maintenance().run_due().unwrap();
    let mut reader = log.reader();
    assert_eq!(
        reader
            .read_after(Position(0), 99, usize::MAX)
            .unwrap()
            .len(),
        11
    );
    assert_eq!(log.drop_before(Position(3)).unwrap(), 0);
    assert_eq!(log.drop_before(Position(6)).unwrap(), 1);
    assert_eq!(
        log.drop_before(Position(99)).unwrap(),
        2,
        "the open one stays"
    );
    assert_eq!(reader.first_position(), Position(10));
    let gone = reader.read_after(Position(8), 9, 9).unwrap_err();
    assert!(
        matches!(
            gone,
            LogError::Gone {
                asked: Position(9),
                first: Position(10)
            }
        ),
        "{gone}"
    );
    assert_eq!(reader.read_after(Position(9), 9, 9_999).unwrap().len(), 2);
    assert_eq!(
        reader.query(&EventQuery::default()).unwrap().events.len(),
        2
    );
    assert!(reader.find_event(None, "e1").unwrap().is_none());
    let listed = std::fs::read_dir(dir.path()).unwrap();
    let files = listed.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("p-") && name.to_str().unwrap().ends_with(".db")
    });
    assert_eq!(files.count(), 1);
    drop(log);
    let mut log = open_small(dir.path());
    assert_eq!(all(&log).first(), Some(&(10, "e10".to_owned())));
    assert_eq!(
        append(&mut log, &[named("e1")]),
        [AppendOutcome::Stored(Position(12))]
    );
}

#[test]
fn partitions_go_by_the_age_of_their_last_arrival() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let day = 24 * 60 * 60;
    for number in 0..4 {
        let event = named(&number.to_string());
        log.append_events(&[(event, second(number * day))]).unwrap();
    }
    log.maintenance().run_due().unwrap();
    assert_eq!(log.drop_arrived_before(second(0)).unwrap(), 0);
    assert_eq!(log.drop_arrived_before(second(1)).unwrap(), 1);
    assert_eq!(log.drop_arrived_before(second(9 * day)).unwrap(), 2);
}

#[test]
fn the_active_rules_outlive_the_partition_that_holds_their_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    let rules = RuleSetActivation {
        files: Vec::new(),
        amend_horizon: Span::ZERO,
        lateness: Span::ZERO,
        keys_per_rule: 5,
    };
    log.append_controls(vec![RecordBody::RuleSetActivated(rules.clone())])
        .unwrap();
    append_numbered(&mut log, 2..12);
    log.maintenance().run_due().unwrap();
    log.drop_before(Position(99)).unwrap();
    drop(log);
    let log = open_small(dir.path());
    let found = log.reader().last_rule_set(log.head()).unwrap();
    assert_eq!(found, Some((Position(1), rules)));
    let gone = log.reader().last_rule_set(Position(3)).unwrap_err();
    assert!(matches!(gone, LogError::Gone { .. }), "{gone}");
}
