//! A decoder at work: one record in, one event out.
//!
//! Owns the way from a record to the draft of an event. Reading the decoder's file is the job of
//! `load`, checking the event that of `json`.
//! Invariant: no decoder can set the tenant, which always comes from the input's owner.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::mapping::{FieldMapping, missing_value};
use super::members::{RecordMembers, shorten_text, write_string};
use super::paths::RecordPaths;
use super::text::{LinePattern, LinePatterns};
use super::time_format::{TimeFormat, TimeState};
use super::write::{write_key, write_member};
use crate::event::Event;
use crate::json::{EventDefaults, check};
use crate::limits;
use crate::names::{Channel, EventId};
use crate::rejection::{Rejection, RejectionReason};
use crate::time::Timestamp;

/// What a decoder file says; see `docs/decoders.md`.
#[derive(Debug, Clone)]
pub struct Decoder {
    pub(super) name: String,
    pub(super) shape: RecordShape,
    pub(super) channel: Option<Channel>,
    pub(super) fields: EnvelopeMapping,
    /// Members of `metadata`.
    pub(super) metadata: Vec<(String, FieldMapping)>,
    /// Members of the record that `data` leaves out.
    pub(super) omitted_members: BTreeSet<String>,
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
pub(super) enum RecordShape {
    Json,
    Text(LinePatterns),
}

/// Where the members of the envelope come from.
#[derive(Debug, Clone, Default)]
pub(super) struct EnvelopeMapping {
    pub(super) id: Option<FieldMapping>,
    pub(super) event_type: Option<FieldMapping>,
    pub(super) source: Option<FieldMapping>,
    pub(super) time: Option<TimeField>,
    /// The path of a number.
    pub(super) sequence: Option<String>,
    pub(super) severity: Option<FieldMapping>,
    pub(super) correlation_id: Option<FieldMapping>,
    /// Members of `correlation`.
    pub(super) correlation: Vec<(&'static str, FieldMapping)>,
}

#[derive(Debug, Clone)]
pub(super) struct TimeField {
    pub(super) from: RecordPaths,
    pub(super) format: TimeFormat,
    /// The time of records that have none.
    pub(super) default: Option<Timestamp>,
}

/// One input being decoded, from its first record to its last.
///
/// It remembers the time of the record before, from which a time without a year gets its year.
/// Records go in in the order of the input.
#[derive(Debug, Clone)]
pub struct InputDecoder<'d> {
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
            RecordShape::Json => RecordFormat::Json,
            RecordShape::Text(_) => RecordFormat::Text,
        }
    }

    /// Begins an input.
    pub fn begin_input(&self) -> InputDecoder<'_> {
        InputDecoder {
            decoder: self,
            times: TimeState::default(),
        }
    }

    /// Decodes a record that is an input of its own; see [`InputDecoder::decode`].
    ///
    /// # Errors
    /// As [`InputDecoder::decode`].
    pub fn decode(
        &self,
        record: &[u8],
        number: u64,
        fill: &EventDefaults<'_>,
    ) -> Result<Event, Rejection> {
        self.begin_input().decode(record, number, fill)
    }
}

impl InputDecoder<'_> {
    /// The event that a record describes. `number` is the record's place in its input, from 0,
    /// rejected records counted; it goes into the id of a record that has none of its own.
    ///
    /// # Errors
    /// The record is not one the decoder knows, or the event is rejected as [`Event::parse`]
    /// says.
    pub fn decode(
        &mut self,
        record: &[u8],
        number: u64,
        fill: &EventDefaults<'_>,
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
        // The size first: reading a record takes time that grows with it.
        if record.len() > limits::EVENT_BYTES {
            let detail = format!(
                "the record is {} bytes long, at most {} are allowed",
                record.len(),
                limits::EVENT_BYTES
            );
            return Err(Rejection::new(RejectionReason::TooLarge, detail));
        }
        let decoder = self.decoder;
        match &decoder.shape {
            RecordShape::Json => {
                let text = check::check_utf8(record)?;
                let members = RecordMembers::from_json(text)?;
                self.write_event(ParsedRecord {
                    record,
                    number,
                    arrived,
                    pattern: None,
                    members,
                })
            }
            RecordShape::Text(lines) => {
                let text = lines.decode_line(record)?;
                let (pattern, members) = lines.match_line(&text)?;
                let pattern = Some(pattern);
                self.write_event(ParsedRecord {
                    record,
                    number,
                    arrived,
                    pattern,
                    members,
                })
            }
        }
    }

    fn write_event(&mut self, read: ParsedRecord<'_>) -> Result<Vec<u8>, Rejection> {
        let decoder = self.decoder;
        let fields = &decoder.fields;
        let members = &read.members;
        let source = match &fields.source {
            Some(mapping) => mapping.require_word("source", members)?,
            None => Cow::Borrowed(decoder.name.as_str()),
        };
        let mut out = Vec::with_capacity(read.record.len() + 256);
        out.extend_from_slice(b"{\"id\":");
        match &fields.id {
            Some(mapping) => write_string(&mut out, &mapping.require_word("id", members)?),
            None => {
                // Read again, a record has the same id, so the log finds the duplicate.
                let id = record_id(&source, read.record, read.number);
                write_string(&mut out, id.as_str());
            }
        }
        // A pattern's own type wins: it was chosen by what the line says.
        let of_pattern = read
            .pattern
            .and_then(|pattern| pattern.event_type.as_deref());
        let event_type = match (of_pattern, &fields.event_type) {
            (Some(event_type), _) => Cow::Borrowed(event_type),
            (None, Some(mapping)) => mapping.require_word("type", members)?,
            (None, None) => {
                return Err(Rejection::new(
                    RejectionReason::NotDecoded,
                    "the decoder names no type",
                ));
            }
        };
        write_member(&mut out, "type", &event_type);
        write_member(&mut out, "source", &source);
        if let Some(time) = &fields.time {
            let time = self.read_time(time, &read)?;
            write_member(&mut out, "time", &time.to_string());
        }
        if let Some(channel) = &decoder.channel {
            write_member(&mut out, "channel", channel.as_str());
        }
        if let Some(path) = &fields.sequence
            && let Some(sequence) = read_sequence(path, members)?
        {
            write_key(&mut out, "sequence");
            out.extend_from_slice(sequence.to_string().as_bytes());
        }
        decoder.write_optional_members(&mut out, &read)?;
        decoder.write_metadata(&mut out, members)?;
        decoder.write_data(&mut out, &read);
        out.push(b'}');
        Ok(out)
    }

    fn read_time(
        &mut self,
        time: &TimeField,
        read: &ParsedRecord<'_>,
    ) -> Result<Timestamp, Rejection> {
        let word = match time
            .from
            .find_value(&read.members)
            .map(|piece| piece.to_word())
        {
            Some(Ok(Some(word))) => word,
            Some(Err(_)) => {
                let detail = "an array or object is not a time";
                let from = time.from.describe_paths();
                return Err(Rejection::for_member(
                    RejectionReason::WrongType,
                    from,
                    detail,
                ));
            }
            // Only a time that is missing has a default; one that is wrong is refused.
            Some(Ok(None)) | None => {
                return time
                    .default
                    .ok_or_else(|| missing_value(&time.from, "time"));
            }
        };
        time.format
            .read_time(&word, read.arrived, &mut self.times)
            .map_err(|detail| {
                Rejection::for_member(
                    RejectionReason::InvalidTime,
                    time.from.describe_paths(),
                    detail,
                )
            })
    }
}

/// A record, read but not yet written as an event.
pub(super) struct ParsedRecord<'r> {
    record: &'r [u8],
    number: u64,
    arrived: Timestamp,
    /// The pattern that matched, for text.
    pub(super) pattern: Option<&'r LinePattern>,
    pub(super) members: RecordMembers<'r>,
}

fn read_sequence(path: &str, members: &RecordMembers<'_>) -> Result<Option<u64>, Rejection> {
    let Some(piece) = members.find_value(path) else {
        return Ok(None);
    };
    match piece.to_word() {
        Ok(None) => Ok(None),
        Ok(Some(word)) => word.parse().map(Some).map_err(|_| {
            let detail = format!(
                "{:?} is not a whole number from 0 to 2^64 - 1",
                shorten_text(&word)
            );
            Rejection::for_member(RejectionReason::InvalidMember, shorten_text(path), detail)
        }),
        Err(_) => {
            let detail = "an array or object is not a sequence number";
            Err(Rejection::for_member(
                RejectionReason::WrongType,
                shorten_text(path),
                detail,
            ))
        }
    }
}

/// The id of a record that has none: the same source, bytes and place give the same id, so that a
/// file read twice gives the same events.
pub fn record_id(source: &str, record: &[u8], number: u64) -> EventId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(source.len() as u64).to_le_bytes());
    hasher.update(source.as_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(record);
    let hex = hasher.finalize().to_hex();
    EventId::new(hex.get(..32).unwrap_or(&hex)).expect("hexadecimal digits make an id")
}
