//! The partition that records are added to.

use std::sync::{Arc, RwLock};

use larum_event::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use crate::batch::{BatchRow, WriteBatch};
use crate::error::{LogError, PathlessError};
use crate::insert::ROW_BYTES;
use crate::memory_index::MemoryIndex;
use crate::names::NameTable;
use crate::options::LogOptions;
use crate::partition::{Partition, PartitionState};
use crate::schema;

/// The open partition: its file, what is in memory of it, and how large it is.
#[derive(Debug)]
pub(crate) struct ActivePartition {
    pub(crate) partition: Partition,
    pub(crate) connection: Connection,
    pub(crate) names: NameTable,
    pub(crate) index: Arc<RwLock<MemoryIndex>>,
    bytes: u64,
    records: u64,
    /// Bytes of the last transaction.
    last_bytes: u64,
    span: Span,
    /// The number, since 1970, of the span in which its first event arrived.
    first_span: Option<i64>,
}

impl ActivePartition {
    /// Opens an unsealed partition for writing.
    pub(crate) fn open(partition: Partition, span: Span) -> Result<Self, LogError> {
        let connection = schema::open_writer(&partition.path)?;
        let tail = match &partition.state {
            PartitionState::Unsealed(tail) => Arc::clone(tail),
            PartitionState::Sealed(_) => Arc::default(),
        };
        // Counters are not stored: after a crash they could disagree with the rows.
        let read = || -> Result<_, PathlessError> {
            let (records, bytes): (i64, i64) = connection.query_row(
                "SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM records",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            // The day of a partition is that of its first event, so a restart must not move it.
            let arrived: Option<i64> = connection
                .query_row(
                    "SELECT arrived FROM records WHERE arrived IS NOT NULL ORDER BY position LIMIT 1",
                    [],
                    |row| row.get(0),
                )
                .optional()?;
            Ok((
                records.cast_unsigned(),
                bytes.cast_unsigned(),
                arrived,
                NameTable::load(&connection)?,
            ))
        };
        let (records, bytes, arrived, names) =
            read().map_err(PathlessError::with_path(&partition.path))?;
        Ok(Self {
            partition,
            names,
            index: tail,
            bytes: bytes + records * ROW_BYTES,
            records,
            last_bytes: 0,
            first_span: arrived.map(|nanos| span_number(span, Timestamp::from_nanos(nanos))),
            span,
            connection,
        })
    }

    /// Whether the next record, an event of `arrived` or none, belongs into the next partition.
    pub(crate) fn is_full(&self, options: &LogOptions, arrived: Option<Timestamp>) -> bool {
        let over = arrived
            .zip(self.first_span)
            .is_some_and(|(arrived, began)| span_number(self.span, arrived) > began);
        self.records > 0
            && (over
                || self.bytes >= options.partition_bytes
                || self.records >= options.partition_records)
    }

    /// A batch was committed.
    pub(crate) fn record_commit(&mut self, bytes: u64, batch: &WriteBatch) {
        self.names.commit_pending();
        self.bytes += bytes;
        self.last_bytes = bytes;
        self.records += batch.rows.len() as u64;
        if self.first_span.is_none() {
            self.first_span = batch.rows.iter().find_map(|row| match row {
                BatchRow::Event { arrived, .. } => arrived.map(|time| span_number(self.span, time)),
                BatchRow::Control(_) => None,
            });
        }
    }

    /// About how many pages the last transaction put into the write-ahead log.
    pub(crate) fn last_commit_pages(&self) -> u64 {
        // The last leaf of the table is written again, and so are a page of the index and the one
        // above.
        3 + self.last_bytes / schema::PAGE_BYTES
    }
}

fn span_number(span: Span, time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(span.as_nanos().max(1))
}
