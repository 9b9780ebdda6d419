//! What decoder files mean, and what is said about those that mean nothing.

mod json;

mod load;

mod text;

use super::Decoder;
use crate::time::Timestamp;

/// When the input of these tests arrives.
const ARRIVED: &str = "2017-01-03T12:00:00Z";

/// The event of each record as JSON, or `reason member: detail`.
fn decode(file: &str, records: &[&str]) -> Vec<String> {
    let decoder = Decoder::load("decoder.toml", file).unwrap_or_else(|error| panic!("{error}"));
    decode_with(&decoder, records)
}

fn decode_with(decoder: &Decoder, records: &[&str]) -> Vec<String> {
    let mut decoding = decoder.begin_input();
    let arrived = Timestamp::parse(ARRIVED).unwrap();
    let mut events = Vec::new();
    for (number, record) in records.iter().enumerate() {
        let number = u64::try_from(number).unwrap();
        events.push(
            match decoding.event_json(record.as_bytes(), number, arrived) {
                Ok(json) => String::from_utf8(json).unwrap(),
                Err(rejection) => format!("{} {rejection}", rejection.reason),
            },
        );
    }
    events
}

/// The member `name` of an event's JSON, or the rejection.
fn member(event: &str, name: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(event) {
        Ok(event) => event.get(name).map(ToString::to_string).unwrap_or_default(),
        Err(_) => event.to_owned(),
    }
}
