//! From the attributes of a CloudEvent to a draft.
//!
//! Owns the mapping of attributes and extensions to members. Whether the members make an event is
//! the job of `json`.
//! Invariant: a CloudEvent goes through the same checks as canonical JSON, and a rejection names
//! the attribute as the CloudEvent does, not the member that it stands for.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{
    CARRIER, CORRELATION_ATTRIBUTES, MEMBER_ATTRIBUTES, TENANT, VERSION, attribute_name,
    member_name,
};
use crate::event::Event;
use crate::json::EventDefaults;
use crate::json::check;
use crate::json::draft::EventDraft;
use crate::json::member::{
    MemberResult, invalid_member, missing_member, non_null, read_object, read_string,
};
use crate::json::split::{RawMember, split_members, split_unchecked};
use crate::json::write::CanonicalWriter;
use crate::rejection::{Rejection, RejectionReason};

impl Event {
    /// Reads one CloudEvent in structured JSON, filling in what `fill` allows. `id`, `source` and
    /// `type` are required of every CloudEvent and never filled in. An attribute may also go by the
    /// name of the canonical member it stands for, such as `severity`.
    ///
    /// # Errors
    /// As [`Event::parse`]; members are named as the CloudEvent names them.
    pub fn parse_cloudevent(bytes: &[u8], fill: &EventDefaults<'_>) -> Result<Self, Rejection> {
        let text = check::check_bytes(bytes)?;
        check::check_object(text)?;
        let attributes = split_members(text)?;
        check_version(&attributes)?;
        let carrier = read_carrier(&attributes)?;
        let carried = match &carrier {
            Some(text) => split_members(text)?,
            None => Vec::new(),
        };
        let parts = ComposedMembers::compose(&attributes, &carried)?;
        let draft = build_draft(attributes, carried, &parts)?;
        Self::from_draft(&draft, fill).map_err(|rejection| Rejection {
            member: rejection.member.map(attribute_path),
            ..rejection
        })
    }
}

impl Event {
    /// Reads one event of either form: a CloudEvent when the object has a member `specversion`, and
    /// canonical JSON otherwise.
    ///
    /// # Errors
    /// As [`Event::parse`] or [`Event::parse_cloudevent`].
    pub fn parse_either(bytes: &[u8], fill: &EventDefaults<'_>) -> Result<Self, Rejection> {
        let text = check::check_bytes(bytes)?;
        // Nearly all canonical events are told by the absence of the word alone.
        let cloudevent = text.contains("specversion")
            && split_unchecked(text)?
                .iter()
                .any(|(name, _)| name == "specversion");
        if cloudevent {
            Self::parse_cloudevent(bytes, fill)
        } else {
            Self::parse(bytes, fill)
        }
    }
}

fn find_attribute<'a>(attributes: &[RawMember<'a>], wanted: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|(name, _)| name == wanted);
    non_null(attribute.map(|(_, json)| *json))
}

fn check_version(attributes: &[RawMember<'_>]) -> MemberResult<()> {
    const MEMBER: &str = "specversion";
    let json = find_attribute(attributes, MEMBER).ok_or_else(|| missing_member(MEMBER))?;
    if read_string(MEMBER, json)? != VERSION {
        return Err(invalid_member(MEMBER, "only \"1.0\" is known"));
    }
    for required in ["id", "source"] {
        find_attribute(attributes, required).ok_or_else(|| missing_member(required))?;
    }
    Ok(())
}

/// The text of the object that the carrier's string holds.
fn read_carrier<'a>(attributes: &[RawMember<'a>]) -> MemberResult<Option<Cow<'a, str>>> {
    let Some(json) = find_attribute(attributes, CARRIER) else {
        return Ok(None);
    };
    let text = read_string(CARRIER, json)?;
    check::check_object(&text).map_err(|rejection| {
        let detail = format!("its text is no object that was written there: {rejection}");
        Rejection::for_member(rejection.reason, CARRIER, detail)
    })?;
    Ok(Some(text))
}

/// The members that are put together of several attributes.
struct ComposedMembers {
    metadata: Option<String>,
    correlation: Option<String>,
}

impl ComposedMembers {
    fn compose(attributes: &[RawMember<'_>], carried: &[RawMember<'_>]) -> MemberResult<Self> {
        Ok(Self {
            metadata: compose_metadata(attributes, carried)?,
            correlation: compose_correlation(attributes, carried)?,
        })
    }
}

/// What `member` holds beside the attributes that are parts of it.
fn read_other_members<'a>(
    member: &str,
    attributes: &[RawMember<'a>],
    carried: &[RawMember<'a>],
) -> MemberResult<Option<Vec<RawMember<'a>>>> {
    match (
        find_attribute(attributes, member),
        find_attribute(carried, member),
    ) {
        (Some(_), Some(_)) => Err(duplicate_member(member)),
        (Some(json), None) | (None, Some(json)) => read_object(member, json).map(Some),
        (None, None) => Ok(None),
    }
}

fn duplicate_member(member: &str) -> Rejection {
    Rejection::for_member(
        RejectionReason::DuplicateMember,
        check::printable_name(member),
        "the member is there in two forms",
    )
}

fn compose_metadata(
    attributes: &[RawMember<'_>],
    carried: &[RawMember<'_>],
) -> MemberResult<Option<String>> {
    let tenant = find_attribute(attributes, TENANT);
    let rest = read_other_members("metadata", attributes, carried)?;
    if tenant.is_none() && rest.is_none() {
        return Ok(None);
    }
    let rest = rest.unwrap_or_default();
    let mut line = CanonicalWriter::with_capacity(256);
    if let Some(tenant) = tenant
        && !rest.iter().any(|(name, _)| name == "tenantId")
    {
        line.write_json("tenantId", tenant);
    }
    for (name, value) in rest {
        // The attribute is what those on the way have seen and may have set.
        let value = if name == "tenantId" {
            tenant.unwrap_or(value)
        } else {
            value
        };
        line.write_json(&name, value);
    }
    Ok(Some(line.into_text()))
}

fn compose_correlation(
    attributes: &[RawMember<'_>],
    carried: &[RawMember<'_>],
) -> MemberResult<Option<String>> {
    let rest = read_other_members("correlation", attributes, carried)?;
    let mut known = rest.is_some();
    let mut line = CanonicalWriter::with_capacity(256);
    for (name, value) in rest.unwrap_or_default() {
        if let Some(attribute) = attribute_name(&CORRELATION_ATTRIBUTES, &name)
            && find_attribute(attributes, attribute).is_some()
        {
            return Err(duplicate_member(attribute));
        }
        line.write_json(&name, value);
    }
    for (attribute, member) in CORRELATION_ATTRIBUTES {
        if let Some(value) = find_attribute(attributes, attribute) {
            line.write_json(member, value);
            known = true;
        }
    }
    Ok(known.then(|| line.into_text()))
}

/// Puts every attribute where it belongs.
fn build_draft<'a>(
    attributes: Vec<RawMember<'a>>,
    carried: Vec<RawMember<'a>>,
    parts: &'a ComposedMembers,
) -> MemberResult<EventDraft<'a>> {
    let mut draft = EventDraft {
        metadata: parts.metadata.as_deref(),
        correlation: parts.correlation.as_deref(),
        ..EventDraft::default()
    };
    for (name, json) in attributes {
        let used = matches!(
            &*name,
            "specversion" | CARRIER | TENANT | "metadata" | "correlation"
        );
        // Null is an attribute left out, but a value of `data`.
        let left_out = json == "null" && name != "data";
        if used || left_out || member_name(&CORRELATION_ATTRIBUTES, &name).is_some() {
            continue;
        }
        let member = member_name(&MEMBER_ATTRIBUTES, &name).unwrap_or(&name);
        match draft.member_mut(member) {
            Some(Some(_)) => return Err(duplicate_member(&name)),
            Some(place) => *place = Some(canonical_spelling(member, json)),
            None => draft.others.push((name, json)),
        }
    }
    let names: HashSet<Cow<'_, str>> = match carried.is_empty() {
        true => HashSet::new(),
        false => draft.others.iter().map(|(name, _)| name.clone()).collect(),
    };
    for (name, json) in carried {
        match (&*name, draft.member_mut(&name)) {
            ("metadata" | "correlation", _) => {}
            ("filled", Some(place @ None)) => *place = Some(json),
            (_, Some(_)) => return Err(duplicate_member(&name)),
            _ if names.contains(&name) => return Err(duplicate_member(&name)),
            _ => draft.others.push((name, json)),
        }
    }
    Ok(draft)
}

/// The canonical spelling of values that CloudEvents spells otherwise.
fn canonical_spelling<'a>(member: &str, json: &'a str) -> &'a str {
    let inner = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match (member, inner) {
        // The sequence extension is a string; a string of digits is a number to us.
        ("sequence", Some(digits))
            if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            digits
        }
        // The severity extension takes its words from OpenTelemetry.
        ("severity", Some(word)) if word.eq_ignore_ascii_case("trace") => "\"info\"",
        ("severity", Some(word)) if word.eq_ignore_ascii_case("fatal") => "\"critical\"",
        _ => json,
    }
}

/// The path of a member as the CloudEvent names it.
fn attribute_path(member: String) -> String {
    let attribute = match member.strip_prefix("correlation.") {
        Some(inner) => attribute_name(&CORRELATION_ATTRIBUTES, inner),
        None if member == "metadata.tenantId" => Some(TENANT),
        None => attribute_name(&MEMBER_ATTRIBUTES, &member),
    };
    attribute.map_or(member, str::to_owned)
}
