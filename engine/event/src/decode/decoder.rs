//! A decoder at work: one record in, one event out.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::mapping::{Mapping, missing};
use super::members::{Members, short, write_string};
use super::paths::Paths;
use super::text::{LinePattern, Lines};
use super::time_format::{TimeFormat, TimeState};
use super::write::{key, member};
use crate::event::Event;
use crate::json::{Fill, check};
use crate::limits;
use crate::names::{Channel, EventId};
use crate::rejection::{Reason, Rejection};
use crate::time::Timestamp;

/// What a decoder file says; see `docs/decoders.md`.
#[derive(Debug, Clone)]
pub struct Decoder {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) channel: Option<Channel>,
    pub(super) fields: Fields,
    /// Members of `metadata`.
    pub(super) metadata: Vec<(String, Mapping)>,
    /// Members of the record that `data` leaves out.
    pub(super) left_out: BTreeSet<String>,
}

/// What the records of a decoder are; tells a door how to split its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    /// JSON objects.
    Json,
    /// Lines of plain text.
    Text,
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    Json,
    Text(Lines),
}

/// Where the members of the envelope come from.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) id: Option<Mapping>,
    pub(super) event_type: Option<Mapping>,
    pub(super) source: Option<Mapping>,
    pub(super) time: Option<TimeField>,
    /// The path of a number.
    pub(super) sequence: Option<String>,
    pub(super) severity: Option<Mapping>,
    pub(super) correlation_id: Option<Mapping>,
    /// Members of `correlation`.
    pub(super) correlation: Vec<(&'static str, Mapping)>,
}

#[derive(Debug, Clone)]
pub(super) struct TimeField {
    pub(super) from: Paths,
    pub(super) format: TimeFormat,
    /// The time of records that have none.
    pub(super) default: Option<Timestamp>,
}

/// One input being decoded, from its first record to its last.
///
/// It remembers the time of the record before, from which a time without a year gets its year.
/// Records go in in the order of the input.
#[derive(Debug, Clone)]
pub struct Decoding<'d> {
    decoder: &'d Decoder,
    times: TimeState,
}

impl Decoder {
    /// The decoder's name, which is also the source of events whose source no field tells.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its records are.
    pub fn record_format(&self) -> RecordFormat {
        match self.shape {
            Shape::Json => RecordFormat::Json,
            Shape::Text(_) => RecordFormat::Text,
        }
    }

    /// Begins an input.
    pub fn begin(&self) -> Decoding<'_> {
        Decoding {
            decoder: self,
            times: TimeState::default(),
        }
    }

    /// Decodes a record that is an input of its own; see [`Decoding::decode`].
    ///
    /// # Errors
    /// As [`Decoding::decode`].
    pub fn decode(&self, record: &[u8], number: u64, fill: &Fill<'_>) -> Result<Event, Rejection> {
        self.begin().decode(record, number, fill)
    }
}

impl Decoding<'_> {
    /// The event that a record tells of. `number` is the record's place in its input, from 0, rejected
    /// records counted; it goes into the id of a record that has none of its own.
    ///
    /// # Errors
    /// The record is not one the decoder knows, or the event is rejected as [`Event::parse`] says.
    pub fn decode(
        &mut self,
        record: &[u8],
        number: u64,
        fill: &Fill<'_>,
    ) -> Result<Event, Rejection> {
        let json = self.event_json(record, number, fill.arrived)?;
        Event::parse(&json, fill)
    }

    /// The event as JSON, not yet checked.
    pub(super) fn event_json(
        &mut self,
        record: &[u8],
        number: u64,
        arrived: Timestamp,
    ) -> Result<Vec<u8>, Rejection> {
        if record.len() > limits::EVENT_BYTES {
            let detail = format!(
                "the record is {} bytes long, at most {} are allowed",
                record.len(),
                limits::EVENT_BYTES
            );
            return Err(Rejection::new(Reason::TooLarge, detail));
        }
        let decoder = self.decoder;
        match &decoder.shape {
            Shape::Json => {
                let text = check::utf8(record)?;
                let members = Members::of_json(text)?;
                self.write_event(Read {
                    record,
                    number,
                    arrived,
                    pattern: None,
                    members,
                })
            }
            Shape::Text(lines) => {
                let text = lines.text(record)?;
                let (pattern, members) = lines.find(&text)?;
                let pattern = Some(pattern);
                self.write_event(Read {
                    record,
                    number,
                    arrived,
                    pattern,
                    members,
                })
            }
        }
    }

    fn write_event(&mut self, read: Read<'_>) -> Result<Vec<u8>, Rejection> {
        let decoder = self.decoder;
        let fields = &decoder.fields;
        let members = &read.members;
        let source = match &fields.source {
            Some(mapping) => mapping.required("source", members)?,
            None => Cow::Borrowed(decoder.name.as_str()),
        };
        let mut out = Vec::with_capacity(read.record.len() + 256);
        out.extend_from_slice(b"{\"id\":");
        match &fields.id {
            Some(mapping) => write_string(&mut out, &mapping.required("id", members)?),
            None => {
                let id = record_id(&source, read.record, read.number);
                write_string(&mut out, id.as_str());
            }
        }
        let of_pattern = read
            .pattern
            .and_then(|pattern| pattern.event_type.as_deref());
        let event_type = match (of_pattern, &fields.event_type) {
            (Some(event_type), _) => Cow::Borrowed(event_type),
            (None, Some(mapping)) => mapping.required("type", members)?,
            (None, None) => {
                return Err(Rejection::new(
                    Reason::NotDecoded,
                    "the decoder names no type",
                ));
            }
        };
        member(&mut out, "type", &event_type);
        member(&mut out, "source", &source);
        if let Some(time) = &fields.time {
            let time = self.read_time(time, &read)?;
            member(&mut out, "time", &time.to_string());
        }
        if let Some(channel) = &decoder.channel {
            member(&mut out, "channel", channel.as_str());
        }
        if let Some(path) = &fields.sequence
            && let Some(sequence) = read_sequence(path, members)?
        {
            key(&mut out, "sequence");
            out.extend_from_slice(sequence.to_string().as_bytes());
        }
        decoder.write_optional(&mut out, &read)?;
        decoder.write_metadata(&mut out, members)?;
        decoder.write_data(&mut out, &read);
        out.push(b'}');
        Ok(out)
    }

    fn read_time(&mut self, time: &TimeField, read: &Read<'_>) -> Result<Timestamp, Rejection> {
        let word = match time.from.find(&read.members).map(|piece| piece.word()) {
            Some(Ok(Some(word))) => word,
            Some(Err(_)) => {
                let detail = "an array or object is not a time";
                let from = time.from.shown();
                return Err(Rejection::of_member(Reason::WrongType, from, detail));
            }
            Some(Ok(None)) | None => {
                return time.default.ok_or_else(|| missing(&time.from, "time"));
            }
        };
        time.format
            .read(&word, read.arrived, &mut self.times)
            .map_err(|detail| Rejection::of_member(Reason::InvalidTime, time.from.shown(), detail))
    }
}

/// A record, read but not yet written as an event.
pub(super) struct Read<'r> {
    record: &'r [u8],
    number: u64,
    arrived: Timestamp,
    /// The pattern that matched, for text.
    pub(super) pattern: Option<&'r LinePattern>,
    pub(super) members: Members<'r>,
}

fn read_sequence(path: &str, members: &Members<'_>) -> Result<Option<u64>, Rejection> {
    let Some(piece) = members.find(path) else {
        return Ok(None);
    };
    match piece.word() {
        Ok(None) => Ok(None),
        Ok(Some(word)) => word.parse().map(Some).map_err(|_| {
            let detail = format!(
                "{:?} is not a whole number from 0 to 2^64 - 1",
                short(&word)
            );
            Rejection::of_member(Reason::InvalidMember, short(path), detail)
        }),
        Err(_) => {
            let detail = "an array or object is not a sequence number";
            Err(Rejection::of_member(Reason::WrongType, short(path), detail))
        }
    }
}

/// The id of a record that has none: the same source, bytes and place give the same id, so that a file
/// read twice gives the same events.
pub fn record_id(source: &str, record: &[u8], number: u64) -> EventId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(source.len() as u64).to_le_bytes());
    hasher.update(source.as_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(record);
    let hex = hasher.finalize().to_hex();
    EventId::new(hex.get(..32).unwrap_or(&hex)).expect("hexadecimal digits make an id")
}
