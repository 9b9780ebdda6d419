//! A body becomes records, and each record an event or a rejection.
//!
//! Owns the splitting of bodies; parsing a record is the event crate's job. Records are parsed
//! where they lie in the body.
//! Invariant: a bad record does not spoil the others, and each keeps the number it has in the
//! body.

use larum_event::decode::InputDecoder;
use larum_event::{Event, EventDefaults, Rejection, RejectionReason, split_array};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::form::{BodyForm, RecordLayout};

/// The records of one request, in order.
#[derive(Debug)]
pub(super) struct RequestRecords {
    pub(super) list: Vec<RequestRecord>,
    pub(super) kind: RequestKind,
}

/// Whether a request is about one event or a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    Single,
    Batch,
}

/// One record, read.
#[derive(Debug)]
pub(super) struct RequestRecord {
    /// Its line in the body, from 1, where it is one.
    pub(super) line: Option<usize>,
    pub(super) outcome: Result<Event, Rejection>,
}

/// Why a body as a whole is refused.
#[derive(Debug)]
pub(super) enum BodyRefusal {
    Whole(Rejection),
    TooMany { most: usize },
}

impl RequestRecords {
    fn single(outcome: Result<Event, Rejection>) -> Self {
        Self {
            list: vec![RequestRecord {
                line: None,
                outcome,
            }],
            kind: RequestKind::Single,
        }
    }

    /// The events, in order.
    pub(super) fn events(&self) -> Vec<Event> {
        let events = self
            .list
            .iter()
            .filter_map(|record| record.outcome.as_ref().ok());
        events.cloned().collect()
    }

    pub(super) fn rejections(&self) -> impl Iterator<Item = &Rejection> {
        self.list
            .iter()
            .filter_map(|record| record.outcome.as_ref().err())
    }
}

/// Reads a body that holds at most `most` records.
pub(super) fn parse_body(
    body: &[u8],
    form: &BodyForm,
    fill: &EventDefaults<'_>,
    most: usize,
) -> Result<RequestRecords, BodyRefusal> {
    match form {
        // An array is a batch even with one element, since the shape of the answer follows the
        // shape of the request.
        BodyForm::Json if is_array(body) => {
            parse_elements(body, most, |json| parse_event(json, fill))
        }
        BodyForm::Json => Ok(RequestRecords::single(parse_event(body, fill))),
        BodyForm::Lines => parse_lines(body, most, |line| parse_event(line, fill)),
        BodyForm::CloudEvent => Ok(RequestRecords::single(Event::parse_cloudevent(body, fill))),
        BodyForm::CloudEventBatch => {
            parse_elements(body, most, |json| Event::parse_cloudevent(json, fill))
        }
        BodyForm::Binary(attributes) => Ok(RequestRecords::single(
            attributes
                .to_structured(body)
                .and_then(|json| Event::parse_cloudevent(&json, fill)),
        )),
        BodyForm::Decoded {
            decoder,
            layout,
            first,
        } => {
            let mut numbered = RecordDecoder {
                decoding: decoder.begin_input(),
                next: *first,
            };
            match layout {
                RecordLayout::Json if is_array(body) => {
                    parse_elements(body, most, |json| numbered.decode_next(json, fill))
                }
                RecordLayout::Json => Ok(RequestRecords::single(numbered.decode_next(body, fill))),
                RecordLayout::Lines => {
                    parse_lines(body, most, |line| numbered.decode_next(line, fill))
                }
            }
        }
    }
}

/// A decoder at work, and the number of its next record.
struct RecordDecoder<'d> {
    decoding: InputDecoder<'d>,
    next: u64,
}

impl RecordDecoder<'_> {
    fn decode_next(&mut self, record: &[u8], fill: &EventDefaults<'_>) -> Result<Event, Rejection> {
        let number = self.next;
        self.next = number.saturating_add(1);
        self.decoding.decode(record, number, fill)
    }
}

fn is_array(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

fn parse_elements(
    body: &[u8],
    most: usize,
    mut read: impl FnMut(&[u8]) -> Result<Event, Rejection>,
) -> Result<RequestRecords, BodyRefusal> {
    let elements = split_array(body, most).map_err(|rejection| match rejection.reason {
        RejectionReason::TooLarge => BodyRefusal::TooMany { most },
        _ => BodyRefusal::Whole(rejection),
    })?;
    let list = elements
        .into_iter()
        .map(|element| RequestRecord {
            line: None,
            outcome: read(element.as_bytes()),
        })
        .collect();
    Ok(RequestRecords {
        list,
        kind: RequestKind::Batch,
    })
}

/// One record per line; blank lines are none.
fn parse_lines(
    body: &[u8],
    most: usize,
    mut read: impl FnMut(&[u8]) -> Result<Event, Rejection>,
) -> Result<RequestRecords, BodyRefusal> {
    let mut list = Vec::new();
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        if list.len() == most {
            return Err(BodyRefusal::TooMany { most });
        }
        list.push(RequestRecord {
            line: Some(index + 1),
            outcome: read(line),
        });
    }
    Ok(RequestRecords {
        list,
        kind: RequestKind::Batch,
    })
}

/// Reads an event in either form.
fn parse_event(json: &[u8], fill: &EventDefaults<'_>) -> Result<Event, Rejection> {
    if is_cloudevent(json) {
        Event::parse_cloudevent(json, fill)
    } else {
        Event::parse(json, fill)
    }
}

/// Whether the object has the member `specversion`, which every CloudEvent has.
fn is_cloudevent(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        specversion: Option<IgnoredAny>,
    }
    // The cheap question first: hardly any other event holds the word at all.
    let holds_word = std::str::from_utf8(json).is_ok_and(|text| text.contains("\"specversion\""));
    holds_word
        && serde_json::from_slice::<Probe>(json).is_ok_and(|probe| probe.specversion.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_member_of_the_event_itself_makes_it_a_cloudevent() {
        assert!(is_cloudevent(br#"{"specversion":"1.0"}"#));
        assert!(is_cloudevent(br#"{"id":"a","specversion": 1}"#));
        assert!(!is_cloudevent(br#"{"data":{"specversion":"1.0"}}"#));
        assert!(!is_cloudevent(br#"{"specversion":"1.0""#));
    }

    #[test]
    fn blank_lines_are_no_records_and_lines_keep_their_numbers() {
        let reject = |line: &[u8]| {
            Err(Rejection::new(
                RejectionReason::Syntax,
                String::from_utf8_lossy(line),
            ))
        };
        let records = parse_lines(b"\na\r\n \n\nb", 2, reject).unwrap();
        let found: Vec<_> = records
            .list
            .iter()
            .map(|record| {
                (
                    record.line.unwrap(),
                    record.outcome.as_ref().unwrap_err().detail.as_str(),
                )
            })
            .collect();
        assert_eq!(found, [(2, "a"), (5, "b")]);
        assert!(matches!(
            parse_lines(b"a\nb\nc", 2, reject),
            Err(BodyRefusal::TooMany { most: 2 })
        ));
    }
}
