//! From the records of an input to events.

use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use larum_event::decode::{Decoder, InputDecoder, RecordFormat, record_id};
use larum_event::{Event, EventDefaults, Rejection, Source};

use crate::error::FileError;
use crate::input::FileInput;
use crate::record::{FileRecordReader, InputForm};
use crate::tally::BadRecord;

/// One record of an input and what became of it.
#[derive(Debug, Clone)]
pub struct FileRecord {
    /// The input's name.
    pub file: Arc<str>,
    /// The line on which the record begins, from 1.
    pub line: u64,
    /// The record's place in its input, from 0, rejected ones counted.
    pub number: u64,
    /// The event that it became.
    pub outcome: Result<Event, Rejection>,
}

impl FileRecord {
    /// What a report calls the event: its own `sequence`, else the number of its record.
    pub fn sequence(&self) -> u64 {
        let event = self.outcome.as_ref().ok();
        let sequence = event.and_then(|event| event.envelope().sequence);
        sequence.unwrap_or(self.number)
    }

    /// The report of a record that became no event.
    pub fn to_bad_record(&self) -> Option<BadRecord> {
        let rejection = self.outcome.as_ref().err()?;
        Some(BadRecord {
            file: self.file.clone(),
            line: self.line,
            rejection: rejection.clone(),
        })
    }
}

/// The records of one input as events, in the order of the input.
///
/// Without a decoder each record is an event in Larum's own JSON or a CloudEvent. A record without
/// an id gets one made of its bytes and its number, so that the same file gives the same events.
/// After an error nothing more comes.
pub struct EventReader<'f> {
    name: Arc<str>,
    records: Option<FileRecordReader<Box<dyn BufRead + Send>>>,
    decoding: Option<InputDecoder<'f>>,
    fill: &'f EventDefaults<'f>,
}

impl<'f> EventReader<'f> {
    /// Reads `input` through `decoder`, if there is one.
    pub fn new(
        input: FileInput,
        decoder: Option<&'f Decoder>,
        fill: &'f EventDefaults<'f>,
    ) -> Self {
        let form = match decoder.map(Decoder::record_format) {
            Some(RecordFormat::Text) => InputForm::Lines,
            Some(RecordFormat::Json) | None => InputForm::Json,
        };
        Self {
            name: input.name,
            records: Some(FileRecordReader::new(input.content, form)),
            decoding: decoder.map(Decoder::begin_input),
            fill,
        }
    }
}

impl Iterator for EventReader<'_> {
    type Item = Result<FileRecord, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let records = self.records.as_mut()?;
        let (line, number, outcome) = match records.read_record() {
            Ok(None) => {
                self.records = None;
                return None;
            }
            Ok(Some(record)) => {
                let number = record.number;
                let outcome = record.bytes.and_then(|bytes| match &mut self.decoding {
                    Some(decoding) => decoding.decode(bytes, number, self.fill),
                    None => parse_record(bytes, number, self.fill),
                });
                (record.line, number, outcome)
            }
            Err(source) => {
                let line = records.lines_read();
                let file = self.name.to_string();
                self.records = None;
                return Some(Err(FileError::Read { file, line, source }));
            }
        };
        Some(Ok(FileRecord {
            file: self.name.clone(),
            line,
            number,
            outcome,
        }))
    }
}

impl fmt::Debug for EventReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventReader").field(&self.name).finish()
    }
}

/// One event in Larum's own JSON, or a CloudEvent.
fn parse_record(bytes: &[u8], number: u64, fill: &EventDefaults<'_>) -> Result<Event, Rejection> {
    let new_id = || record_id(fill.source.map_or("", Source::as_str), bytes, number);
    let fill = EventDefaults {
        new_id: &new_id,
        ..*fill
    };
    Event::parse_either(bytes, &fill)
}
