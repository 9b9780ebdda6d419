//! A body becomes records, and each record an event or a rejection.
//!
//! Records are parsed where they lie in the body, and one that is bad does not spoil the others.

use larum_event::decode::Decoding;
use larum_event::{Event, Fill, Reason, Rejection, split_array};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::form::{Form, Layout};

/// The records of one request, in order.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) list: Vec<Record>,
    pub(super) kind: Kind,
}

/// Whether a request is about one event or a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Batch,
}

/// One record, read.
#[derive(Debug)]
pub(super) struct Record {
    /// Its line in the body, from 1, where it is one.
    pub(super) line: Option<usize>,
    pub(super) outcome: Result<Event, Rejection>,
}

/// Why a body as a whole is refused.
#[derive(Debug)]
pub(super) enum Refused {
    Whole(Rejection),
    TooMany { most: usize },
}

impl Records {
    fn single(outcome: Result<Event, Rejection>) -> Self {
        Self {
            list: vec![Record {
                line: None,
                outcome,
            }],
            kind: Kind::Single,
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
pub(super) fn parse(
    body: &[u8],
    form: &Form,
    fill: &Fill<'_>,
    most: usize,
) -> Result<Records, Refused> {
    match form {
        Form::Json if is_array(body) => elements(body, most, |json| any_event(json, fill)),
        Form::Json => Ok(Records::single(any_event(body, fill))),
        Form::Lines => lines(body, most, |line| any_event(line, fill)),
        Form::CloudEvent => Ok(Records::single(Event::parse_cloudevent(body, fill))),
        Form::CloudEventBatch => elements(body, most, |json| Event::parse_cloudevent(json, fill)),
        Form::Binary(attributes) => Ok(Records::single(
            attributes
                .to_structured(body)
                .and_then(|json| Event::parse_cloudevent(&json, fill)),
        )),
        Form::Decoded {
            decoder,
            layout,
            first,
        } => {
            let mut numbered = Numbered {
                decoding: decoder.begin(),
                next: *first,
            };
            match layout {
                Layout::Json if is_array(body) => {
                    elements(body, most, |json| numbered.decode(json, fill))
                }
                Layout::Json => Ok(Records::single(numbered.decode(body, fill))),
                Layout::Lines => lines(body, most, |line| numbered.decode(line, fill)),
            }
        }
    }
}

/// A decoder at work, and the number of its next record.
struct Numbered<'d> {
    decoding: Decoding<'d>,
    next: u64,
}

impl Numbered<'_> {
    fn decode(&mut self, record: &[u8], fill: &Fill<'_>) -> Result<Event, Rejection> {
        let number = self.next;
        self.next = number.saturating_add(1);
        self.decoding.decode(record, number, fill)
    }
}

fn is_array(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

fn elements(
    body: &[u8],
    most: usize,
    mut read: impl FnMut(&[u8]) -> Result<Event, Rejection>,
) -> Result<Records, Refused> {
    let elements = split_array(body, most).map_err(|rejection| match rejection.reason {
        Reason::TooLarge => Refused::TooMany { most },
        _ => Refused::Whole(rejection),
    })?;
    let list = elements
        .into_iter()
        .map(|element| Record {
            line: None,
            outcome: read(element.as_bytes()),
        })
        .collect();
    Ok(Records {
        list,
        kind: Kind::Batch,
    })
}

/// One record per line; blank lines are none.
fn lines(
    body: &[u8],
    most: usize,
    mut read: impl FnMut(&[u8]) -> Result<Event, Rejection>,
) -> Result<Records, Refused> {
    let mut list = Vec::new();
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        if list.len() == most {
            return Err(Refused::TooMany { most });
        }
        list.push(Record {
            line: Some(index + 1),
            outcome: read(line),
        });
    }
    Ok(Records {
        list,
        kind: Kind::Batch,
    })
}

/// Reads an event in either form.
fn any_event(json: &[u8], fill: &Fill<'_>) -> Result<Event, Rejection> {
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
                Reason::Syntax,
                String::from_utf8_lossy(line),
            ))
        };
        let records = lines(b"\na\r\n \n\nb", 2, reject).unwrap();
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
            lines(b"a\nb\nc", 2, reject),
            Err(Refused::TooMany { most: 2 })
        ));
    }
}
