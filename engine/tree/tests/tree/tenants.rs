//! Tenants never meet.

use larum_event::{Position, TenantId};
use larum_tree::{CorrelationGraph, GraphLimits, TreeReport};

use crate::fixture::{acme, outline, said};

fn umbrella() -> TenantId {
    TenantId::new("umbrella").unwrap()
}

#[test]
fn the_same_ids_in_two_tenants_make_two_trees() {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    let mut out = Vec::new();
    for (tenant, step) in [(acme(), "a"), (umbrella(), "u")] {
        let events = [
            said("e1", 1, "root"),
            said("e2", 2, step).under("root").of("root"),
        ];
        for event in events {
            forest.insert(&tenant, &event.event(), Position(1), &mut out);
        }
    }
    assert_eq!(out, []);
    for id in ["root", "e1", "e2"] {
        let mine = forest.find_tree(&acme(), id).unwrap();
        assert_eq!(outline(&mine), ["root [e1]", "root > a [e2]"]);
        assert_eq!(mine.tenant, acme());
        let theirs = forest.find_tree(&umbrella(), id).unwrap();
        assert_eq!(outline(&theirs), ["root [e1]", "root > u [e2]"]);
    }
    assert_eq!(forest.find_tree(&umbrella(), "a"), None);
    assert_eq!(forest.list_roots(&umbrella(), 9).len(), 1);
}

#[test]
fn a_child_that_names_another_tenants_root_is_reported_once_and_stays_at_home() {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    let mut out = Vec::new();
    forest.insert(
        &acme(),
        &said("e1", 1, "root").event(),
        Position(1),
        &mut out,
    );
    let child = said("e2", 2, "child").under("root").of("root").event();
    forest.insert(&umbrella(), &child, Position(2), &mut out);
    let again = said("e3", 3, "child").under("root").of("root").event();
    forest.insert(&umbrella(), &again, Position(3), &mut out);
    assert!(
        matches!(&out[..], [TreeReport::ForeignTenantRoot { tenant, root, event }]
            if *tenant == umbrella() && root.as_ref() == "root" && event.as_str() == "e2"),
        "{out:?}"
    );
    assert_eq!(
        outline(&forest.find_tree(&acme(), "root").unwrap()),
        ["root [e1]"]
    );
    let theirs = forest.find_tree(&umbrella(), "child").unwrap();
    assert_eq!(outline(&theirs), ["root []", "root > child [e2 e3]"]);
}

#[test]
fn a_root_that_the_tenant_has_too_is_no_news() {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    let mut out = Vec::new();
    for tenant in [acme(), umbrella()] {
        forest.insert(
            &tenant,
            &said("e1", 1, "root").event(),
            Position(1),
            &mut out,
        );
        let child = said("e2", 2, "child").of("root").event();
        forest.insert(&tenant, &child, Position(2), &mut out);
    }
    assert_eq!(out, []);
}
