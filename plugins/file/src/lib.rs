//! The door for files: NDJSON, JSON arrays, text lines and gzip of each become events.
//!
//! [`Input`] opens a file or standard input and unpacks it, [`RecordReader`] splits it into records,
//! [`EventReader`] decodes each of them, and [`Merge`] puts the events of several inputs in the order of their
//! time. A bad record is a value that says where it stood; the ones after it are read all the same.
//! Only a file that cannot be read is an error. Nothing here reads a clock.

mod error;

mod input;

mod record;

mod array;

mod event;

mod merge;

mod tally;

pub use error::FileError;
pub use event::{EventReader, FileRecord};
pub use input::Input;
pub use merge::Merge;
pub use record::{InputForm, RawRecord, RecordReader};
pub use tally::{BadRecord, Tally};
