//! What one event says about trees.
//!
//! Owns the reading of `correlation` and `traceparent`; declared links are read elsewhere.
//! Invariant: names borrow from the event where they can, so an event that names only known nodes
//! copies none of them.

use std::borrow::Cow;
use std::sync::Arc;

use larum_event::{Alert, Event, IncidentJoin, Position, TenantId};

use petgraph::stable_graph::NodeIndex;

use crate::edge_reason;
use crate::graph_node::NodeClass;

/// An event, and what is needed of it.
pub(crate) struct EventFacts<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) event: &'a Event,
    pub(crate) position: Position,
    /// What it carries, if it is an alert.
    pub(crate) alert: Option<&'a Alert>,
    /// The nodes that it names, its main one first.
    pub(crate) node_claims: Vec<NodeClaims<'a>>,
    /// The trace that it carries.
    pub(crate) trace: Option<NodeName<'a>>,
    /// Kinds and values of the entities that it is found by.
    pub(crate) entities: Vec<(Arc<str>, Arc<str>)>,
}

/// A name and the reason for which it was made.
#[derive(Debug, Clone)]
pub(crate) struct NodeName<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) edge_reason: u16,
}

/// One node that an event belongs to, and what the event says about the node's place.
#[derive(Debug)]
pub(crate) struct NodeClaims<'a> {
    pub(crate) class: NodeClass,
    pub(crate) own: NodeName<'a>,
    pub(crate) parent: Option<NodeName<'a>>,
    pub(crate) root: Option<NodeName<'a>>,
    /// Whether the node begins with the event.
    pub(crate) begins: bool,
    /// The alias that the node has from now on.
    pub(crate) alias: Option<String>,
    /// The alias of its parent.
    pub(crate) parent_alias: Option<NodeName<'a>>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) kept_fields: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) joins: Option<IncidentJoin>,
}

impl<'a> NodeClaims<'a> {
    /// The workflow step of an event, if it belongs to one.
    pub(crate) fn from_step(event: &'a Event, alert: Option<&'a Alert>) -> Option<Self> {
        let envelope = event.envelope();
        let correlation = envelope.correlation.as_ref();
        let naming = |name: &'a str| NodeName {
            name: Cow::Borrowed(name),
            edge_reason: edge_reason::CORRELATION,
        };
        let step = envelope.correlation_id.as_ref().map(|id| id.as_str());
        let own = alert.map(|alert| &*alert.alert_id).or(step)?;
        let parent = correlation.and_then(|correlation| correlation.parent.as_ref());
        let root = correlation.and_then(|correlation| correlation.root.as_ref());
        Some(Self {
            class: NodeClass::STEP,
            own: naming(own),
            parent: parent.map(|id| naming(id.as_str())),
            root: root.map(|id| naming(id.as_str())),
            begins: true,
            alias: None,
            parent_alias: None,
            label: None,
            kept_fields: Vec::new(),
            joins: None,
        })
    }

    /// The span that an event without any other node carries, under its trace.
    pub(crate) fn from_span(trace: &TraceParent) -> NodeClaims<'static> {
        NodeClaims {
            class: NodeClass::TRACE,
            own: NodeName {
                name: Cow::Owned(trace.span_name()),
                edge_reason: edge_reason::TRACE,
            },
            parent: Some(trace.node_name()),
            root: None,
            begins: true,
            alias: None,
            parent_alias: None,
            label: None,
            kept_fields: Vec::new(),
            joins: None,
        }
    }

    /// The names in it: its own, its parent's, its root's; each once.
    pub(crate) fn node_names(&self) -> [Option<&NodeName<'a>>; 3] {
        let own = &self.own;
        let parent = self.parent.as_ref().filter(|it| it.name != own.name);
        let root = self
            .root
            .as_ref()
            .filter(|it| it.name != own.name && parent.is_none_or(|parent| parent.name != it.name));
        [Some(own), parent, root]
    }

    /// Its nodes, given those of [`NodeClaims::node_names`].
    pub(crate) fn resolve_nodes(
        &self,
        [own, above, root]: [Option<NodeIndex>; 3],
    ) -> Option<ClaimedNodes> {
        let root = root.or_else(|| {
            let name = &self.root.as_ref()?.name;
            if *name == self.own.name { own } else { above }
        });
        Some(ClaimedNodes {
            own: own?,
            parent: above,
            root,
        })
    }
}

/// The nodes that a group names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimedNodes {
    pub(crate) own: NodeIndex,
    /// Always differs from `own`.
    pub(crate) parent: Option<NodeIndex>,
    pub(crate) root: Option<NodeIndex>,
}

/// The ids of a W3C `traceparent`: <https://www.w3.org/TR/trace-context/#traceparent-header>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceParent {
    trace: String,
    span: String,
}

impl TraceParent {
    /// The trace of an event; `None` when it carries none, or one that the standard calls invalid.
    pub(crate) fn from_event(event: &Event) -> Option<Self> {
        // Most events have none, and looking for it by path would read them all.
        if !event.json().contains("\"traceparent\":\"") {
            return None;
        }
        let larum_event::FieldValue::Str(text) = event.field("traceparent")? else {
            return None;
        };
        let mut parts = text.trim().split('-');
        let (version, trace, span, _flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str, length| {
            text.len() == length
                && text
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
        let valid = is_hex(version, 2)
            && version != "ff"
            && is_hex(trace, 32)
            && is_hex(span, 16)
            && !is_zero(trace)
            && !is_zero(span)
            && (version != "00" || parts.next().is_none());
        valid.then(|| Self {
            trace: trace.to_owned(),
            span: span.to_owned(),
        })
    }

    pub(crate) fn node_name(&self) -> NodeName<'static> {
        NodeName {
            name: Cow::Owned(format!("trace:{}", self.trace)),
            edge_reason: edge_reason::TRACE,
        }
    }

    fn span_name(&self) -> String {
        format!("trace:{}/{}", self.trace, self.span)
    }
}
