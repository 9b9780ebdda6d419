//! CloudEvents in binary mode: attributes are headers, the body is the data.
//!
//! The event is brought into structured JSON, which [`larum_event::Event::parse_cloudevent`] checks
//! like any other.

use actix_web::http::header::HeaderMap;
use larum_event::{Rejection, RejectionReason};
use serde_json::value::RawValue;

use super::form::unsupported_type;
use crate::problem::HttpProblem;

/// The attributes of an event, and what its data is.
#[derive(Debug)]
pub(super) struct CloudEventAttributes {
    /// Names without `ce-`, and values.
    pairs: Vec<(String, String)>,
    media: String,
    data: PayloadKind,
}

#[derive(Debug, Clone, Copy)]
enum PayloadKind {
    Json,
    Text,
}

impl CloudEventAttributes {
    pub(super) fn from_headers(headers: &HeaderMap, media: &str) -> Result<Self, HttpProblem> {
        let data = if media == "application/json" || media.ends_with("+json") {
            PayloadKind::Json
        } else if media.starts_with("text/") {
            PayloadKind::Text
        } else {
            return Err(unsupported_type(media).with_help(
                "in binary mode the data is JSON or text; send other data base64-coded in structured mode",
            ));
        };
        let mut pairs = Vec::new();
        for (name, value) in headers {
            if let Some(attribute) = name.as_str().strip_prefix("ce-") {
                let value = value
                    .to_str()
                    .ok()
                    .and_then(decode_percent)
                    .ok_or_else(|| {
                        let message = format!("{name} is not percent-encoded UTF-8");
                        HttpProblem::bad_request("bad_header", message)
                    })?;
                pairs.push((attribute.to_owned(), value));
            }
        }
        Ok(Self {
            pairs,
            media: media.to_owned(),
            data,
        })
    }

    /// The event in structured JSON.
    pub(super) fn to_structured(&self, body: &[u8]) -> Result<Vec<u8>, Rejection> {
        let mut out = Vec::with_capacity(body.len() + 512);
        out.push(b'{');
        for (name, value) in &self.pairs {
            write_string(&mut out, name);
            out.push(b':');
            write_string(&mut out, value);
            out.push(b',');
        }
        out.extend_from_slice(b"\"datacontenttype\":");
        write_string(&mut out, &self.media);
        if !body.is_empty() {
            out.extend_from_slice(b",\"data\":");
            match self.data {
                PayloadKind::Json => {
                    // The body must be one JSON value, or it could go on as members of the event.
                    let value: &RawValue = serde_json::from_slice(body).map_err(|error| {
                        Rejection::for_member(RejectionReason::Syntax, "data", error.to_string())
                    })?;
                    out.extend_from_slice(value.get().as_bytes());
                }
                PayloadKind::Text => {
                    let text = std::str::from_utf8(body).map_err(|error| {
                        let detail = format!("not UTF-8 from byte {} on", error.valid_up_to());
                        Rejection::for_member(RejectionReason::InvalidUtf8, "data", detail)
                    })?;
                    write_string(&mut out, text);
                }
            }
        }
        out.push(b'}');
        Ok(out)
    }
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
}

/// The text that `value` encodes; `None` when it encodes none.
fn decode_percent(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_percent_decoded_or_refused() {
        assert_eq!(
            decode_percent("Euro%20%E2%82%AC").as_deref(),
            Some("Euro €")
        );
        assert_eq!(decode_percent("plain").as_deref(), Some("plain"));
        for broken in ["%", "%2", "%zz", "%ff", "%+1"] {
            assert_eq!(decode_percent(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_body_cannot_add_members_to_its_event() {
        let attributes = CloudEventAttributes {
            pairs: vec![("id".to_owned(), "1".to_owned())],
            media: "application/json".to_owned(),
            data: PayloadKind::Json,
        };
        assert!(
            attributes
                .to_structured(br#"1,"channel":"alerts""#)
                .is_err()
        );
        assert_eq!(
            attributes.to_structured(b" [1] ").unwrap(),
            br#"{"id":"1","datacontenttype":"application/json","data":[1]}"#
        );
    }
}
