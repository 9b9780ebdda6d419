//! The log's settings.

use larum_event::Span;

/// How the log is cut into partitions and how much one page of a query may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// A partition of about this many bytes is followed by the next.
    pub partition_bytes: u64,
    /// So is one of this many records. It bounds memory: the ids of a partition are held in memory
    /// until it is sealed.
    pub partition_records: u64,
    /// And so is one whose first arrival lies in an earlier span; spans are counted from 1970, so
    /// that 24 hours are a UTC day.
    pub partition_span: Span,
    /// Most rows that one page of a query looks at before it hands back what it has.
    pub query_rows: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            partition_bytes: 256 * 1024 * 1024,
            partition_records: 1_000_000,
            partition_span: Span::from_seconds(24 * 60 * 60),
            query_rows: 100_000,
        }
    }
}
