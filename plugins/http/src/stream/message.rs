//! The messages of clients and door over the stream.
//!
//! Owns their JSON; which events match an interest is the engine's job.
//! Invariant: an unknown type, filter or member is an error, because a filter that is misspelt and
//! ignored lets everything pass.

use larum_engine::{DeliveredEvent, EventInterest};
use larum_event::{
    CorrelationId, EventId, EventType, Severity, Source, TenantId, Timestamp, TopicPattern,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Most values of one filter.
const VALUES: usize = 100;
const FILTERS: &str =
    "filters are eventType, severity, topics, userId, source, tenant and correlationId";

/// What a client asks for.
#[derive(Debug)]
pub(super) enum StreamRequest {
    /// To hear what `interest` says; `filters` are its own words.
    Subscribe {
        interest: EventInterest,
        filters: Box<RawValue>,
    },
    /// To hear nothing.
    Unsubscribe,
}

/// What is wrong with a client's message.
#[derive(Debug)]
pub(super) struct MessageFault {
    pub(super) message: String,
    pub(super) help: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientMessage<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    filters: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct StreamFilters {
    event_type: FilterValues,
    severity: FilterValues,
    topics: FilterValues,
    user_id: Option<String>,
    source: Option<String>,
    tenant: Option<String>,
    correlation_id: Option<String>,
}

/// One value or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a string or an array of strings")]
enum FilterValues {
    One(String),
    Several(Vec<String>),
    None(()),
}

impl Default for FilterValues {
    fn default() -> Self {
        Self::None(())
    }
}

impl StreamRequest {
    pub(super) fn parse(text: &str) -> Result<Self, MessageFault> {
        let fault = |message: String, help: &str| MessageFault {
            message,
            help: help.to_owned(),
        };
        let message: ClientMessage<'_> = parse_object(text).map_err(|error| {
            let help = "a message is an object such as {\"type\":\"subscribe\",\"filters\":{}}";
            fault(format!("the message is not understood: {error}"), help)
        })?;
        match message.kind.as_str() {
            // Everything is read before the interest is returned, so a bad filter leaves the one in
            // force as it is.
            "subscribe" => {
                let text = message.filters.map_or("{}", RawValue::get);
                let filters: StreamFilters = parse_object(text)
                    .map_err(|error| fault(format!("filters: {error}"), FILTERS))?;
                let interest = filters
                    .into_interest()
                    .map_err(|message| fault(message, FILTERS))?;
                let filters = RawValue::from_string(text.to_owned())
                    .map_err(|error| fault(error.to_string(), FILTERS))?;
                Ok(Self::Subscribe { interest, filters })
            }
            "unsubscribe" => Ok(Self::Unsubscribe),
            other => {
                let other: String = other.chars().take(64).collect();
                let help = "types of messages are subscribe and unsubscribe";
                Err(fault(
                    format!("there is no message of type {other:?}"),
                    help,
                ))
            }
        }
    }
}

/// Reads a JSON object; the members of an array have no names to check.
fn parse_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err("it is not a JSON object".to_owned());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

impl StreamFilters {
    fn into_interest(self) -> Result<EventInterest, String> {
        Ok(EventInterest {
            patterns: self.topics.parse_values("topics", TopicPattern::new)?,
            event_types: self
                .event_type
                .parse_values("eventType", |text| EventType::new(text))?,
            severities: self
                .severity
                .parse_values("severity", str::parse::<Severity>)?,
            user: self.user_id,
            source: parse_one("source", self.source, |text| Source::new(text))?,
            tenant: parse_one("tenant", self.tenant, |text| TenantId::new(text))?,
            correlation: parse_one("correlationId", self.correlation_id, |text| {
                CorrelationId::new(text)
            })?,
        })
    }
}

impl FilterValues {
    fn parse_values<T, E: std::fmt::Display>(
        self,
        name: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, String> {
        let values = match self {
            Self::None(()) => Vec::new(),
            Self::One(value) => vec![value],
            Self::Several(values) => values,
        };
        if values.len() > VALUES {
            return Err(format!(
                "{name}: it has {} values, at most {VALUES} are allowed",
                values.len()
            ));
        }
        let values = values.iter().map(|value| read(value));
        values
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{name}: {error}"))
    }
}

fn parse_one<T, E: std::fmt::Display>(
    name: &str,
    value: Option<String>,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    let value = value.map(|text| read(&text)).transpose();
    value.map_err(|error| format!("{name}: {error}"))
}

/// What the door says, but for events.
#[derive(Debug, Serialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub(super) enum StreamMessage<'a> {
    /// The first message of every connection.
    ConnectionEstablished {
        client_id: &'a EventId,
        timestamp: Timestamp,
    },
    /// From here on these filters hold.
    SubscriptionUpdated { filters: &'a RawValue },
    /// From here on nothing is delivered.
    Unsubscribed,
    /// So many events were not delivered, for the client was too slow.
    Gap { missed: u64 },
    /// A message of the client was not understood or not followed.
    Error {
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        help: Option<&'a str>,
    },
}

impl<'a> StreamMessage<'a> {
    pub(super) fn error(code: &'static str, message: &'a str, help: Option<&'a str>) -> Self {
        Self::Error {
            code,
            message,
            help,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names, numbers and checked JSON can be written")
    }
}

/// An event or alert as it is sent to listeners. The event itself is the last member, byte for
/// byte.
pub(super) fn security_event_json(delivered: &DeliveredEvent) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct EventHead<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        id: &'a EventId,
        event_type: &'a EventType,
        topic: &'a str,
        timestamp: Timestamp,
        severity: Severity,
        position: u64,
    }
    let envelope = delivered.event.envelope();
    let json = delivered.event.json();
    let mut text = Vec::with_capacity(json.len() + 320);
    let head = EventHead {
        kind: "security_event",
        id: &envelope.id,
        event_type: &envelope.event_type,
        topic: envelope.topic.as_str(),
        timestamp: envelope.time,
        severity: envelope.severity,
        position: delivered.position.0,
    };
    serde_json::to_writer(&mut text, &head).expect("writing to memory does not fail");
    text.pop();
    text.extend_from_slice(b",\"eventData\":");
    text.extend_from_slice(json.as_bytes());
    text.push(b'}');
    String::from_utf8(text).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interest(text: &str) -> EventInterest {
        match StreamRequest::parse(text).unwrap() {
            StreamRequest::Subscribe { interest, .. } => interest,
            StreamRequest::Unsubscribe => panic!("not a subscription"),
        }
    }

    #[test]
    fn a_filter_is_one_value_or_several_and_none_lets_everything_pass() {
        let one =
            interest(r#"{"type":"subscribe","filters":{"eventType":"auth.login","userId":"eve"}}"#);
        assert_eq!(
            (one.event_types.len(), one.user.as_deref()),
            (1, Some("eve"))
        );
        let several = interest(
            r#"{"type":"subscribe","filters":{"severity":["high","critical"],"topics":["a.#"]}}"#,
        );
        assert_eq!((several.severities.len(), several.patterns.len()), (2, 1));
        for text in [
            r#"{"type":"subscribe"}"#,
            r#"{"type":"subscribe","filters":{}}"#,
            r#"{"type":"subscribe","filters":null}"#,
            r#"{"type":"subscribe","filters":{"severity":null,"userId":null,"topics":[]}}"#,
        ] {
            let everything = interest(text);
            assert!(
                everything.severities.is_empty() && everything.patterns.is_empty(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_message_is_said() {
        for (text, says) in [
            ("", "not understood"),
            ("[1]", "not understood"),
            (
                r#"{"type":"subscribe","filter":{}}"#,
                "unknown field `filter`",
            ),
            (
                r#"{"type":"subscrible"}"#,
                "no message of type \"subscrible\"",
            ),
            (
                r#"{"type":"subscribe","filters":{"user":"eve"}}"#,
                "unknown field `user`",
            ),
            (
                r#"{"type":"subscribe","filters":{"severity":"urgent"}}"#,
                "severity: \"urgent\" is not a severity",
            ),
            (
                r#"{"type":"subscribe","filters":{"severity":5}}"#,
                "a string or an array of strings",
            ),
            (
                r#"{"type":"subscribe","filters":{"topics":"a.*"}}"#,
                "topics: pattern \"a.*\"",
            ),
            (r#"{"type":"subscribe","filters":[]}"#, "filters: "),
        ] {
            let fault = StreamRequest::parse(text).unwrap_err();
            assert!(fault.message.contains(says), "{text}: {}", fault.message);
        }
    }
}
