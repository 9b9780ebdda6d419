//! A sorted stretch of records in a temporary file.
//!
//! Owns the bytes of the file: for each record its length in four bytes, then the record. When to
//! write one and how several are merged is the job of `sort`.
//! Invariant: the file has no name, so the system removes it however the process ends.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::sort::{SortEntry, SpillRecord};

/// Bytes read or written at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes records to a temporary file.
pub(crate) struct RunWriter {
    out: BufWriter<File>,
    record: Vec<u8>,
}

impl RunWriter {
    /// A new file in `folder`.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self {
            out: BufWriter::with_capacity(BUFFER_BYTES, file),
            record: Vec::new(),
        })
    }

    /// Adds a record, which comes after all before.
    pub(crate) fn write_record(&mut self, record: &impl SpillRecord) -> io::Result<()> {
        self.record.clear();
        record.write(&mut self.record);
        let length = u32::try_from(self.record.len())
            .map_err(|_| io::Error::other("a record is longer than 4 GiB"))?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&self.record)
    }

    /// Ends the file.
    pub(crate) fn finish(self) -> io::Result<RunReader> {
        let mut file = self.out.into_inner().map_err(|error| error.into_error())?;
        file.seek(SeekFrom::Start(0))?;
        Ok(RunReader {
            input: BufReader::with_capacity(BUFFER_BYTES, file),
            record: Vec::new(),
        })
    }
}

/// Reads the records of a temporary file, in order.
#[derive(Debug)]
pub(crate) struct RunReader {
    input: BufReader<File>,
    record: Vec<u8>,
}

impl RunReader {
    /// The next record; `None` at the end.
    pub(crate) fn read_entry<R: SpillRecord>(&mut self) -> io::Result<Option<SortEntry<R>>> {
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        self.record.resize(length, 0);
        self.input.read_exact(&mut self.record)?;
        let record = R::read(&self.record)
            .map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))?;
        let order = record.order();
        Ok(Some(SortEntry { order, record }))
    }
}
