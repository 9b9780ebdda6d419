//! The one writer of the log.
//!
//! Owns the order of the log and what "stored" means: a position is given out only when its
//! transaction is on the disk. Linger, queues and acknowledgements belong to the runtime. It reads
//! no clock.
//!
//! Invariant: what is in memory (head, ids, names, standing facts) is what the last successful
//! commit left. A failed commit changes none of it, and unless the disk was merely full, nothing
//! more is written until the log is opened again, since what the disk holds is then unknown.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use larum_event::{EpochCommit, Event, FieldSet, Position, Record, RecordBody, Timestamp};
use rusqlite::TransactionBehavior;

use crate::active_partition::ActivePartition;
use crate::batch::{
    self, AppendOutcome, BatchRow, EpochReceipt, LogWrite, WriteBatch, WriteReceipt,
};
use crate::checkpoint::{CheckpointStore, NewCheckpoint};
use crate::connections::ConnectionCache;
use crate::error::LogError;
use crate::insert;
use crate::lock::LogLock;
use crate::maintenance::LogMaintenance;
use crate::memory_index::FirstOccurrence;
use crate::options::LogOptions;
use crate::partition::{self, Partition, SharedLog};
use crate::pinned_facts::PinnedFacts;
use crate::reader::LogReader;
use crate::trees::TreeStore;
use crate::{dedup, recovery};

/// Full partitions that may wait to be sealed; with one more the writer seals itself. Each holds
/// its ids in memory.
const UNSEALED_MOST: usize = 4;

/// A write-ahead log of this many pages, 256 MiB, is brought into its partition by the writer, if
/// maintenance has not done so by then. Only many small transactions in one partition come to that.
const WAL_PAGES_MOST: u64 = 32_768;

/// The log, opened for writing. There is one in all processes.
#[derive(Debug)]
pub struct Log {
    shared: Arc<SharedLog>,
    options: LogOptions,
    active: ActivePartition,
    facts: PinnedFacts,
    lookups: ConnectionCache,
    user: FieldSet,
    state: WriterState,
    _lock: LogLock,
}

#[derive(Debug, PartialEq, Eq)]
enum WriterState {
    Sound,
    Poisoned,
    /// A test wants the next commit to fail.
    #[cfg(any(test, feature = "fault-injection"))]
    Failing,
}

impl Log {
    /// Opens the log in a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// Another process has it open; the folder holds something else, or a log in another format; a
    /// partition is missing; the disk fails.
    pub fn open(dir: &Path, options: LogOptions) -> Result<Self, LogError> {
        if dir.is_file() {
            return Err(LogError::NotAFolder {
                path: dir.to_owned(),
            });
        }
        std::fs::create_dir_all(dir).map_err(LogError::io("create", dir))?;
        let lock = LogLock::acquire(dir)?;
        let opened = recovery::recover_log(dir, &options)?;
        Ok(Self {
            shared: Arc::new(opened.shared),
            options,
            active: opened.active,
            facts: opened.facts,
            lookups: ConnectionCache::default(),
            user: insert::user_field(),
            state: WriterState::Sound,
            _lock: lock,
        })
    }

    /// The last position written; [`Position::START`] for an empty log.
    pub fn head(&self) -> Position {
        self.shared.head()
    }

    /// A reader of its own connections. Many may exist, on any thread; they see what is committed.
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.shared))
    }

    /// The work that keeps the log fast and small, to be run on another thread.
    pub fn maintenance(&self) -> LogMaintenance {
        LogMaintenance::new(Arc::clone(&self.shared))
    }

    /// The checkpoints beside this log, to be written from any thread.
    ///
    /// # Errors
    /// Their file cannot be opened or is of another format. A damaged one is moved away.
    pub fn checkpoint_store(&self) -> Result<CheckpointStore, LogError> {
        CheckpointStore::open(&self.shared.dir)
    }

    /// The trees evicted from memory, in a store next to this log. Any thread may write to it, but
    /// only one.
    ///
    /// # Errors
    /// Their file cannot be opened or is of another format. A damaged one is moved away.
    pub fn tree_store(&self) -> Result<TreeStore, LogError> {
        TreeStore::open(&self.shared.dir)
    }

    /// Saves a checkpoint; see [`CheckpointStore::save`].
    ///
    /// # Errors
    /// The disk is full or fails. The log itself is not touched by it.
    pub fn save_checkpoint(&self, checkpoint: &NewCheckpoint) -> Result<(), LogError> {
        self.checkpoint_store()?.save(checkpoint)
    }

    /// Appends events from outside, each with the time of its arrival; tells what became of each.
    ///
    /// # Errors
    /// As [`Log::execute_writes`].
    pub fn append_events(
        &mut self,
        events: &[(Event, Timestamp)],
    ) -> Result<Vec<AppendOutcome>, LogError> {
        let arrived = events.first().map(|(_, arrived)| *arrived);
        self.run_transaction(arrived, |log, batch| log.stage_events(events, batch))
    }

    /// Appends control records.
    ///
    /// # Errors
    /// As [`Log::execute_writes`].
    pub fn append_controls(&mut self, bodies: Vec<RecordBody>) -> Result<Vec<Position>, LogError> {
        batch::check_control(&bodies)?;
        self.run_transaction(None, |_, batch| Ok(batch.stage_controls(bodies)))
    }

    /// Appends what an epoch derived, control records that go with it, and its commit: all or
    /// nothing.
    ///
    /// # Errors
    /// As [`Log::execute_writes`].
    pub fn commit_epoch(
        &mut self,
        derived: Vec<Event>,
        commit: EpochCommit,
        also: Vec<RecordBody>,
    ) -> Result<EpochReceipt, LogError> {
        batch::check_epoch(&derived, &commit, &also, self.head())?;
        self.run_transaction(
            None,
            |_, batch| Ok(batch.stage_epoch(derived, commit, also)),
        )
    }

    /// Does the work of many callers in one transaction with one sync of the disk, in the order
    /// given.
    ///
    /// # Errors
    /// None of it is done then. [`LogError::NotControl`] and [`LogError::Epoch`] name work that is
    /// never done; after [`LogError::Full`] it may be tried again; after [`LogError::Commit`] the
    /// log must be reopened, and everything else fails with [`LogError::Poisoned`] until then.
    pub fn execute_writes(&mut self, work: Vec<LogWrite>) -> Result<Vec<WriteReceipt>, LogError> {
        let head = self.head();
        for work in &work {
            work.check(head)?;
        }
        let arrived = work.iter().find_map(LogWrite::first_arrival);
        self.run_transaction(arrived, |log, batch| {
            let mut done = Vec::with_capacity(work.len());
            for work in work {
                done.push(match work {
                    LogWrite::Append(events) => {
                        WriteReceipt::Appended(log.stage_events(&events, batch)?)
                    }
                    LogWrite::Control(bodies) => {
                        WriteReceipt::Control(batch.stage_controls(bodies))
                    }
                    LogWrite::Epoch {
                        derived,
                        commit,
                        controls: also,
                    } => WriteReceipt::Epoch(batch.stage_epoch(derived, commit, also)),
                });
            }
            Ok(done)
        })
    }

    /// Writes what `stage` puts into a batch. `arrived` is when the first of its events arrived.
    fn run_transaction<T>(
        &mut self,
        arrived: Option<Timestamp>,
        stage: impl FnOnce(&mut Self, &mut WriteBatch) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        if self.state == WriterState::Poisoned {
            return Err(LogError::Poisoned);
        }
        self.roll_if_due(arrived)?;
        let mut batch = WriteBatch::begin_after(self.head());
        let done = stage(self, &mut batch)?;
        if !batch.rows.is_empty() {
            self.commit_batch(&batch)?;
            self.publish_batch(batch);
        }
        Ok(done)
    }

    fn stage_events(
        &mut self,
        events: &[(Event, Timestamp)],
        batch: &mut WriteBatch,
    ) -> Result<Vec<AppendOutcome>, LogError> {
        let partitions = self.shared.partitions();
        let lookups = &mut self.lookups;
        let mut appended = Vec::with_capacity(events.len());
        for (event, arrived) in events {
            appended.push(batch.stage_event(event, *arrived, |identity| {
                dedup::find_first(&partitions, lookups, identity)
            })?);
        }
        Ok(appended)
    }

    fn commit_batch(&mut self, batch: &WriteBatch) -> Result<(), LogError> {
        let growing = &mut self.active;
        let written = growing
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                let bytes =
                    insert::insert_batch(&transaction, &mut growing.names, &self.user, batch)?;
                #[cfg(any(test, feature = "fault-injection"))]
                if self.state == WriterState::Failing {
                    return Err(crate::fault::sync_failure());
                }
                transaction.commit()?;
                Ok(bytes)
            });
        match written {
            Ok(bytes) => {
                growing.record_commit(bytes, batch);
                Ok(())
            }
            Err(source) => {
                // Dropping the transaction has rolled it back.
                growing.names.roll_back_pending();
                let path = growing.partition.path.to_path_buf();
                let full = source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
                if full && growing.connection.is_autocommit() {
                    return Err(LogError::Full { path, source });
                }
                self.state = WriterState::Poisoned;
                tracing::error!(path = %path.display(), error = %source, "commit failed, log stops");
                Err(LogError::Commit { path, source })
            }
        }
    }

    /// Takes what was committed into memory and lets readers see it.
    fn publish_batch(&mut self, batch: WriteBatch) {
        let last = batch.last_position();
        let mut position = batch.first;
        // Before the head moves: who reads up to it must find every record and every id there.
        {
            let mut tail = partition::lock_write(&self.active.index);
            let mut recent = partition::lock_write(&self.shared.recent);
            for row in batch.rows {
                let body = match row {
                    BatchRow::Event {
                        event,
                        kind,
                        arrived,
                        identity,
                    } => {
                        let content = event.content_hash();
                        tail.insert(identity, FirstOccurrence { content, position });
                        let (root, step) = insert::link_keys(event.envelope());
                        for key in [root, step].into_iter().flatten() {
                            tail.add_link(key, position);
                        }
                        kind.wrap_event(event, arrived)
                    }
                    BatchRow::Control(body) => {
                        self.facts.apply_record(position, body.clone());
                        body
                    }
                };
                recent.push(Record { position, body });
                position = position.next();
            }
        }
        self.shared.set_head(last);
        let pages = &self.shared.wal_pages;
        let waiting = self.active.last_commit_pages() + pages.load(Ordering::Relaxed);
        pages.store(waiting, Ordering::Relaxed);
        if waiting > WAL_PAGES_MOST {
            self.shrink_wal();
        }
    }

    fn shrink_wal(&self) {
        match crate::maintenance::shrink_wal(&self.active.connection) {
            Ok(left) => self.shared.wal_pages.store(left, Ordering::Relaxed),
            // Nothing is lost: the records are durable in the write-ahead log.
            Err(error) => tracing::warn!(%error, "cannot shrink the write-ahead log"),
        }
    }

    /// Begins the next partition when this one is full or its day is over.
    fn roll_if_due(&mut self, arrived: Option<Timestamp>) -> Result<(), LogError> {
        if !self.active.is_full(&self.options, arrived) {
            return Ok(());
        }
        let first = self.head().next();
        let next = Partition::create(&self.shared.dir, first, &self.facts)?;
        self.active = ActivePartition::open(next.clone(), self.options.partition_span)?;
        self.shared.add_partition(next);
        self.shared.wal_pages.store(0, Ordering::Relaxed);
        let partitions = self.shared.partitions();
        let unsealed = partitions.iter().filter(|one| !one.is_sealed()).count();
        if unsealed > 1 + UNSEALED_MOST {
            tracing::warn!(unsealed, "sealing fell behind, so the writer seals");
            self.maintenance().seal_oldest()?;
        }
        Ok(())
    }

    /// Drops the sealed partitions whose records all stand before `position`. Returns how many; the
    /// log then begins at [`LogReader::first_position`].
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn drop_before(&mut self, position: Position) -> Result<usize, LogError> {
        self.drop_while(|seal| seal.last < position)
    }

    /// Drops the sealed partitions whose records all arrived before `time`. Returns how many.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn drop_arrived_before(&mut self, time: Timestamp) -> Result<usize, LogError> {
        self.drop_while(|seal| seal.arrived.is_none_or(|arrived| arrived < time))
    }

    fn drop_while(&mut self, wanted: impl Fn(&partition::Seal) -> bool) -> Result<usize, LogError> {
        let partitions = self.shared.partitions();
        let count = partitions
            .iter()
            .take_while(|partition| match &partition.state {
                partition::PartitionState::Sealed(seal) => wanted(seal),
                partition::PartitionState::Unsealed(_) => false,
            })
            .count();
        // First off the list, so that no reader comes upon a file that is half gone.
        self.shared.remove_oldest(count);
        dedup::close_dropped(&self.shared, &mut self.lookups);
        for partition in partitions.iter().take(count) {
            partition.unlink()?;
        }
        if count > 0 {
            partition::sync_dir(&self.shared.dir)?;
        }
        Ok(count)
    }

    /// Makes the next commit fail as if the disk could not sync.
    #[cfg(any(test, feature = "fault-injection"))]
    pub fn fail_next_commit(&mut self) {
        self.state = WriterState::Failing;
    }

    /// Makes the open partition fail as on a full disk once it has this many pages more than now.
    #[cfg(any(test, feature = "fault-injection"))]
    pub fn fill_disk_after(&self, pages: i64) -> Result<(), LogError> {
        let connection = &self.active.connection;
        let limit = || {
            let now: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            connection.query_row(
                &format!("PRAGMA max_page_count = {}", now.saturating_add(pages)),
                [],
                |_| Ok(()),
            )
        };
        limit().map_err(LogError::sqlite("limit", &self.active.partition.path))
    }

    #[cfg(test)]
    pub(crate) fn shared_partitions(&self) -> Arc<[Partition]> {
        self.shared.partitions()
    }
}
