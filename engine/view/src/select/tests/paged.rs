//! Pages that follow each other.

use std::fmt::Write as _;

use larum_event::limits;
use proptest::prelude::*;

use super::*;

/// All pages of a question, each of at most `limit` nodes.
fn pages(full: &TreeView, query: &TreeQuery, limit: usize) -> Vec<TreeView> {
    let mut query = TreeQuery {
        limit,
        ..query.clone()
    };
    let mut pages = Vec::new();
    loop {
        let page = select_page(full, &query).unwrap();
        query.cursor.clone_from(&page.next);
        pages.push(page);
        if query.cursor.is_none() {
            return pages;
        }
    }
}

#[test]
fn later_pages_show_the_way_up_again_without_its_events() {
    let pages = pages(&parse_sketch(TREE), &TreeQuery::whole_tree("root"), 3);
    let all: Vec<_> = pages.iter().map(shown_ids).collect();
    assert_eq!(
        all,
        [
            vec!["root", "a", "a1"],
            vec!["(root)", "(a)", "(a1)", "a2", "alert", "b"],
            vec!["(root)", "(b)", "b1", "c"],
        ]
    );
    let [_, second, third] = &*pages else {
        panic!()
    };
    assert!(
        second
            .nodes
            .iter()
            .take(3)
            .all(|node| node.events.is_empty())
    );
    let parents = |page: &TreeView| -> Vec<_> { page.nodes.iter().map(|n| n.parent).collect() };
    let wanted = [None, Some(0), Some(1), Some(2), Some(1), Some(0)];
    assert_eq!(parents(second), wanted);
    assert_eq!(parents(third), [None, Some(0), Some(1), Some(0)]);
    assert!(pages.iter().all(|page| page.counts == second.counts));
}

#[test]
fn a_page_goes_on_after_its_node_though_the_tree_has_grown() {
    let mut query = TreeQuery::whole_tree("root");
    query.limit = 3;
    query.cursor = select_page(&parse_sketch(TREE), &query).unwrap().next;
    let grown = parse_sketch(&TREE.replace("  a e1", "  0 e0@1\n  a e1"));
    let view = select_page(&grown, &query).unwrap();
    assert_eq!(
        shown_ids(&view),
        ["(root)", "(a)", "(a1)", "a2", "alert", "b"]
    );
    query.as_of = Some(Position(7));
    assert!(select_page(&grown, &query).is_ok());
}

#[test]
fn a_cursor_of_another_question_or_of_a_node_that_is_gone_is_refused() {
    let mut query = TreeQuery::whole_tree("root");
    query.limit = 3;
    let next = select_page(&parse_sketch(TREE), &query).unwrap().next;
    let refused = |full: &str, query: TreeQuery| {
        assert_eq!(
            select_page(&parse_sketch(full), &query),
            Err(TreeQueryError::Cursor)
        );
    };
    let other = TreeQuery {
        cursor: next.clone(),
        ..ask(TreePart::Whole, "a")
    };
    refused(TREE, other);
    for text in ["", "1", "0.0.0", "x.y.z", "1.2.3.4", "-1.2.3"] {
        query.cursor = Some(text.to_owned());
        refused(TREE, query.clone());
    }
    query.cursor = next;
    refused("root\n  a\n  b", query);
}

#[test]
fn a_page_has_at_least_one_node_and_at_most_as_many_as_pages_may() {
    let mut text = "root".to_owned();
    for number in 0..limits::TREE_PAGE_MOST {
        write!(text, "\n  n{number}").unwrap();
    }
    let full = parse_sketch(&text);
    let of = |limit| {
        let query = TreeQuery {
            limit,
            ..TreeQuery::whole_tree("root")
        };
        select_page(&full, &query).unwrap().nodes.len()
    };
    assert_eq!(of(0), 1);
    assert_eq!(of(usize::MAX), limits::TREE_PAGE_MOST);
}

#[test]
fn a_chain_of_a_hundred_thousand_shows_only_the_nearest_above_a_page_again() {
    const LINKS: usize = 100_000;
    let mut full = parse_sketch("n0");
    let first = full.nodes[0].clone();
    for number in 1..LINKS {
        full.nodes.push(TreeNode {
            id: format!("n{number}").into(),
            parent: Some(number - 1),
            depth: number,
            ..first.clone()
        });
    }
    let mut query = TreeQuery::whole_tree("n0");
    query.limit = 1_000;
    query.cursor = select_page(&full, &query).unwrap().next;
    let view = select_page(&full, &query).unwrap();
    assert_eq!(view.nodes.len(), 1_000 + limits::ANCESTORS);
    let top = view.nodes.first().unwrap();
    assert_eq!((top.parent, top.depth), (None, 1_000 - limits::ANCESTORS));
    assert_eq!(view.counts.depth, LINKS as u64);
    let end = format!("n{}", LINKS - 1);
    let path = select_page(&full, &ask(TreePart::PathTo(end), "n0")).unwrap();
    assert_eq!(path.counts.steps, LINKS as u64);
}

/// Trees as depths of their nodes in reading order, with an event for each node.
fn drawn() -> impl Strategy<Value = String> {
    prop::collection::vec((0..4_usize, 0..30_i64), 0..25).prop_map(|steps| {
        let mut text = "n0 e0@5".to_owned();
        let mut depth = 0;
        for (number, (up, seconds)) in steps.into_iter().enumerate() {
            depth = (depth + 1 - up.min(depth)).max(1);
            let indent = "  ".repeat(depth);
            let number = number + 1;
            write!(text, "\n{indent}n{number} e{number}@{seconds}").unwrap();
        }
        text
    })
}

fn above(full: &TreeView, place: usize) -> Vec<usize> {
    let mut way = vec![place];
    while let Some(parent) = full.nodes[way[way.len() - 1]].parent {
        way.push(parent);
    }
    way
}

/// The places of the nodes that a question shows, by its definition.
fn defined(full: &TreeView, query: &TreeQuery, focus: usize, end: usize) -> Vec<usize> {
    let all = 0..full.nodes.len();
    let part: Vec<usize> = match &query.part {
        TreePart::Whole => all.collect(),
        TreePart::Ancestors => all.filter(|n| above(full, focus).contains(n)).collect(),
        TreePart::Descendants => all.filter(|n| above(full, *n).contains(&focus)).collect(),
        TreePart::Siblings => {
            let parent = full.nodes[focus].parent;
            let is_in = |n: &usize| match parent {
                Some(parent) => *n == parent || full.nodes[*n].parent == Some(parent),
                None => *n == focus,
            };
            all.filter(is_in).collect()
        }
        TreePart::PathTo(_) => {
            let (one, two) = (above(full, focus), above(full, end));
            let common = one.iter().find(|n| two.contains(n)).unwrap();
            let is_in = |n: &usize| n == common || one.contains(n) != two.contains(n);
            all.filter(is_in).collect()
        }
    };
    let levels = query.depth.map_or(usize::MAX, |depth| depth as usize);
    let top = full.nodes[part[0]].depth;
    let part: Vec<_> = part
        .into_iter()
        .filter(|n| full.nodes[*n].depth - top <= levels)
        .collect();
    let is_wanted = |n: &usize| {
        let times = full.nodes[*n].events.iter().map(|event| event.time);
        query
            .filter
            .from
            .is_none_or(|from| times.clone().any(|time| time >= from))
    };
    let wanted: Vec<_> = part.iter().copied().filter(is_wanted).collect();
    let leads = |n: &usize| wanted.iter().any(|wanted| above(full, *wanted).contains(n));
    part.into_iter().filter(leads).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_together_are_what_the_question_defines(
        text in drawn(),
        (focus, end) in (0..25_usize, 0..25_usize),
        part in 0..5_usize,
        depth in prop::option::of(0..4_u32),
        from in prop::option::of(0..30_i64),
        limit in 1..12_usize,
    ) {
        let full = parse_sketch(&text);
        let (focus, end) = (focus % full.nodes.len(), end % full.nodes.len());
        let part = match part {
            0 => TreePart::Whole,
            1 => TreePart::Ancestors,
            2 => TreePart::Descendants,
            3 => TreePart::Siblings,
            _ => TreePart::PathTo(format!("n{end}")),
        };
        let mut query = ask(part, &format!("n{focus}"));
        query.depth = depth;
        query.filter.from = from.and_then(at);
        let wanted = defined(&full, &query, focus, end);
        let wanted: Vec<_> = wanted.iter().map(|n| full.nodes[*n].id.clone()).collect();
        let pages = pages(&full, &query, limit);
        let fresh = pages.iter().flat_map(|page| &page.nodes).filter(|node| !node.again);
        let fresh: Vec<_> = fresh.map(|node| node.id.clone()).collect();
        prop_assert_eq!(&fresh, &wanted);
        let mut edges = 0;
        for page in &pages {
            edges += page.edges.len();
            for node in &page.nodes {
                let parent = node.parent.map(|parent| page.nodes[parent].id.clone());
                let place = full.nodes.iter().position(|known| known.id == node.id).unwrap();
                let known = full.nodes[place].parent.map(|above| full.nodes[above].id.clone());
                // Every node has its way up, but for the first one of the part.
                let is_top = wanted.first() == Some(&node.id);
                prop_assert_eq!(parent, if is_top { None } else { known });
            }
        }
        let with_parent = |id: &&std::sync::Arc<str>| ***id != *"n0";
        prop_assert_eq!(edges, fresh.iter().filter(with_parent).count());
    }
}
