//! Trees are found by who, where and what: users, hosts, hashes of programs.

use larum_event::TenantId;
use larum_tree::CorrelationGraph;

use super::nodes::{Nodes, host, text};
use super::recording::Recording;

/// The tree of every process is found by its user, its host and its program's hash, and the file of
/// its program is a node of its own.
pub fn check(recording: &Recording, forest: &CorrelationGraph, place: &str) {
    let mut nodes = Nodes::of_forest(forest);
    let processes = recording.trees["processes"].as_object().unwrap();
    for (guid, process) in processes {
        let line = process["line"].as_u64().unwrap() as usize;
        let event = &recording.events[line];
        let host = host(event);
        let root = root(
            &mut nodes,
            &format!("process:{host}/{}", guid.to_lowercase()),
        );
        let user = text(&process["user"]).rsplit('\\').next().unwrap();
        let hashes = text(&recording.records[line]["Hashes"]).split(',');
        let hash = hashes
            .filter_map(|hash| hash.strip_prefix("SHA256="))
            .next();
        let hash = hash.map(str::to_lowercase);
        let named = [
            ("user", Some(user)),
            ("host", Some(&*host)),
            ("hash", hash.as_deref()),
        ];
        for (kind, value) in named {
            let Some(value) = value else {
                continue;
            };
            let found = forest.trees_of_entity(&TenantId::default_tenant(), kind, value);
            let is_found = found.iter().any(|tree| *tree.root == *root);
            assert!(is_found, "{place}: {root} is not found by {kind}:{value}");
        }
        if let Some(hash) = hash {
            let file = nodes.get(&format!("file:{hash}")).unwrap();
            let own = event.envelope().id.to_string();
            assert!(
                file.events.contains(&own),
                "{place}: {hash} lacks line {line}"
            );
        }
    }
}

/// The id of the node at the top.
fn root(nodes: &mut Nodes<'_>, id: &str) -> String {
    let mut top = id.to_owned();
    while let Some(parent) = nodes.get(&top).and_then(|node| node.parent.clone()) {
        top = parent;
    }
    top
}
