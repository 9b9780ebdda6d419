//! Trees as an answer shows them, be it one of the forest or of a server: nodes by id.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{Event, TenantId};
use larum_tree::Forest;
use serde_json::Value;

/// One node.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// The id of the node above it.
    pub parent: Option<String>,
    /// Whether it hangs there by an alias only.
    pub by_alias: bool,
    /// Whether the event with which it begins was seen.
    pub begun: bool,
    /// Ids of its events.
    pub events: Vec<String>,
    /// What it keeps.
    pub kept: Value,
}

/// Gives one page of the tree that holds an id.
type Ask<'a> = Box<dyn FnMut(&str, Option<&str>) -> Option<Value> + 'a>;

/// The nodes of all trees that were asked for so far.
pub struct Nodes<'a> {
    ask: Ask<'a>,
    known: BTreeMap<String, Node>,
    missing: BTreeSet<String>,
}

impl<'a> Nodes<'a> {
    /// Those that `ask` gives a page of: an id, and where a page begins that is not the first.
    pub fn new(ask: impl FnMut(&str, Option<&str>) -> Option<Value> + 'a) -> Self {
        Self {
            ask: Box::new(ask),
            known: BTreeMap::new(),
            missing: BTreeSet::new(),
        }
    }

    /// Those of a forest.
    pub fn of_forest(forest: &'a Forest) -> Self {
        Self::new(move |id, _| {
            let view = forest.tree(&TenantId::default_tenant(), id)?;
            Some(serde_json::to_value(view).unwrap())
        })
    }

    /// The node with an id, if any tree holds it.
    pub fn get(&mut self, id: &str) -> Option<&Node> {
        if !self.known.contains_key(id) && !self.missing.contains(id) {
            self.read(id);
            if !self.known.contains_key(id) {
                self.missing.insert(id.to_owned());
            }
        }
        self.known.get(id)
    }

    fn read(&mut self, id: &str) {
        let mut cursor: Option<String> = None;
        loop {
            let Some(page) = (self.ask)(id, cursor.as_deref()) else {
                return;
            };
            self.add(&page);
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return,
            }
        }
    }

    fn add(&mut self, page: &Value) {
        let nodes = page["nodes"].as_array().unwrap();
        let edges = page["edges"].as_array().unwrap().iter();
        let aliased = edges.filter(|edge| edge["kind"] == "alias");
        let aliased: BTreeSet<&str> = aliased.map(|edge| text(&edge["to"])).collect();
        for node in nodes.iter().filter(|node| node["again"] != true) {
            let id = text(&node["id"]);
            let events = node["events"].as_array().into_iter().flatten();
            let parent = node["parent"].as_u64();
            let parent = parent.map(|place| text(&nodes[place as usize]["id"]).to_owned());
            assert_eq!(
                node["eventsLeftOut"].as_u64().unwrap_or(0),
                0,
                "{id} shows all its events"
            );
            self.known.insert(
                id.to_owned(),
                Node {
                    by_alias: parent.is_some() && aliased.contains(id),
                    parent,
                    begun: node["begun"] == true,
                    events: events.map(|event| text(&event["id"]).to_owned()).collect(),
                    kept: node["kept"].clone(),
                },
            );
        }
    }
}

/// A text of an answer.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The host of a Windows event as answers write it.
pub fn host(event: &Event) -> String {
    let source = event.envelope().source.as_str();
    source.split('.').next().unwrap().to_lowercase()
}
