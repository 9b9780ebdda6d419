//! Finds what a folder holds and makes it whole again after a crash.

use std::path::Path;

use larum_event::Position;
use rusqlite::Connection;

use crate::error::{LogError, Unplaced};
use crate::growing::Growing;
use crate::maintenance;
use crate::options::LogOptions;
use crate::partition::{self, Partition, Seal, Shared, State};
use crate::schema;
use crate::standing::Standing;

/// A log as it was found.
pub(crate) struct Opened {
    pub(crate) shared: Shared,
    pub(crate) growing: Growing,
    pub(crate) standing: Standing,
}

pub(crate) fn open(dir: &Path, options: &LogOptions) -> Result<Opened, LogError> {
    let mut partitions = Vec::new();
    let mut head = None;
    for (first, path) in Partition::files(dir)? {
        let expected = head.map_or(first, Position::next);
        if first != expected || first == Position::START {
            return Err(LogError::Hole {
                path,
                expected: expected.max(Position::START.next()),
                found: first,
            });
        }
        let (partition, last) = open_partition(first, &path)?;
        partitions.push(partition);
        head = Some(last);
    }
    let head = head.unwrap_or(Position::START);
    let standing = match partitions.last() {
        Some(newest) => {
            let connection = schema::open_reader(&newest.path)?;
            Standing::read(&connection, head).map_err(Unplaced::at(&newest.path))?
        }
        None => Standing::default(),
    };
    let growing = match partitions.last() {
        Some(newest) if !newest.is_sealed() => newest.clone(),
        _ => {
            let next = Partition::create(dir, head.next(), &standing)?;
            partitions.push(next.clone());
            next
        }
    };
    let growing = Growing::open(growing, options.partition_span)?;
    tracing::info!(dir = %dir.display(), %head, partitions = partitions.len(), "log opened");
    Ok(Opened {
        shared: Shared::new(dir.to_owned(), options.query_rows, partitions, head),
        growing,
        standing,
    })
}

/// A log as it is now, for reading alone; somebody may be writing to it. Nothing is changed.
pub(crate) fn look(dir: &Path, options: &LogOptions) -> Result<Shared, LogError> {
    let mut partitions = Vec::new();
    let mut head = Position::START;
    for (first, path) in Partition::listed(dir)? {
        let connection = schema::open_reader(&path)?;
        let (state, last) = state_of(first, &connection, &path)?;
        head = last;
        partitions.push(Partition {
            first,
            path: path.into(),
            state,
        });
    }
    Ok(Shared::new(
        dir.to_owned(),
        options.query_rows,
        partitions,
        head,
    ))
}

/// Recovers a partition and returns it with its last position.
fn open_partition(first: Position, path: &Path) -> Result<(Partition, Position), LogError> {
    let connection = schema::open_writer(path)?;
    let (state, last) = state_of(first, &connection, path)?;
    if matches!(state, State::Sealed(_)) {
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

fn state_of(
    first: Position,
    connection: &Connection,
    path: &Path,
) -> Result<(State, Position), LogError> {
    let seal = Seal::read(connection).map_err(LogError::sqlite("read", path))?;
    Ok(match seal {
        Some(seal) => {
            let last = seal.last;
            (State::Sealed(seal.into()), last)
        }
        None => {
            let read = || {
                let last: Option<i64> =
                    connection
                        .query_row("SELECT max(position) FROM records", [], |row| row.get(0))?;
                let tail = partition::load_tail(connection)?;
                Ok((last, tail))
            };
            let (last, tail) = read().map_err(LogError::sqlite("read", path))?;
            let last = last.map_or(first.0 - 1, i64::cast_unsigned);
            (
                State::Unsealed(std::sync::Arc::new(tail.into())),
                Position(last),
            )
        }
    })
}
