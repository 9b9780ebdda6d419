//! Work in the background that no append waits for: sealing full partitions, and bringing the write-ahead
//! log of the open one into its file.
//!
//! A partition is sealed in one transaction, so a crash in the middle leaves it unsealed and it is done
//! again. All of it may be left undone without anything being lost; queries are slower then, and memory
//! holds the ids of more partitions until the writer does the work itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use larum_event::{Position, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use crate::error::LogError;
use crate::filter::Filter;
use crate::partition::{self, Partition, Seal, Shared};
use crate::schema;

/// From this many pages on it is worth bringing a write-ahead log into its file.
const WAL_PAGES_LEAST: u64 = 1_024;

/// A handle for the thread that maintains a log. Several at once are safe and of no use.
#[derive(Debug, Clone)]
pub struct Maintenance {
    shared: Arc<Shared>,
}

impl Maintenance {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Does what is due, and returns how many partitions it sealed. To be called about once a second; it
    /// takes a second or two when a partition of the default size is to be sealed.
    ///
    /// # Errors
    /// The disk is full or fails. Nothing is lost; call it again.
    pub fn run(&self) -> Result<usize, LogError> {
        let mut sealed = 0;
        while self.seal_one()? {
            sealed += 1;
        }
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
        Ok(sealed)
    }

    /// Seals the oldest partition that is full and not sealed; false when there is none.
    pub(crate) fn seal_one(&self) -> Result<bool, LogError> {
        let _one_at_a_time = self.shared.sealing();
        let partitions = self.shared.partitions();
        let Some((_open, full)) = partitions.split_last() else {
            return Ok(false);
        };
        let Some(partition) = full.iter().find(|partition| !partition.is_sealed()) else {
            return Ok(false);
        };
        let mut connection = schema::open_writer(&partition.path)?;
        let seal = seal(&mut connection).map_err(partition::full_or("seal", &partition.path))?;
        let Some(seal) = seal else {
            return Ok(false);
        };
        empty_wal(&connection, &partition.path)?;
        tracing::debug!(first = %partition.first, last = %seal.last, "partition sealed");
        self.shared.set_sealed(partition.first, seal);
        Ok(true)
    }

    /// Whether full partitions wait to be sealed.
    pub fn is_due(&self) -> bool {
        let partitions = self.shared.partitions();
        let unsealed = |one: &&Partition| !one.is_sealed();
        partitions.iter().filter(unsealed).count() > 1
    }
}

/// Builds the indexes of a partition and marks it as sealed.
fn seal(connection: &mut Connection) -> Result<Option<Seal>, rusqlite::Error> {
    let transaction = connection.transaction()?;
    build(&transaction)?;
    transaction.commit()?;
    Seal::read(connection)
}

/// The part of sealing before its commit.
fn build(connection: &Connection) -> Result<(), rusqlite::Error> {
    if Seal::read(connection)?.is_some() {
        return Ok(());
    }
    connection.execute_batch(schema::SEALED_INDEXES)?;
    let (last, count): (i64, i64) = connection.query_row(
        "SELECT coalesce(max(position), 0), count(identity) FROM records",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let mut ids = Filter::for_numbers(count.unsigned_abs() as usize);
    let mut statement =
        connection.prepare("SELECT identity FROM records WHERE identity IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        ids.insert(row.get(0)?);
    }
    let tenants: i64 = connection.query_row(
        "SELECT count(*) FROM names WHERE role = ?1",
        [crate::names::Role::Tenant.number()],
        |row| row.get(0),
    )?;
    if tenants > 1 {
        connection.execute_batch(schema::TENANT_INDEX)?;
    }
    connection.execute(
        "INSERT INTO seal (last, earliest, latest, arrived, tenants, ids)
            SELECT ?1, min(time), max(time), max(arrived), ?2, ?3 FROM records",
        (last, tenants, ids.to_bytes()),
    )?;
    Ok(())
}

/// Moves pages from the write-ahead log into the file, as far as readers let it and without waiting for
/// anybody. Returns how many are left.
pub(crate) fn shrink_wal(connection: &Connection) -> Result<u64, rusqlite::Error> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// Moves all of the write-ahead log of a partition that no longer grows into its file.
pub(crate) fn empty_wal(connection: &Connection, path: &Path) -> Result<(), LogError> {
    let left = checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(partition::full_or("empty the write-ahead log of", path))?;
    if left > 0 {
        tracing::debug!(path = %path.display(), left, "write-ahead log is still being read");
    }
    Ok(())
}

fn checkpoint(connection: &Connection, sql: &str) -> Result<u64, rusqlite::Error> {
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

impl Maintenance {
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
                    partition::State::Sealed(seal) => seal.arrived,
                    partition::State::Unsealed(_) => None,
                },
                sealed: partition.is_sealed(),
            })
            .collect()
    }
}
