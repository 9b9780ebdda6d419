//! The durable, ordered log on SQLite.
//!
//! The log is the only input of the engine, and the results of evaluation are written back to it
//! (design §1). This crate makes it durable: [`Log`] is its only writer, a [`LogReader`] reads and
//! searches what is committed, a [`CheckpointStore`] keeps the state that makes recovery short, and
//! [`LogMaintenance`] does the work that no append should wait for.
//!
//! On disk it is a folder of partitions, `p-<first position>.db`. Each is an SQLite file that is
//! created, filled, sealed and finally deleted as a whole. Positions have no gaps, also between
//! partitions. This crate reads no clock and starts no thread: times are passed in, and the runtime
//! decides which thread runs what.

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
