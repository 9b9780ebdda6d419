//! Growing forests of events.

use std::path::Path;

use larum_event::{Event, LinkSet, Position, RuleFile, TenantId};
use larum_rule::RuleSet;
use larum_tree::{CorrelationGraph, GraphLimits};

/// The links that we ship, from all of their files.
pub fn shipped_links() -> LinkSet {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let mut files = Vec::new();
    let areas = std::fs::read_dir(rules.join("links")).unwrap();
    for area in areas.map(|area| area.unwrap()) {
        let text = std::fs::read_to_string(area.path().join("links.rhai")).unwrap();
        let name = area.file_name().into_string().unwrap();
        let path = format!("links/{name}/links.rhai");
        files.push(RuleFile { path, text });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let set = RuleSet::load(&files).unwrap();
    LinkSet::clone(set.links())
}

/// The forest of events that come in this order.
pub fn grown<'e>(links: &LinkSet, events: impl Iterator<Item = &'e Event>) -> CorrelationGraph {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    forest.use_links(links);
    let (tenant, mut reports) = (TenantId::default_tenant(), Vec::new());
    for (event, position) in events.zip(1..) {
        forest.insert(&tenant, event, Position(position), &mut reports);
    }
    assert!(reports.is_empty(), "{reports:?}");
    forest
}
