//! The durable, ordered log on SQLite.
//!
//! The log is the only input of the engine, and what evaluation puts out goes back into it (design
//! §1). Here it becomes durable: [`Log`] is its one writer, a [`LogReader`] reads and searches what
//! is committed, a [`CheckpointStore`] keeps the state that makes recovery short, and
//! [`LogMaintenance`] does what no append should wait for.
//!
//! On the disk it is a folder of partitions, `p-<first position>.db`, each an SQLite file that is
//! begun, filled, sealed and at last unlinked whole. Positions are dense over all of them. This
//! crate reads no clock and starts no thread: times are passed in, and the runtime says on which
//! thread what runs.

mod options;

mod writer;

mod batch;

mod dedup;

mod reader;

mod query;

mod page_reader;

mod event_query_form;

mod search;

mod positions;

mod row_filter;

mod search_filter;

mod paging;

mod checkpoint;

mod trees;

mod maintenance;

mod recovery;

mod active_partition;

mod insert;

mod partition;

mod memory_index;

mod recent_records;

mod bloom_filter;

mod identity;

mod names;

mod pinned_facts;

mod record;

mod connections;

mod formats;

mod schema;

mod lock;

mod error;

#[cfg(any(test, feature = "fault-injection"))]
mod fault;

pub use batch::{AppendOutcome, EpochReceipt, LogWrite, WriteReceipt};
pub use checkpoint::{Checkpoint, CheckpointPart, CheckpointStore, NewCheckpoint, PartHash};
pub use error::{DamagedRecord, LogError};
pub use maintenance::{LogMaintenance, PartitionExtent};
pub use options::LogOptions;
pub use query::{EventKinds, EventPage, EventQuery, PageOrder, SeverityFilter, StoredEvent};
pub use reader::LogReader;
pub use trees::{SpilledTree, TreeFinder, TreeStore};
pub use writer::Log;
