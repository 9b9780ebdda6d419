//! From the attributes of a CloudEvent to a draft.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{CARRIER, PLACE, SAME, TENANT, VERSION, attribute_of, member_of};
use crate::event::Event;
use crate::json::Fill;
use crate::json::check;
use crate::json::draft::Draft;
use crate::json::member::{Checked, invalid, missing, object, present, string};
use crate::json::split::{Member, members};
use crate::json::write::Line;
use crate::rejection::{Reason, Rejection};

impl Event {
    /// Reads one CloudEvent in structured JSON, filling in what `fill` allows. `id`, `source` and
    /// `type` are required of every CloudEvent and never filled in. An attribute may also go by the
    /// name of the canonical member it stands for, such as `severity`.
    ///
    /// # Errors
    /// As [`Event::parse`]; members are named as the CloudEvent names them.
    pub fn parse_cloudevent(bytes: &[u8], fill: &Fill<'_>) -> Result<Self, Rejection> {
        let text = check::text(bytes)?;
        check::object(text)?;
        let attributes = members(text)?;
        check_version(&attributes)?;
        let carrier = carrier(&attributes)?;
        let carried = match &carrier {
            Some(text) => members(text)?,
            None => Vec::new(),
        };
        let parts = Parts::of(&attributes, &carried)?;
        let draft = draft(attributes, carried, &parts)?;
        Self::of_draft(&draft, fill).map_err(|rejection| Rejection {
            member: rejection.member.map(attribute_path),
            ..rejection
        })
    }
}

fn find<'a>(attributes: &[Member<'a>], wanted: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|(name, _)| name == wanted);
    present(attribute.map(|(_, json)| *json))
}

fn check_version(attributes: &[Member<'_>]) -> Checked<()> {
    const MEMBER: &str = "specversion";
    let json = find(attributes, MEMBER).ok_or_else(|| missing(MEMBER))?;
    if string(MEMBER, json)? != VERSION {
        return Err(invalid(MEMBER, "only \"1.0\" is known"));
    }
    for required in ["id", "source"] {
        find(attributes, required).ok_or_else(|| missing(required))?;
    }
    Ok(())
}

/// The text of the object that the carrier's string holds.
fn carrier<'a>(attributes: &[Member<'a>]) -> Checked<Option<Cow<'a, str>>> {
    let Some(json) = find(attributes, CARRIER) else {
        return Ok(None);
    };
    let text = string(CARRIER, json)?;
    check::object(&text).map_err(|rejection| {
        let detail = format!("its text is no object that was written there: {rejection}");
        Rejection::of_member(rejection.reason, CARRIER, detail)
    })?;
    Ok(Some(text))
}

/// The members that are put together of several attributes.
struct Parts {
    metadata: Option<String>,
    correlation: Option<String>,
}

impl Parts {
    fn of(attributes: &[Member<'_>], carried: &[Member<'_>]) -> Checked<Self> {
        Ok(Self {
            metadata: metadata(attributes, carried)?,
            correlation: correlation(attributes, carried)?,
        })
    }
}

/// What `member` holds beside the attributes that are parts of it.
fn rest<'a>(
    member: &str,
    attributes: &[Member<'a>],
    carried: &[Member<'a>],
) -> Checked<Option<Vec<Member<'a>>>> {
    match (find(attributes, member), find(carried, member)) {
        (Some(_), Some(_)) => Err(twice(member)),
        (Some(json), None) | (None, Some(json)) => object(member, json).map(Some),
        (None, None) => Ok(None),
    }
}

fn twice(member: &str) -> Rejection {
    Rejection::of_member(
        Reason::DuplicateMember,
        check::step(member),
        "the member is there in two forms",
    )
}

fn metadata(attributes: &[Member<'_>], carried: &[Member<'_>]) -> Checked<Option<String>> {
    let tenant = find(attributes, TENANT);
    let rest = rest("metadata", attributes, carried)?;
    if tenant.is_none() && rest.is_none() {
        return Ok(None);
    }
    let rest = rest.unwrap_or_default();
    let mut line = Line::with_capacity(256);
    if let Some(tenant) = tenant
        && !rest.iter().any(|(name, _)| name == "tenantId")
    {
        line.json("tenantId", tenant);
    }
    for (name, value) in rest {
        // The attribute is what those on the way have seen and may have set.
        let value = if name == "tenantId" {
            tenant.unwrap_or(value)
        } else {
            value
        };
        line.json(&name, value);
    }
    Ok(Some(line.into_text()))
}

fn correlation(attributes: &[Member<'_>], carried: &[Member<'_>]) -> Checked<Option<String>> {
    let rest = rest("correlation", attributes, carried)?;
    let mut known = rest.is_some();
    let mut line = Line::with_capacity(256);
    for (name, value) in rest.unwrap_or_default() {
        if let Some(attribute) = attribute_of(&PLACE, &name)
            && find(attributes, attribute).is_some()
        {
            return Err(twice(attribute));
        }
        line.json(&name, value);
    }
    for (attribute, member) in PLACE {
        if let Some(value) = find(attributes, attribute) {
            line.json(member, value);
            known = true;
        }
    }
    Ok(known.then(|| line.into_text()))
}

/// Puts every attribute where it belongs.
fn draft<'a>(
    attributes: Vec<Member<'a>>,
    carried: Vec<Member<'a>>,
    parts: &'a Parts,
) -> Checked<Draft<'a>> {
    let mut draft = Draft {
        metadata: parts.metadata.as_deref(),
        correlation: parts.correlation.as_deref(),
        ..Draft::default()
    };
    for (name, json) in attributes {
        let used = matches!(
            &*name,
            "specversion" | CARRIER | TENANT | "metadata" | "correlation"
        );
        // Null is an attribute left out, but a value of `data`.
        let left_out = json == "null" && name != "data";
        if used || left_out || member_of(&PLACE, &name).is_some() {
            continue;
        }
        let member = member_of(&SAME, &name).unwrap_or(&name);
        match draft.place(member) {
            Some(Some(_)) => return Err(twice(&name)),
            Some(place) => *place = Some(plain(member, json)),
            None => draft.others.push((name, json)),
        }
    }
    let names: HashSet<Cow<'_, str>> = match carried.is_empty() {
        true => HashSet::new(),
        false => draft.others.iter().map(|(name, _)| name.clone()).collect(),
    };
    for (name, json) in carried {
        match (&*name, draft.place(&name)) {
            ("metadata" | "correlation", _) => {}
            ("filled", Some(place @ None)) => *place = Some(json),
            (_, Some(_)) => return Err(twice(&name)),
            _ if names.contains(&name) => return Err(twice(&name)),
            _ => draft.others.push((name, json)),
        }
    }
    Ok(draft)
}

/// The canonical spelling of values that CloudEvents spells otherwise.
fn plain<'a>(member: &str, json: &'a str) -> &'a str {
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
        Some(inner) => attribute_of(&PLACE, inner),
        None if member == "metadata.tenantId" => Some(TENANT),
        None => attribute_of(&SAME, &member),
    };
    attribute.map_or(member, str::to_owned)
}
