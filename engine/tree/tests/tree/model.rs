//! The forest against a naive model: all claims in a list, trees by walking it again and again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::fixture::{EventBuilder, acme, grown};

/// `(reason, time, event)` of a claim and the step it names.
type ModelClaim = ((u8, i64, String), String);

/// What a step stands under, by the rules' words.
fn up(said: &[EventBuilder], step: &str) -> Option<ModelClaim> {
    let mut claims: Vec<ModelClaim> = Vec::new();
    for event in said {
        let by = |reason| (reason, event.seconds, event.id.clone());
        let (own, parent, root) = (event.step.as_deref(), &event.parent, &event.root);
        if own == Some(step) {
            let parent = parent.iter().filter(|parent| *parent != step);
            claims.extend(parent.map(|parent| (by(0), parent.clone())));
            claims.extend(root.iter().map(|root| (by(1), root.clone())));
        } else if parent.as_deref() == Some(step) {
            claims.extend(root.iter().map(|root| (by(2), root.clone())));
        }
    }
    let best = claims.into_iter().min();
    best.filter(|(_, named)| named != step)
}

/// Each step's parent, circles cut at their weakest claim.
fn parents(said: &[EventBuilder]) -> BTreeMap<String, Option<String>> {
    let mut steps = BTreeSet::new();
    for event in said {
        steps.extend(
            [&event.step, &event.parent, &event.root]
                .into_iter()
                .flatten()
                .cloned(),
        );
    }
    let mut ups: BTreeMap<_, _> = steps
        .iter()
        .map(|step| (step.clone(), up(said, step)))
        .collect();
    for start in &steps {
        let mut circle = vec![start.clone()];
        while let Some(Some((_, next))) = circle.last().and_then(|last| ups.get(last)) {
            let next = next.clone();
            if next == *start {
                let weakest = circle.iter().max_by_key(|step| {
                    let (by, _) = ups[*step].clone().unwrap();
                    (by, (*step).clone())
                });
                ups.insert(weakest.unwrap().clone(), None);
                break;
            }
            if circle.contains(&next) {
                break;
            }
            circle.push(next);
        }
    }
    let parents = ups.into_iter();
    parents
        .map(|(step, up)| (step, up.map(|(_, parent)| parent)))
        .collect()
}

fn top(parents: &BTreeMap<String, Option<String>>, step: &str) -> String {
    let mut top = step.to_owned();
    while let Some(Some(parent)) = parents.get(&top) {
        top.clone_from(parent);
    }
    top
}

fn claims() -> impl Strategy<Value = Vec<EventBuilder>> {
    let name = || prop::option::weighted(0.7, 0..9_u8);
    let event = (0..9_u8, name(), name(), 0..6_i64);
    prop::collection::vec(event, 1..30).prop_map(|events| {
        let events = events.into_iter().enumerate();
        events
            .map(|(index, (step, parent, root, seconds))| EventBuilder {
                id: format!("e{index:02}"),
                seconds,
                step: Some(format!("n{step}")),
                parent: parent.map(|name| format!("n{name}")),
                root: root.map(|name| format!("n{name}")),
                ..EventBuilder::default()
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_step_and_event_leads_to_the_tree_that_the_claims_make(said in claims()) {
        let (forest, _) = grown(&said);
        let parents = parents(&said);
        for step in parents.keys() {
            let view = forest.find_tree(&acme(), step).unwrap();
            let root = top(&parents, step);
            prop_assert_eq!(view.root.as_ref(), &root);
            let expected: BTreeMap<_, _> = parents
                .iter()
                .filter(|(step, _)| top(&parents, step) == root)
                .map(|(step, parent)| (step.clone(), parent.clone()))
                .collect();
            let found: BTreeMap<_, _> = view.nodes.iter().map(|node| {
                let parent = node.parent.map(|parent| view.nodes[parent].id.to_string());
                (node.id.to_string(), parent)
            }).collect();
            prop_assert_eq!(found.len(), view.nodes.len(), "each step once");
            prop_assert_eq!(found, expected);
            for node in &view.nodes {
                let mut own: Vec<_> = said.iter().filter(|event| event.step.as_deref() == Some(&node.id)).collect();
                own.sort_by_key(|event| (event.seconds, event.id.clone()));
                let own: Vec<_> = own.into_iter().map(|event| event.id.clone()).collect();
                let hung: Vec<_> = node.events.iter().map(|event| event.id.to_string()).collect();
                prop_assert_eq!(hung, own);
            }
        }
        for event in &said {
            let by_event = forest.find_tree(&acme(), &event.id);
            prop_assert_eq!(by_event, forest.find_tree(&acme(), event.step.as_deref().unwrap()));
        }
    }
}
