//! Decoders: how records of a foreign format become events.
//!
//! Owns the decoder file (`docs/decoders.md`) and what it does to one record: find the members,
//! read the time, name the type, and write the event's JSON, which [`crate::Event::parse`]
//! then checks like any other. Reading files and splitting them into records is left to the doors.
//! Nothing here does I/O or reads a clock; the same records in the same order always give the same
//! events, ids included.

mod error;

mod members;

mod paths;

mod mapping;

mod epoch;

mod time_format;

mod text;

mod load;

mod decoder;

mod write;

#[cfg(test)]
mod tests;

pub use decoder::{Decoder, InputDecoder, RecordFormat, record_id};
pub use error::InvalidDecoder;
