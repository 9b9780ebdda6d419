//! Pages that are made without a look at every node say what the plain definition says.

use larum_event::Event;
use larum_tree::{CorrelationGraph, GraphLimits, TreeView};
use larum_view::{TreePart, TreeQuery, query_tree, select_page};
use proptest::prelude::*;

use crate::fixture::{EventBuilder, acme, alert, caused_by, muddle, plant};

/// All pages of a question.
fn pages(query: &TreeQuery, ask: impl Fn(&TreeQuery) -> TreeView) -> Vec<TreeView> {
    let mut query = query.clone();
    let mut pages = Vec::new();
    loop {
        let page = ask(&query);
        query.cursor.clone_from(&page.next);
        pages.push(page);
        if query.cursor.is_none() {
            return pages;
        }
        assert!(pages.len() < 1_000, "pages without end");
    }
}

fn grown(said: &[EventBuilder]) -> CorrelationGraph {
    let mut events: Vec<Event> = said.iter().map(EventBuilder::event).collect();
    if let [first, .., last] = said {
        events.push(alert(
            "a1",
            1,
            &["e1", "unknown", &last.id],
            caused_by(last),
        ));
        events.push(alert("a2", 1, &["e0", "a1"], None));
        events.push(alert("a3", 1, &["elsewhere", &first.id], None));
    }
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    plant(&mut forest, &events);
    forest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_quick_page_is_the_page_of_the_whole_view(
        said in muddle(),
        limit in 1..6_usize,
        events_per_node in 0..3_usize,
        fold in any::<bool>(),
    ) {
        let forest = grown(&said);
        let names = (0..7).map(|name| format!("n{name}"));
        let events = (0..13).map(|name| format!("e{name}"));
        let others = ["a1", "a2", "a3", "unknown"].map(str::to_owned);
        for id in names.chain(events).chain(others) {
            let Some(whole) = forest.find_tree(&acme(), &id) else {
                continue;
            };
            for part in [TreePart::Whole, TreePart::Descendants] {
                let query = TreeQuery {
                    part,
                    limit,
                    events_per_node,
                    fold,
                    ..TreeQuery::whole_tree(id.clone())
                };
                let quick = pages(&query, |query| query_tree(&forest, &acme(), query).unwrap());
                let plain = pages(&query, |query| select_page(&whole, query).unwrap());
                prop_assert_eq!(quick, plain);
            }
        }
    }
}

#[test]
fn a_tree_that_grew_is_shown_as_it_is_now() {
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    let child = |number: i64| {
        crate::fixture::said(&format!("e{number}"), number, &format!("c{number}")).under("root")
    };
    plant(&mut forest, &[child(1).event()]);
    let ask = |forest: &CorrelationGraph| {
        query_tree(forest, &acme(), &TreeQuery::whole_tree("root")).unwrap()
    };
    assert_eq!(ask(&forest).counts.steps, 2);
    plant(&mut forest, &[child(1).event(), child(2).event()]);
    let view = ask(&forest);
    assert_eq!((view.counts.steps, view.nodes.len()), (3, 3));
}
