//! A tree as an OpenTelemetry trace (OTLP/JSON, `TracesData` of `opentelemetry.proto.trace.v1`).
//!
//! Owns what becomes a span, a span event and a link: a node is a span, its events are span events,
//! an alert is a span with an error status, and what leads across the tree is a link. The JSON form
//! belongs to `message`, ids to `span_ids`. Spans of one observer form one resource, so that trace
//! viewers tell observers apart. Nodes that a page repeats are left out: their spans are in the
//! page before.
//! Invariant: a span's id is made of its node's id, so pages and exports of one tree fit together;
//! only ids that meet by chance are told apart by counting up.

mod span_ids;

mod message;

use std::collections::BTreeMap;

use larum_event::{AlertStatus, Timestamp};
use larum_tree::{EdgeKind, EventFold, TreeAlert, TreeEvent, TreeNode, TreeView};

use self::message::{
    OtlpAttribute, OtlpResource, OtlpScope, OtlpSpan, OtlpStatus, OtlpValue, ResourceSpans,
    ScopeSpans, SpanEvent, SpanLink, TracesData,
};
use self::span_ids::{SpanIds, TraceId};
use super::drawing::{DrawingArrows, edge_kinds, find_parent};
use crate::caption;

/// The service of spans without events, such as alerts.
const OWN_SERVICE: &str = "larum";

/// Writes a view as `TracesData`.
pub(super) fn to_otlp(view: &TreeView) -> String {
    let ids = SpanIds::from_view(view);
    let starts = span_starts(&view.nodes);
    let edges = edge_kinds(view);
    let mut links = build_links(view, &ids);
    // Sorted by service, so that equal views give equal bytes.
    let mut by_service: BTreeMap<&str, Vec<OtlpSpan>> = BTreeMap::new();
    for (place, node) in view.nodes.iter().enumerate() {
        if node.again {
            continue;
        }
        let start = starts.get(place).copied().unwrap_or_default();
        let mut span = build_span(node, start);
        span.trace_id = ids.trace.to_hex();
        span.span_id = ids.span_id(place);
        let mut edge = None;
        if let Some((parent, above)) = find_parent(&view.nodes, node) {
            span.parent_span_id = ids.span_id(parent);
            edge = edges.get(&(&*above.id, &*node.id)).copied();
        }
        if let Some(kind) = edge {
            let word = OtlpValue::from_text(caption::edge_word(kind));
            span.attributes.push(OtlpAttribute::new("larum.edge", word));
        }
        span.links = links.remove(&place).unwrap_or_default();
        by_service.entry(service_name(node)).or_default().push(span);
    }
    let resource_spans = by_service
        .into_iter()
        .map(|(service, spans)| build_resource(view, service, spans));
    let traces = TracesData {
        resource_spans: resource_spans.collect(),
    };
    serde_json::to_string(&traces).expect("its members are texts, numbers and lists")
}

/// Who observed the node's first event.
fn service_name(node: &TreeNode) -> &str {
    let first = node.events.first().map(|event| &event.source);
    let fold = node.folds.first().map(|fold| &fold.source);
    first.or(fold).map_or(OWN_SERVICE, |source| source.as_str())
}

fn build_resource(view: &TreeView, service: &str, spans: Vec<OtlpSpan>) -> ResourceSpans {
    let mut attributes = vec![
        OtlpAttribute::new("service.name", OtlpValue::from_text(service)),
        OtlpAttribute::new("larum.tenant", OtlpValue::from_text(view.tenant.as_str())),
        OtlpAttribute::new("larum.root", OtlpValue::from_text(&view.root)),
        OtlpAttribute::new("larum.as_of", OtlpValue::from_count(view.as_of.0)),
        OtlpAttribute::new("larum.partial", OtlpValue::from_flag(view.partial)),
    ];
    if let Some(incident) = &view.incident {
        attributes.push(OtlpAttribute::new(
            "larum.incident",
            OtlpValue::from_text(incident),
        ));
    }
    ResourceSpans {
        resource: OtlpResource { attributes },
        scope_spans: vec![ScopeSpans {
            scope: OtlpScope {
                name: OWN_SERVICE.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            spans,
        }],
    }
}

/// When each node's span starts: at its own first time, else at that of the nodes above it, else at
/// the first time of the page.
fn span_starts(nodes: &[TreeNode]) -> Vec<Timestamp> {
    let earliest = nodes.iter().filter_map(|node| node.first).min();
    let mut starts: Vec<Timestamp> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let above = node.parent.and_then(|parent| starts.get(parent).copied());
        starts.push(node.first.or(above).or(earliest).unwrap_or_default());
    }
    starts
}

/// The span of a node, without its ids.
fn build_span(node: &TreeNode, start: Timestamp) -> OtlpSpan {
    let folds = node.folds.iter().map(|fold| fold.last);
    let events = node.events.iter().map(|event| event.time);
    let alert = node.alert.iter().map(|alert| alert.time);
    let times = folds.chain(events).chain(alert).chain(node.last);
    let end = times.fold(start, Timestamp::max);
    let mut events: Vec<_> = node.events.iter().map(build_span_event).collect();
    events.extend(node.folds.iter().map(build_fold_event));
    OtlpSpan {
        trace_id: String::new(),
        span_id: String::new(),
        parent_span_id: String::new(),
        name: span_name(node),
        kind: message::KIND_INTERNAL,
        start_time_unix_nano: unix_nanos(start),
        end_time_unix_nano: unix_nanos(end),
        attributes: node_attributes(node),
        events,
        dropped_events_count: u32::try_from(node.events_left_out).unwrap_or(u32::MAX),
        links: Vec::new(),
        status: node.alert.as_ref().and_then(span_status),
    }
}

/// Never empty: ids are not.
fn span_name(node: &TreeNode) -> String {
    let named = match &node.alert {
        Some(alert) => alert.title.as_deref().unwrap_or(alert.rule.as_str()),
        None => caption::node_caption(node),
    };
    let name = if named.is_empty() { &node.id } else { named };
    if name.is_empty() {
        caption::kind_word(node.kind).to_owned()
    } else {
        name.to_owned()
    }
}

/// OTLP knows no time before 1970.
fn unix_nanos(time: Timestamp) -> String {
    time.as_nanos().max(0).to_string()
}

fn node_attributes(node: &TreeNode) -> Vec<OtlpAttribute> {
    let mut attributes = vec![
        OtlpAttribute::new("larum.node.id", OtlpValue::from_text(&node.id)),
        OtlpAttribute::new(
            "larum.node.kind",
            OtlpValue::from_text(caption::kind_word(node.kind)),
        ),
        OtlpAttribute::new("larum.node.seen", OtlpValue::from_flag(node.seen)),
        OtlpAttribute::new("larum.node.begun", OtlpValue::from_flag(node.begun)),
    ];
    let texts = [
        ("larum.link", &node.link),
        ("larum.label", &node.label),
        ("larum.stage", &node.stage),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            attributes.push(OtlpAttribute::new(key, OtlpValue::from_text(text)));
        }
    }
    for (name, value) in &node.tags {
        let key = format!("larum.tag.{name}");
        attributes.push(OtlpAttribute::new(key, OtlpValue::from_text(value)));
    }
    for (path, value) in &node.kept {
        // A value of nothing and no attribute are the same to OTLP.
        if !value.is_null() {
            let key = format!("larum.kept.{path}");
            attributes.push(OtlpAttribute::new(key, OtlpValue::from_json(value)));
        }
    }
    if let Some(alert) = &node.alert {
        attributes.extend(alert_attributes(alert));
    }
    attributes
}

fn alert_attributes(alert: &TreeAlert) -> Vec<OtlpAttribute> {
    let attack = alert.attack.iter().map(|id| OtlpValue::from_text(id));
    let mut attributes = vec![
        OtlpAttribute::new(
            "larum.alert.rule",
            OtlpValue::from_text(alert.rule.as_str()),
        ),
        OtlpAttribute::new(
            "larum.alert.severity",
            OtlpValue::from_text(alert.severity.as_str()),
        ),
        OtlpAttribute::new(
            "larum.alert.status",
            OtlpValue::from_text(caption::status_word(alert.status)),
        ),
        OtlpAttribute::new(
            "larum.alert.revision",
            OtlpValue::from_count(alert.revision.into()),
        ),
        OtlpAttribute::new("larum.alert.matches", OtlpValue::from_count(alert.count)),
        OtlpAttribute::new("larum.alert.message", OtlpValue::from_text(&alert.message)),
        OtlpAttribute::new(
            "larum.alert.position",
            OtlpValue::from_count(alert.position.0),
        ),
    ];
    if !alert.attack.is_empty() {
        attributes.push(OtlpAttribute::new(
            "larum.alert.attack",
            OtlpValue::from_list(attack.collect()),
        ));
    }
    for (name, value) in &alert.key {
        let key = format!("larum.alert.key.{name}");
        attributes.push(OtlpAttribute::new(key, OtlpValue::from_text(value)));
    }
    attributes
}

/// An alert in force is an error of what it is about.
fn span_status(alert: &TreeAlert) -> Option<OtlpStatus> {
    let message = if alert.message.is_empty() {
        alert.rule.as_str()
    } else {
        &alert.message
    };
    match alert.status {
        AlertStatus::Early | AlertStatus::Final => Some(OtlpStatus {
            code: message::STATUS_ERROR,
            message: message.to_owned(),
        }),
        AlertStatus::Retracted => None,
    }
}

fn build_span_event(event: &TreeEvent) -> SpanEvent {
    SpanEvent {
        time_unix_nano: unix_nanos(event.time),
        name: event.event_type.as_str().to_owned(),
        attributes: vec![
            OtlpAttribute::new("larum.event.id", OtlpValue::from_text(event.id.as_str())),
            OtlpAttribute::new(
                "larum.event.source",
                OtlpValue::from_text(event.source.as_str()),
            ),
            OtlpAttribute::new(
                "larum.event.severity",
                OtlpValue::from_text(event.severity.as_str()),
            ),
            OtlpAttribute::new(
                "larum.event.position",
                OtlpValue::from_count(event.position.0),
            ),
        ],
    }
}

fn build_fold_event(fold: &EventFold) -> SpanEvent {
    SpanEvent {
        time_unix_nano: unix_nanos(fold.first),
        name: fold.event_type.as_str().to_owned(),
        attributes: vec![
            OtlpAttribute::new(
                "larum.event.id",
                OtlpValue::from_text(fold.example.as_str()),
            ),
            OtlpAttribute::new(
                "larum.event.source",
                OtlpValue::from_text(fold.source.as_str()),
            ),
            OtlpAttribute::new(
                "larum.event.severity",
                OtlpValue::from_text(fold.severity.as_str()),
            ),
            OtlpAttribute::new("larum.event.count", OtlpValue::from_count(fold.count)),
            OtlpAttribute::new(
                "larum.event.last",
                OtlpValue::from_text(&fold.last.to_string()),
            ),
        ],
    }
}

/// Links by the place of the span that has them: the lower end's, or the upper one's when the lower
/// is elsewhere.
fn build_links(view: &TreeView, ids: &SpanIds<'_>) -> BTreeMap<usize, Vec<SpanLink>> {
    let arrows = DrawingArrows::from_view(view);
    let mut links: BTreeMap<usize, Vec<SpanLink>> = BTreeMap::new();
    let end = |place: usize| match view.nodes.get(place) {
        Some(node) => (&*node.id, ids.trace, ids.span_id(place)),
        None => {
            let number = place - view.nodes.len();
            let id = arrows.elsewhere.get(number).copied().unwrap_or_default();
            (
                id,
                ids.trace_id_elsewhere(id),
                span_ids::span_id_elsewhere(id),
            )
        }
    };
    for arrow in arrows.all.iter().filter(|arrow| !arrow.is_tree_edge) {
        let (at, other) = if arrow.to < view.nodes.len() {
            (arrow.to, arrow.from)
        } else {
            (arrow.from, arrow.to)
        };
        let (id, trace, span) = end(other);
        links
            .entry(at)
            .or_default()
            .push(build_link(id, trace, span, arrow.kind));
    }
    links
}

fn build_link(id: &str, trace: TraceId, span_id: String, kind: EdgeKind) -> SpanLink {
    SpanLink {
        trace_id: trace.to_hex(),
        span_id,
        attributes: vec![
            OtlpAttribute::new("larum.edge", OtlpValue::from_text(caption::edge_word(kind))),
            OtlpAttribute::new("larum.node.id", OtlpValue::from_text(id)),
        ],
    }
}
