//! Declared links: how plain data says what belongs to what.
//!
//! A [`LinkSet`] is what link files say, as plain data. Events that know nothing of workflows
//! become nodes of trees through it: a process by its GUID under its parent's, a logon session by
//! host and logon id. Reading the fields of an event by it is the trees' job; writing it in rule
//! files is the rules'.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// All links and entities in force, in the order in which they were declared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinkSet {
    /// An event hangs on the node of each link that applies; the first of them is its main one.
    pub links: Vec<LinkSpec>,
    /// What events are looked up by.
    pub entities: Vec<EntitySpec>,
}

/// One way in which events name a node: a process, a session, a file.
///
/// Several links may share a name; then they name nodes of one kind, each on topics of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSpec {
    /// The kind of node, such as `process`.
    pub name: Arc<str>,
    /// Changes whenever the link means something else: a hash of what follows.
    pub version: u64,
    /// Topic patterns; empty for every topic.
    pub on: Vec<Arc<str>>,
    /// Parts of every id, of the node's own, its parent's and its aliases; an event that lacks one
    /// is passed over.
    pub scope: Vec<LinkPart>,
    /// Ways to name the node; the first all of whose parts are there counts.
    pub id: Vec<Vec<LinkPart>>,
    /// Ways to name its parent, a node of the same kind.
    pub parent: Vec<Vec<LinkPart>>,
    /// By what else the node is known for a while, such as a process id, which is used again later.
    /// Events that begin it say so; it holds until another node begins with it.
    pub alias: Vec<LinkPart>,
    /// The alias of its parent, for a parent that is never seen under the id that
    /// [`LinkSpec::parent`] gives, or for data without such ids.
    pub parent_alias: Vec<LinkPart>,
    /// Topic patterns of events with which a node begins; empty for those that name a parent.
    pub begins: Vec<Arc<str>>,
    /// What people call the node, such as its image.
    pub label: Option<LinkPart>,
    /// Fields of the event that begins the node which rules and answers show as the node's own.
    pub keep: Vec<Arc<str>>,
    /// Whether trees whose events hang on one such node belong to one incident.
    pub joins: Option<IncidentJoin>,
}

/// One field that is part of an id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LinkPart {
    /// Its path, such as `data.ProcessGuid`.
    pub path: Arc<str>,
    /// How its value is written in ids.
    pub form: PartForm,
}

/// How a value becomes part of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PartForm {
    /// As it is.
    AsIs,
    /// In lower case.
    Lower,
    /// In lower case up to the first dot: `WS5.shire.com` is `ws5`. An address stays whole.
    ShortHost,
    /// As a decimal number: `0x1850` is `6224`.
    Number,
    /// Without the domain: `SHIRE\eve` and `eve@shire.com` are `eve`.
    Account,
    /// The SHA-256 in it, in lower case, be it all of it or one of several hashes, as in
    /// `MD5=..,SHA256=..`; a text without one is as good as none.
    Sha256,
}

/// When nodes that several trees share join those trees into one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentJoin {
    /// Only trees that touch the node within this of each other.
    pub within: Span,
    /// Only as long as no more trees than this touch it: what everybody shares ties nobody
    /// together.
    pub most: u32,
}

/// A kind of value that trees and incidents are found by: users, addresses, hosts, hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitySpec {
    /// Its name, such as `user`.
    pub name: Arc<str>,
    /// Topic patterns; empty for every topic.
    pub on: Vec<Arc<str>>,
    /// Where such values stand; all that are there count.
    pub from: Vec<LinkPart>,
}

impl LinkSet {
    /// What holds of every set: users, hosts and addresses where events of any producer keep them.
    pub fn built_in_entities() -> Vec<EntitySpec> {
        let entity = |name: &str, paths: &[(&str, PartForm)]| EntitySpec {
            name: name.into(),
            on: Vec::new(),
            from: paths
                .iter()
                .map(|(path, form)| LinkPart {
                    path: (*path).into(),
                    form: *form,
                })
                .collect(),
        };
        vec![
            entity("user", &[("metadata.user", PartForm::AsIs)]),
            entity("host", &[("metadata.host", PartForm::ShortHost)]),
            entity("ip", &[("metadata.ip", PartForm::Lower)]),
        ]
    }
}
