//! Trees of plain data, by declared links.

use std::sync::Arc;

use larum_event::{Event, IncidentJoin, LinkPart, LinkSet, LinkSpec, PartForm, Position, Span};
use larum_tree::{CorrelationGraph, EdgeKind, EdgeSource, GraphLimits, NodeKind, TreeView};

use crate::fixture::{acme, parse, time};

fn part(path: &str) -> LinkPart {
    LinkPart {
        path: path.into(),
        form: PartForm::AsIs,
    }
}

fn short(path: &str) -> LinkPart {
    LinkPart {
        path: path.into(),
        form: PartForm::ShortHost,
    }
}

fn topics(list: &[&str]) -> Vec<Arc<str>> {
    list.iter().map(|topic| (*topic).into()).collect()
}

/// Processes by GUID, known for a while by pid and image; sessions by logon id.
pub fn links() -> LinkSet {
    let process = LinkSpec {
        name: "process".into(),
        version: 1,
        on: topics(&["events.process.#"]),
        scope: vec![short("data.host")],
        id: vec![vec![part("data.guid")]],
        parent: vec![vec![part("data.parent")]],
        alias: vec![part("data.pid"), part("data.image")],
        parent_alias: vec![part("data.ppid"), part("data.pimage")],
        begins: topics(&["events.process.create"]),
        label: Some(part("data.image")),
        keep: topics(&["data.image", "data.pid"]),
        joins: None,
    };
    let of_session = |on: &str| LinkSpec {
        name: "session".into(),
        version: 2,
        on: topics(&[on]),
        scope: vec![short("data.host")],
        id: vec![vec![part("data.logon")]],
        parent: Vec::new(),
        alias: Vec::new(),
        parent_alias: Vec::new(),
        begins: topics(&["events.session.logon"]),
        label: Some(part("data.user")),
        keep: Vec::new(),
        joins: Some(IncidentJoin {
            within: Span::from_seconds(24 * 3600),
            most: 10,
        }),
    };
    LinkSet {
        links: vec![
            process,
            of_session("events.session.#"),
            of_session("events.process.create"),
        ],
        entities: Vec::new(),
    }
}

pub fn event(id: &str, kind: &str, seconds: i64, data: serde_json::Value) -> Event {
    let json = serde_json::json!({
        "id": id, "type": kind, "source": "edr", "time": time(seconds).to_string(), "data": data,
    });
    parse(&json.to_string())
}

fn create(id: &str, seconds: i64, guid: &str, parent: &str) -> Event {
    let data = serde_json::json!({
        "host": "WS5.shire.com", "guid": guid, "parent": parent, "pid": 7, "image": guid,
        "ppid": 9, "pimage": parent, "logon": "0x3e7", "user": "eve",
    });
    event(id, "process.create", seconds, data)
}

pub fn linked(events: &[Event]) -> CorrelationGraph {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    forest.use_links(&links());
    let mut out = Vec::new();
    for (event, position) in events.iter().zip(1..) {
        forest.insert(&acme(), event, Position(position), &mut out);
    }
    assert_eq!(out, []);
    forest
}

/// `id under parent` of the nodes of a tree.
fn outline(view: &TreeView) -> Vec<String> {
    let nodes = view.nodes.iter().map(|node| {
        let parent = node.parent.map(|parent| view.nodes[parent].id.to_string());
        format!("{} under {}", node.id, parent.as_deref().unwrap_or("none"))
    });
    nodes.collect()
}

#[test]
fn processes_hang_under_the_ones_that_started_them_in_any_order() {
    let events = [
        create("e1", 1, "cmd", "explorer"),
        create("e2", 2, "whoami", "cmd"),
        event(
            "e3",
            "process.exit",
            3,
            serde_json::json!({"host": "ws5", "guid": "whoami"}),
        ),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let forest = linked(&order.map(|place: usize| events[place].clone()));
        let view = forest.find_tree(&acme(), "e3").unwrap();
        assert_eq!(
            outline(&view),
            [
                "process:ws5/explorer under none",
                "process:ws5/cmd under process:ws5/explorer",
                "process:ws5/whoami under process:ws5/cmd",
            ]
        );
        let [explorer, cmd, whoami] = &view.nodes[..] else {
            panic!("three nodes")
        };
        assert_eq!(
            (explorer.seen, explorer.begun, explorer.first),
            (false, false, Some(time(1)))
        );
        assert_eq!(
            (cmd.kind, cmd.begun, cmd.label.as_deref()),
            (NodeKind::Linked, true, Some("cmd"))
        );
        assert_eq!(cmd.kept["data.pid"], 7);
        assert_eq!(whoami.events.len(), 2);
        assert_eq!((whoami.last, view.counts.depth), (Some(time(3)), 3));
    }
}

#[test]
fn an_edge_says_which_fields_of_which_event_made_it() {
    let forest = linked(&[create("e1", 1, "cmd", "explorer")]);
    let view = forest.find_tree(&acme(), "process:ws5/cmd").unwrap();
    let edge = &view.edges[0];
    assert_eq!(
        (&*edge.from, &*edge.to, edge.kind),
        ("process:ws5/explorer", "process:ws5/cmd", EdgeKind::Parent)
    );
    assert_eq!(edge.event.as_ref().unwrap().as_str(), "e1");
    assert_eq!(edge.position, Some(Position(1)));
    let EdgeSource::Link {
        link,
        version,
        fields,
    } = &edge.why
    else {
        panic!("by a link: {edge:?}")
    };
    assert_eq!((&**link, *version), ("process", 1));
    let fields: Vec<_> = fields
        .iter()
        .map(|(path, value)| (&**path, &**value))
        .collect();
    assert_eq!(fields, [("data.host", "ws5"), ("data.parent", "explorer")]);
}

#[test]
fn what_an_event_hangs_on_beside_its_main_node_is_tied_to_it_and_no_part_of_its_tree() {
    let logon = serde_json::json!({"host": "ws5", "logon": "0x3e7", "user": "eve"});
    let forest = linked(&[
        event("e0", "session.logon", 0, logon),
        create("e1", 1, "cmd", "explorer"),
        create("e2", 2, "whoami", "cmd"),
    ]);
    let session = forest.find_tree(&acme(), "session:ws5/0x3e7").unwrap();
    assert_eq!(outline(&session), ["session:ws5/0x3e7 under none"]);
    let node = &session.nodes[0];
    assert_eq!(
        (node.begun, node.label.as_deref(), node.events.len()),
        (true, Some("eve"), 3)
    );
    let shared: Vec<_> = session
        .edges
        .iter()
        .map(|edge| (edge.kind, &*edge.to))
        .collect();
    assert_eq!(
        shared,
        [
            (EdgeKind::Shared, "process:ws5/cmd"),
            (EdgeKind::Shared, "process:ws5/whoami"),
        ]
    );
    let processes = forest.find_tree(&acme(), "e1").unwrap();
    assert_eq!(&*processes.root, "process:ws5/explorer");
    assert_eq!(processes.counts.steps, 3);
    assert_eq!(
        processes
            .edges
            .iter()
            .filter(|edge| edge.kind == EdgeKind::Shared)
            .count(),
        2
    );
}

#[test]
fn a_parent_that_is_never_seen_is_stood_in_for_by_the_last_one_of_its_alias() {
    let of = |id: &str, seconds, guid: &str, pid: u32, parent: &str, ppid: u32| {
        let data = serde_json::json!({
            "host": "ws5", "guid": guid, "pid": pid, "image": "cmd", "parent": parent, "ppid": ppid, "pimage": "cmd",
        });
        event(id, "process.create", seconds, data)
    };
    let events = [
        of("e1", 1, "first-7", 7, "boot", 1),
        of("e2", 5, "second-7", 7, "boot", 1),
        of("e3", 9, "third-7", 7, "boot", 1),
        of("e4", 6, "child", 8, "another-name-of-7", 7),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [3, 0, 2, 1]] {
        let forest = linked(&order.map(|place: usize| events[place].clone()));
        let view = forest.find_tree(&acme(), "e4").unwrap();
        let found = outline(&view);
        assert!(
            found.contains(&"process:ws5/another-name-of-7 under process:ws5/second-7".to_owned()),
            "{found:?}"
        );
        let alias = view
            .edges
            .iter()
            .find(|edge| edge.kind == EdgeKind::Alias)
            .unwrap();
        assert_eq!(&*alias.to, "process:ws5/another-name-of-7");
        let EdgeSource::Link { fields, .. } = &alias.why else {
            panic!("by a link")
        };
        let paths: Vec<_> = fields
            .iter()
            .map(|(path, value)| (&**path, &**value))
            .collect();
        assert_eq!(
            paths,
            [
                ("data.host", "ws5"),
                ("data.ppid", "7"),
                ("data.pimage", "cmd")
            ]
        );
    }
    // The parent turns up under its own id after all.
    let late = of("e5", 2, "another-name-of-7", 7, "boot", 1);
    let forest = linked(&[
        events[0].clone(),
        events[1].clone(),
        events[3].clone(),
        late,
    ]);
    let view = forest.find_tree(&acme(), "e4").unwrap();
    assert!(
        outline(&view).contains(&"process:ws5/another-name-of-7 under process:ws5/boot".to_owned())
    );
}

#[test]
fn one_traceparent_makes_one_tree_of_three_collectors() {
    let traced = |id: &str, seconds: i64, source: &str, step: Option<&str>| {
        let mut json = serde_json::json!({
            "id": id, "type": "work", "source": source, "time": time(seconds).to_string(),
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        });
        if let Some(step) = step {
            json["correlationId"] = step.into();
        }
        parse(&json.to_string())
    };
    let events = [
        traced("e1", 1, "rust", Some("upload-1")),
        traced("e2", 2, "python", None),
        traced("e3", 3, "shell", Some("scan-9")),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let forest = linked(&order.map(|place: usize| events[place].clone()));
        let view = forest
            .find_tree(&acme(), "4bf92f3577b34da6a3ce929d0e0e4736")
            .unwrap();
        let trace = "trace:4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(
            outline(&view),
            [
                format!("{trace} under none"),
                format!("upload-1 under {trace}"),
                format!("{trace}/00f067aa0ba902b7 under {trace}"),
                format!("scan-9 under {trace}"),
            ]
        );
        assert_eq!(view.nodes[0].kind, NodeKind::Trace);
        assert!(view.edges.iter().all(|edge| edge.kind == EdgeKind::Trace));
        for id in ["e1", "e2", "e3"] {
            assert_eq!(forest.find_tree(&acme(), id).unwrap(), view);
        }
    }
}

#[test]
fn a_traceparent_that_the_standard_calls_invalid_names_nothing() {
    for text in [
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "00-4bf92f3577b34da6-00f067aa0ba902b7-01",
        "nonsense",
    ] {
        let json = serde_json::json!({
            "id": "e1", "type": "work", "source": "s", "time": time(1).to_string(), "traceparent": text,
        });
        assert_eq!(
            linked(&[parse(&json.to_string())]).stats().nodes,
            0,
            "{text}"
        );
    }
    let later = serde_json::json!({
        "id": "e1", "type": "work", "source": "s", "time": time(1).to_string(),
        "traceparent": "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
    });
    assert_eq!(linked(&[parse(&later.to_string())]).stats().nodes, 2);
}

#[test]
fn a_value_that_cannot_be_part_of_an_id_names_no_node() {
    for value in [
        serde_json::json!(""),
        serde_json::json!("-"),
        serde_json::json!("0x0"),
        serde_json::json!("{00000000-0000-0000-0000-000000000000}"),
        serde_json::json!("00000000-0000-0000-0000-000000000000"),
        serde_json::json!(null),
        serde_json::json!(["a"]),
        serde_json::json!({"a": 1}),
        serde_json::json!("x".repeat(257)),
        serde_json::json!("line\nfeed"),
    ] {
        let data = serde_json::json!({"host": "ws5", "guid": value});
        assert_eq!(
            linked(&[event("e1", "process.exit", 1, data)])
                .stats()
                .nodes,
            0
        );
    }
    for value in [&"x".repeat(256), "0", "0x00", "--", "{0}"] {
        let data = serde_json::json!({"host": "ws5", "guid": value});
        let forest = linked(&[event("e1", "process.exit", 1, data)]);
        assert_eq!(forest.stats().nodes, 1, "{value}");
    }
}

#[test]
fn trees_are_found_by_the_entities_that_their_events_name() {
    let said = |id: &str, seconds, step: &str, user: &str| {
        let json = serde_json::json!({
            "id": id, "type": "work", "source": "s", "time": time(seconds).to_string(),
            "correlationId": step, "metadata": {"user": user},
        });
        parse(&json.to_string())
    };
    let forest = linked(&[
        said("e1", 1, "one", "eve"),
        said("e2", 2, "two", "eve"),
        said("e3", 3, "three", "adam"),
    ]);
    let trees = |value| -> Vec<_> {
        let trees = forest.trees_of_entity(&acme(), "user", value);
        trees
            .into_iter()
            .map(|tree| tree.root.to_string())
            .collect()
    };
    assert_eq!(trees("eve"), ["two", "one"]);
    assert_eq!(trees("adam"), ["three"]);
    assert!(trees("nobody").is_empty());
    assert_eq!(
        &*forest.find_tree(&acme(), "user:adam").unwrap().root,
        "three"
    );
}

#[test]
fn of_two_aliases_of_a_process_that_of_its_earliest_event_holds_in_any_order() {
    let begun = |id: &str, seconds, guid: &str, pid: u8, parent: Option<&str>, ppid: u8| {
        let data = serde_json::json!({
            "host": "ws5", "guid": guid, "pid": pid, "image": "i", "parent": parent, "ppid": ppid, "pimage": "i",
        });
        event(id, "process.create", seconds, data)
    };
    let events = [
        begun("e1", 1, "server", 1, Some("init"), 90),
        begun("e2", 2, "server", 2, Some("init"), 90),
        begun("e3", 3, "child", 80, Some("lost"), 1),
        begun("e4", 4, "other", 81, Some("gone"), 2),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 1, 0], [1, 0, 3, 2]] {
        let forest = linked(&order.map(|place: usize| events[place].clone()));
        let roots = ["child", "other"].map(|guid| {
            let view = forest.find_tree(&acme(), &format!("process:ws5/{guid}"));
            view.unwrap().root.to_string()
        });
        assert_eq!(roots, ["process:ws5/init", "process:ws5/gone"], "{order:?}");
    }
}

#[test]
fn an_alert_on_a_logon_and_one_on_a_process_of_its_session_are_one_incident() {
    for order in [["e1", "e2"], ["e2", "e1"]] {
        let logon = serde_json::json!({"host": "ws5", "logon": "0x3e7", "user": "eve"});
        let mut forest = linked(&[
            event("e1", "session.logon", 1, logon),
            create("e2", 2, "cmd", "explorer"),
        ]);
        for (cause, position) in order.iter().zip(3..) {
            let alert = crate::fixture::alert(&format!("alert-{cause}"), 1, &[cause], None);
            forest.insert(&acme(), &alert, Position(position), &mut Vec::new());
        }
        let incident = forest.find_incident(&acme(), "alert-e1").unwrap();
        assert_eq!(incident.alerts, 2);
        assert_eq!(
            forest.find_incident(&acme(), "alert-e2").unwrap().id,
            incident.id
        );
    }
}

#[test]
fn traces_that_share_what_a_link_names_stay_trees_of_their_own() {
    let traced = |number: u32, step: Option<&str>| {
        let mut json = serde_json::json!({
            "id": format!("e{number}"), "type": "process.exit", "source": "edr", "time": time(1).to_string(),
            "traceparent": format!("00-{number:032x}-00f067aa0ba902b7-01"),
            "data": {"host": "ws5", "guid": "server"},
        });
        if let Some(step) = step {
            json["correlationId"] = step.into();
        }
        parse(&json.to_string())
    };
    for steps in [[None, None], [Some("one"), Some("two")]] {
        let forest = linked(&[traced(1, steps[0]), traced(2, steps[1])]);
        let trees = ["e1", "e2"].map(|id| forest.find_tree(&acme(), id).unwrap());
        for (tree, number) in trees.iter().zip(1_u32..) {
            assert_eq!(*tree.root, *format!("trace:{number:032x}"));
            assert_eq!(tree.counts.steps, 2, "the trace and what carries it");
            let shared = tree.edges.iter().find(|edge| edge.kind == EdgeKind::Shared);
            assert_eq!(&*shared.unwrap().from, "process:ws5/server");
        }
        let server = forest.find_tree(&acme(), "process:ws5/server").unwrap();
        assert_eq!((server.counts.steps, server.nodes[0].events.len()), (1, 2));
        let members = ["e1", "e2"].map(|id| forest.tree_members(&acme(), id).unwrap().tree);
        assert_ne!(members[0], members[1], "counted and let go apart");
    }
}
