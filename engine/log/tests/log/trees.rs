//! Trees that memory let go, and what damage does to them.

use std::path::Path;

use larum_event::{Position, TenantId, Timestamp};
use larum_log::{LogError, SpilledTree, TreeStore};

use crate::sample::{append_numbered, copy, open};

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

/// A tree of two events, with keys that only it has and one that every third has.
fn tree(number: u64) -> SpilledTree {
    let mut keys = vec![number * 1_000, number * 1_000 + 1, shared(number % 3)];
    keys.sort_unstable();
    SpilledTree {
        tenant: tenant("acme"),
        tree: number * 2 + 1,
        root: format!("root-{number}").into(),
        keys,
        events: vec![Position(number * 2 + 1), Position(number * 2 + 2)],
        first: Timestamp::from_nanos(number as i64),
        last: Timestamp::from_nanos(number as i64 + 5),
    }
}

fn shared(number: u64) -> u64 {
    u64::MAX - number
}

fn trees(numbers: std::ops::Range<u64>) -> Vec<SpilledTree> {
    numbers.map(tree).collect()
}

fn found(store: &TreeStore, key: u64) -> Vec<u64> {
    let trees = store.finder().find_trees(&tenant("acme"), key).unwrap();
    trees.iter().map(|tree| tree.tree / 2).collect()
}

#[test]
fn a_tree_is_found_by_each_of_its_keys_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut store = log.tree_store().unwrap();
    store.spill_trees(&trees(0..10), Position(30)).unwrap();
    drop(store);
    let store = log.tree_store().unwrap();
    assert_eq!(store.spilled_upto(), Position(30));
    for number in 0..10 {
        let mut finder = store.finder();
        let by_key = finder
            .find_trees(&tenant("acme"), number * 1_000 + 1)
            .unwrap();
        assert_eq!(by_key, [tree(number)]);
    }
    assert_eq!(found(&store, shared(1)), [1, 4, 7]);
    assert!(found(&store, 5).is_empty());
}

#[test]
fn what_was_spilled_twice_is_there_once_and_what_has_grown_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut store = log.tree_store().unwrap();
    store.spill_trees(&trees(0..4), Position(10)).unwrap();
    let mut grown = tree(2);
    grown.events.push(Position(90));
    store.spill_trees(&trees(1..5), Position(9)).unwrap();
    store
        .spill_trees(std::slice::from_ref(&grown), Position(90))
        .unwrap();
    assert_eq!(store.spilled_upto(), Position(90));
    assert_eq!(found(&store, 1_000), [1]);
    assert_eq!(found(&store, 4_000), [4]);
    let both = store.finder().find_trees(&tenant("acme"), 2_000).unwrap();
    assert_eq!(both, [tree(2), grown]);
}

#[test]
fn tenants_with_the_same_keys_do_not_see_each_others_trees() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut store = log.tree_store().unwrap();
    let other = SpilledTree {
        tenant: tenant("globex"),
        ..tree(7)
    };
    store
        .spill_trees(&[tree(7), other.clone()], Position(20))
        .unwrap();
    let mut finder = store.finder();
    assert_eq!(
        finder.find_trees(&tenant("acme"), 7_000).unwrap(),
        [tree(7)]
    );
    assert_eq!(
        finder.find_trees(&tenant("globex"), 7_000).unwrap(),
        [other]
    );
    assert_eq!(finder.find_trees(&tenant("initech"), 7_000).unwrap(), []);
}

#[test]
fn merged_runs_hold_what_every_one_of_them_held() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut store = log.tree_store().unwrap();
    let mut finder = store.finder();
    // One key fills several blocks, and levels are merged twice.
    for batch in 0..80 {
        store
            .spill_trees(&trees(batch * 30..batch * 30 + 30), Position(batch + 1))
            .unwrap();
    }
    let store = [store, log.tree_store().unwrap()];
    for number in 0..2_400 {
        let trees = finder.find_trees(&tenant("acme"), number * 1_000).unwrap();
        assert_eq!(trees, [tree(number)]);
    }
    for store in &store {
        assert_eq!(found(store, shared(2)).len(), 800);
        assert_eq!(found(store, 2_399_000), [2_399]);
    }
    assert!(finder.may_contain(&tenant("acme"), 30_000));
    let wrong = (0..1_000_u64).filter(|key| finder.may_contain(&tenant("acme"), key * 1_000 + 77));
    assert!(wrong.count() < 100);
}

#[test]
fn trees_wholly_before_the_logs_beginning_are_dropped_and_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut store = log.tree_store().unwrap();
    let mut finder = store.finder();
    for batch in 0..9 {
        store
            .spill_trees(&trees(batch * 500..batch * 500 + 500), Position(9_000))
            .unwrap();
    }
    // Tree 2,000 has the events 4,001 and 4,002.
    assert_eq!(store.drop_before(Position(4_002)).unwrap(), 2_000);
    assert_eq!(store.drop_before(Position(4_002)).unwrap(), 0);
    for store in [store, log.tree_store().unwrap()] {
        assert!(found(&store, 1_999_000).is_empty());
        assert_eq!(found(&store, 2_000_000), [2_000]);
    }
    assert_eq!(finder.find_trees(&tenant("acme"), 0).unwrap(), []);
    assert_eq!(
        finder.find_trees(&tenant("acme"), 2_000_000).unwrap(),
        [tree(2_000)]
    );
}

#[test]
fn one_that_searches_while_runs_are_merged_and_dropped_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut store = log.tree_store().unwrap();
    store.spill_trees(&trees(100..101), Position(1)).unwrap();
    let mut finder = store.finder();
    std::thread::scope(|scope| {
        let searching = scope.spawn(move || {
            for _ in 0..2_000 {
                let trees = finder.find_trees(&tenant("acme"), 100_000).unwrap();
                assert_eq!(trees, [tree(100)]);
            }
        });
        let mut batch = 1;
        while !searching.is_finished() {
            store
                .spill_trees(&trees(batch * 200..batch * 200 + 3), Position(batch))
                .unwrap();
            batch += 1;
        }
        searching.join().unwrap();
    });
}

#[test]
fn links_are_kept_by_the_position_they_hold_from() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut store = log.tree_store().unwrap();
    store.save_links(Position(9), b"second".to_vec()).unwrap();
    store.save_links(Position(2), b"first".to_vec()).unwrap();
    store.save_links(Position(9), b"second".to_vec()).unwrap();
    let expected = vec![
        (Position(2), b"first".to_vec()),
        (Position(9), b"second".to_vec()),
    ];
    assert_eq!(log.tree_store().unwrap().load_links().unwrap(), expected);
}

fn store_of(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("trees.db")).unwrap()
}

/// A store that was closed: everything is in one file.
fn closed(dir: &Path) {
    let log = open(dir);
    let mut store = log.tree_store().unwrap();
    for batch in 0..12 {
        store
            .spill_trees(&trees(batch * 20..batch * 20 + 20), Position(batch + 1))
            .unwrap();
    }
}

#[test]
fn a_file_that_is_no_store_is_moved_away_and_an_empty_one_begun() {
    for garbage in [&b""[..], b"garbage", &[0x5a; 20_000]] {
        let dir = tempfile::tempdir().unwrap();
        closed(dir.path());
        std::fs::write(dir.path().join("trees.db"), garbage).unwrap();
        let store = open(dir.path()).tree_store().unwrap();
        assert_eq!(store.spilled_upto(), Position::START);
        assert!(store.finder().is_empty());
        assert!(dir.path().join("trees.damaged.db").exists());
    }
}

#[test]
fn a_file_that_was_cut_or_overwritten_anywhere_never_gives_a_wrong_answer() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path());
    let whole = store_of(dir.path());
    let places = (0..whole.len()).step_by(whole.len() / 31);
    for place in places {
        let mut cut = whole.clone();
        cut.truncate(place);
        check_damaged(&cut, place);
        let mut overwritten = whole.clone();
        let hole = overwritten.iter_mut().skip(place).take(64);
        hole.for_each(|byte| *byte = byte.wrapping_add(0x55));
        check_damaged(&overwritten, place);
    }
}

fn check_damaged(bytes: &[u8], place: usize) {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    std::fs::write(dir.path().join("trees.db"), bytes).unwrap();
    let store = log.tree_store().unwrap();
    if store.spilled_upto() == Position::START {
        // It was reported as damaged: the next read of the position builds it again.
        return;
    }
    assert_eq!(store.spilled_upto(), Position(12), "byte {place}");
    let mut finder = store.finder();
    let mut damaged = None;
    for number in 0..240 {
        match finder.find_trees(&tenant("acme"), number * 1_000) {
            Ok(trees) => assert_eq!(trees, [tree(number)], "byte {place}"),
            Err(error) => damaged = Some(error),
        }
    }
    let Some(error) = damaged else { return };
    let is_told = matches!(
        error,
        LogError::TreesDamaged { .. } | LogError::Sqlite { .. }
    );
    assert!(is_told, "byte {place}: {error}");
    let store = store.recreate(&error).unwrap();
    assert_eq!(store.spilled_upto(), Position::START);
    assert!(store.finder().is_empty());
}

#[test]
fn what_was_spilled_is_there_after_a_crash() {
    let (dir, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut log = open(dir.path());
    append_numbered(&mut log, 0..3);
    let mut store = log.tree_store().unwrap();
    store.spill_trees(&trees(0..5), Position(3)).unwrap();
    copy(dir.path(), crashed.path());
    let store = open(crashed.path()).tree_store().unwrap();
    assert_eq!(store.spilled_upto(), Position(3));
    assert_eq!(found(&store, 4_000), [4]);
}
