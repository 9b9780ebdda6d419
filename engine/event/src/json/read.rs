//! What the members of an event mean: from a draft to an event.
//!
//! Owns the envelope's checks and the order of the canonical members. Syntax, size and nesting are
//! `check`'s job.
//! Invariant: the envelope and the canonical line are made of the same value, and each member is
//! read once, so the two never contradict each other.

use std::borrow::Cow;

use super::EventDefaults;
use super::draft::EventDraft;
use super::member::{
    MemberResult, invalid_member, missing_member, non_null, read_name, read_object, read_string,
    read_text, wrong_type,
};
use super::nested::{filled_to_json, read_correlation, read_filled};
use super::split::RawMember;
use super::write::CanonicalWriter;
use crate::event::{Envelope, Event, FilledMembers, Priority};
use crate::limits;
use crate::names::{Channel, CorrelationId, EventId, EventType, InvalidName, Source, TenantId};
use crate::rejection::{Rejection, RejectionReason};
use crate::severity::Severity;
use crate::time::{InvalidTimestamp, Timestamp};
use crate::topic::Topic;

/// Makes the event of `draft`; what is missing comes from `fill`, or is refused without one.
pub(super) fn build_event(
    draft: &EventDraft<'_>,
    fill: Option<&EventDefaults<'_>>,
) -> MemberResult<Event> {
    let mut filled = read_filled(draft.filled)?;
    let id = read_id(draft, fill, &mut filled)?;
    let (event_type, channel, topic) = read_topic(draft, fill)?;
    let source = read_source(draft, fill, &mut filled)?;
    let time = read_time(draft, fill, &mut filled)?;
    // Behind the type: a policy gives severities by it.
    let severity = read_severity(draft, fill, &event_type, &mut filled)?;
    let (correlation, correlation_others) = read_correlation(draft.correlation)?;
    let metadata = match non_null(draft.metadata) {
        Some(json) => read_object("metadata", json)?,
        None => Vec::new(),
    };
    let (tenant, tenant_named) = read_tenant(&metadata, fill)?;
    let envelope = Envelope {
        id,
        event_type,
        source,
        time,
        sequence: non_null(draft.sequence).map(read_sequence).transpose()?,
        channel,
        topic,
        tenant,
        severity,
        priority: read_priority(draft.priority)?,
        correlation_id: read_name("correlationId", draft.correlation_id, |text| {
            CorrelationId::new(text)
        })?,
        correlation,
        causation_id: read_name("causationId", draft.causation_id, |text| EventId::new(text))?,
        filled,
    };
    let rest = EventExtras {
        data_version: read_text(
            "dataVersion",
            draft.data_version,
            limits::DATA_VERSION_BYTES,
        )?,
        traceparent: read_text("traceparent", draft.traceparent, limits::TRACEPARENT_BYTES)?,
        correlation: correlation_others,
        others: &draft.others,
        metadata,
        tenant_named,
        data: draft.data,
    };
    let line = write_line(&envelope, &rest);
    let (json, content) = line.finish();
    Ok(Event::from_parts(envelope, json, content))
}

/// What an event's line holds beyond its envelope.
struct EventExtras<'a> {
    data_version: Option<Cow<'a, str>>,
    traceparent: Option<Cow<'a, str>>,
    /// Unknown members of `correlation`.
    correlation: Vec<RawMember<'a>>,
    /// Unknown members of the event.
    others: &'a [RawMember<'a>],
    metadata: Vec<RawMember<'a>>,
    /// Whether `metadata` names the tenant itself.
    tenant_named: bool,
    data: Option<&'a str>,
}

/// Writes the canonical line; the order of members is the format's.
fn write_line(envelope: &Envelope, rest: &EventExtras<'_>) -> CanonicalWriter {
    // What was filled in is in the line and not in the hash: sent again, the event is the same.
    let filled = envelope.filled;
    let values = rest
        .others
        .iter()
        .chain(&rest.metadata)
        .map(|(n, v)| n.len() + v.len() + 8);
    let room = 512 + values.sum::<usize>() + rest.data.map_or(0, str::len);
    let mut line = CanonicalWriter::with_capacity(room);
    line.write_maybe_filled(filled.id, |line| {
        line.write_string("id", envelope.id.as_str())
    });
    line.write_string("type", envelope.event_type.as_str());
    line.write_maybe_filled(filled.source, |line| {
        line.write_string("source", envelope.source.as_str())
    });
    line.write_maybe_filled(filled.time, |line| {
        line.write_string("time", &envelope.time.to_string())
    });
    if let Some(sequence) = envelope.sequence {
        line.write_number("sequence", sequence);
    }
    line.write_string("channel", envelope.channel.as_str());
    if let Some(version) = &rest.data_version {
        line.write_string("dataVersion", version);
    }
    line.write_maybe_filled(filled.severity, |line| {
        line.write_string("severity", envelope.severity.as_str());
    });
    line.write_string("priority", envelope.priority.as_str());
    if let Some(id) = &envelope.correlation_id {
        line.write_string("correlationId", id.as_str());
    }
    if let Some(correlation) = &envelope.correlation {
        line.write_object("correlation", |line| {
            correlation.write_members(line);
            for (name, value) in &rest.correlation {
                line.write_json(name, value);
            }
        });
    }
    if let Some(id) = &envelope.causation_id {
        line.write_string("causationId", id.as_str());
    }
    if let Some(trace) = &rest.traceparent {
        line.write_string("traceparent", trace);
    }
    if filled != FilledMembers::default() {
        line.write_maybe_filled(true, |line| {
            line.write_json("filled", &filled_to_json(filled))
        });
    }
    for (name, value) in rest.others {
        line.write_json(name, value);
    }
    line.write_object("metadata", |line| {
        if !rest.tenant_named {
            line.write_string("tenantId", envelope.tenant.as_str());
        }
        for (name, value) in &rest.metadata {
            line.write_json(name, value);
        }
    });
    if let Some(data) = rest.data {
        line.write_json("data", data);
    }
    line
}

fn read_id(
    draft: &EventDraft<'_>,
    fill: Option<&EventDefaults<'_>>,
    filled: &mut FilledMembers,
) -> MemberResult<EventId> {
    match (read_name("id", draft.id, |text| EventId::new(text))?, fill) {
        (Some(id), _) => Ok(id),
        (None, Some(fill)) => {
            filled.id = true;
            Ok((fill.new_id)())
        }
        (None, None) => Err(missing_member("id")),
    }
}

fn read_source(
    draft: &EventDraft<'_>,
    fill: Option<&EventDefaults<'_>>,
    filled: &mut FilledMembers,
) -> MemberResult<Source> {
    if let Some(source) = read_name("source", draft.source, |text| Source::new(text))? {
        return Ok(source);
    }
    let source = fill.and_then(|fill| fill.source);
    filled.source = source.is_some() || filled.source;
    source.cloned().ok_or_else(|| missing_member("source"))
}

fn read_time(
    draft: &EventDraft<'_>,
    fill: Option<&EventDefaults<'_>>,
    filled: &mut FilledMembers,
) -> MemberResult<Timestamp> {
    let Some(json) = non_null(draft.time) else {
        filled.time = true;
        return fill
            .map(|fill| fill.arrived)
            .ok_or_else(|| missing_member("time"));
    };
    if !json.starts_with('"') {
        return Err(wrong_type(
            "time",
            "an RFC 3339 string such as \"2026-11-20T12:00:00Z\"",
            json,
        ));
    }
    let text = read_string("time", json)?;
    Timestamp::parse(&text).map_err(|error| {
        let reason = match &error {
            InvalidTimestamp::Format { text } if text.is_empty() => RejectionReason::InvalidMember,
            InvalidTimestamp::Format { .. } | InvalidTimestamp::OutOfRange { .. } => {
                RejectionReason::InvalidTime
            }
        };
        Rejection::for_member(reason, "time", error.to_string())
    })
}

fn read_severity(
    draft: &EventDraft<'_>,
    fill: Option<&EventDefaults<'_>>,
    event_type: &EventType,
    filled: &mut FilledMembers,
) -> MemberResult<Severity> {
    let Some(json) = non_null(draft.severity) else {
        filled.severity = true;
        return fill
            .map(|fill| (fill.severity)(event_type.as_str()))
            .ok_or_else(|| missing_member("severity"));
    };
    let text = read_string("severity", json)?;
    text.parse()
        .map_err(|error| invalid_member("severity", error))
}

fn read_priority(json: Option<&str>) -> MemberResult<Priority> {
    let Some(json) = non_null(json) else {
        return Ok(Priority::default());
    };
    let text = read_string("priority", json)?;
    let refused = |()| invalid_member("priority", "it must be low, normal or high");
    text.parse().map_err(refused)
}

fn read_sequence(json: &str) -> MemberResult<u64> {
    if !json.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return Err(wrong_type("sequence", "a number", json));
    }
    let refused = |_| invalid_member("sequence", "it must be a whole number from 0 to 2^64 - 1");
    json.parse().map_err(refused)
}

/// Type, channel and the topic they make.
fn read_topic(
    draft: &EventDraft<'_>,
    fill: Option<&EventDefaults<'_>>,
) -> MemberResult<(EventType, Channel, Topic)> {
    let spelling = read_string(
        "type",
        non_null(draft.event_type).ok_or_else(|| missing_member("type"))?,
    )?;
    if spelling.is_empty() {
        return Err(invalid_member("type", InvalidName::Empty));
    }
    let refused = |member: &str, detail: String| {
        Rejection::for_member(RejectionReason::InvalidTopic, member, detail)
    };
    let channel = match (non_null(draft.channel), fill) {
        (Some(json), _) => {
            let text = read_string("channel", json)?;
            match Topic::new(&text) {
                _ if text.is_empty() => return Err(invalid_member("channel", InvalidName::Empty)),
                Err(error) => return Err(refused("channel", error.to_string())),
                Ok(_) => {
                    Channel::new(&text).map_err(|error| refused("channel", error.to_string()))?
                }
            }
        }
        (None, Some(fill)) => fill.channel.clone(),
        (None, None) => return Err(missing_member("channel")),
    };
    // The topic is checked first: it knows wildcards and says what to write instead.
    let topic = Topic::new(&format!("{channel}.{}", spelling.to_ascii_lowercase()))
        .map_err(|error| refused("type", error.to_string()))?;
    let event_type =
        EventType::new(&spelling).map_err(|error| refused("type", error.to_string()))?;
    Ok((event_type, channel, topic))
}

/// The tenant, and whether `metadata` names it.
fn read_tenant(
    metadata: &[RawMember<'_>],
    fill: Option<&EventDefaults<'_>>,
) -> MemberResult<(TenantId, bool)> {
    const MEMBER: &str = "metadata.tenantId";
    match (metadata.iter().find(|(name, _)| name == "tenantId"), fill) {
        (Some((_, json)), _) => {
            let text = read_string(MEMBER, json)?;
            let tenant = TenantId::new(&text).map_err(|error| invalid_member(MEMBER, error))?;
            Ok((tenant, true))
        }
        (None, Some(fill)) => Ok((fill.tenant.clone(), false)),
        (None, None) => Err(missing_member(MEMBER)),
    }
}
