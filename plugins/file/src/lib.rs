//! The door for files: NDJSON, JSON arrays, text lines and gzip of each become events.
//!
//! [`FileInput`] opens a file or standard input and unpacks it, [`FileRecordReader`] splits it into
//! records, [`EventReader`] decodes each of them, and [`EventMerge`] puts the events of several
//! inputs in the order of their time, as far as each input is in order. [`EventSorter`] sorts
//! whatever order they are in, in bounded memory. A bad record is a value that says where it stood;
//! the ones after it are read all the same. Only a file that cannot be read is an error. Nothing
//! here reads a clock.

mod error;

mod input;

mod record;

mod array;

mod event;

mod merge;

mod sort;

mod sorted_run;

mod tally;

pub use error::FileError;
pub use event::{EventReader, FileRecord};
pub use input::FileInput;
pub use merge::EventMerge;
pub use record::{FileRecordReader, InputForm, UndecodedRecord};
pub use sort::{EventSorter, SortedRecords, SpillRecord};
pub use tally::{BadRecord, RecordTally};
