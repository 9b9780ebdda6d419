//! Finds what a folder holds and makes it whole again after a crash.

use std::path::Path;

use larum_event::Position;
use rusqlite::Connection;

use crate::active_partition::ActivePartition;
use crate::error::{LogError, PathlessError};
use crate::maintenance;
use crate::options::LogOptions;
use crate::partition::{self, Partition, PartitionState, Seal, SharedLog};
use crate::pinned_facts::PinnedFacts;
use crate::schema;

/// A log as it was found.
pub(crate) struct RecoveredLog {
    pub(crate) shared: SharedLog,
    pub(crate) active: ActivePartition,
    pub(crate) facts: PinnedFacts,
}

pub(crate) fn recover_log(dir: &Path, options: &LogOptions) -> Result<RecoveredLog, LogError> {
    let mut partitions = Vec::new();
    let mut head = None;
    for (first, path) in Partition::recover_files(dir)? {
        // The oldest may begin anywhere, as retention drops whole files; behind it, no gap.
        let expected = head.map_or(first, Position::next);
        if first != expected || first == Position::START {
            return Err(LogError::Hole {
                path,
                expected: expected.max(Position::START.next()),
                found: first,
            });
        }
        let (partition, last) = recover_partition(first, &path)?;
        partitions.push(partition);
        head = Some(last);
    }
    let head = head.unwrap_or(Position::START);
    let facts = match partitions.last() {
        Some(newest) => {
            let connection = schema::open_reader(&newest.path)?;
            PinnedFacts::read_at(&connection, head)
                .map_err(PathlessError::with_path(&newest.path))?
        }
        None => PinnedFacts::default(),
    };
    // A sealed file takes no more rows, and a new folder has none: both begin a partition.
    let growing = match partitions.last() {
        Some(newest) if !newest.is_sealed() => newest.clone(),
        _ => {
            let next = Partition::create(dir, head.next(), &facts)?;
            partitions.push(next.clone());
            next
        }
    };
    let active = ActivePartition::open(growing, options.partition_span)?;
    tracing::info!(dir = %dir.display(), %head, partitions = partitions.len(), "log opened");
    Ok(RecoveredLog {
        shared: SharedLog::new(dir.to_owned(), options.query_rows, partitions, head),
        active,
        facts,
    })
}

/// A log as it is now, for reading alone; another process may be writing to it. Nothing is changed.
pub(crate) fn open_read_only(dir: &Path, options: &LogOptions) -> Result<SharedLog, LogError> {
    let mut partitions = Vec::new();
    let mut head = Position::START;
    for (first, path) in Partition::list_files(dir)? {
        let connection = schema::open_reader(&path)?;
        let (state, last) = read_state(first, &connection, &path)?;
        head = last;
        partitions.push(Partition {
            first,
            path: path.into(),
            state,
        });
    }
    Ok(SharedLog::new(
        dir.to_owned(),
        options.query_rows,
        partitions,
        head,
    ))
}

/// Recovers a partition and returns it with its last position.
fn recover_partition(first: Position, path: &Path) -> Result<(Partition, Position), LogError> {
    let connection = schema::open_writer(path)?;
    let (state, last) = read_state(first, &connection, path)?;
    if matches!(state, PartitionState::Sealed(_)) {
        // A crash may have come between sealing and emptying the write-ahead log.
        maintenance::empty_wal(&connection, path)?;
    }
    let partition = Partition {
        first,
        path: path.into(),
        state,
    };
    Ok((partition, last))
}

fn read_state(
    first: Position,
    connection: &Connection,
    path: &Path,
) -> Result<(PartitionState, Position), LogError> {
    let seal = Seal::read(connection).map_err(LogError::sqlite("read", path))?;
    Ok(match seal {
        Some(seal) => {
            let last = seal.last;
            (PartitionState::Sealed(seal.into()), last)
        }
        None => {
            let read = || {
                let last: Option<i64> =
                    connection
                        .query_row("SELECT max(position) FROM records", [], |row| row.get(0))?;
                let tail = partition::load_memory_index(connection)?;
                Ok((last, tail))
            };
            let (last, tail) = read().map_err(LogError::sqlite("read", path))?;
            let last = last.map_or(first.0 - 1, i64::cast_unsigned);
            (
                PartitionState::Unsealed(std::sync::Arc::new(tail.into())),
                Position(last),
            )
        }
    })
}
