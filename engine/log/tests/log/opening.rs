//! Opening a log, and the clear words when it cannot be.

use std::path::{Path, PathBuf};

use larum_event::Position;
use larum_log::{Log, LogError, LogOptions};

use crate::sample::{append_numbered, named, open, open_small};

fn refusal(dir: &Path) -> LogError {
    Log::open(dir, LogOptions::default()).unwrap_err()
}

fn partition(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("p-{first:020}.db"))
}

#[test]
fn a_second_opener_is_told_who_holds_the_log_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let told = refusal(dir.path()).to_string();
    let wanted = format!(
        "the log in {} is in use by process {}; stop it, or name another folder",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(told, wanted);
    drop(log);
    open(dir.path());
}

#[test]
fn a_log_of_another_format_is_refused_in_both_directions() {
    for (format, advice) in [
        (2, "use the newer larum that wrote it"),
        (0, "convert it with an older larum"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        append_numbered(&mut open(dir.path()), 1..3);
        let path = partition(dir.path(), 1);
        rusqlite::Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", format)
            .unwrap();
        let told = refusal(dir.path()).to_string();
        assert_eq!(
            told,
            format!(
                "{} has log format {format}, this build reads format 1; {advice}",
                path.display()
            )
        );
    }
}

#[test]
fn a_foreign_file_in_a_partitions_place_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = partition(dir.path(), 1);
    std::fs::write(&path, "dear diary".repeat(1_000)).unwrap();
    assert!(matches!(refusal(dir.path()), LogError::NotALog { .. }));
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("dear diary")
    );
    std::fs::remove_file(&path).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE records (a)").unwrap();
    assert!(matches!(
        refusal(dir.path()),
        LogError::NotALog { found: 0, .. }
    ));
}

#[test]
fn a_missing_partition_is_a_hole_and_not_a_shorter_log() {
    let dir = tempfile::tempdir().unwrap();
    append_numbered(&mut open_small(dir.path()), 1..12);
    std::fs::rename(partition(dir.path(), 4), dir.path().join("elsewhere")).unwrap();
    let refused = refusal(dir.path());
    assert!(
        matches!(
            refused,
            LogError::Hole {
                expected: Position(4),
                found: Position(7),
                ..
            }
        ),
        "{refused}"
    );
}

#[test]
fn an_unfinished_partition_and_leftovers_of_a_dropped_one_are_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    append_numbered(&mut open_small(dir.path()), 1..6);
    let leftovers = [
        "p-00000000000000000007.new",
        "p-00000000000000000007.new-journal",
        "p-00000000000000000000.db-wal",
    ];
    for name in leftovers {
        std::fs::write(dir.path().join(name), "half").unwrap();
    }
    let mut log = open_small(dir.path());
    assert_eq!(log.head(), Position(5));
    append_numbered(&mut log, 6..12);
    drop(log);
    assert_eq!(open_small(dir.path()).head(), Position(11));
    assert!(!dir.path().join(leftovers[2]).exists());
}

#[test]
fn a_log_whose_last_partition_is_sealed_goes_on_in_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    append_numbered(&mut log, 1..5);
    log.maintenance().run_due().unwrap();
    drop(log);
    std::fs::remove_file(partition(dir.path(), 4)).unwrap();
    let mut log = open_small(dir.path());
    assert_eq!(log.head(), Position(3));
    crate::sample::append(&mut log, &[named("new")]);
    assert_eq!(log.head(), Position(4));
}

#[test]
fn a_file_where_the_folder_should_be_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    std::fs::write(&path, "not a folder").unwrap();
    let error = Log::open(&path, LogOptions::default()).unwrap_err();
    assert!(matches!(error, LogError::NotAFolder { .. }), "{error:?}");
    assert!(error.to_string().contains("is a file"), "{error}");
}
