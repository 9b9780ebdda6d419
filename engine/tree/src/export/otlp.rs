//! A tree as an OpenTelemetry trace (OTLP/JSON, `TracesData` of `opentelemetry.proto.trace.v1`).
//!
//! A node is a span, its events are span events, an alert is a span with an error status, and what leads
//! across the tree is a link. Spans of one observer come together as one resource, so that trace viewers
//! tell observers apart. Nodes that stand on a page again are left out: their spans are in the page before.

mod ids;

mod message;

use std::collections::BTreeMap;

use larum_event::{AlertStatus, Timestamp};

use self::ids::{Ids, TraceId};
use self::message::{
    AnyValue, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span, SpanEvent, SpanLink,
    Status, TracesData,
};
use super::drawing::{Arrows, edge_kinds, parent_of};
use crate::caption;
use crate::view::{AlertMark, EdgeKind, Fold, TreeEvent, TreeNode, TreeView};

/// The service of spans that no event hangs on, such as alerts.
const OWN_SERVICE: &str = "larum";

/// Writes a view as `TracesData`.
pub(super) fn to_otlp(view: &TreeView) -> String {
    let ids = Ids::of(view);
    let starts = starts(&view.nodes);
    let edges = edge_kinds(view);
    let mut links = links(view, &ids);
    let mut by_service: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for (place, node) in view.nodes.iter().enumerate() {
        if node.again {
            continue;
        }
        let start = starts.get(place).copied().unwrap_or_default();
        let mut span = span_of(node, start);
        span.trace_id = ids.trace.to_hex();
        span.span_id = ids.span(place);
        let mut edge = None;
        if let Some((parent, above)) = parent_of(&view.nodes, node) {
            span.parent_span_id = ids.span(parent);
            edge = edges.get(&(&*above.id, &*node.id)).copied();
        }
        if let Some(kind) = edge {
            let word = AnyValue::text(caption::edge(kind));
            span.attributes.push(KeyValue::new("larum.edge", word));
        }
        span.links = links.remove(&place).unwrap_or_default();
        by_service.entry(service_of(node)).or_default().push(span);
    }
    let resource_spans = by_service
        .into_iter()
        .map(|(service, spans)| resource(view, service, spans));
    let traces = TracesData {
        resource_spans: resource_spans.collect(),
    };
    serde_json::to_string(&traces).expect("its members are texts, numbers and lists")
}

/// Who observed the node's first event.
fn service_of(node: &TreeNode) -> &str {
    let first = node.events.first().map(|event| &event.source);
    let fold = node.folds.first().map(|fold| &fold.source);
    first.or(fold).map_or(OWN_SERVICE, |source| source.as_str())
}

fn resource(view: &TreeView, service: &str, spans: Vec<Span>) -> ResourceSpans {
    let mut attributes = vec![
        KeyValue::new("service.name", AnyValue::text(service)),
        KeyValue::new("larum.tenant", AnyValue::text(view.tenant.as_str())),
        KeyValue::new("larum.root", AnyValue::text(&view.root)),
        KeyValue::new("larum.as_of", AnyValue::count(view.as_of.0)),
        KeyValue::new("larum.partial", AnyValue::flag(view.partial)),
    ];
    if let Some(incident) = &view.incident {
        attributes.push(KeyValue::new("larum.incident", AnyValue::text(incident)));
    }
    ResourceSpans {
        resource: Resource { attributes },
        scope_spans: vec![ScopeSpans {
            scope: Scope {
                name: OWN_SERVICE.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            spans,
        }],
    }
}

/// When each node's span starts: at its own first time, else at that of the nodes above it, else at the
/// first time of the page.
fn starts(nodes: &[TreeNode]) -> Vec<Timestamp> {
    let earliest = nodes.iter().filter_map(|node| node.first).min();
    let mut starts: Vec<Timestamp> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let above = node.parent.and_then(|parent| starts.get(parent).copied());
        starts.push(node.first.or(above).or(earliest).unwrap_or_default());
    }
    starts
}

/// The span of a node, without its ids.
fn span_of(node: &TreeNode, start: Timestamp) -> Span {
    let folds = node.folds.iter().map(|fold| fold.last);
    let events = node.events.iter().map(|event| event.time);
    let alert = node.alert.iter().map(|alert| alert.time);
    let times = folds.chain(events).chain(alert).chain(node.last);
    let end = times.fold(start, Timestamp::max);
    let mut events: Vec<_> = node.events.iter().map(event_of).collect();
    events.extend(node.folds.iter().map(fold_of));
    Span {
        trace_id: String::new(),
        span_id: String::new(),
        parent_span_id: String::new(),
        name: name_of(node),
        kind: message::KIND_INTERNAL,
        start_time_unix_nano: nanos(start),
        end_time_unix_nano: nanos(end),
        attributes: attributes(node),
        events,
        dropped_events_count: u32::try_from(node.events_left_out).unwrap_or(u32::MAX),
        links: Vec::new(),
        status: node.alert.as_ref().and_then(status_of),
    }
}

/// Never empty: ids are not.
fn name_of(node: &TreeNode) -> String {
    let named = match &node.alert {
        Some(alert) => alert.title.as_deref().unwrap_or(alert.rule.as_str()),
        None => caption::name(node),
    };
    let name = if named.is_empty() { &node.id } else { named };
    if name.is_empty() {
        caption::kind(node.kind).to_owned()
    } else {
        name.to_owned()
    }
}

/// OTLP knows no time before 1970.
fn nanos(time: Timestamp) -> String {
    time.as_nanos().max(0).to_string()
}

fn attributes(node: &TreeNode) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("larum.node.id", AnyValue::text(&node.id)),
        KeyValue::new("larum.node.kind", AnyValue::text(caption::kind(node.kind))),
        KeyValue::new("larum.node.seen", AnyValue::flag(node.seen)),
        KeyValue::new("larum.node.begun", AnyValue::flag(node.begun)),
    ];
    let texts = [
        ("larum.link", &node.link),
        ("larum.label", &node.label),
        ("larum.stage", &node.stage),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            attributes.push(KeyValue::new(key, AnyValue::text(text)));
        }
    }
    for (name, value) in &node.tags {
        let key = format!("larum.tag.{name}");
        attributes.push(KeyValue::new(key, AnyValue::text(value)));
    }
    for (path, value) in &node.kept {
        // A value of nothing and no attribute are the same to OTLP.
        if !value.is_null() {
            let key = format!("larum.kept.{path}");
            attributes.push(KeyValue::new(key, AnyValue::of(value)));
        }
    }
    if let Some(alert) = &node.alert {
        attributes.extend(alert_attributes(alert));
    }
    attributes
}

fn alert_attributes(alert: &AlertMark) -> Vec<KeyValue> {
    let attack = alert.attack.iter().map(|id| AnyValue::text(id));
    let mut attributes = vec![
        KeyValue::new("larum.alert.rule", AnyValue::text(alert.rule.as_str())),
        KeyValue::new(
            "larum.alert.severity",
            AnyValue::text(alert.severity.as_str()),
        ),
        KeyValue::new(
            "larum.alert.status",
            AnyValue::text(caption::status(alert.status)),
        ),
        KeyValue::new(
            "larum.alert.revision",
            AnyValue::count(alert.revision.into()),
        ),
        KeyValue::new("larum.alert.matches", AnyValue::count(alert.count)),
        KeyValue::new("larum.alert.message", AnyValue::text(&alert.message)),
        KeyValue::new("larum.alert.position", AnyValue::count(alert.position.0)),
    ];
    if !alert.attack.is_empty() {
        attributes.push(KeyValue::new(
            "larum.alert.attack",
            AnyValue::list(attack.collect()),
        ));
    }
    for (name, value) in &alert.key {
        let key = format!("larum.alert.key.{name}");
        attributes.push(KeyValue::new(key, AnyValue::text(value)));
    }
    attributes
}

/// An alert that stands is an error of what it tells about.
fn status_of(alert: &AlertMark) -> Option<Status> {
    let message = if alert.message.is_empty() {
        alert.rule.as_str()
    } else {
        &alert.message
    };
    match alert.status {
        AlertStatus::Early | AlertStatus::Final => Some(Status {
            code: message::STATUS_ERROR,
            message: message.to_owned(),
        }),
        AlertStatus::Retracted => None,
    }
}

fn event_of(event: &TreeEvent) -> SpanEvent {
    SpanEvent {
        time_unix_nano: nanos(event.time),
        name: event.event_type.as_str().to_owned(),
        attributes: vec![
            KeyValue::new("larum.event.id", AnyValue::text(event.id.as_str())),
            KeyValue::new("larum.event.source", AnyValue::text(event.source.as_str())),
            KeyValue::new(
                "larum.event.severity",
                AnyValue::text(event.severity.as_str()),
            ),
            KeyValue::new("larum.event.position", AnyValue::count(event.position.0)),
        ],
    }
}

fn fold_of(fold: &Fold) -> SpanEvent {
    SpanEvent {
        time_unix_nano: nanos(fold.first),
        name: fold.event_type.as_str().to_owned(),
        attributes: vec![
            KeyValue::new("larum.event.id", AnyValue::text(fold.example.as_str())),
            KeyValue::new("larum.event.source", AnyValue::text(fold.source.as_str())),
            KeyValue::new(
                "larum.event.severity",
                AnyValue::text(fold.severity.as_str()),
            ),
            KeyValue::new("larum.event.count", AnyValue::count(fold.count)),
            KeyValue::new("larum.event.last", AnyValue::text(&fold.last.to_string())),
        ],
    }
}

/// Links by the place of the span that has them: the lower end's, or the upper one's when the lower is elsewhere.
fn links(view: &TreeView, ids: &Ids<'_>) -> BTreeMap<usize, Vec<SpanLink>> {
    let arrows = Arrows::of(view);
    let mut links: BTreeMap<usize, Vec<SpanLink>> = BTreeMap::new();
    let end = |place: usize| match view.nodes.get(place) {
        Some(node) => (&*node.id, ids.trace, ids.span(place)),
        None => {
            let number = place - view.nodes.len();
            let id = arrows.elsewhere.get(number).copied().unwrap_or_default();
            (id, ids.trace_elsewhere(id), ids::span_of(id))
        }
    };
    for arrow in arrows.all.iter().filter(|arrow| !arrow.holds) {
        let (at, other) = if arrow.to < view.nodes.len() {
            (arrow.to, arrow.from)
        } else {
            (arrow.from, arrow.to)
        };
        let (id, trace, span) = end(other);
        links
            .entry(at)
            .or_default()
            .push(link(id, trace, span, arrow.kind));
    }
    links
}

fn link(id: &str, trace: TraceId, span_id: String, kind: EdgeKind) -> SpanLink {
    SpanLink {
        trace_id: trace.to_hex(),
        span_id,
        attributes: vec![
            KeyValue::new("larum.edge", AnyValue::text(caption::edge(kind))),
            KeyValue::new("larum.node.id", AnyValue::text(id)),
        ],
    }
}
