//! Reading the log: in order, and what holds at its end.
//!
//! Owns a reader's connections and the reading in order. Searching is `page_reader`'s job.
//! Invariant: a reader never waits for the writer. It sees what is committed, up to the head that
//! it read first, and nothing else.

use std::path::Path;
use std::sync::Arc;

use larum_event::{CursorMove, EpochCommit, Position, Record, RuleSetActivation, UnitChange};

use crate::checkpoint::{Checkpoint, CheckpointStore};
use crate::connections::ConnectionCache;
use crate::error::{LogError, PathlessError};
use crate::options::LogOptions;
use crate::partition::{self, Partition, SharedLog};
use crate::pinned_facts::PinnedFacts;
use crate::recent_records;
use crate::record;
use crate::schema::select_record;

/// A reader of the log, for one thread at a time.
#[derive(Debug)]
pub struct LogReader {
    pub(crate) shared: Arc<SharedLog>,
    pub(crate) connections: ConnectionCache,
}

impl LogReader {
    pub(crate) fn new(shared: Arc<SharedLog>) -> Self {
        Self {
            shared,
            connections: ConnectionCache::default(),
        }
    }

    /// A reader of the log in a folder as it is now, which may be open in another process. It
    /// changes nothing, and sees nothing of what is written from here on.
    ///
    /// # Errors
    /// The folder cannot be read, or holds a log in another format.
    pub fn open(dir: &Path) -> Result<Self, LogError> {
        let shared = crate::recovery::open_read_only(dir, &LogOptions::default())?;
        Ok(Self::new(Arc::new(shared)))
    }

    /// Another reader of the same log, with connections of its own.
    pub fn duplicate(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }

    /// The last position that is committed.
    pub fn head(&self) -> Position {
        self.shared.head()
    }

    /// The first position that is kept; the next one to be written when the log is empty.
    pub fn first_position(&self) -> Position {
        let head = self.head();
        let partitions = self.shared.partitions();
        partitions
            .first()
            .map_or(head.next(), |oldest| oldest.first)
    }

    /// The records behind `after`, in order: at most `most_records`, and no more once their bodies
    /// make up `most_bytes`; one at least, if there is one.
    ///
    /// # Errors
    /// [`LogError::Gone`] when retention has dropped some of them; a damaged record; the disk
    /// fails.
    pub fn read_after(
        &mut self,
        after: Position,
        most_records: usize,
        most_bytes: usize,
    ) -> Result<Vec<Record>, LogError> {
        let head = self.head();
        let after = after.min(head);
        let partitions = self.partitions();
        let gone = |first: Position| LogError::Gone {
            asked: after.next(),
            first,
        };
        if let Some(oldest) = partitions.first()
            && after.next() < oldest.first
        {
            return Err(gone(oldest.first));
        }
        let mut found = RecordCollector {
            records: Vec::new(),
            bytes: 0,
            most_records,
            most_bytes,
        };
        found.collect_recent(&self.shared, after, head);
        if !found.records.is_empty() {
            return Ok(found.records);
        }
        let mut after = after;
        let from = partitions.partition_point(|one| one.first <= after.next());
        for partition in partitions.iter().skip(from.saturating_sub(1)) {
            if after >= head || found.is_full() {
                break;
            }
            let read = self.connections.get(partition).and_then(|connection| {
                found
                    .collect_stored(connection, after, head)
                    .map_err(PathlessError::with_path(&partition.path))
            });
            if let Err(error) = read {
                // It may have been dropped just now.
                let first = self.first_position();
                return Err(if after.next() < first {
                    gone(first)
                } else {
                    error
                });
            }
            after = found.records.last().map_or(after, |last| last.position);
        }
        Ok(found.records)
    }

    /// The commit of the last epoch.
    ///
    /// # Errors
    /// A damaged record; the disk fails.
    pub fn last_epoch(&mut self) -> Result<Option<EpochCommit>, LogError> {
        let standing = self.read_facts(self.head())?;
        Ok(standing.epoch.map(|(_, epoch)| epoch))
    }

    /// The rules that are active at a position, and where they were activated.
    ///
    /// # Errors
    /// [`LogError::Gone`] when retention has dropped that position; a damaged record; the
    /// disk fails.
    pub fn last_rule_set(
        &mut self,
        at_or_before: Position,
    ) -> Result<Option<(Position, RuleSetActivation)>, LogError> {
        Ok(self.read_facts(at_or_before)?.rule_set)
    }

    /// How far each durable consumer has come.
    ///
    /// # Errors
    /// A damaged record; the disk fails.
    pub fn cursors(&mut self) -> Result<Vec<CursorMove>, LogError> {
        let standing = self.read_facts(self.head())?;
        Ok(standing
            .cursors
            .into_values()
            .map(|(_, body)| body)
            .collect())
    }

    /// The units that are detached.
    ///
    /// # Errors
    /// A damaged record; the disk fails.
    pub fn detached_units(&mut self) -> Result<Vec<UnitChange>, LogError> {
        let standing = self.read_facts(self.head())?;
        Ok(standing
            .detached
            .into_values()
            .map(|(_, body)| body)
            .collect())
    }

    /// The newest checkpoint that is whole and not ahead of the log; damaged ones are reported and
    /// passed over.
    ///
    /// # Errors
    /// The checkpoints' file cannot be opened or is of another format.
    pub fn latest_checkpoint(&mut self) -> Result<Option<Checkpoint>, LogError> {
        let head = self.head();
        CheckpointStore::open(&self.shared.dir)?.load_latest(head)
    }

    fn read_facts(&mut self, at: Position) -> Result<PinnedFacts, LogError> {
        let at = at.min(self.head());
        let partitions = self.partitions();
        // The partition that begins right behind `at` knows as well what stands there.
        let found = partitions.iter().rev().find(|one| one.first <= at.next());
        let Some(partition) = found else {
            return Err(LogError::Gone {
                asked: at,
                first: self.first_position(),
            });
        };
        PinnedFacts::read_at(self.connections.get(partition)?, at)
            .map_err(PathlessError::with_path(&partition.path))
    }

    /// The partitions as of now. Lets go of those that are no longer there.
    pub(crate) fn partitions(&mut self) -> Arc<[Partition]> {
        let partitions = self.shared.partitions();
        if let Some(oldest) = partitions.first() {
            self.connections.close_before(oldest.first);
        }
        partitions
    }
}

/// Records read so far, and how many more may be.
struct RecordCollector {
    records: Vec<Record>,
    bytes: usize,
    most_records: usize,
    most_bytes: usize,
}

impl RecordCollector {
    fn is_full(&self) -> bool {
        self.records.len() >= self.most_records
            || (self.bytes >= self.most_bytes && !self.records.is_empty())
    }

    /// Takes records that are still in memory.
    fn collect_recent(&mut self, shared: &SharedLog, after: Position, head: Position) {
        let recent = partition::lock_read(&shared.recent);
        for record in recent.iter_after(after).into_iter().flatten() {
            // The writer puts records here before it moves the head.
            if self.is_full() || record.position > head {
                break;
            }
            self.bytes += recent_records::body_bytes(&record.body);
            self.records.push(record.clone());
        }
    }

    fn collect_stored(
        &mut self,
        connection: &rusqlite::Connection,
        after: Position,
        head: Position,
    ) -> Result<(), PathlessError> {
        let mut statement = connection.prepare_cached(select_record!(
            "FROM records WHERE position > ?1 AND position <= ?2 ORDER BY position"
        ))?;
        let mut rows = statement.query([after.0.cast_signed(), head.0.cast_signed()])?;
        while !self.is_full() {
            let Some(row) = rows.next()? else {
                break;
            };
            let (record, bytes) = record::read_record(row)??;
            self.bytes += bytes;
            self.records.push(record);
        }
        Ok(())
    }
}
