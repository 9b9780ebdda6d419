//! The fields that a search can ask for: short names, and paths of members.
//!
//! Owns the names, their aliases and the hint for a name that does not exist. What a field's value
//! may be is left to `value`.
//! Invariant: a field is written as it is read, so a search that was printed means the same.

use std::fmt;
use std::sync::Arc;

use crate::nearest::find_nearest;

/// What of an event is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchField {
    /// The member `type`.
    Type,
    /// Channel and type, in lower case.
    Topic,
    /// The first segment of the topic.
    Channel,
    /// The member `source`.
    Source,
    /// The member `metadata.user`, where it is a text.
    User,
    /// The machine, where producers of all kinds name it.
    Host,
    /// Any address of the event.
    Ip,
    /// How bad it is.
    Severity,
    /// Whose event it is.
    Tenant,
    /// The event's id.
    Id,
    /// The rule that raised an alert.
    Rule,
    /// `event`, `alert` or `system`.
    Kind,
    /// The workflow step.
    Step,
    /// The workflow step or the root of its workflow.
    Correlation,
    /// The root of the workflow; a step without one is its own.
    Root,
    /// The step that started this one.
    Parent,
    /// The W3C trace, or trace and span joined by `/`.
    Trace,
    /// When it happened.
    Time,
    /// Any member, by its path from the top.
    Path(Arc<str>),
}

/// What a name before a colon means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TermName {
    Field(SearchField),
    /// Not before a time.
    From,
    /// Not after a time.
    To,
    /// Not longer ago than this.
    Last,
}

/// The short names, and the paths that mean the same.
const FIELDS: [(&str, SearchField); 24] = [
    ("type", SearchField::Type),
    ("topic", SearchField::Topic),
    ("channel", SearchField::Channel),
    ("source", SearchField::Source),
    ("user", SearchField::User),
    ("host", SearchField::Host),
    ("ip", SearchField::Ip),
    ("severity", SearchField::Severity),
    ("tenant", SearchField::Tenant),
    ("metadata.tenantId", SearchField::Tenant),
    ("id", SearchField::Id),
    ("rule", SearchField::Rule),
    ("kind", SearchField::Kind),
    ("step", SearchField::Step),
    ("correlationId", SearchField::Step),
    ("correlation", SearchField::Correlation),
    ("root", SearchField::Root),
    ("parent", SearchField::Parent),
    ("correlation.parent", SearchField::Parent),
    ("trace", SearchField::Trace),
    ("traceparent", SearchField::Trace),
    ("time", SearchField::Time),
    ("@timestamp", SearchField::Time),
    ("timestamp", SearchField::Time),
];

/// Short names of paths.
const PATHS: [(&str, &str); 5] = [
    ("stage", "correlation.stage"),
    ("status", "data.status"),
    ("alert", "data.alertId"),
    ("technique", "data.attack"),
    ("message", "data.message"),
];

const TIMES: [(&str, TermName); 3] = [
    ("from", TermName::From),
    ("to", TermName::To),
    ("last", TermName::Last),
];

/// Members at the top of every event that have no short name.
const MEMBERS: [&str; 5] = [
    "sequence",
    "dataVersion",
    "priority",
    "causationId",
    "filled",
];

/// Objects at the top of every event, whose members are named by path.
const OBJECTS: [&str; 3] = ["data", "metadata", "correlation"];

const TAG: &str = "tag.";
const TAGS: &str = "correlation.tags.";

impl TermName {
    /// What `text` means; what was probably meant, if it means nothing.
    pub(super) fn parse(text: &str) -> Result<Self, Option<&'static str>> {
        if let Some(path) = text.strip_prefix('.') {
            return Ok(Self::Field(SearchField::Path(path.into())));
        }
        if let Some((_, field)) = FIELDS.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Field(field.clone()));
        }
        if let Some((_, name)) = TIMES.iter().find(|(name, _)| *name == text) {
            return Ok(name.clone());
        }
        let path = |path: &str| Ok(Self::Field(SearchField::Path(path.into())));
        if let Some((_, long)) = PATHS.iter().find(|(name, _)| *name == text) {
            return path(long);
        }
        if let Some(tag) = text.strip_prefix(TAG) {
            return path(&format!("{TAGS}{tag}"));
        }
        let of_object = text
            .split_once('.')
            .is_some_and(|(first, _)| OBJECTS.contains(&first));
        if of_object || MEMBERS.contains(&text) || OBJECTS.contains(&text) {
            return path(text);
        }
        let candidates = FIELDS
            .iter()
            .map(|(name, _)| *name)
            .chain(PATHS.iter().map(|(name, _)| *name))
            .chain(TIMES.iter().map(|(name, _)| *name))
            .chain(MEMBERS)
            .chain(OBJECTS);
        // Names mind case, and capitals are a common way to miss them.
        let lower = text.to_ascii_lowercase();
        Err(find_nearest(&lower, candidates))
    }
}

impl fmt::Display for SearchField {
    /// The name that means it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Path(path) = self else {
            let name = FIELDS.iter().find(|(_, field)| field == self);
            return f.write_str(name.map_or("", |(name, _)| *name));
        };
        match path.strip_prefix(TAGS) {
            Some(tag) => write!(f, "{TAG}{tag}"),
            None if TermName::parse(path) == Ok(TermName::Field(self.clone())) => f.write_str(path),
            None => write!(f, ".{path}"),
        }
    }
}

impl SearchField {
    /// Whether its values are ids, which are equal only when they are the same to the letter.
    pub(super) fn has_id_values(&self) -> bool {
        matches!(
            self,
            Self::Id | Self::Step | Self::Correlation | Self::Root | Self::Parent
        )
    }
}
