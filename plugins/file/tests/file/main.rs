//! Files in, events out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes functions of a test binary that are no tests themselves for other code"
)]

mod auth_log;

mod merge;

mod properties;

mod records;

mod sets;

use std::io::Cursor;

use larum_event::decode::Decoder;
use larum_event::{Channel, EventDefaults, EventId, Severity, Source, TenantId, Timestamp};
use larum_file::{EventReader, FileError, FileInput, FileRecord};

/// Runs `test` with what a door fills in; the input arrives on 2026-11-20.
fn with_fill<T>(test: impl FnOnce(&EventDefaults<'_>) -> T) -> T {
    test(&EventDefaults {
        arrived: Timestamp::parse("2026-11-20T12:00:00Z").unwrap(),
        new_id: &|| EventId::new("made").unwrap(),
        source: Some(&Source::new("file").unwrap()),
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    })
}

/// Everything that comes of `bytes`, or why they are no input.
fn read(
    bytes: &[u8],
    decoder: Option<&Decoder>,
) -> Result<Vec<Result<FileRecord, FileError>>, FileError> {
    with_fill(|fill| {
        let input = FileInput::from_reader("test.log", Cursor::new(bytes.to_vec()))?;
        Ok(EventReader::new(input, decoder, fill).collect())
    })
}

/// Everything that comes of `bytes`, which can be read to their end.
fn read_all(bytes: &[u8], decoder: Option<&Decoder>) -> Vec<FileRecord> {
    let records = read(bytes, decoder).unwrap();
    records.into_iter().map(Result::unwrap).collect()
}
