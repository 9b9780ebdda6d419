//! Writing the members of an event that a decoder maps or passes on.

use super::decoder::{Decoder, ParsedRecord};
use super::members::{RecordMembers, write_string};
use crate::rejection::Rejection;

impl Decoder {
    pub(super) fn write_optional_members(
        &self,
        out: &mut Vec<u8>,
        read: &ParsedRecord<'_>,
    ) -> Result<(), Rejection> {
        let members = &read.members;
        if let Some(severity) = read.pattern.and_then(|pattern| pattern.severity) {
            write_member(out, "severity", severity.as_str());
        } else if let Some(mapping) = &self.fields.severity
            && let Some(severity) = mapping.read_word(members)?
        {
            write_member(out, "severity", &severity);
        }
        if let Some(mapping) = &self.fields.correlation_id
            && let Some(id) = mapping.read_word(members)?
        {
            write_member(out, "correlationId", &id);
        }
        // The object begins with its first member, so that no empty one is written.
        let mut first = true;
        for (name, mapping) in &self.fields.correlation {
            if let Some(word) = mapping.read_word(members)? {
                out.extend_from_slice(if first {
                    b",\"correlation\":{\""
                } else {
                    b",\""
                });
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                write_string(out, &word);
                first = false;
            }
        }
        if !first {
            out.push(b'}');
        }
        Ok(())
    }

    pub(super) fn write_metadata(
        &self,
        out: &mut Vec<u8>,
        members: &RecordMembers<'_>,
    ) -> Result<(), Rejection> {
        if self.metadata.is_empty() {
            return Ok(());
        }
        write_key(out, "metadata");
        let mut object = ObjectWriter::begin(out);
        for (name, mapping) in &self.metadata {
            let before = object.out.len();
            object.write_key(name);
            if !mapping.write_json(members, object.out)? {
                object.undo_to(before);
            }
        }
        object.finish();
        Ok(())
    }

    pub(super) fn write_data(&self, out: &mut Vec<u8>, read: &ParsedRecord<'_>) {
        let constants = read.pattern.map_or(&[][..], |pattern| &pattern.data);
        write_key(out, "data");
        let mut object = ObjectWriter::begin(out);
        for (name, json) in constants {
            object.write_key(name);
            object.out.extend_from_slice(json.as_bytes());
        }
        for (name, piece) in &read.members.list {
            // What the decoder says of a kind of line stands above what the line says.
            if self.omitted_members.contains(name.as_ref())
                || constants.iter().any(|(constant, _)| constant == name)
            {
                continue;
            }
            object.write_key(name);
            piece.write_json(object.out);
        }
        object.finish();
    }
}

/// Writes one JSON object, member by member.
struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> ObjectWriter<'o> {
    fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        let start = out.len();
        Self { out, start }
    }

    fn write_key(&mut self, name: &str) {
        if self.out.len() > self.start {
            self.out.push(b',');
        }
        write_string(self.out, name);
        self.out.push(b':');
    }

    /// Takes back everything written since `length`.
    fn undo_to(&mut self, length: usize) {
        self.out.truncate(length);
    }

    fn finish(self) {
        self.out.push(b'}');
    }
}

pub(super) fn write_key(out: &mut Vec<u8>, name: &str) {
    out.push(b',');
    write_string(out, name);
    out.push(b':');
}

pub(super) fn write_member(out: &mut Vec<u8>, name: &str, value: &str) {
    write_key(out, name);
    write_string(out, value);
}
