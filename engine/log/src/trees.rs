//! Trees that memory no longer holds, found by the keys of their nodes.
//!
//! Owns `trees.db` beside the log: what each tree was made of, so that it can be rebuilt from the
//! log. All of it follows from the log, so a damaged file is reported, moved away and made again by
//! the caller that next reads the log.
//! Invariant: what is handed out is what was written, by its checksum, and every tree that was
//! evicted up to [`TreeStore::spilled_upto`] is there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use larum_event::{Position, TenantId};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};

use crate::checkpoint::quarantine_file;
use crate::error::LogError;
use crate::formats;
use crate::partition::{lock_read, lock_write, write_error};
use crate::schema;
use crate::trees::runs::{KeyEntry, KeyRun, KeyRuns, RunPlace, TreeReadError};
use crate::trees::spilled_tree::{append_checksum, decode_value, encode_value, verify_checksum};

mod spilled_tree;

mod runs;

mod finder;

pub use finder::TreeFinder;
pub use spilled_tree::SpilledTree;

const FILE_NAME: &str = "trees.db";

/// The number under which the state is stored.
const STATE_ID: u64 = 1;

/// Rows that are looked at at once when old ones are dropped.
const DROP_ROWS: usize = 1_000;

const TABLES: &str = "
    CREATE TABLE state (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
    CREATE TABLE trees (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
    CREATE TABLE runs (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
    CREATE TABLE blocks (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
    CREATE TABLE links (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
";

/// The store of trees evicted from memory. There is one writer.
#[derive(Debug)]
pub struct TreeStore {
    path: PathBuf,
    connection: Connection,
    state: TreeStoreState,
    shared: Arc<SharedTrees>,
}

/// What the file says of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct TreeStoreState {
    upto: u64,
    next_tree: u64,
    next_run: u64,
    next_block: u64,
    /// Trees below this number were dropped.
    oldest: u64,
    /// The numbers of the runs there are.
    runs: Vec<u64>,
}

/// What the writer and those who search have in common.
#[derive(Debug)]
struct SharedTrees {
    path: PathBuf,
    runs: RwLock<KeyRuns>,
    oldest: AtomicU64,
}

impl TreeStore {
    /// Opens the store of the log in `dir`, or makes an empty one: if there is none, or if the
    /// existing one cannot be read, which is reported and moved away.
    pub(crate) fn open(dir: &Path) -> Result<Self, LogError> {
        let path = dir.join(FILE_NAME);
        if path.exists() {
            match Self::connect(&path) {
                Ok(store) => return Ok(store),
                Err(error) if error.is_damage() => quarantine_file(&path, &error)?,
                Err(error) => return Err(error),
            }
        }
        create_file(&path)?;
        Self::connect(&path)
    }

    /// Moves the file away, for it is damaged, and begins an empty one. Those who search need a new
    /// [`TreeStore::finder`].
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn recreate(self, found: &LogError) -> Result<Self, LogError> {
        let Self {
            path, connection, ..
        } = self;
        drop(connection);
        quarantine_file(&path, found)?;
        create_file(&path)?;
        Self::connect(&path)
    }

    fn connect(path: &Path) -> Result<Self, LogError> {
        let connection =
            schema::open_file(path, OpenFlags::SQLITE_OPEN_READ_WRITE, formats::TREES)?;
        let settle = || {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // A checkpoint that no longer holds a tree must find it here, whatever happens.
            connection.pragma_update(None, "synchronous", "FULL")
        };
        settle().map_err(LogError::sqlite("set up", path))?;
        let (state, runs) = read_state(&connection).map_err(tree_read_error(path))?;
        let shared = SharedTrees {
            path: path.to_owned(),
            runs: RwLock::new(runs),
            oldest: AtomicU64::new(state.oldest),
        };
        Ok(Self {
            path: path.to_owned(),
            connection,
            state,
            shared: Arc::new(shared),
        })
    }

    /// Searches it, from another thread.
    pub fn finder(&self) -> TreeFinder {
        TreeFinder::new(Arc::clone(&self.shared))
    }

    /// Every tree evicted with the event at this position, or before, is in the store.
    pub fn spilled_upto(&self) -> Position {
        Position(self.state.upto)
    }

    /// Writes trees, so that every tree evicted up to `upto` is in the store. They are durable when
    /// this returns. A tree that is already there is not written twice.
    ///
    /// # Errors
    /// The disk is full or fails, or the file is damaged; nothing is changed then.
    pub fn spill_trees<'a>(
        &mut self,
        trees: impl IntoIterator<Item = &'a SpilledTree>,
        upto: Position,
    ) -> Result<(), LogError> {
        let known = self.finder();
        let mut fresh = Vec::new();
        for tree in trees {
            if !known.contains_tree(&self.connection, tree)? {
                fresh.push(tree);
            }
        }
        let spilled = self.write_trees(&fresh, upto);
        self.state = spilled.map_err(tree_write_error("spill trees into", &self.path))?;
        Ok(())
    }

    fn runs(&self) -> KeyRuns {
        Arc::clone(&lock_read(&self.shared.runs))
    }

    fn write_trees(
        &mut self,
        trees: &[&SpilledTree],
        upto: Position,
    ) -> Result<TreeStoreState, TreeReadError> {
        // Copies: if anything fails, what readers and the next attempt see is unchanged.
        let mut state = self.state.clone();
        let mut runs: Vec<Arc<KeyRun>> = self.runs().iter().cloned().collect();
        state.upto = state.upto.max(upto.0);
        let transaction = self.connection.transaction()?;
        let mut entries: Vec<KeyEntry> = Vec::new();
        for tree in trees {
            let id = state.next_tree;
            state.next_tree += 1;
            transaction
                .prepare_cached("INSERT INTO trees (id, body) VALUES (?1, ?2)")?
                .execute((id.cast_signed(), tree.pack(id)))?;
            let keys = tree.keys.iter();
            entries.extend(keys.map(|key| (mix_key(&tree.tenant, *key), id)));
        }
        if !entries.is_empty() {
            entries.sort_unstable();
            let most = entries.len();
            let mut entries = entries.into_iter();
            let place = RunPlace {
                number: state.next_run,
                level: 0,
                first_block: state.next_block,
            };
            let run = KeyRun::write(&transaction, place, most, || Ok(entries.next()))?;
            state.next_run += 1;
            state.next_block = run.next_block();
            runs.push(Arc::new(run));
        }
        // A merge may fill the next level, which is then merged as well.
        while let Some(level) = runs::level_to_merge(&runs) {
            let place = RunPlace {
                number: state.next_run,
                level: level + 1,
                first_block: state.next_block,
            };
            runs = runs::merge_level(&transaction, &runs, level, place, state.oldest)?;
            state.next_run += 1;
            state.next_block = runs.last().map_or(0, |run| run.next_block());
        }
        commit_state(transaction, state, runs, &self.shared)
    }

    /// Lets go of trees all of whose events stand before `first`, oldest first, up to one that does
    /// not. Returns how many.
    ///
    /// # Errors
    /// The disk is full or fails, or the file is damaged.
    pub fn drop_before(&mut self, first: Position) -> Result<u64, LogError> {
        let mut dropped = 0;
        loop {
            let batch = self.drop_batch(first);
            let gone = batch.map_err(tree_write_error("drop trees from", &self.path))?;
            dropped += gone;
            if gone < DROP_ROWS as u64 {
                return Ok(dropped);
            }
        }
    }

    fn drop_batch(&mut self, first: Position) -> Result<u64, TreeReadError> {
        let mut state = self.state.clone();
        let runs = self.runs();
        let transaction = self.connection.transaction()?;
        let mut dropped = 0;
        while dropped < DROP_ROWS as u64 && state.oldest < state.next_tree {
            let tree = fetch_tree(&transaction, state.oldest)?
                .ok_or(TreeReadError::Corrupt("a tree does not read back"))?;
            // Only from the old end on: `oldest` alone says which trees are gone.
            if tree.events.last().is_some_and(|last| *last >= first) {
                break;
            }
            transaction
                .prepare_cached("DELETE FROM trees WHERE id = ?1")?
                .execute([state.oldest.cast_signed()])?;
            state.oldest += 1;
            dropped += 1;
        }
        if dropped == 0 {
            return Ok(0);
        }
        // A run that still names one tree stays whole; its keys of dropped trees lead nowhere.
        let (kept, gone): (Vec<_>, Vec<_>) = runs
            .iter()
            .cloned()
            .partition(|run| run.newest >= state.oldest);
        for run in &gone {
            run.remove(&transaction)?;
        }
        self.state = commit_state(transaction, state, kept, &self.shared)?;
        Ok(dropped)
    }

    /// Keeps what links were put into force at a position, in whatever form the caller has them.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn save_links(&mut self, at: Position, links: Vec<u8>) -> Result<(), LogError> {
        let keep = || {
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO links (id, body) VALUES (?1, ?2)")?
                .execute((at.0.cast_signed(), append_checksum(at.0, links)))
        };
        keep()
            .map(drop)
            .map_err(write_error("keep links in", &self.path))
    }

    /// Which links were put into force where, oldest first.
    ///
    /// # Errors
    /// The disk fails, or the file is damaged.
    pub fn load_links(&self) -> Result<Vec<(Position, Vec<u8>)>, LogError> {
        let all = || {
            let mut statement = self
                .connection
                .prepare("SELECT id, body FROM links ORDER BY id")?;
            let mut rows = statement.query([])?;
            let mut links = Vec::new();
            while let Some(row) = rows.next()? {
                let at = row.get::<_, i64>(0)?.cast_unsigned();
                let bytes = verify_checksum(at, row.get_ref(1)?.as_blob().unwrap_or_default())
                    .ok_or(TreeReadError::Corrupt("links do not read back"))?;
                links.push((Position(at), bytes.to_vec()));
            }
            Ok(links)
        };
        all().map_err(tree_read_error(&self.path))
    }
}

/// Writes the state with `runs` and commits.
fn commit_state(
    transaction: Transaction<'_>,
    mut state: TreeStoreState,
    runs: Vec<Arc<KeyRun>>,
    shared: &SharedTrees,
) -> Result<TreeStoreState, TreeReadError> {
    state.runs = runs.iter().map(|run| run.number).collect();
    transaction
        .prepare_cached("INSERT OR REPLACE INTO state (id, body) VALUES (?1, ?2)")?
        .execute((STATE_ID.cast_signed(), encode_value(STATE_ID, &state)))?;
    // Who misses something that this takes away finds the new list, and looks again.
    let mut list = lock_write(&shared.runs);
    transaction.commit()?;
    *list = runs.into();
    shared.oldest.store(state.oldest, Ordering::Release);
    Ok(state)
}

fn read_state(connection: &Connection) -> Result<(TreeStoreState, KeyRuns), TreeReadError> {
    let saved = connection
        .query_row(
            "SELECT body FROM state WHERE id = ?1",
            [STATE_ID.cast_signed()],
            |row| {
                Ok(decode_value::<TreeStoreState>(
                    STATE_ID,
                    row.get_ref(0)?.as_blob().unwrap_or_default(),
                ))
            },
        )
        .optional()?;
    let state = saved
        .flatten()
        .ok_or(TreeReadError::Corrupt("its state does not read back"))?;
    let runs = KeyRun::load_all(connection)?;
    let mut wanted = state.runs.clone();
    wanted.sort_unstable();
    if !runs.iter().map(|run| run.number).eq(wanted) {
        return Err(TreeReadError::Corrupt("runs of keys are missing"));
    }
    Ok((state, runs))
}

/// The tree with a number; `None` when there is no such tree.
fn fetch_tree(connection: &Connection, id: u64) -> Result<Option<SpilledTree>, TreeReadError> {
    let read = connection
        .prepare_cached("SELECT body FROM trees WHERE id = ?1")?
        .query_row([id.cast_signed()], |row| {
            Ok(SpilledTree::unpack(
                id,
                row.get_ref(0)?.as_blob().unwrap_or_default(),
            ))
        })
        .optional()?;
    match read {
        None => Ok(None),
        Some(Some(tree)) => Ok(Some(tree)),
        Some(None) => Err(TreeReadError::Corrupt("a tree does not read back")),
    }
}

/// One number for a tenant and the hash of a node's id.
fn mix_key(tenant: &TenantId, key: u64) -> u64 {
    let tenant = tenant.as_str().bytes();
    tenant.fold(key, |mixed, byte| {
        (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn create_file(path: &Path) -> Result<(), LogError> {
    crate::checkpoint::create_file(path, formats::TREES, |connection| {
        connection.execute_batch(TABLES)?;
        let empty = encode_value(STATE_ID, &TreeStoreState::default());
        connection
            .execute(
                "INSERT INTO state (id, body) VALUES (?1, ?2)",
                (STATE_ID.cast_signed(), empty),
            )
            .map(drop)
    })
}

/// Names the file that could not be read.
fn tree_read_error(path: &Path) -> impl FnOnce(TreeReadError) -> LogError {
    tree_write_error("read", path)
}

fn tree_write_error(doing: &'static str, path: &Path) -> impl FnOnce(TreeReadError) -> LogError {
    move |error| match error {
        TreeReadError::Sqlite(source) => write_error(doing, path)(source),
        TreeReadError::Corrupt(what) => LogError::TreesDamaged {
            path: path.to_owned(),
            what,
        },
    }
}
