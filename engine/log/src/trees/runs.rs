//! Which trees hold a key: sorted runs of keys in blocks.
//!
//! Owns the runs and their merging; what a tree consists of is not known here. An index with random
//! keys would write a page per key, so keys go to the disk in sorted runs, one for each batch of
//! trees, and runs of about one size are merged into a larger one: each key is written a few times,
//! in order.
//! Invariant: a run's filter in memory may say that a key is there when it is not, and never the
//! reverse.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::bloom_filter::BloomFilter;
use crate::trees::spilled_tree::{decode_value, encode_value};

/// Keys of one block: about 5 kB, read and unpacked in a few microseconds.
const BLOCK_KEYS: usize = 512;
/// So many runs of one level become one of the next.
const MERGE_FAN_IN: usize = 8;

/// One key of one tree: the key as [`mix_key`](super::mix_key), and the tree's number in the file.
pub(super) type KeyEntry = (u64, u64);

/// Why a run gives no answer.
#[derive(Debug)]
pub(super) enum TreeReadError {
    /// SQLite's trouble.
    Sqlite(rusqlite::Error),
    /// Something is not what was written there.
    Corrupt(&'static str),
}

impl From<rusqlite::Error> for TreeReadError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

/// Keys in order, in blocks that follow each other.
#[derive(Debug)]
pub(super) struct KeyRun {
    /// Its number; never used again.
    pub(super) number: u64,
    level: u32,
    first_block: u64,
    count: u64,
    /// The greatest number of a tree in it.
    pub(super) newest: u64,
    /// The first key of each block.
    fences: Vec<u64>,
    filter: BloomFilter,
}

#[derive(Serialize, Deserialize)]
struct RunHeader {
    level: u32,
    first_block: u64,
    count: u64,
    newest: u64,
    fences: Vec<u64>,
    filter: Vec<u8>,
}

/// The runs there are; a list that has changed is another one.
pub(super) type KeyRuns = Arc<[Arc<KeyRun>]>;

/// Where a new run goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunPlace {
    pub(super) number: u64,
    pub(super) level: u32,
    /// Its blocks are numbered from here on.
    pub(super) first_block: u64,
}

impl KeyRun {
    /// Every run in the file.
    pub(super) fn load_all(connection: &Connection) -> Result<KeyRuns, TreeReadError> {
        let mut statement = connection.prepare("SELECT id, body FROM runs ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            let number = row.get::<_, i64>(0)?.cast_unsigned();
            let changed = TreeReadError::Corrupt("a run of keys does not read back");
            let header: RunHeader =
                decode_value(number, row.get_ref(1)?.as_blob().unwrap_or_default())
                    .ok_or(changed)?;
            runs.push(Arc::new(Self {
                number,
                level: header.level,
                first_block: header.first_block,
                count: header.count,
                newest: header.newest,
                fences: header.fences,
                filter: BloomFilter::from_bytes(&header.filter)
                    .unwrap_or_else(BloomFilter::accept_all),
            }));
        }
        Ok(runs.into())
    }

    /// Writes entries, which are given in order, as a run at `place`. `most` is how many there are
    /// at most.
    pub(super) fn write(
        connection: &Connection,
        place: RunPlace,
        most: usize,
        mut entries: impl FnMut() -> Result<Option<KeyEntry>, TreeReadError>,
    ) -> Result<Self, TreeReadError> {
        let mut run = Self {
            number: place.number,
            level: place.level,
            first_block: place.first_block,
            count: 0,
            newest: 0,
            fences: Vec::new(),
            filter: BloomFilter::with_capacity(most),
        };
        let mut block: Vec<KeyEntry> = Vec::with_capacity(BLOCK_KEYS);
        while let Some(entry) = entries()? {
            run.filter.insert(entry.0.cast_signed());
            run.newest = run.newest.max(entry.1);
            block.push(entry);
            if block.len() == BLOCK_KEYS {
                run.flush_block(connection, &mut block)?;
            }
        }
        run.flush_block(connection, &mut block)?;
        // The header last: fences and filter are known once every block is written.
        let header = RunHeader {
            level: run.level,
            first_block: run.first_block,
            count: run.count,
            newest: run.newest,
            fences: run.fences.clone(),
            filter: run.filter.to_bytes(),
        };
        connection
            .prepare_cached("INSERT INTO runs (id, body) VALUES (?1, ?2)")?
            .execute((run.number.cast_signed(), encode_value(run.number, &header)))?;
        Ok(run)
    }

    fn flush_block(
        &mut self,
        connection: &Connection,
        block: &mut Vec<KeyEntry>,
    ) -> Result<(), TreeReadError> {
        let Some((first, _)) = block.first() else {
            return Ok(());
        };
        let number = self.next_block();
        self.fences.push(*first);
        self.count += block.len() as u64;
        let mut before = 0;
        for (key, _) in block.iter_mut() {
            let step = *key - before;
            before = std::mem::replace(key, step);
        }
        connection
            .prepare_cached("INSERT INTO blocks (id, body) VALUES (?1, ?2)")?
            .execute((number.cast_signed(), encode_value(number, &*block)))?;
        block.clear();
        Ok(())
    }

    /// The number of the block behind its last one.
    pub(super) fn next_block(&self) -> u64 {
        self.first_block + self.fences.len() as u64
    }

    /// Whether it may hold a key; a "no" is always right.
    pub(super) fn may_contain(&self, key: u64) -> bool {
        self.filter.may_contain(key.cast_signed())
    }

    /// The trees that hold `key`.
    pub(super) fn find_trees(
        &self,
        connection: &Connection,
        key: u64,
        into: &mut Vec<u64>,
    ) -> Result<(), TreeReadError> {
        // One key may fill blocks: the first that may hold it is the one before the first that
        // begins with it.
        let from = self.fences.partition_point(|fence| *fence < key);
        for index in from.saturating_sub(1)..self.fences.len() {
            if self.fences.get(index).is_none_or(|fence| *fence > key) {
                break;
            }
            let block = self.read_block(connection, index)?;
            let first = block.partition_point(|(known, _)| *known < key);
            let found = block.iter().skip(first);
            into.extend(
                found
                    .take_while(|(known, _)| *known == key)
                    .map(|(_, tree)| tree),
            );
        }
        Ok(())
    }

    fn read_block(
        &self,
        connection: &Connection,
        index: usize,
    ) -> Result<Vec<KeyEntry>, TreeReadError> {
        let number = self.first_block + index as u64;
        let read = connection
            .prepare_cached("SELECT body FROM blocks WHERE id = ?1")?
            .query_row([number.cast_signed()], |row| {
                Ok(decode_value::<Vec<KeyEntry>>(
                    number,
                    row.get_ref(0)?.as_blob().unwrap_or_default(),
                ))
            })
            .optional()?;
        let mut block = read
            .flatten()
            .ok_or(TreeReadError::Corrupt("a block of keys does not read back"))?;
        let mut sum = 0_u64;
        for (key, _) in &mut block {
            sum = sum.wrapping_add(*key);
            *key = sum;
        }
        Ok(block)
    }

    /// Takes it out of the file.
    pub(super) fn remove(&self, connection: &Connection) -> Result<(), TreeReadError> {
        connection
            .prepare_cached("DELETE FROM runs WHERE id = ?1")?
            .execute([self.number.cast_signed()])?;
        connection
            .prepare_cached("DELETE FROM blocks WHERE id >= ?1 AND id < ?2")?
            .execute((
                self.first_block.cast_signed(),
                self.next_block().cast_signed(),
            ))?;
        Ok(())
    }
}

/// The level of which there are enough runs to merge them, the lowest first.
pub(super) fn level_to_merge(runs: &[Arc<KeyRun>]) -> Option<u32> {
    let mut levels: Vec<u32> = runs.iter().map(|run| run.level).collect();
    levels.sort_unstable();
    levels
        .chunk_by(|a, b| a == b)
        .find(|level| level.len() >= MERGE_FAN_IN)
        .and_then(|level| level.first().copied())
}

/// Merges the runs of a level into one at `place`, without trees below `oldest`. Returns the runs
/// there are then.
pub(super) fn merge_level(
    connection: &Connection,
    runs: &[Arc<KeyRun>],
    level: u32,
    place: RunPlace,
    oldest: u64,
) -> Result<Vec<Arc<KeyRun>>, TreeReadError> {
    let (merged, mut kept): (Vec<_>, Vec<_>) =
        runs.iter().cloned().partition(|run| run.level == level);
    let most = merged.iter().map(|run| run.count).sum::<u64>() as usize;
    let mut cursors: Vec<RunCursor<'_>> = merged.iter().map(|run| RunCursor::new(run)).collect();
    let mut heads = BinaryHeap::new();
    for (index, cursor) in cursors.iter_mut().enumerate() {
        heads.extend(
            cursor
                .next_entry(connection)?
                .map(|entry| Reverse((entry, index))),
        );
    }
    let next = || loop {
        let Some(Reverse((entry, index))) = heads.pop() else {
            return Ok(None);
        };
        if let Some(cursor) = cursors.get_mut(index) {
            heads.extend(
                cursor
                    .next_entry(connection)?
                    .map(|entry| Reverse((entry, index))),
            );
        }
        // Keys of dropped trees end here, as merging is the only time when runs are rewritten.
        if entry.1 >= oldest {
            return Ok(Some(entry));
        }
    };
    let run = KeyRun::write(connection, place, most, next)?;
    // Read to the end by now: the new run was written from them, block by block.
    for run in &merged {
        run.remove(connection)?;
    }
    kept.push(Arc::new(run));
    Ok(kept)
}

/// A run being read from its first entry to its last.
struct RunCursor<'a> {
    run: &'a KeyRun,
    next_block: usize,
    ready: std::vec::IntoIter<KeyEntry>,
}

impl<'a> RunCursor<'a> {
    fn new(run: &'a KeyRun) -> Self {
        Self {
            run,
            next_block: 0,
            ready: Vec::new().into_iter(),
        }
    }

    fn next_entry(&mut self, connection: &Connection) -> Result<Option<KeyEntry>, TreeReadError> {
        if let Some(entry) = self.ready.next() {
            return Ok(Some(entry));
        }
        if self.next_block >= self.run.fences.len() {
            return Ok(None);
        }
        self.ready = self
            .run
            .read_block(connection, self.next_block)?
            .into_iter();
        self.next_block += 1;
        Ok(self.ready.next())
    }
}
