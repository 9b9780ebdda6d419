//! Trees as an answer shows them, be it one of the forest or of a server: nodes by id.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{Event, TenantId};
use larum_tree::CorrelationGraph;
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
    /// Ids of its events, or of the first of them.
    pub events: Vec<String>,
    /// How many more there are.
    pub left_out: u64,
    /// What it keeps.
    pub kept: Value,
}

/// A question about the tree that holds an id.
pub struct Asked<'q> {
    pub id: &'q str,
    /// Where a page begins that is not the first.
    pub cursor: Option<&'q str>,
    /// Whether only the node itself is wanted, with its events by kind.
    pub folds: bool,
}

/// Gives one page of a tree.
type Ask<'a> = Box<dyn FnMut(&Asked<'_>) -> Option<Value> + 'a>;

/// The nodes of all trees that were asked for so far.
pub struct Nodes<'a> {
    ask: Ask<'a>,
    known: BTreeMap<String, Node>,
    missing: BTreeSet<String>,
}

impl<'a> Nodes<'a> {
    /// Those that `ask` gives a page of.
    pub fn new(ask: impl FnMut(&Asked<'_>) -> Option<Value> + 'a) -> Self {
        Self {
            ask: Box::new(ask),
            known: BTreeMap::new(),
            missing: BTreeSet::new(),
        }
    }

    /// Those of a forest.
    pub fn of_forest(forest: &'a CorrelationGraph) -> Self {
        Self::new(move |asked| {
            let view = forest.find_tree(&TenantId::default_tenant(), asked.id)?;
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

    /// How many events of which type a node has.
    pub fn counts(&mut self, id: &str) -> BTreeMap<String, u64> {
        let asked = Asked {
            id,
            cursor: None,
            folds: true,
        };
        let page = (self.ask)(&asked).unwrap();
        let nodes = page["nodes"].as_array().unwrap().iter();
        let mut own = nodes.filter(|node| node["id"] == *id);
        let folds = own.next().unwrap()["folds"].as_array().unwrap().iter();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for fold in folds {
            let kind = text(&fold["type"]).trim_start_matches("event.");
            *counts.entry(kind.to_owned()).or_default() += fold["count"].as_u64().unwrap();
        }
        counts
    }

    fn read(&mut self, id: &str) {
        let mut cursor: Option<String> = None;
        loop {
            let asked = Asked {
                id,
                cursor: cursor.as_deref(),
                folds: false,
            };
            let Some(page) = (self.ask)(&asked) else {
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
            self.known.insert(
                id.to_owned(),
                Node {
                    by_alias: parent.is_some() && aliased.contains(id),
                    parent,
                    begun: node["begun"] == true,
                    left_out: node["eventsLeftOut"].as_u64().unwrap_or(0),
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
