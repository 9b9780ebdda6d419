//! The form of a body, from the headers of its request.
//!
//! Owns which forms there are; reading a body is the job of `records`.
//! Invariant: a form is known before the body is read, so that an unknown content type is refused
//! without reading the body.
//!
//! The content types that a web page may send without asking first (`text/plain` and the two of
//! forms) are refused, except for `text/plain` to a decoder; there the `Origin` check is the only
//! protection.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use larum_event::QueryParams;
use larum_event::decode::{Decoder, RecordFormat};

use super::binary::CloudEventAttributes;
use crate::door::DoorState;
use crate::params::bad_parameter;
use crate::problem::HttpProblem;

/// What a body is.
#[derive(Debug)]
pub(super) enum BodyForm {
    /// One event, or an array of them; an object with `specversion` is a CloudEvent.
    Json,
    /// An event per line; an object with `specversion` is a CloudEvent.
    Lines,
    /// One CloudEvent.
    CloudEvent,
    /// An array of CloudEvents.
    CloudEventBatch,
    /// The data of one CloudEvent; its attributes are headers.
    Binary(CloudEventAttributes),
    /// Records of another format.
    Decoded {
        decoder: Arc<Decoder>,
        layout: RecordLayout,
        /// The number of the first record.
        first: u64,
    },
}

/// How records are arranged in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordLayout {
    /// One JSON object, or an array of them.
    Json,
    /// A record per line.
    Lines,
}

impl BodyForm {
    pub(super) fn from_request(
        params: &QueryParams,
        headers: &HeaderMap,
        door: &DoorState,
    ) -> Result<Self, HttpProblem> {
        let media = media_type(headers)?;
        if let Some(name) = params.single_value("decoder")? {
            return Self::for_decoder(name, &media, params, door);
        }
        if params.single_value("first")?.is_some() {
            return Err(bad_parameter(
                "first",
                "it goes with decoder, which is not there",
            ));
        }
        if headers.contains_key("ce-specversion") {
            return CloudEventAttributes::from_headers(headers, &media).map(Self::Binary);
        }
        match media.as_str() {
            "application/json" => Ok(Self::Json),
            "application/x-ndjson" | "application/ndjson" => Ok(Self::Lines),
            "application/cloudevents+json" => Ok(Self::CloudEvent),
            "application/cloudevents-batch+json" => Ok(Self::CloudEventBatch),
            _ => Err(unsupported_type(&media).with_help(
                "send application/json, application/x-ndjson, application/cloudevents+json or \
                 application/cloudevents-batch+json; text/plain goes with ?decoder=",
            )),
        }
    }

    fn for_decoder(
        name: &str,
        media: &str,
        params: &QueryParams,
        door: &DoorState,
    ) -> Result<Self, HttpProblem> {
        let decoder = door.decoders.get(name).ok_or_else(|| {
            let names: Vec<&str> = door.decoders.keys().map(String::as_str).collect();
            bad_parameter("decoder", format!("there is no decoder {name:?}")).with_help(
                if names.is_empty() {
                    "no decoders are configured".to_owned()
                } else {
                    format!("the decoders are {}", names.join(", "))
                },
            )
        })?;
        // Decoder and content type must agree: a JSON array read as lines would be one long bad
        // record.
        let layout = match (decoder.record_format(), media) {
            (RecordFormat::Json, "application/json") => RecordLayout::Json,
            (RecordFormat::Json, "application/x-ndjson" | "application/ndjson")
            | (_, "text/plain" | "application/octet-stream") => RecordLayout::Lines,
            (RecordFormat::Json, _) => {
                return Err(unsupported_type(media).with_help(
                    "send the records of this decoder as application/x-ndjson or application/json",
                ));
            }
            (RecordFormat::Text, _) => {
                return Err(unsupported_type(media)
                    .with_help("send the lines of this decoder as text/plain"));
            }
        };
        Ok(Self::Decoded {
            decoder: Arc::clone(decoder),
            layout,
            first: params.parse("first")?.unwrap_or(0),
        })
    }
}

/// The content type in lower case, without its parameters.
fn media_type(headers: &HeaderMap) -> Result<String, HttpProblem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(HttpProblem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type_missing",
            "the request has no content type",
        )
        .with_help("add a header such as Content-Type: application/json"));
    };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let (media, parameters) = text.split_once(';').unwrap_or((&text, ""));
    for parameter in parameters.split(';') {
        if let Some((name, charset)) = parameter.split_once('=')
            && name.trim() == "charset"
            && !matches!(
                charset.trim().trim_matches('"'),
                "utf-8" | "utf8" | "us-ascii"
            )
        {
            return Err(unsupported_type(&text).with_help("events are read as UTF-8 only"));
        }
    }
    Ok(media.trim().to_owned())
}

pub(super) fn unsupported_type(media: &str) -> HttpProblem {
    HttpProblem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_content_type",
        format!("content type {media:?} is not read here"),
    )
}
