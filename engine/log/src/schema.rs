//! What a partition file looks like, and how one is opened.
//!
//! Owns the tables, the indexes and the columns that readers name; formats and migrations belong to
//! `formats`. While records are added a partition has one small index; the others are built when it
//! is sealed.
//! Invariant: the tables are written before the file gets its name, so a partition that exists is
//! complete.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::LogError;
use crate::formats::{self, FileFormats};

/// `LRUM`, in the header of every file of the log.
pub(crate) const APPLICATION_ID: i32 = 0x4c52_554d;

// 8 KiB against 4 KiB: fewer frames and checksums per batch, while a transaction of one event still
// writes little. Figures: `examples/append.rs`.
pub(crate) const PAGE_BYTES: u64 = 8192;

const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Tables of a new partition.
///
/// `tenant`, `topic`, `type`, `source` and `user` are numbers of `names`; `identity`, `root` and
/// `step` are hashes; `digest` is the content hash followed by the whole identity. `standing` is
/// what held when the partition began, so that no fact is lost when older partitions are dropped.
const TABLES: &str = "
    CREATE TABLE records (
        position INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        arrived INTEGER,
        time INTEGER,
        severity INTEGER,
        tenant INTEGER,
        topic INTEGER,
        type INTEGER,
        source INTEGER,
        user INTEGER,
        identity INTEGER,
        root INTEGER,
        step INTEGER,
        digest BLOB,
        body ANY NOT NULL
    ) STRICT;
    CREATE INDEX records_made ON records (kind) WHERE kind > 0;
    CREATE TABLE names (
        id INTEGER PRIMARY KEY,
        role INTEGER NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE standing (
        position INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        arrived INTEGER,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE seal (
        last INTEGER NOT NULL,
        earliest INTEGER,
        latest INTEGER,
        arrived INTEGER,
        tenants INTEGER NOT NULL,
        ids BLOB NOT NULL
    ) STRICT;
";

/// What sealing adds to a partition, step by step: the name of each thing and how it is made.
pub(crate) const SEALING_STEPS: [(&str, &str); 6] = [
    (
        "records_identity",
        "CREATE INDEX records_identity ON records (identity) WHERE identity IS NOT NULL",
    ),
    (
        "records_type",
        "CREATE INDEX records_type ON records (type) WHERE type IS NOT NULL",
    ),
    (
        "records_source",
        "CREATE INDEX records_source ON records (source) WHERE source IS NOT NULL",
    ),
    (
        "records_user",
        "CREATE INDEX records_user ON records (user) WHERE user IS NOT NULL",
    ),
    (
        "names_text",
        "CREATE INDEX names_text ON names (text, role)",
    ),
    (
        "links",
        "CREATE TABLE links (
            key INTEGER NOT NULL,
            position INTEGER NOT NULL,
            PRIMARY KEY (key, position)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO links
            SELECT root, position FROM records WHERE root IS NOT NULL
            UNION SELECT step, position FROM records WHERE step IS NOT NULL
            ORDER BY 1, 2",
    ),
];

/// A tenant's events need an index of their own only where tenants share a partition.
pub(crate) const TENANT_SEALING_STEP: (&str, &str) = (
    "records_tenant",
    "CREATE INDEX records_tenant ON records (tenant) WHERE tenant IS NOT NULL",
);

/// Selects what [`crate::record::read_record`] reads, in its order.
macro_rules! select_record {
    ($rest:literal) => {
        concat!("SELECT position, kind, arrived, body ", $rest)
    };
}
pub(crate) use select_record;

/// A column that a scan reads of every record before it reads the record itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanColumn {
    Position,
    Kind,
    Time,
    Severity,
    Tenant,
    Topic,
    Type,
    Source,
    User,
}

impl ScanColumn {
    /// The order in which a scan selects them.
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Position, "position"),
        (Self::Kind, "kind"),
        (Self::Time, "time"),
        (Self::Severity, "severity"),
        (Self::Tenant, "tenant"),
        (Self::Topic, "topic"),
        (Self::Type, "type"),
        (Self::Source, "source"),
        (Self::User, "user"),
    ];

    /// Its place in a row of a scan.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// Writes the tables of a partition into a file that nobody else knows yet.
pub(crate) fn create_partition(path: &Path) -> Result<Connection, LogError> {
    let failed = || LogError::sqlite("create", path);
    let connection = Connection::open(path).map_err(failed())?;
    let settle = || {
        connection.pragma_update(None, "page_size", PAGE_BYTES.cast_signed())?;
        // The header goes straight into the file, where it does not depend on a write-ahead log.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch("BEGIN")?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", formats::PARTITION.current())?;
        connection.execute_batch(TABLES)
    };
    settle().map_err(failed())?;
    Ok(connection)
}

/// Opens a partition for writing.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, LogError> {
    let connection = open_file(path, OpenFlags::SQLITE_OPEN_READ_WRITE, formats::PARTITION)?;
    let settle = || {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // The writer decides when to check-point: the automatic one would run inside of some
        // append.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "cache_size", -32_768)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // Nor may closing a partition hold up the append that rolled it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
    };
    settle().map_err(LogError::sqlite("set up", path))?;
    Ok(connection)
}

/// Opens a partition for reading.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, LogError> {
    open_file(path, OpenFlags::SQLITE_OPEN_READ_ONLY, formats::PARTITION)
}

/// Opens an existing file of the log. One of an older format is migrated first; what is not of the
/// log, or of a format that this build does not read, is refused.
pub(crate) fn open_file(
    path: &Path,
    access: OpenFlags,
    formats: FileFormats,
) -> Result<Connection, LogError> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(LogError::sqlite("open", path))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(LogError::sqlite("set up", path))?;
    let found = read_format(&connection, path)?;
    formats.migrate(path, found)?;
    Ok(connection)
}

/// The format that a file's header names. Refuses files of other programs.
fn read_format(connection: &Connection, path: &Path) -> Result<i32, LogError> {
    let read = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let application = match read("application_id") {
        Ok(found) => found,
        Err(source) if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => 0,
        Err(source) => return Err(LogError::sqlite("read", path)(source)),
    };
    if application != APPLICATION_ID {
        return Err(LogError::NotALog {
            path: path.to_owned(),
            found: application,
        });
    }
    read("user_version").map_err(LogError::sqlite("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_selects_its_columns_where_they_are_read() {
        for (place, (column, _)) in ScanColumn::ALL.into_iter().enumerate() {
            assert_eq!(column.index(), place);
        }
    }
}
