//! Processes: trees by Sysmon's GUIDs, with and without parents that were never seen, and by
//! process ids.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::nodes::{Node, Nodes, host, text};
use super::recording::Recording;

/// A process whose start the recording holds, by GUID in upper case.
pub struct Process {
    /// The GUID of the node above it, and that node.
    parent: Option<(String, Node)>,
    /// The GUID of the node that stands in for a parent that was never seen.
    stand_in: Option<String>,
}

/// The processes that a recording's answers know, as the trees have them.
pub fn read(recording: &Recording, nodes: &mut Nodes<'_>) -> BTreeMap<String, Process> {
    let known = recording.trees["processes"].as_object().unwrap();
    let mut found = BTreeMap::new();
    for (guid, process) in known {
        let line = process["line"].as_u64().unwrap() as usize;
        let id = id_of(&host(&recording.events[line]), guid);
        let node = nodes.get(&id).cloned();
        let node = node.unwrap_or_else(|| panic!("{}: no node {id}", recording.name));
        assert!(node.begun, "{}: {id} has not begun", recording.name);
        let own = recording.events[line].envelope().id.to_string();
        assert!(
            node.events.contains(&own),
            "{id} lacks the event of its start"
        );
        let above = node.parent.clone();
        let parent = above.map(|id| (guid_of(&id), nodes.get(&id).cloned().unwrap()));
        let stand_in = parent.as_ref().filter(|(_, node)| node.by_alias);
        let stand_in = stand_in.and_then(|(_, node)| node.parent.clone());
        let process = Process {
            stand_in: stand_in.map(|id| guid_of(&id)),
            parent,
        };
        found.insert(guid.clone(), process);
    }
    found
}

/// The three forests: of what was seen, with parents that were only named, and with stand-ins for
/// those.
pub fn check_trees(recording: &Recording, trees: &BTreeMap<String, Process>, place: &str) {
    let observed = |process: &Process| {
        let parent = process.parent.as_ref().filter(|(_, node)| node.begun);
        parent.map(|(guid, _)| guid.clone())
    };
    let implied = |process: &Process| process.parent.as_ref().map(|(guid, _)| guid.clone());
    let guid_or_pid = |process: &Process| observed(process).or_else(|| process.stand_in.clone());
    type Above<'a> = &'a dyn Fn(&Process) -> Option<String>;
    let forests: [(&str, Above<'_>); 3] = [
        ("forest_observed", &observed),
        ("forest_with_implied_parents", &implied),
        ("forest_guid_or_pid", &guid_or_pid),
    ];
    for (name, above) in forests {
        let parents = trees
            .iter()
            .map(|(guid, process)| (guid.clone(), above(process)));
        let found = forest(parents.collect(), trees);
        let expected = &recording.trees[name];
        let wanted = expected["roots"].as_array().unwrap();
        assert_eq!(found.len(), wanted.len(), "{place}: trees of {name}");
        for tree in wanted {
            let root = text(&tree["root"]);
            let Some(found) = found.get(root) else {
                panic!("{place}: {name} has no tree under {root}");
            };
            assert_eq!(
                *found,
                Tree::of_answer(tree),
                "{place}: {name} under {root}"
            );
        }
        let nodes: usize = found.values().map(|tree| tree.nodes).sum();
        assert_eq!(
            Some(nodes as u64),
            expected["nodes"].as_u64(),
            "{place}: {name}"
        );
    }
}

/// One tree as answers tell it.
#[derive(Debug, PartialEq, Eq)]
struct Tree {
    root_observed: bool,
    nodes: usize,
    depth: usize,
    /// Every way from a leaf up to the root.
    paths: BTreeSet<Vec<String>>,
}

impl Tree {
    fn of_answer(tree: &Value) -> Self {
        let number = |name: &str| tree[name].as_u64().unwrap() as usize;
        let paths = tree["leaf_to_root_paths"].as_array().unwrap().iter();
        let paths: BTreeSet<Vec<String>> = paths
            .map(|path| {
                let path = path.as_array().unwrap().iter();
                path.map(|guid| text(guid).to_owned()).collect()
            })
            .collect();
        assert_eq!(paths.len(), number("leaf_count"));
        Self {
            root_observed: tree["root_observed"].as_bool().unwrap(),
            nodes: number("node_count"),
            depth: number("depth"),
            paths,
        }
    }
}

/// The trees that parents make, by root.
fn forest(
    parents: BTreeMap<String, Option<String>>,
    seen: &BTreeMap<String, Process>,
) -> BTreeMap<String, Tree> {
    let inner: BTreeSet<&String> = parents.values().flatten().collect();
    let above = |guid: &String| parents.get(guid).and_then(Option::as_ref);
    let all: BTreeSet<&String> = parents.keys().chain(inner.iter().copied()).collect();
    let mut trees: BTreeMap<String, Tree> = BTreeMap::new();
    for guid in all {
        let mut path = vec![guid.clone()];
        while let Some(parent) = above(path.last().unwrap()) {
            path.push(parent.clone());
            assert!(path.len() < 1_000, "a circle: {path:?}");
        }
        let root = path.last().unwrap();
        let tree = trees.entry(root.clone()).or_insert_with(|| Tree {
            root_observed: seen.contains_key(root),
            nodes: 0,
            depth: 0,
            paths: BTreeSet::new(),
        });
        tree.nodes += 1;
        tree.depth = tree.depth.max(path.len());
        if !inner.contains(guid) {
            tree.paths.insert(path);
        }
    }
    trees
}

/// How many events of which kind each process has, whether its start was seen or not.
pub fn check_activity(recording: &Recording, nodes: &mut Nodes<'_>, place: &str) {
    let known = recording.activity.as_object().unwrap();
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    for (record, event) in recording.records.iter().zip(&recording.events) {
        for name in ["ProcessGuid", "SourceProcessGUID", "SourceProcessGuid"] {
            if let Some(guid) = record[name].as_str() {
                hosts.insert(guid.to_uppercase(), host(event));
            }
        }
    }
    for (guid, process) in known.iter().filter(|(guid, _)| !is_nobody(guid)) {
        let id = id_of(&hosts[guid], guid);
        let Some(node) = nodes.get(&id).cloned() else {
            panic!("{place}: no node {id}");
        };
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for event in &node.events {
            let (number, is_sysmon) = recording.kind(recording.lines[event.as_str()]);
            assert!(is_sysmon, "{place}: {id} has an event that is not Sysmon's");
            *counts.entry(number.to_string()).or_default() += 1;
        }
        if node.left_out > 0 {
            counts = nodes.counts(&id);
        }
        counts.remove("1");
        let begun = process["created_in_data"].as_bool().unwrap();
        assert_eq!(node.begun, begun, "{place}: {id}");
        let counts = serde_json::to_value(counts).unwrap();
        assert_eq!(counts, process["events"], "{place}: {id}");
    }
}

/// Processes of 4688, which name their creator by a process id that is used again later.
pub fn check_creators(recording: &Recording, nodes: &mut Nodes<'_>, place: &str) {
    let rows = recording.creators["rows"].as_array().unwrap();
    for row in rows {
        let line = row["line"].as_u64().unwrap() as usize;
        let id = id_of_4688(recording, row, line);
        let Some(node) = nodes.get(&id).cloned() else {
            panic!("{place}: no node {id}");
        };
        assert!(node.begun, "{place}: {id}");
        let parent = node.parent.map(|parent| {
            let above = nodes.get(&parent).unwrap();
            let [event] = above.events.as_slice() else {
                panic!("{place}: {parent} is not one process");
            };
            recording.lines[event.as_str()] as u64
        });
        assert_eq!(parent, row["parent_line"].as_u64(), "{place}: {id}");
    }
}

fn id_of_4688(recording: &Recording, row: &Value, line: usize) -> String {
    let event = &recording.events[line];
    let (pid, time) = (&row["pid"], event.envelope().time);
    format!("process-4688:{}/{pid}/{time}", host(event))
}

fn id_of(host: &str, guid: &str) -> String {
    format!("process:{host}/{}", guid.to_lowercase())
}

fn guid_of(id: &str) -> String {
    id.rsplit('/').next().unwrap().to_uppercase()
}

/// Sysmon's GUID of a process that it does not know.
fn is_nobody(guid: &str) -> bool {
    guid == "{00000000-0000-0000-0000-000000000000}"
}
