//! Errors that tests ask for.

/// What SQLite returns when the disk could not sync.
pub(crate) fn sync_failure() -> rusqlite::Error {
    let code = rusqlite::ffi::SQLITE_IOERR_FSYNC;
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(code),
        Some("asked for by a test".to_owned()),
    )
}
