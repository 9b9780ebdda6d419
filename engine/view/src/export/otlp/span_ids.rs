//! Ids of traces and spans: W3C's where a node has one, else made of the node's id.
//!
//! Made ones are the same in every export, so that pages of one tree, and trees that point to each
//! other, fit together. 64 bits are few enough for an attacker to make two meet, so spans of one
//! export are told apart by counting up.

use std::collections::BTreeSet;

use larum_tree::{NodeKind, TreeView};

/// 16 bytes, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceId(u128);

impl TraceId {
    /// 32 hexadecimal digits.
    pub(super) fn to_hex(self) -> String {
        format!("{:032x}", self.0)
    }

    /// The trace of a tree that has none.
    fn derive_from(tenant: &str, root: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        // The length keeps the two apart.
        hasher.update(&(tenant.len() as u64).to_le_bytes());
        hasher.update(tenant.as_bytes());
        hasher.update(root.as_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(u128::from_be_bytes(bytes).max(1))
    }
}

/// The ids of a view's spans.
pub(super) struct SpanIds<'a> {
    /// The trace of them all.
    pub(super) trace: TraceId,
    tenant: &'a str,
    spans: Vec<u64>,
}

impl<'a> SpanIds<'a> {
    /// The tree's trace is that of its root, or of the top of what was asked for, if those name
    /// one.
    pub(super) fn from_view(view: &'a TreeView) -> Self {
        let tenant = view.tenant.as_str();
        let top = view.nodes.first().map(|node| &*node.id);
        let named = parse_trace_id(&view.root).or_else(|| parse_trace_id(top?));
        let trace = named.unwrap_or_else(|| TraceId::derive_from(tenant, &view.root));
        let mut taken = BTreeSet::new();
        let mut spans = Vec::with_capacity(view.nodes.len());
        for node in &view.nodes {
            // The same event may have raised several alerts, and is under each.
            let above = node.parent.and_then(|parent| view.nodes.get(parent));
            let mut span = match above.filter(|_| node.kind == NodeKind::Event) {
                Some(alert) => hash_text(&format!("{}\n{}", alert.id, node.id)),
                None => span_number(&node.id),
            };
            while !taken.insert(span) {
                span = span.wrapping_add(1).max(1);
            }
            spans.push(span);
        }
        Self {
            trace,
            tenant,
            spans,
        }
    }

    /// 16 hexadecimal digits for the node at a place of the view.
    pub(super) fn span_id(&self, place: usize) -> String {
        format_hex(self.spans.get(place).copied().unwrap_or(1))
    }

    /// The trace of a node that is not on the page: as if it were the root of its tree.
    pub(super) fn trace_id_elsewhere(&self, id: &str) -> TraceId {
        parse_trace_id(id).unwrap_or_else(|| TraceId::derive_from(self.tenant, id))
    }
}

/// 16 hexadecimal digits for a node that is not on the page.
pub(super) fn span_id_elsewhere(id: &str) -> String {
    format_hex(span_number(id))
}

fn format_hex(span: u64) -> String {
    format!("{span:016x}")
}

fn span_number(id: &str) -> u64 {
    let named = split_trace_id(id).and_then(|(_, span)| parse_hex(span?, 16));
    let span = named.and_then(|span| u64::try_from(span).ok());
    span.unwrap_or_else(|| hash_text(id))
}

/// Never zero, which OTLP does not allow.
fn hash_text(text: &str) -> u64 {
    let mut bytes = [0; 8];
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_be_bytes(bytes).max(1)
}

fn parse_trace_id(id: &str) -> Option<TraceId> {
    let (trace, _) = split_trace_id(id)?;
    parse_hex(trace, 32).map(TraceId)
}

/// The trace and the span of `trace:<trace>` and `trace:<trace>/<span>`.
fn split_trace_id(id: &str) -> Option<(&str, Option<&str>)> {
    let ids = id.strip_prefix("trace:")?;
    Some(match ids.split_once('/') {
        Some((trace, span)) => (trace, Some(span)),
        None => (ids, None),
    })
}

/// The number that exactly so many hexadecimal digits write; `None` for zero, which W3C does not
/// allow.
fn parse_hex(text: &str, count: usize) -> Option<u128> {
    let all_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok();
    number.filter(|number| all_hex && text.len() == count && *number != 0)
}
