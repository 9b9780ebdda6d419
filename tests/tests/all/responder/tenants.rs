//! A tenant that names another's workflow, trace or file does not get into its trees (4-43).

use serde_json::{Value, json};

use super::{Running, outline, texts};

/// Questions asked until an answer must have come.
const QUESTIONS: usize = 2_000;
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// An upload that raises an alert, as `step` below `root`.
fn upload(tenant: &str, id: &str, step: &str, root: &str) -> Value {
    json!({
        "id": id, "type": "network.flow", "source": "netmon", "time": "2026-11-20T12:00:00Z",
        "traceparent": format!("00-{TRACE}-b7ad6b7169203331-01"),
        "correlationId": step, "correlation": {"root": root, "parent": root},
        "metadata": {"tenantId": tenant, "user": "eve"},
        "data": {"host": "web-1", "address": "198.51.100.23", "bytesOut": 48_731_204, "sha256": SHA256},
    })
}

fn opened(tenant: &str, root: &str) -> Value {
    json!({
        "id": format!("{tenant}-opened"), "type": "work.opened", "source": "desk",
        "time": "2026-11-20T11:59:00Z", "correlationId": root, "metadata": {"tenantId": tenant}, "data": {},
    })
}

/// What acme sees of its own by every id that somebody else may name too.
fn seen_by_acme(running: &Running) -> Vec<Vec<String>> {
    let ids = ["acme-case", "acme-upload", "acme-1", "user:eve"];
    let trees = ids.map(|id| outline(&running.ask(&format!("/v1/trees/{id}?tenant=acme"))));
    let incidents = running.ask("/v1/incidents?tenant=acme");
    let mut seen = trees.to_vec();
    seen.push(texts(incidents["items"].as_array(), "id"));
    seen
}

/// What is told on `$sys`, which is put into the log behind what it is about.
fn reported(running: &Running) -> Vec<Value> {
    let ask = || {
        let path = "/v1/events?type=larum.tree_refused&tenant=globex";
        running.ask(path)["items"].as_array().unwrap().clone()
    };
    let mut asked = std::iter::repeat_with(ask).take(QUESTIONS);
    asked
        .find(|reports| !reports.is_empty())
        .unwrap_or_default()
}

#[test]
fn a_tenant_that_spoofs_workflow_trace_and_file_of_another_stays_by_itself_and_is_reported() {
    let mut running = Running::shipped();
    running.post(&[
        opened("acme", "acme-case"),
        upload("acme", "acme-1", "acme-upload", "acme-case"),
    ]);
    running.settle();
    let before = seen_by_acme(&running);
    assert!(before.iter().all(|seen| !seen.is_empty()), "{before:?}");
    // The root that it guessed, and one that has the very step's name.
    running.post(&[
        upload("globex", "globex-1", "globex-upload", "acme-case"),
        upload("globex", "globex-2", "acme-upload", "acme-case"),
    ]);
    running.settle();
    let check = |running: &Running| {
        assert_eq!(seen_by_acme(running), before);
        let theirs = running.ask("/v1/trees/globex-1?tenant=globex");
        assert_eq!(theirs["tenant"], "globex");
        let events = theirs["nodes"].as_array().unwrap().iter();
        let events = events.flat_map(|node| texts(node["events"].as_array(), "id"));
        assert!(
            events.into_iter().all(|id| id.starts_with("globex")),
            "{theirs}"
        );
        let acmes = running.ask("/v1/trees/acme-opened?tenant=globex");
        assert_eq!(acmes["error"]["code"], "no_such_tree");
        let incident = running.ask("/v1/incidents/user:eve?tenant=globex");
        assert!(!before[4].contains(&incident["id"].as_str().unwrap().to_owned()));
        let reports = reported(running);
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert_eq!(reports[0]["causationId"], "globex-1");
        assert_eq!(reports[0]["metadata"]["tenantId"], "globex");
    };
    check(&running);
    check(&running.killed_and_started_again());
}
