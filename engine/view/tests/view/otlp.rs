//! Trees as traces, read back by OpenTelemetry's own types, which are made from the published
//! schema.

use std::collections::{BTreeMap, BTreeSet};

use larum_tree::{EdgeKind, NodeKind, TreeView};
use larum_view::{TreeFormat, export_tree};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use serde_json::Value;

use crate::views::{at, by_link, edge, event, intrusion, node, view};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The spans of an export by the ids of their nodes, after everything that the schema and its
/// document ask for was looked at. Nodes of one id get the place of their span behind it.
pub fn spans(view: &TreeView) -> Vec<(String, Span)> {
    let json = export_tree(view, TreeFormat::Otlp);
    let ours: Value = serde_json::from_str(&json).unwrap();
    let traces: TracesData = serde_json::from_str(&json).unwrap();
    // The reader passes over members it does not know; then they would be missing here.
    assert_contains(&serde_json::to_value(&traces).unwrap(), &ours, "");
    let mut ids = BTreeSet::new();
    let mut all = Vec::new();
    for resource in traces.resource_spans {
        assert_keys(&resource.resource.unwrap().attributes);
        for scope in resource.scope_spans {
            assert_eq!(scope.scope.unwrap().name, "larum");
            for span in scope.spans {
                assert_span(&span);
                assert!(ids.insert(span.span_id.clone()), "two spans of one id");
                let id = text(&span.attributes, "larum.node.id").unwrap();
                all.push((id, span));
            }
        }
    }
    all
}

fn assert_span(span: &Span) {
    let valid = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
    assert!(valid(&span.trace_id, 16));
    assert!(valid(&span.span_id, 8));
    assert!(span.parent_span_id.is_empty() || valid(&span.parent_span_id, 8));
    assert!(!span.name.is_empty());
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    assert_keys(&span.attributes);
    for event in &span.events {
        assert!(!event.name.is_empty());
        assert_keys(&event.attributes);
    }
    for link in &span.links {
        assert!(valid(&link.trace_id, 16) && valid(&link.span_id, 8));
        assert_keys(&link.attributes);
    }
}

fn assert_keys(attributes: &[KeyValue]) {
    let keys: BTreeSet<_> = attributes.iter().map(|pair| &pair.key).collect();
    assert_eq!(keys.len(), attributes.len(), "keys are told once");
    assert!(keys.iter().all(|key| !key.is_empty()));
}

/// Whether all of `part` stands in `whole`, in the same form.
fn assert_contains(whole: &Value, part: &Value, path: &str) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, part) in part {
                let path = format!("{path}.{key}");
                let whole = whole.get(key).unwrap_or_else(|| panic!("{path} is lost"));
                assert_contains(whole, part, &path);
            }
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{path}");
            for (whole, part) in whole.iter().zip(part) {
                assert_contains(whole, part, path);
            }
        }
        _ => assert_eq!(whole, part, "{path}"),
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    let found = attributes.iter().find(|pair| pair.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Any::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

fn by_id(view: &TreeView) -> BTreeMap<String, Span> {
    spans(view).into_iter().collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn nodes_are_spans_under_the_spans_of_their_parents() {
    let view = intrusion();
    let spans = by_id(&view);
    assert_eq!(spans.len(), view.nodes.len());
    for node in &view.nodes {
        let above = node.parent.map(|parent| &view.nodes[parent]);
        let expected = above.map(|above| spans[&*above.id].span_id.clone());
        let span = &spans[&*node.id];
        assert_eq!(span.parent_span_id, expected.unwrap_or_default());
        assert_eq!(span.trace_id, spans["bare"].trace_id);
    }
}

#[test]
fn spans_tell_times_events_and_what_nodes_keep() {
    let spans = by_id(&intrusion());
    let login = &spans["session:ws5/0x3e7"];
    let nanos = |seconds| u64::try_from(at(seconds).as_nanos()).unwrap();
    assert_eq!(login.start_time_unix_nano, nanos(0));
    assert_eq!(login.end_time_unix_nano, nanos(40));
    assert_eq!(login.events[0].name, "auth.login");
    let count = value(&login.events[0].attributes, "larum.event.count");
    assert_eq!(count, Some(&Any::IntValue(1_243)));
    let shell = &spans["process:ws5/{E2C0}"];
    assert_eq!(shell.name, "cmd.exe");
    let pid = value(&shell.attributes, "larum.kept.data.ProcessId");
    assert_eq!(pid, Some(&Any::IntValue(4_412)));
    let Some(Any::ArrayValue(list)) = value(&shell.attributes, "larum.kept.data.Elevated") else {
        panic!("a list")
    };
    let double = Some(Any::DoubleValue(1.5));
    assert_eq!(list.values[2], AnyValue { value: double });
    let upload = &spans["upload-7"];
    assert_eq!(upload.dropped_events_count, 3);
    assert_eq!(
        text(&upload.attributes, "larum.edge").as_deref(),
        Some("alias")
    );
    assert_eq!(
        text(&upload.attributes, "larum.tag.to").as_deref(),
        Some("192.0.2.9")
    );
}

#[test]
fn a_node_without_a_time_begins_with_the_one_above_it() {
    let spans = by_id(&intrusion());
    let (bare, guess) = (&spans["bare"], &spans["alert-1"]);
    assert_eq!(bare.start_time_unix_nano, guess.start_time_unix_nano);
    let missing = &spans["process:ws5/{AAAA}"];
    let login = &spans["session:ws5/0x3e7"];
    assert_eq!(missing.start_time_unix_nano, login.start_time_unix_nano);
}

#[test]
fn an_alert_that_stands_is_an_error_and_a_retracted_one_is_not() {
    let mut view = intrusion();
    let status = by_id(&view)["alert-1"].status.clone().unwrap();
    assert_eq!(
        (status.code, status.message.as_str()),
        (2, "eve, \"root\" & others")
    );
    view.nodes[2].alert.as_mut().unwrap().status = larum_event::AlertStatus::Retracted;
    assert_eq!(by_id(&view)["alert-1"].status, None);
}

#[test]
fn evidence_and_what_is_shared_are_links() {
    let spans = by_id(&intrusion());
    let links = &spans["alert-1"].links;
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].span_id, spans["session:ws5/0x3e7"].span_id);
    let links = &spans["upload-7"].links;
    assert_eq!(links.len(), 1);
    assert_ne!(links[0].trace_id, spans["upload-7"].trace_id);
    let id = text(&links[0].attributes, "larum.node.id");
    assert_eq!(id.as_deref(), Some("hash:sha256/9f86"));
}

#[test]
fn a_link_to_another_tree_meets_that_trees_own_export() {
    let mut here = view(vec![node("here", None)]);
    let why = by_link("session", "data.LogonId", "7");
    here.edges = vec![edge("session:ws5/7", "here", EdgeKind::Shared, why)];
    let link = by_id(&here)["here"].links[0].clone();
    let there = by_id(&view(vec![node("session:ws5/7", None)]));
    let there = &there["session:ws5/7"];
    assert_eq!(
        (link.trace_id, link.span_id),
        (there.trace_id.clone(), there.span_id.clone())
    );
}

#[test]
fn a_trace_keeps_its_own_ids() {
    let mut span = node(&format!("trace:{TRACE}/00f067aa0ba902b7"), Some(0));
    span.kind = NodeKind::Trace;
    let root = node(&format!("trace:{TRACE}"), None);
    let view = view(vec![root, span]);
    for (id, span) in spans(&view) {
        assert_eq!(hex(&span.trace_id), TRACE);
        if id.contains('/') {
            assert_eq!(hex(&span.span_id), "00f067aa0ba902b7");
        }
    }
}

#[test]
fn what_only_looks_like_a_trace_gets_ids_of_its_own() {
    for id in [
        "trace:",
        "trace:00000000000000000000000000000000",
        "trace:4bf9",
        "trace:+bf92f3577b34da6a3ce929d0e0e4736",
        "trace:4bf92f3577b34da6a3ce929d0e0e4736/0000000000000000",
    ] {
        let spans = spans(&view(vec![node(id, None)]));
        assert_eq!(spans[0].0, id);
    }
}

#[test]
fn spans_of_one_observer_come_together_as_one_service() {
    let mut view = intrusion();
    view.nodes[5].events = vec![event("up", 30, "file.upload", "sysmon@ws5")];
    let traces: TracesData = serde_json::from_str(&export_tree(&view, TreeFormat::Otlp)).unwrap();
    let services: Vec<_> = traces
        .resource_spans
        .iter()
        .map(|resource| {
            let attributes = &resource.resource.as_ref().unwrap().attributes;
            let service = text(attributes, "service.name").unwrap();
            (service, resource.scope_spans[0].spans.len())
        })
        .collect();
    let expected = [("larum", 3), ("sshd@web-1", 1), ("sysmon@ws5", 2)];
    assert_eq!(
        services,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
}

#[test]
fn two_tenants_with_one_root_are_two_traces() {
    let one = view(vec![node("incident-9", None)]);
    let mut other = one.clone();
    other.tenant = larum_event::TenantId::new("other").unwrap();
    assert_ne!(spans(&one)[0].1.trace_id, spans(&other)[0].1.trace_id);
}

#[test]
fn pages_put_together_are_one_trace() {
    let whole = view(vec![
        node("a", None),
        node("b", Some(0)),
        node("c", Some(0)),
    ]);
    let mut above = node("a", None);
    above.again = true;
    let first = view(vec![node("a", None), node("b", Some(0))]);
    let second = view(vec![above, node("c", Some(0))]);
    let mut pages = by_id(&first);
    pages.extend(by_id(&second));
    assert_eq!(pages, by_id(&whole));
}

#[test]
fn one_event_under_two_alerts_is_two_spans() {
    let mut nodes = vec![node("root", None), node("a1", Some(0)), node("a2", Some(0))];
    for alert in [1, 2] {
        let mut bare = node("bare", Some(alert));
        bare.kind = NodeKind::Event;
        nodes.push(bare);
    }
    assert_eq!(spans(&view(nodes)).len(), 5);
}

#[test]
fn times_before_1970_and_numbers_beyond_the_schema_stay_valid() {
    let mut old = node("old", None);
    old.first = Some(larum_event::Timestamp::MIN);
    old.kept = BTreeMap::from([("data.Big".into(), serde_json::json!(u64::MAX))]);
    let spans = by_id(&view(vec![old]));
    assert_eq!(spans["old"].start_time_unix_nano, 0);
    let big = text(&spans["old"].attributes, "larum.kept.data.Big");
    assert_eq!(big.as_deref(), Some("18446744073709551615"));
}
