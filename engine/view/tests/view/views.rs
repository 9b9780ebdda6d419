//! Views made by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{
    AlertStatus, EventId, EventType, Position, RuleId, Severity, Source, TenantId, Timestamp,
};
use larum_tree::{
    AlertCause, EdgeKind, EdgeSource, EventFold, MissingPart, NodeKind, TreeAlert, TreeCounts,
    TreeEdge, TreeEvent, TreeNode, TreeView,
};
use serde_json::json;

/// Seconds after 2027-01-15T08:00:00Z.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_799_740_800 + 86_400 * 3 + seconds).unwrap()
}

/// A step that spoke for itself and has nothing.
pub fn node(id: &str, parent: Option<usize>) -> TreeNode {
    TreeNode {
        id: id.into(),
        kind: NodeKind::Step,
        link: None,
        label: None,
        parent,
        depth: 0,
        seen: true,
        begun: true,
        again: false,
        first: None,
        last: None,
        stage: None,
        tags: BTreeMap::new(),
        kept: BTreeMap::new(),
        events: Vec::new(),
        folds: Vec::new(),
        events_left_out: 0,
        children: 0,
        alert: None,
    }
}

pub fn event(id: &str, seconds: i64, event_type: &str, source: &str) -> TreeEvent {
    TreeEvent {
        id: EventId::new(id).unwrap(),
        event_type: EventType::new(event_type).unwrap(),
        source: Source::new(source).unwrap(),
        time: at(seconds),
        severity: Severity::Info,
        position: Position(u64::try_from(seconds).unwrap() + 1),
    }
}

pub fn fold(event_type: &str, count: u64, first: i64, last: i64) -> EventFold {
    EventFold {
        event_type: EventType::new(event_type).unwrap(),
        source: Source::new("sshd@web-1").unwrap(),
        severity: Severity::Low,
        count,
        first: at(first),
        last: at(last),
        example: EventId::new(format!("{event_type}-{first}")).unwrap(),
    }
}

pub fn alert(rule: &str, severity: Severity, seconds: i64) -> TreeAlert {
    TreeAlert {
        revision: 1,
        status: AlertStatus::Final,
        rule: RuleId::new(rule).unwrap(),
        title: Some("Somebody guesses".into()),
        severity,
        attack: vec!["T1110".into()],
        key: BTreeMap::from([("user".to_owned(), "eve".to_owned())]),
        count: 5,
        first: at(seconds - 1),
        last: at(seconds),
        time: at(seconds),
        message: "eve, \"root\" & others".into(),
        position: Position(900),
        trigger: EventId::new("login-1").unwrap(),
        causes: Vec::new(),
    }
}

pub fn edge(from: &str, to: &str, kind: EdgeKind, why: EdgeSource) -> TreeEdge {
    TreeEdge {
        from: from.into(),
        to: to.into(),
        kind,
        why,
        event: Some(EventId::new("said-so").unwrap()),
        position: Some(Position(17)),
    }
}

pub fn by_link(link: &str, field: &str, value: &str) -> EdgeSource {
    EdgeSource::Link {
        link: link.into(),
        version: 3,
        fields: vec![(field.into(), value.into())],
    }
}

/// A view of these nodes, with depths told from their parents.
pub fn view(mut nodes: Vec<TreeNode>) -> TreeView {
    for place in 0..nodes.len() {
        let above = nodes[place].parent.map(|parent| nodes[parent].depth + 1);
        nodes[place].depth = above.unwrap_or(0);
    }
    TreeView {
        root: nodes[0].id.clone(),
        tenant: TenantId::new("acme").unwrap(),
        incident: None,
        as_of: Position(1_000),
        counts: TreeCounts {
            steps: nodes.len() as u64,
            events: 3,
            alerts: 1,
            depth: 4,
        },
        partial: false,
        why: Vec::new(),
        nodes,
        edges: Vec::new(),
        next: None,
    }
}

/// A login, the processes it led to, an alert, a parent that never spoke, and evidence elsewhere.
pub fn intrusion() -> TreeView {
    let mut login = node("session:ws5/0x3e7", None);
    login.kind = NodeKind::Linked;
    login.link = Some("session".into());
    login.first = Some(at(0));
    login.last = Some(at(40));
    login.folds = vec![
        fold("auth.login", 1_243, 0, 40),
        fold("auth.logout", 1, 9, 9),
    ];
    login.children = 14;
    let mut shell = node("process:ws5/{E2C0}", Some(0));
    shell.kind = NodeKind::Linked;
    shell.link = Some("process".into());
    shell.label = Some(r"C:\Windows\System32\cmd.exe".into());
    shell.first = Some(at(10));
    shell.last = Some(at(12));
    shell.kept = BTreeMap::from([
        (Arc::from("data.ProcessId"), json!(4412)),
        (Arc::from("data.CommandLine"), json!("cmd.exe /c whoami")),
        (Arc::from("data.Elevated"), json!([true, null, 1.5])),
    ]);
    shell.events = vec![event("start-1", 10, "process.start", "sysmon@ws5")];
    let mut guess = node("alert-1", Some(1));
    guess.kind = NodeKind::Alert;
    guess.first = Some(at(12));
    guess.alert = Some(alert("auth.guessing", Severity::High, 12));
    guess.alert.as_mut().unwrap().causes = vec![
        AlertCause {
            event: EventId::new("login-1").unwrap(),
            node: Some(0),
            step: Some("session:ws5/0x3e7".into()),
        },
        AlertCause {
            event: EventId::new("bare").unwrap(),
            node: Some(3),
            step: None,
        },
    ];
    let mut bare = node("bare", Some(2));
    bare.kind = NodeKind::Event;
    bare.seen = false;
    let mut missing = node("process:ws5/{AAAA}", Some(0));
    missing.kind = NodeKind::Linked;
    missing.link = Some("process".into());
    missing.seen = false;
    missing.begun = false;
    let mut upload = node("upload-7", Some(4));
    upload.stage = Some("exfiltration".into());
    upload.tags = BTreeMap::from([(Arc::from("to"), Arc::from("192.0.2.9"))]);
    upload.first = Some(at(30));
    upload.events = vec![event("up-1", 30, "file.upload", "proxy")];
    upload.events_left_out = 3;
    let mut view = view(vec![login, shell, guess, bare, missing, upload]);
    view.incident = Some("inc-3f9c0a7be1d2".into());
    view.edges = vec![
        edge(
            "session:ws5/0x3e7",
            "process:ws5/{E2C0}",
            EdgeKind::Parent,
            by_link("process", "data.ParentProcessGuid", "{0000}"),
        ),
        edge(
            "process:ws5/{AAAA}",
            "upload-7",
            EdgeKind::Alias,
            by_link("process", "data.ParentProcessId", "4412"),
        ),
        edge(
            "hash:sha256/9f86",
            "upload-7",
            EdgeKind::Shared,
            by_link("hash", "data.Hash", "9f86"),
        ),
    ];
    view.partial = true;
    view.why = vec![MissingPart::StepsNotSeen { count: 1 }];
    view.next = Some("c-6".into());
    view
}
