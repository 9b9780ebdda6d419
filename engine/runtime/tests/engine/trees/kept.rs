//! The store of trees over restarts and damage, and the trees' part of checkpoints.

use larum_log::{Log, LogOptions, LogReader};

use super::{holding, steps, tree};
use crate::support::{copy, emit, folder, settled, started};

async fn check_all(engine: &larum_engine::Engine, expected: &[larum_engine::TreeView]) {
    for (workflow, expected) in expected.iter().enumerate() {
        let id = format!("w{workflow}-0");
        assert_eq!(tree(engine, &id).await, *expected, "{id}");
    }
}

/// Runs an engine over 30 workflows, has `change` done to its store, and looks whether the next
/// finds all of them.
async fn check_after(change: impl FnOnce(&std::path::Path)) {
    let store = folder();
    let engine = started(holding(&store, 3)).await;
    emit(&engine, steps(0..30, 3)).await;
    settled(&engine).await;
    let mut expected = Vec::new();
    for workflow in 0..30 {
        expected.push(tree(&engine, &format!("w{workflow}-0")).await);
    }
    engine.shutdown().await;
    change(store.path());
    let engine = started(holding(&store, 3)).await;
    check_all(&engine, &expected).await;
    emit(&engine, steps(30..40, 3)).await;
    settled(&engine).await;
    check_all(&engine, &expected).await;
    engine.shutdown().await;
}

#[actix_rt::test]
async fn a_store_of_trees_is_found_again_after_a_restart() {
    check_after(|store| assert!(store.join("trees.db").exists())).await;
}

#[actix_rt::test]
async fn a_store_of_trees_that_is_gone_is_made_anew_from_the_log() {
    check_after(|store| {
        std::fs::remove_file(store.join("trees.db")).unwrap();
        for suffix in ["trees.db-wal", "trees.db-shm"] {
            drop(std::fs::remove_file(store.join(suffix)));
        }
    })
    .await;
}

#[actix_rt::test]
async fn a_store_of_trees_that_is_garbage_is_made_anew_from_the_log() {
    check_after(|store| std::fs::write(store.join("trees.db"), [7; 9_000]).unwrap()).await;
}

#[actix_rt::test]
async fn an_engine_that_lost_its_checkpoints_builds_its_trees_from_the_log() {
    check_after(|store| std::fs::remove_file(store.join("checkpoints.db")).unwrap()).await;
}

#[actix_rt::test]
async fn a_store_that_is_damaged_while_the_engine_runs_is_made_anew_and_then_answers() {
    let store = folder();
    let engine = started(holding(&store, 3)).await;
    emit(&engine, steps(0..30, 3)).await;
    settled(&engine).await;
    let mut expected = Vec::new();
    for workflow in 0..30 {
        expected.push(tree(&engine, &format!("w{workflow}-0")).await);
    }
    engine.shutdown().await;
    let store = copy(store.path());
    // Brings its write-ahead log into the file.
    let log = Log::open(store.path(), LogOptions::default()).unwrap();
    drop((log.tree_store().unwrap(), log));
    // The rows themselves, in the middle of the file.
    let path = store.path().join("trees.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let root = b"w1-0";
    let places: Vec<_> = bytes.windows(4).enumerate().collect();
    let found = places.iter().filter(|(_, window)| *window == root);
    let found: Vec<_> = found.map(|(place, _)| *place).collect();
    assert!(!found.is_empty());
    for place in found {
        bytes[place] = b'x';
    }
    std::fs::write(&path, bytes).unwrap();
    let engine = started(holding(&store, 3)).await;
    // The one who comes upon the damage is told to ask again.
    let asked = super::ask(&engine, "w1-0", larum_engine::AsOf::Now).await;
    assert!(
        matches!(asked, Err(larum_engine::TreeError::Rebuilding)),
        "{asked:?}"
    );
    check_all(&engine, &expected).await;
    assert!(store.path().join("trees.damaged.db").exists());
    engine.shutdown().await;
}

#[actix_rt::test]
async fn the_part_of_the_trees_is_kept_while_little_has_come() {
    let store = folder();
    let mut config = holding(&store, 1_000);
    (config.checkpoint_events, config.epoch_events) = (30, 10);
    let engine = started(config.clone()).await;
    let mut parts = std::collections::BTreeSet::new();
    let mut looked = 0;
    for number in 0..200_u64 {
        emit(&engine, steps(number * 4..number * 4 + 4, 3)).await;
        settled(&engine).await;
        let checkpoint = LogReader::open(store.path()).unwrap().latest_checkpoint();
        let Some(checkpoint) = checkpoint.unwrap() else {
            continue;
        };
        let forest = checkpoint
            .parts
            .into_iter()
            .find(|(name, _)| name == "forest");
        parts.insert(forest.unwrap().1);
        looked += 1;
    }
    // As often as the number of nodes doubles, and not with every checkpoint.
    assert!(looked > 50 && parts.len() < 20, "{looked} {}", parts.len());
    let last = tree(&engine, "w799-0").await;
    engine.shutdown().await;
    let engine = started(config).await;
    assert_eq!(tree(&engine, "w799-0").await, last);
    engine.shutdown().await;
}
