//! Members that are more than a string: `correlation` and `filled`.

use std::borrow::Cow;
use std::sync::Arc;

use super::member::{
    MemberResult, check_text, invalid_member, non_null, read_name, read_object, read_string,
    read_text, wrong_type,
};
use super::split::RawMember;
use crate::correlation::Correlation;
use crate::event::FilledMembers;
use crate::limits;
use crate::names::CorrelationId;

/// The correlation and its members that nobody here knows.
pub(crate) fn read_correlation(
    json: Option<&str>,
) -> MemberResult<(Option<Correlation>, Vec<RawMember<'_>>)> {
    let Some(json) = non_null(json) else {
        return Ok((None, Vec::new()));
    };
    let mut correlation = Correlation::default();
    let mut others = Vec::new();
    for (member, value) in read_object("correlation", json)? {
        let value = Some(value);
        match &*member {
            "root" => {
                correlation.root =
                    read_name("correlation.root", value, |text| CorrelationId::new(text))?;
            }
            "parent" => {
                correlation.parent =
                    read_name("correlation.parent", value, |text| CorrelationId::new(text))?;
            }
            "stage" => {
                correlation.stage = read_text("correlation.stage", value, limits::STAGE_BYTES)?
                    .map(|stage| Arc::from(&*stage));
            }
            "tags" => correlation.tags = read_tags(value)?,
            _ => others.extend(value.map(|value| (member, value))),
        }
    }
    Ok((Some(correlation), others))
}

/// Tags, sorted by name.
fn read_tags(json: Option<&str>) -> MemberResult<Vec<(Arc<str>, Arc<str>)>> {
    const MEMBER: &str = "correlation.tags";
    let Some(json) = non_null(json) else {
        return Ok(Vec::new());
    };
    let members = read_object(MEMBER, json)?;
    if members.len() > limits::TAGS {
        let detail = format!(
            "it has {} tags, at most {} are allowed",
            members.len(),
            limits::TAGS
        );
        return Err(invalid_member(MEMBER, detail));
    }
    let mut tags = Vec::with_capacity(members.len());
    for (name, value) in members {
        check_text(MEMBER, &name, limits::TAG_NAME_BYTES)
            .map_err(|error| invalid_member(MEMBER, format!("a tag's name: {}", error.detail)))?;
        let member = format!("{MEMBER}.{name}");
        let value = read_string(&member, value)?;
        if !value.is_empty() {
            check_text(&member, &value, limits::TAG_VALUE_BYTES)?;
        }
        tags.push((Arc::from(&*name), Arc::from(&*value)));
    }
    tags.sort();
    Ok(tags)
}

/// Reads the list of what a door before this one has filled in.
pub(crate) fn read_filled(json: Option<&str>) -> MemberResult<FilledMembers> {
    let mut filled = FilledMembers::default();
    let Some(json) = non_null(json) else {
        return Ok(filled);
    };
    if !json.starts_with('[') {
        return Err(wrong_type("filled", "a list of member names", json));
    }
    let names: Vec<Cow<'_, str>> = serde_json::from_str(json)
        .map_err(|_| invalid_member("filled", "it must be a list of member names"))?;
    for name in names {
        match &*name {
            "id" => filled.id = true,
            "time" => filled.time = true,
            "source" => filled.source = true,
            "severity" => filled.severity = true,
            _ => {
                return Err(invalid_member(
                    "filled",
                    "it lists id, time, source and severity only",
                ));
            }
        }
    }
    Ok(filled)
}

/// The list of what was filled in, as JSON.
pub(crate) fn filled_to_json(filled: FilledMembers) -> String {
    let members = [
        ("\"id\"", filled.id),
        ("\"time\"", filled.time),
        ("\"source\"", filled.source),
        ("\"severity\"", filled.severity),
    ];
    let names: Vec<&str> = members
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name))
        .collect();
    format!("[{}]", names.join(","))
}
