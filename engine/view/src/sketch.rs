//! Views for tests, drawn as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{
    AlertStatus, EventId, EventType, Position, RuleId, Severity, Source, TenantId, Timestamp,
};

use larum_tree::{
    EdgeKind, EdgeSource, NodeKind, TreeAlert, TreeCounts, TreeEdge, TreeEvent, TreeNode, TreeView,
};

/// A whole tree: a line for each node, two spaces more for each level down, then its id and the
/// events that belong to it as `id@seconds`. An id that begins with `!` is an alert's, with `~` one
/// of another tree, with `?` a node's that was only named.
///
/// Events are of type `auth.login`, source `sshd` and severity `info`.
pub(crate) fn parse_sketch(text: &str) -> TreeView {
    let mut nodes: Vec<TreeNode> = Vec::new();
    let mut way: Vec<usize> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let depth = (line.len() - line.trim_start().len()) / 2;
        way.truncate(depth);
        let parent = way.last().copied();
        way.push(nodes.len());
        if let Some(parent) = parent {
            nodes[parent].children += 1;
        }
        nodes.push(parse_node(line.trim(), depth, parent));
    }
    let edges = nodes.iter().filter_map(|node| {
        let parent = &nodes[node.parent?];
        Some(sketch_edge(&parent.id, &node.id, EdgeKind::Parent))
    });
    TreeView {
        root: nodes[0].id.clone(),
        tenant: TenantId::default_tenant(),
        incident: None,
        as_of: Position(1_000),
        counts: TreeCounts::default(),
        partial: false,
        why: Vec::new(),
        edges: edges.collect(),
        nodes,
        next: None,
    }
}

pub(crate) fn sketch_edge(from: &str, to: &str, kind: EdgeKind) -> TreeEdge {
    TreeEdge {
        from: from.into(),
        to: to.into(),
        kind,
        why: EdgeSource::Trace { trace: "t".into() },
        event: None,
        position: None,
    }
}

/// The ids of the nodes of a view; those that come again in brackets.
pub(crate) fn shown_ids(view: &TreeView) -> Vec<String> {
    let nodes = view.nodes.iter();
    let ids = nodes.map(|node| match node.again {
        true => format!("({})", node.id),
        false => node.id.to_string(),
    });
    ids.collect()
}

/// The node with an id, to be changed.
pub(crate) fn node_mut<'a>(view: &'a mut TreeView, id: &str) -> &'a mut TreeNode {
    let mut nodes = view.nodes.iter_mut();
    nodes.find(|node| *node.id == *id).unwrap()
}

fn parse_node(text: &str, depth: usize, parent: Option<usize>) -> TreeNode {
    let mut words = text.split_whitespace();
    let word = words.next().unwrap();
    let (id, kind) = match word.split_at(1) {
        ("!", id) => (id, NodeKind::Alert),
        ("~", id) => (id, NodeKind::LinkedAlert),
        ("?", id) => (id, NodeKind::Step),
        _ => (word, NodeKind::Step),
    };
    let events: Vec<_> = words.map(parse_event).collect();
    let is_alert = kind != NodeKind::Step;
    TreeNode {
        id: id.into(),
        kind,
        link: None,
        label: Some(format!("the {id}").into()),
        parent,
        depth,
        seen: !word.starts_with('?'),
        begun: true,
        again: false,
        first: events.first().map(|event| event.time),
        last: events.last().map(|event| event.time),
        stage: None,
        tags: BTreeMap::new(),
        kept: BTreeMap::new(),
        events,
        folds: Vec::new(),
        events_left_out: 0,
        children: 0,
        alert: is_alert.then(|| sample_alert(id)),
    }
}

fn parse_event(text: &str) -> TreeEvent {
    let (id, seconds) = text.split_once('@').unwrap();
    let seconds = seconds.parse().unwrap();
    TreeEvent {
        id: EventId::new(id).unwrap(),
        event_type: EventType::new("auth.login").unwrap(),
        source: Source::new("sshd").unwrap(),
        time: Timestamp::from_seconds(seconds).unwrap(),
        severity: Severity::Info,
        position: Position(u64::try_from(seconds).unwrap()),
    }
}

fn sample_alert(id: &str) -> TreeAlert {
    TreeAlert {
        revision: 1,
        status: AlertStatus::Final,
        rule: RuleId::new("auth.guessing").unwrap(),
        title: None,
        severity: Severity::High,
        attack: Vec::<Arc<str>>::new(),
        key: BTreeMap::new(),
        count: 5,
        first: Timestamp::from_seconds(50).unwrap(),
        last: Timestamp::from_seconds(50).unwrap(),
        time: Timestamp::from_seconds(50).unwrap(),
        message: format!("alert {id}"),
        position: Position(500),
        trigger: EventId::new("e1").unwrap(),
        causes: Vec::new(),
    }
}
