//! Records in the one order of events, whatever order they come in, in bounded memory.
//!
//! Owns an external merge sort: records are kept until they take as much memory as allowed, then
//! sorted and written to a temporary file, and at the end all stretches are merged. What a record
//! is, is up to the caller; what is in a file belongs to `sorted_run`.
//! Invariant: the output depends on the records alone, never on the limit. Two records of one order
//! come in the order in which they were pushed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::path::PathBuf;
use std::vec;

use larum_event::EventOrder;

use crate::error::FileError;
use crate::sorted_run::{RunReader, RunWriter};

/// Bytes of records that are kept in memory unless the caller says otherwise.
const MEMORY_BYTES: usize = 256 * 1024 * 1024;
/// Temporary files that are open at once; more are merged into one first.
const MOST_RUNS: usize = 64;

/// What a sorter takes: it may have to wait in a temporary file.
pub trait SpillRecord: Sized {
    /// Its place among the others.
    fn order(&self) -> EventOrder;
    /// About how many bytes of memory it takes, besides its own size.
    fn heap_bytes(&self) -> usize;
    /// Appends its bytes.
    fn write(&self, out: &mut Vec<u8>);
    /// The record that [`SpillRecord::write`] wrote.
    ///
    /// # Errors
    /// The bytes are those of no record; says why.
    fn read(bytes: &[u8]) -> Result<Self, String>;
}

/// A record and its place, which is read only once.
#[derive(Debug)]
pub(crate) struct SortEntry<R> {
    pub(crate) order: EventOrder,
    pub(crate) record: R,
}

/// Takes records in any order.
#[derive(Debug)]
pub struct EventSorter<R> {
    folder: PathBuf,
    memory_most: usize,
    memory: usize,
    kept: Vec<SortEntry<R>>,
    /// Whether those that are kept came in order, as most inputs do.
    is_sorted: bool,
    /// What was written to temporary files, oldest first.
    runs: Vec<RunReader>,
}

impl<R: SpillRecord> EventSorter<R> {
    /// A sorter with the usual limit, whose files are in the system's folder of temporary files.
    pub fn new() -> Self {
        Self::with_memory(MEMORY_BYTES, std::env::temp_dir())
    }

    /// A sorter that keeps about `bytes` of records, and writes the rest to files in `folder`.
    pub fn with_memory(bytes: usize, folder: PathBuf) -> Self {
        Self {
            folder,
            memory_most: bytes,
            memory: 0,
            kept: Vec::new(),
            is_sorted: true,
            runs: Vec::new(),
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// It needs a temporary file, and that cannot be written.
    pub fn push(&mut self, record: R) -> Result<(), FileError> {
        let order = record.order();
        self.is_sorted &= self.kept.last().is_none_or(|last| last.order <= order);
        self.memory += size_of::<SortEntry<R>>() + record.heap_bytes();
        self.kept.push(SortEntry { order, record });
        if self.memory > self.memory_most {
            self.spill()
                .map_err(|source| sort_error(&self.folder, source))?;
        }
        Ok(())
    }

    /// All records, in order.
    ///
    /// # Errors
    /// A temporary file cannot be read.
    pub fn finish(mut self) -> Result<SortedRecords<R>, FileError> {
        self.sort_kept();
        let kept = self.kept.into_iter();
        RunMerge::new(self.runs, kept)
            .map(|merge| SortedRecords {
                merge,
                folder: self.folder.clone(),
            })
            .map_err(|source| sort_error(&self.folder, source))
    }

    fn sort_kept(&mut self) {
        if !self.is_sorted {
            // Stable: it is fast where long stretches are in order already.
            self.kept.sort_by_key(|entry| entry.order);
        }
    }

    /// Writes what is kept to a temporary file.
    fn spill(&mut self) -> io::Result<()> {
        self.sort_kept();
        if self.runs.len() >= MOST_RUNS {
            let mut writer = RunWriter::create(&self.folder)?;
            // Without what is kept: merged stretches must stay older than what comes after them.
            let mut merge = RunMerge::new(std::mem::take(&mut self.runs), Vec::new().into_iter())?;
            while let Some(record) = merge.next_record()? {
                let record: R = record;
                writer.write_record(&record)?;
            }
            self.runs.push(writer.finish()?);
        }
        let mut writer = RunWriter::create(&self.folder)?;
        for entry in self.kept.drain(..) {
            writer.write_record(&entry.record)?;
        }
        self.runs.push(writer.finish()?);
        self.memory = 0;
        self.is_sorted = true;
        Ok(())
    }
}

impl<R: SpillRecord> Default for EventSorter<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// The records of a sorter, in order. After an error nothing more comes.
#[derive(Debug)]
pub struct SortedRecords<R> {
    merge: RunMerge<R>,
    folder: PathBuf,
}

impl<R: SpillRecord> Iterator for SortedRecords<R> {
    type Item = Result<R, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.merge.next_record() {
            Ok(record) => record.map(Ok),
            Err(source) => {
                self.merge.clear();
                Some(Err(sort_error(&self.folder, source)))
            }
        }
    }
}

fn sort_error(folder: &std::path::Path, source: io::Error) -> FileError {
    FileError::Sort {
        folder: folder.display().to_string(),
        source,
    }
}

/// The merge of several stretches, each of which is in order.
#[derive(Debug)]
struct RunMerge<R> {
    runs: Vec<RunReader>,
    /// The stretch that never left memory; it is the youngest.
    kept: vec::IntoIter<SortEntry<R>>,
    /// The next record of each stretch that has one.
    heads: BinaryHeap<Reverse<MergeHead<R>>>,
}

/// The next record of a stretch.
#[derive(Debug)]
struct MergeHead<R> {
    entry: SortEntry<R>,
    /// The number of the stretch, from the oldest.
    run: usize,
}

impl<R: SpillRecord> RunMerge<R> {
    fn new(runs: Vec<RunReader>, kept: vec::IntoIter<SortEntry<R>>) -> io::Result<Self> {
        let mut merge = Self {
            heads: BinaryHeap::with_capacity(runs.len() + 1),
            runs,
            kept,
        };
        if !merge.runs.is_empty() {
            for run in 0..=merge.runs.len() {
                merge.read_head(run)?;
            }
        }
        Ok(merge)
    }

    fn next_record(&mut self) -> io::Result<Option<R>> {
        // What fits in memory is one stretch and needs no merge.
        if self.runs.is_empty() {
            return Ok(self.kept.next().map(|entry| entry.record));
        }
        let Some(Reverse(head)) = self.heads.pop() else {
            return Ok(None);
        };
        self.read_head(head.run)?;
        Ok(Some(head.entry.record))
    }

    fn read_head(&mut self, run: usize) -> io::Result<()> {
        let entry = match self.runs.get_mut(run) {
            Some(reader) => reader.read_entry()?,
            None => self.kept.next(),
        };
        let head = entry.map(|entry| Reverse(MergeHead { entry, run }));
        self.heads.extend(head);
        Ok(())
    }

    fn clear(&mut self) {
        self.runs.clear();
        self.heads.clear();
        self.kept = Vec::new().into_iter();
    }
}

impl<R> MergeHead<R> {
    fn sort_key(&self) -> (&EventOrder, usize) {
        (&self.entry.order, self.run)
    }
}

impl<R> PartialEq for MergeHead<R> {
    fn eq(&self, other: &Self) -> bool {
        self.sort_key() == other.sort_key()
    }
}

impl<R> Eq for MergeHead<R> {}

impl<R> PartialOrd for MergeHead<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for MergeHead<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.sort_key().cmp(&other.sort_key())
    }
}

#[cfg(test)]
mod tests;
