//! Which formats of its files this build reads, and how an older file becomes a current one.
//!
//! Owns the range of formats and the migrations. What the tables of a format are is left to those
//! who make the files. Invariant: a file is never in between two formats: a migration and the
//! format's number are one transaction.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::error::LogError;

/// Turns a file of one format into one of the next.
pub(crate) type Migration = fn(&Connection) -> Result<(), rusqlite::Error>;

/// The formats of one kind of file that this build reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileFormats {
    /// The oldest format that can be read.
    pub(crate) oldest: i32,
    /// One for each format but the current: from the oldest to the next, and so on.
    pub(crate) migrations: &'static [Migration],
}

/// The formats of partitions. A new format adds a migration here, and a file of the format before
/// to the tests.
pub(crate) const PARTITION: FileFormats = FileFormats {
    oldest: 1,
    migrations: &[],
};

/// The formats of the file of checkpoints, which can be made again from the log.
pub(crate) const CHECKPOINTS: FileFormats = FileFormats {
    oldest: 1,
    migrations: &[],
};

/// The formats of the file of trees, which can be made again from the log.
pub(crate) const TREES: FileFormats = FileFormats {
    oldest: 1,
    migrations: &[],
};

impl FileFormats {
    /// The format that this build writes.
    pub(crate) const fn current(self) -> i32 {
        self.oldest + self.migrations.len().cast_signed() as i32
    }

    /// Makes the file at `path` one of the current format, from the format `found` in it.
    ///
    /// # Errors
    /// This build does not read the format; the disk fails.
    pub(crate) fn migrate(self, path: &Path, found: i32) -> Result<(), LogError> {
        if found == self.current() {
            return Ok(());
        }
        if !(self.oldest..self.current()).contains(&found) {
            return Err(LogError::Format {
                path: path.to_owned(),
                found,
                oldest: self.oldest,
                current: self.current(),
            });
        }
        let failed = || LogError::sqlite("migrate", path);
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, access).map_err(failed())?;
        let done = usize::try_from(found - self.oldest).unwrap_or_default();
        for (format, migration) in (found + 1..).zip(self.migrations.iter().skip(done)) {
            let mut step = || {
                let transaction = connection.transaction()?;
                migration(&transaction)?;
                // In the same transaction: after a crash the file is in the one format or the
                // other.
                transaction.pragma_update(None, "user_version", format)?;
                transaction.commit()
            };
            step().map_err(failed())?;
            tracing::info!(file = %path.display(), format, "a file of the log was migrated");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE_FORMATS: FileFormats = FileFormats {
        oldest: 4,
        migrations: &[
            |file| file.execute_batch("ALTER TABLE t ADD COLUMN b DEFAULT 2"),
            |file| file.execute_batch("ALTER TABLE t RENAME COLUMN b TO c"),
        ],
    };

    fn create_file(format: i32) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.db");
        let file = Connection::open(&path).unwrap();
        file.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
            .unwrap();
        file.pragma_update(None, "user_version", format).unwrap();
        (dir, path)
    }

    #[test]
    fn a_file_of_the_oldest_format_goes_through_every_migration_once() {
        let (_dir, path) = create_file(4);
        THREE_FORMATS.migrate(&path, 4).unwrap();
        let file = Connection::open(&path).unwrap();
        let row: (i64, i64) = file
            .query_row("SELECT a, c FROM t", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(row, (1, 2));
        let format: i32 = file
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(format, THREE_FORMATS.current());
        THREE_FORMATS.migrate(&path, format).unwrap();
    }

    #[test]
    fn formats_outside_of_the_range_are_refused_by_number() {
        let (_dir, path) = create_file(7);
        for (found, advice) in [(7, "newer"), (3, "older")] {
            let error = THREE_FORMATS.migrate(&path, found).unwrap_err().to_string();
            assert!(
                error.contains(&format!("has log format {found}")),
                "{error}"
            );
            assert!(error.contains("formats 4 to 6"), "{error}");
            assert!(error.contains(advice), "{error}");
        }
    }

    #[test]
    fn a_migration_that_fails_leaves_the_format_before() {
        const BROKEN: FileFormats = FileFormats {
            oldest: 4,
            migrations: &[|file| {
                file.execute_batch("ALTER TABLE t ADD COLUMN b")?;
                file.execute_batch("this is not SQL")
            }],
        };
        let (_dir, path) = create_file(4);
        BROKEN.migrate(&path, 4).unwrap_err();
        let file = Connection::open(&path).unwrap();
        let format: i32 = file
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(format, 4);
        file.prepare("SELECT b FROM t").unwrap_err();
    }

    #[test]
    fn formats_that_stores_were_written_in_stay_readable() {
        for formats in [PARTITION, CHECKPOINTS, TREES] {
            assert_eq!(formats.oldest, 1);
        }
    }
}
