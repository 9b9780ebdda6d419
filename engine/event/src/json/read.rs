//! What the members of an event mean: from a draft to an event.
//!
//! Owns the envelope's checks and the order of the canonical members. A member is looked at once, and
//! the envelope and the line are made of the same value, so that they never contradict each other.

use std::borrow::Cow;

use super::Fill;
use super::draft::Draft;
use super::member::{Checked, invalid, missing, name, object, present, string, text, wrong_type};
use super::nested::{correlation, filled, filled_json};
use super::split::Member;
use super::write::Line;
use crate::event::{Envelope, Event, Filled, Priority};
use crate::limits;
use crate::names::{Channel, CorrelationId, EventId, EventType, InvalidName, Source, TenantId};
use crate::rejection::{Reason, Rejection};
use crate::severity::Severity;
use crate::time::{InvalidTimestamp, Timestamp};
use crate::topic::Topic;

/// Makes the event of `draft`; what is missing comes from `fill`, or is refused without one.
pub(super) fn event(draft: &Draft<'_>, fill: Option<&Fill<'_>>) -> Checked<Event> {
    let mut filled = filled(draft.filled)?;
    let id = id(draft, fill, &mut filled)?;
    let (event_type, channel, topic) = topic(draft, fill)?;
    let source = source(draft, fill, &mut filled)?;
    let time = time(draft, fill, &mut filled)?;
    let severity = severity(draft, fill, &event_type, &mut filled)?;
    let (correlation, correlation_others) = correlation(draft.correlation)?;
    let metadata = match present(draft.metadata) {
        Some(json) => object("metadata", json)?,
        None => Vec::new(),
    };
    let (tenant, tenant_named) = tenant(&metadata, fill)?;
    let envelope = Envelope {
        id,
        event_type,
        source,
        time,
        sequence: present(draft.sequence).map(sequence).transpose()?,
        channel,
        topic,
        tenant,
        severity,
        priority: priority(draft.priority)?,
        correlation_id: name("correlationId", draft.correlation_id, |text| {
            CorrelationId::new(text)
        })?,
        correlation,
        causation_id: name("causationId", draft.causation_id, |text| EventId::new(text))?,
        filled,
    };
    let rest = Rest {
        data_version: text(
            "dataVersion",
            draft.data_version,
            limits::DATA_VERSION_BYTES,
        )?,
        traceparent: text("traceparent", draft.traceparent, limits::TRACEPARENT_BYTES)?,
        correlation: correlation_others,
        others: &draft.others,
        metadata,
        tenant_named,
        data: draft.data,
    };
    let line = line(&envelope, &rest);
    let (json, content) = line.finish();
    Ok(Event::from_parts(envelope, json, content))
}

/// What an event's line holds beyond its envelope.
struct Rest<'a> {
    data_version: Option<Cow<'a, str>>,
    traceparent: Option<Cow<'a, str>>,
    /// Unknown members of `correlation`.
    correlation: Vec<Member<'a>>,
    /// Unknown members of the event.
    others: &'a [Member<'a>],
    metadata: Vec<Member<'a>>,
    /// Whether `metadata` names the tenant itself.
    tenant_named: bool,
    data: Option<&'a str>,
}

/// Writes the canonical line; the order of members is the format's.
fn line(envelope: &Envelope, rest: &Rest<'_>) -> Line {
    let filled = envelope.filled;
    let values = rest
        .others
        .iter()
        .chain(&rest.metadata)
        .map(|(n, v)| n.len() + v.len() + 8);
    let room = 512 + values.sum::<usize>() + rest.data.map_or(0, str::len);
    let mut line = Line::with_capacity(room);
    line.maybe_filled(filled.id, |line| line.string("id", envelope.id.as_str()));
    line.string("type", envelope.event_type.as_str());
    line.maybe_filled(filled.source, |line| {
        line.string("source", envelope.source.as_str())
    });
    line.maybe_filled(filled.time, |line| {
        line.string("time", &envelope.time.to_string())
    });
    if let Some(sequence) = envelope.sequence {
        line.number("sequence", sequence);
    }
    line.string("channel", envelope.channel.as_str());
    if let Some(version) = &rest.data_version {
        line.string("dataVersion", version);
    }
    line.maybe_filled(filled.severity, |line| {
        line.string("severity", envelope.severity.as_str());
    });
    line.string("priority", envelope.priority.as_str());
    if let Some(id) = &envelope.correlation_id {
        line.string("correlationId", id.as_str());
    }
    if let Some(correlation) = &envelope.correlation {
        line.object("correlation", |line| {
            correlation.write(line);
            for (name, value) in &rest.correlation {
                line.json(name, value);
            }
        });
    }
    if let Some(id) = &envelope.causation_id {
        line.string("causationId", id.as_str());
    }
    if let Some(trace) = &rest.traceparent {
        line.string("traceparent", trace);
    }
    if filled != Filled::default() {
        line.maybe_filled(true, |line| line.json("filled", &filled_json(filled)));
    }
    for (name, value) in rest.others {
        line.json(name, value);
    }
    line.object("metadata", |line| {
        if !rest.tenant_named {
            line.string("tenantId", envelope.tenant.as_str());
        }
        for (name, value) in &rest.metadata {
            line.json(name, value);
        }
    });
    if let Some(data) = rest.data {
        line.json("data", data);
    }
    line
}

fn id(draft: &Draft<'_>, fill: Option<&Fill<'_>>, filled: &mut Filled) -> Checked<EventId> {
    match (name("id", draft.id, |text| EventId::new(text))?, fill) {
        (Some(id), _) => Ok(id),
        (None, Some(fill)) => {
            filled.id = true;
            Ok((fill.new_id)())
        }
        (None, None) => Err(missing("id")),
    }
}

fn source(draft: &Draft<'_>, fill: Option<&Fill<'_>>, filled: &mut Filled) -> Checked<Source> {
    if let Some(source) = name("source", draft.source, |text| Source::new(text))? {
        return Ok(source);
    }
    let source = fill.and_then(|fill| fill.source);
    filled.source = source.is_some() || filled.source;
    source.cloned().ok_or_else(|| missing("source"))
}

fn time(draft: &Draft<'_>, fill: Option<&Fill<'_>>, filled: &mut Filled) -> Checked<Timestamp> {
    let Some(json) = present(draft.time) else {
        filled.time = true;
        return fill.map(|fill| fill.arrived).ok_or_else(|| missing("time"));
    };
    if !json.starts_with('"') {
        return Err(wrong_type(
            "time",
            "an RFC 3339 string such as \"2026-11-20T12:00:00Z\"",
            json,
        ));
    }
    let text = string("time", json)?;
    Timestamp::parse(&text).map_err(|error| {
        let reason = match &error {
            InvalidTimestamp::Format { text } if text.is_empty() => Reason::InvalidMember,
            InvalidTimestamp::Format { .. } | InvalidTimestamp::OutOfRange { .. } => {
                Reason::InvalidTime
            }
        };
        Rejection::of_member(reason, "time", error.to_string())
    })
}

fn severity(
    draft: &Draft<'_>,
    fill: Option<&Fill<'_>>,
    event_type: &EventType,
    filled: &mut Filled,
) -> Checked<Severity> {
    let Some(json) = present(draft.severity) else {
        filled.severity = true;
        return fill
            .map(|fill| (fill.severity)(event_type.as_str()))
            .ok_or_else(|| missing("severity"));
    };
    let text = string("severity", json)?;
    text.parse().map_err(|error| invalid("severity", error))
}

fn priority(json: Option<&str>) -> Checked<Priority> {
    let Some(json) = present(json) else {
        return Ok(Priority::default());
    };
    let text = string("priority", json)?;
    let refused = |()| invalid("priority", "it must be low, normal or high");
    text.parse().map_err(refused)
}

fn sequence(json: &str) -> Checked<u64> {
    if !json.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return Err(wrong_type("sequence", "a number", json));
    }
    let refused = |_| invalid("sequence", "it must be a whole number from 0 to 2^64 - 1");
    json.parse().map_err(refused)
}

/// Type, channel and the topic they make.
fn topic(draft: &Draft<'_>, fill: Option<&Fill<'_>>) -> Checked<(EventType, Channel, Topic)> {
    let spelling = string(
        "type",
        present(draft.event_type).ok_or_else(|| missing("type"))?,
    )?;
    if spelling.is_empty() {
        return Err(invalid("type", InvalidName::Empty));
    }
    let refused =
        |member: &str, detail: String| Rejection::of_member(Reason::InvalidTopic, member, detail);
    let channel = match (present(draft.channel), fill) {
        (Some(json), _) => {
            let text = string("channel", json)?;
            match Topic::new(&text) {
                _ if text.is_empty() => return Err(invalid("channel", InvalidName::Empty)),
                Err(error) => return Err(refused("channel", error.to_string())),
                Ok(_) => {
                    Channel::new(&text).map_err(|error| refused("channel", error.to_string()))?
                }
            }
        }
        (None, Some(fill)) => fill.channel.clone(),
        (None, None) => return Err(missing("channel")),
    };
    // The topic is checked first: it knows wildcards and says what to write instead.
    let topic = Topic::new(&format!("{channel}.{}", spelling.to_ascii_lowercase()))
        .map_err(|error| refused("type", error.to_string()))?;
    let event_type =
        EventType::new(&spelling).map_err(|error| refused("type", error.to_string()))?;
    Ok((event_type, channel, topic))
}

/// The tenant, and whether `metadata` names it.
fn tenant(metadata: &[Member<'_>], fill: Option<&Fill<'_>>) -> Checked<(TenantId, bool)> {
    const MEMBER: &str = "metadata.tenantId";
    match (metadata.iter().find(|(name, _)| name == "tenantId"), fill) {
        (Some((_, json)), _) => {
            let text = string(MEMBER, json)?;
            let tenant = TenantId::new(&text).map_err(|error| invalid(MEMBER, error))?;
            Ok((tenant, true))
        }
        (None, Some(fill)) => Ok((fill.tenant.clone(), false)),
        (None, None) => Err(missing(MEMBER)),
    }
}
