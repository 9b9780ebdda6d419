//! Work in the background that no append waits for: sealing full partitions, and bringing the
//! write-ahead log of the open one into its file.
//!
//! Owns these two; on which thread they run is the runtime's job. All of it may be left undone
//! without losing anything: queries are slower then, and memory holds the ids of more partitions
//! until the writer does the work itself.
//! Invariant: only the last step of sealing makes a partition sealed. A crash in the middle leaves
//! it unsealed, and the steps that are missing are done later.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use larum_event::{Position, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::bloom_filter::BloomFilter;
use crate::error::LogError;
use crate::names::NameRole;
use crate::partition::{self, Partition, Seal, SharedLog};
use crate::schema;

/// From this many pages on, 16 MiB, a write-ahead log is brought into its file. Smaller pieces
/// would make more appends wait for the disk (1 in 100 at 10,000 events/s with half of this),
/// larger ones longer.
const WAL_PAGES_LEAST: u64 = 2_048;

/// A handle for the thread that maintains a log. Several at once are safe and of no use.
#[derive(Debug, Clone)]
pub struct LogMaintenance {
    shared: Arc<SharedLog>,
}

impl LogMaintenance {
    pub(crate) fn new(shared: Arc<SharedLog>) -> Self {
        Self { shared }
    }

    /// Does what is due, and returns how many partitions it sealed. To be called about once a
    /// second; it takes a second or two when a partition of the default size is to be sealed.
    ///
    /// # Errors
    /// The disk is full or fails. Nothing is lost; call it again.
    pub fn run_due(&self) -> Result<usize, LogError> {
        // What the last run replaced is no longer in anybody's hands, so it is freed here and no
        // append is held up by it.
        self.shared.lock_sealing().clear();
        let mut sealed = 0;
        while self.seal_oldest()? {
            sealed += 1;
        }
        self.shrink_active_wal()?;
        Ok(sealed)
    }

    /// Brings the write-ahead log of the open partition into its file when that is worth it.
    fn shrink_active_wal(&self) -> Result<(), LogError> {
        let waiting = self.shared.wal_pages.load(Ordering::Relaxed);
        if waiting >= WAL_PAGES_LEAST
            && let Some(open) = self.shared.partitions().last()
        {
            let connection = schema::open_writer(&open.path)?;
            let left = shrink_wal(&connection).map_err(LogError::sqlite(
                "shrink the write-ahead log of",
                &open.path,
            ))?;
            self.shared.wal_pages.store(left, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Seals the oldest partition that is full and not sealed; false when no such partition exists.
    pub(crate) fn seal_oldest(&self) -> Result<bool, LogError> {
        let mut replaced = self.shared.lock_sealing();
        let partitions = self.shared.partitions();
        let Some((_open, full)) = partitions.split_last() else {
            return Ok(false);
        };
        let Some(partition) = full.iter().find(|partition| !partition.is_sealed()) else {
            return Ok(false);
        };
        replaced.clear();
        let mut connection = schema::open_writer(&partition.path)?;
        let failed = || partition::write_error("seal", &partition.path);
        for (name, sql) in schema::SEALING_STEPS {
            run_sealing_step(&mut connection, name, sql).map_err(failed())?;
            // It must not wait until everything is sealed: the open partition has grown meanwhile.
            self.shrink_active_wal()?;
        }
        let Some(seal) = write_seal(&mut connection).map_err(failed())? else {
            return Ok(false);
        };
        empty_wal(&connection, &partition.path)?;
        tracing::debug!(first = %partition.first, last = %seal.last, "partition sealed");
        replaced.push(self.shared.mark_sealed(partition.first, seal));
        Ok(true)
    }

    /// Whether full partitions wait to be sealed.
    pub fn is_due(&self) -> bool {
        let partitions = self.shared.partitions();
        let unsealed = |one: &&Partition| !one.is_sealed();
        partitions.iter().filter(unsealed).count() > 1
    }
}

/// Adds one thing, unless it was added before a crash.
///
/// Each goes to the disk on its own: an append that waits for its own sync meanwhile waits for a
/// few megabytes and not for a hundred.
fn run_sealing_step(
    connection: &mut Connection,
    name: &str,
    sql: &str,
) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let there = transaction
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = ?1",
            [name],
            |_| Ok(()),
        )
        .optional()?;
    if there.is_none() {
        transaction.execute_batch(sql)?;
    }
    transaction.commit()?;
    shrink_wal(connection)?;
    Ok(())
}

/// The last step: a partition with a row in `seal` is sealed.
fn write_seal(connection: &mut Connection) -> Result<Option<Seal>, rusqlite::Error> {
    let tenants: i64 = connection.query_row(
        "SELECT count(*) FROM names WHERE role = ?1",
        [NameRole::Tenant.number()],
        |row| row.get(0),
    )?;
    if tenants > 1 {
        let (name, sql) = schema::TENANT_SEALING_STEP;
        run_sealing_step(connection, name, sql)?;
    }
    let (last, count): (i64, i64) = connection.query_row(
        "SELECT coalesce(max(position), 0), count(identity) FROM records",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut ids = BloomFilter::with_capacity(count.unsigned_abs() as usize);
    let mut statement =
        connection.prepare("SELECT identity FROM records WHERE identity IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        ids.insert(row.get(0)?);
    }
    connection.execute(
        "INSERT INTO seal (last, earliest, latest, arrived, tenants, ids)
            SELECT ?1, min(time), max(time), max(arrived), ?2, ?3 FROM records",
        (last, tenants, ids.to_bytes()),
    )?;
    Seal::read(connection)
}

/// Moves pages from the write-ahead log into the file, as far as readers let it and without waiting
/// for anybody. Returns how many are left.
pub(crate) fn shrink_wal(connection: &Connection) -> Result<u64, rusqlite::Error> {
    run_wal_checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// Moves all of the write-ahead log of a partition that no longer grows into its file.
pub(crate) fn empty_wal(connection: &Connection, path: &Path) -> Result<(), LogError> {
    let left = run_wal_checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(partition::write_error("empty the write-ahead log of", path))?;
    if left > 0 {
        tracing::debug!(path = %path.display(), left, "write-ahead log is still being read");
    }
    Ok(())
}

fn run_wal_checkpoint(connection: &Connection, sql: &str) -> Result<u64, rusqlite::Error> {
    let left = connection
        .query_row(sql, [], |row| {
            let (log, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(log.saturating_sub(moved).max(0).cast_unsigned())
        })
        .optional()?;
    Ok(left.unwrap_or_default())
}

/// The earliest and latest of what a partition holds, for those who decide on retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionExtent {
    /// Its first position.
    pub first: Position,
    /// Its last position.
    pub last: Position,
    /// The latest arrival in it, where it holds an event from outside and is sealed.
    pub arrived: Option<Timestamp>,
    /// Whether it is sealed; only such a partition is ever dropped.
    pub sealed: bool,
}

impl LogMaintenance {
    /// The partitions there are, oldest first.
    pub fn partitions(&self) -> Vec<PartitionExtent> {
        let head = self.shared.head();
        let partitions = self.shared.partitions();
        let ends = partitions
            .iter()
            .skip(1)
            .map(|next| Position(next.first.0 - 1))
            .chain([head]);
        partitions
            .iter()
            .zip(ends)
            .map(|(partition, last)| PartitionExtent {
                first: partition.first,
                last,
                arrived: match &partition.state {
                    partition::PartitionState::Sealed(seal) => seal.arrived,
                    partition::PartitionState::Unsealed(_) => None,
                },
                sealed: partition.is_sealed(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Log, LogOptions};

    #[test]
    fn sealing_that_was_cut_short_after_any_step_is_finished_after_reopening() {
        for steps in 0..=schema::SEALING_STEPS.len() {
            let dir = tempfile::tempdir().unwrap();
            let options = LogOptions {
                partition_records: 1,
                ..LogOptions::default()
            };
            let mut log = Log::open(dir.path(), options.clone()).unwrap();
            let commit = larum_event::EpochCommit {
                from: Position::START,
                upto: Position::START,
                watermark: Timestamp::default(),
                derived: 0,
                hash: [0; 32],
                semantics: 1,
            };
            for _ in 0..2 {
                log.commit_epoch(Vec::new(), commit.clone(), Vec::new())
                    .unwrap();
            }
            let full = log.shared_partitions()[0].path.clone();
            let mut connection = schema::open_writer(&full).unwrap();
            for (name, sql) in &schema::SEALING_STEPS[..steps] {
                run_sealing_step(&mut connection, name, sql).unwrap();
            }
            // And in the middle of the next.
            let next = connection.transaction().unwrap();
            if let Some((_, sql)) = schema::SEALING_STEPS.get(steps) {
                next.execute_batch(sql).unwrap();
            }
            drop(next);
            drop((log, connection));
            let log = Log::open(dir.path(), options).unwrap();
            assert!(log.maintenance().is_due());
            assert_eq!(
                log.maintenance().run_due().unwrap(),
                1,
                "after {steps} steps"
            );
            let page = log.reader().query(&crate::EventQuery::default()).unwrap();
            assert!(page.events.is_empty() && page.complete);
        }
    }
}
