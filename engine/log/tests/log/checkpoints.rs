//! Checkpoints and what damage does to them.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use larum_event::Position;
use larum_log::{Checkpoint, CheckpointPart, LogError, NewCheckpoint, PartHash};

use crate::sample::{append_numbered, open};

fn new(upto: u64, parts: &[(&str, &[u8])]) -> NewCheckpoint {
    checkpoint(upto, parts).into()
}

fn checkpoint(upto: u64, parts: &[(&str, &[u8])]) -> Checkpoint {
    Checkpoint {
        upto: Position(upto),
        semantics: 3,
        parts: parts
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
            .collect(),
    }
}

/// Changes a byte of the first place in the checkpoints' files that holds `text`.
fn damage(dir: &Path, text: &[u8]) {
    for name in ["checkpoints.db", "checkpoints.db-wal"] {
        let path = dir.join(name);
        let Ok(mut file) = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
        else {
            continue;
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let Some(place) = bytes.windows(text.len()).position(|piece| piece == text) else {
            continue;
        };
        file.seek(SeekFrom::Start(place as u64)).unwrap();
        file.write_all(&[text[0] ^ 0x20]).unwrap();
        return;
    }
    panic!("{text:?} is not in the file");
}

#[test]
fn the_newest_of_three_is_found_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append_numbered(&mut log, 1..10);
    assert_eq!(log.reader().latest_checkpoint().unwrap(), None);
    let mut store = log.checkpoint_store().unwrap();
    for upto in 1..=5 {
        store
            .save(&new(
                upto,
                &[("window/a", b"same"), ("tree", &upto.to_le_bytes())],
            ))
            .unwrap();
    }
    let newest = checkpoint(5, &[("window/a", b"same"), ("tree", &5_u64.to_le_bytes())]);
    assert_eq!(
        log.reader().latest_checkpoint().unwrap(),
        Some(newest.clone())
    );
    drop(log);
    let log = open(dir.path());
    assert_eq!(log.reader().latest_checkpoint().unwrap(), Some(newest));
    // Only three are kept: nothing is left of the first two.
    assert_eq!(store.load_latest(Position(2)).unwrap(), None);
    assert_eq!(
        store.load_latest(Position(3)).unwrap().unwrap().upto,
        Position(3)
    );
}

#[test]
fn a_checkpoint_ahead_of_the_log_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append_numbered(&mut log, 1..6);
    log.save_checkpoint(&new(5, &[])).unwrap();
    log.save_checkpoint(&new(6, &[])).unwrap();
    let found = log.reader().latest_checkpoint().unwrap();
    assert_eq!(found, Some(checkpoint(5, &[])));
}

#[test]
fn a_damaged_part_makes_the_checkpoint_before_count_and_is_healed_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append_numbered(&mut log, 1..6);
    let older = checkpoint(1, &[("a", b"state of a at one"), ("b", b"common state")]);
    let newer = checkpoint(2, &[("a", b"state of a at two"), ("b", b"common state")]);
    log.save_checkpoint(&older.clone().into()).unwrap();
    log.save_checkpoint(&newer.clone().into()).unwrap();
    damage(dir.path(), b"state of a at two");
    assert_eq!(log.reader().latest_checkpoint().unwrap(), Some(older));
    // The damaged part was thrown away, so saving the same bytes again writes them again.
    log.save_checkpoint(&newer.clone().into()).unwrap();
    assert_eq!(log.reader().latest_checkpoint().unwrap(), Some(newer));
    damage(dir.path(), b"common state");
    assert_eq!(log.reader().latest_checkpoint().unwrap(), None);
}

#[test]
fn a_part_that_did_not_change_is_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append_numbered(&mut log, 1..9);
    let large = vec![7; 2_000_000];
    let size = || -> u64 {
        ["checkpoints.db", "checkpoints.db-wal"]
            .iter()
            .filter_map(|name| std::fs::metadata(dir.path().join(name)).ok())
            .map(|file| file.len())
            .sum()
    };
    let mut store = log.checkpoint_store().unwrap();
    store.save(&new(1, &[("large", &large)])).unwrap();
    let once = size();
    for upto in 2..9 {
        store
            .save(&new(upto, &[("large", &large), ("small", &[upto as u8])]))
            .unwrap();
    }
    assert!(size() < once + 1_000_000, "{} after {once}", size());
}

#[test]
fn a_file_that_is_no_database_is_moved_away_and_the_log_is_read_from_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    std::fs::write(dir.path().join("checkpoints.db"), [0x55; 10_000]).unwrap();
    assert_eq!(log.reader().latest_checkpoint().unwrap(), None);
    log.save_checkpoint(&new(0, &[("a", b"a")])).unwrap();
    assert!(log.reader().latest_checkpoint().unwrap().is_some());
    assert!(dir.path().join("checkpoints.damaged.db").exists());
}

#[test]
fn a_kept_part_is_the_one_that_was_saved_and_one_that_is_gone_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    append_numbered(&mut log, 1..10);
    let mut store = log.checkpoint_store().unwrap();
    store.save(&new(1, &[("window/a", b"base")])).unwrap();
    let kept = |upto, bytes: &[u8]| NewCheckpoint {
        parts: vec![
            (
                "window/a".to_owned(),
                CheckpointPart::Unchanged(PartHash::of_bytes(bytes)),
            ),
            (
                "window/a+1".to_owned(),
                CheckpointPart::Bytes(vec![upto as u8]),
            ),
        ],
        ..new(upto, &[])
    };
    for upto in 2..9 {
        store.save(&kept(upto, b"base")).unwrap();
    }
    let newest = checkpoint(8, &[("window/a", b"base"), ("window/a+1", &[8])]);
    assert_eq!(
        log.reader().latest_checkpoint().unwrap(),
        Some(newest.clone())
    );
    let failed = store.save(&kept(9, b"other"));
    assert!(
        matches!(&failed, Err(LogError::MissingPart { part }) if part == "window/a"),
        "{failed:?}"
    );
    assert_eq!(log.reader().latest_checkpoint().unwrap(), Some(newest));
}
