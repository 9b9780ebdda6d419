//! Rules that ask trees see each tree as it stood with the event, wherever the log is cut.

use std::sync::Arc;

use larum_event::Position;
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;
use larum_tree::GraphLimits;

use crate::given::{by_rule, bytes, check_same, inputs};
use crate::stream::{self, Draw, TREE_RULES, second};

const EVENTS: usize = 800;

fn roomy() -> GraphLimits {
    GraphLimits::default()
}

/// So little room that trees are full and let go all the time.
fn tiny() -> GraphLimits {
    GraphLimits {
        nodes_per_root: 12,
        events_per_node: 3,
        roots_per_tenant: 3,
        ..roomy()
    }
}

fn pipeline(text: &str, shards: usize, trees: GraphLimits) -> Pipeline {
    let set = RuleSet::load(&stream::rules(text));
    let set = set.unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(set.asks_trees());
    let settings = PipelineSettings {
        shards,
        trees,
        ..PipelineSettings::default()
    };
    Pipeline::new(Arc::new(set), settings)
}

fn whole(seed: u64, trees: GraphLimits) -> (Vec<EventInput>, EpochOutcome) {
    let inputs = inputs(stream::tree_events(seed, EVENTS));
    let outcome = pipeline(TREE_RULES, 1, trees).run_inputs(&inputs);
    (inputs, outcome)
}

/// Sizes of pieces, some of them empty.
fn sizes(seed: u64, most: u64) -> impl FnMut() -> usize {
    let mut draw = Draw::new(seed);
    move || match most {
        1 => 1,
        most => draw.below(most) as usize,
    }
}

fn check(seed: u64, most: u64, shards: usize, trees: GraphLimits) {
    let (inputs, expected) = whole(seed, trees);
    let mut pipeline = pipeline(TREE_RULES, shards, trees);
    let mut outcome = EpochOutcome::default();
    let (mut size, mut rest) = (sizes(seed, most), inputs.as_slice());
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(size().min(rest.len()));
        outcome.extend(pipeline.run_inputs(piece));
        rest = behind;
    }
    let what = format!("seed {seed}, pieces below {most}");
    check_same(&bytes(&outcome), &bytes(&expected), &what);
    assert_eq!(outcome.faults, expected.faults, "{what}");
}

#[test]
fn every_rule_that_asks_trees_fires_and_some_of_the_trees_are_let_go() {
    let (roomy, tiny) = (whole(1, roomy()).1, whole(1, tiny()).1);
    for rule in ["under", "deep", "many", "users", "chain", "storm", "storms"] {
        let (first, _) = by_rule(&roomy, &format!("tree.{rule}"));
        assert!(first > 2, "{rule}: {first} alerts");
    }
    assert_eq!(roomy.faults, []);
    assert_ne!(bytes(&roomy), bytes(&tiny));
    let (first, _) = by_rule(&tiny, "tree.many");
    assert!(first > 2, "{first} alerts in what little is left");
}

#[test]
fn where_the_log_is_cut_changes_nothing() {
    for seed in 1..3 {
        for most in [1, 9, 300] {
            check(seed, most, 1, roomy());
        }
    }
}

#[test]
fn where_the_log_is_cut_changes_nothing_while_trees_are_let_go_within_a_piece() {
    for seed in 4..7 {
        for most in [1, 9, 300] {
            check(seed, most, 2, tiny());
        }
    }
}

#[test]
fn a_checkpoint_between_any_two_pieces_changes_nothing() {
    for trees in [roomy(), tiny()] {
        let (inputs, expected) = whole(9, trees);
        let mut checkpoint: Option<Vec<(String, Vec<u8>)>> = None;
        let mut outcome = EpochOutcome::default();
        let (mut size, mut rest) = (sizes(9, 60), inputs.as_slice());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(size().min(rest.len()));
            // Nothing but the bytes lives on.
            let mut next = pipeline(TREE_RULES, 2, trees);
            if let Some(parts) = &checkpoint {
                next.restore(parts).unwrap();
            }
            outcome.extend(next.run_inputs(piece));
            checkpoint = Some(next.checkpoint());
            rest = behind;
        }
        check_same(&bytes(&outcome), &bytes(&expected), "checkpoints");
    }
}

/// Steps as `(id, step, parent, tenant)`, each a second after the one before.
fn steps(steps: &[(&str, &str, &str, &str)]) -> Vec<EventInput> {
    let events = steps.iter().zip(0..).map(|((id, step, parent, tenant), at)| {
        let parent = match *parent {
            "" => String::new(),
            parent => format!(r#""correlation":{{"parent":"{parent}"}},"#),
        };
        let json = format!(
            r#"{{"id":"{id}","type":"step.act","source":"s","time":"{}","channel":"events","correlationId":"{step}",{parent}"metadata":{{"tenantId":"{tenant}"}},"data":{{}}}}"#,
            second(at)
        );
        (stream::event(&json, second(at)), second(at))
    });
    inputs(events.collect())
}

/// The events that a rule with this condition alerts on.
fn found(when: &str, inputs: &[EventInput]) -> Vec<String> {
    let text = format!(r##"rule("r").on("#").when({when});"##);
    let outcome = pipeline(&text, 1, roomy()).run_inputs(inputs);
    assert_eq!(outcome.faults, []);
    let alerts = outcome.alerts.into_iter();
    alerts
        .map(|raised| raised.alert.trigger.id.to_string())
        .collect()
}

#[test]
fn a_parent_that_comes_after_its_child_is_seen_by_later_events_alone() {
    let inputs = steps(&[
        ("first", "child", "", "acme"),
        ("second", "child", "parent", "acme"),
        ("third", "parent", "grandparent", "acme"),
        ("fourth", "child", "", "acme"),
    ]);
    assert_eq!(
        found("|event| event.descendant_of(\"parent\")", &inputs),
        ["second", "fourth"]
    );
    assert_eq!(
        found("|event| event.descendant_of(\"grandparent\")", &inputs),
        ["third", "fourth"]
    );
    assert_eq!(
        found("|event| event.root() == \"child\"", &inputs),
        ["first"]
    );
    assert_eq!(
        found("|event| event.root() == \"parent\"", &inputs),
        ["second"]
    );
}

#[test]
fn a_tenant_sees_nothing_of_a_tree_of_another_one() {
    let inputs = steps(&[
        ("theirs", "root", "secret", "acme"),
        ("intruder", "child", "root", "globex"),
        ("own", "child", "root", "acme"),
    ]);
    assert_eq!(
        found("|event| event.descendant_of(\"secret\")", &inputs),
        ["theirs", "own"]
    );
    assert_eq!(
        found("|event| event.root() == \"secret\"", &inputs),
        ["theirs", "own"]
    );
    let asks = "|event| event.has_ancestor(|node| node.time != ())";
    assert_eq!(found(asks, &inputs), ["own"]);
}

#[test]
fn other_rules_go_on_with_the_trees_and_rules_that_ask_none_need_none() {
    let inputs = steps(&[
        ("parent", "root", "", "acme"),
        ("child", "child", "root", "acme"),
        ("again", "child", "", "acme"),
    ]);
    let rule = |when: &str| {
        let text = format!(r##"rule("r").on("#").when({when});"##);
        Arc::new(RuleSet::load(&stream::rules(&text)).unwrap())
    };
    let asking = rule("|event| event.descendant_of(\"root\")");
    let other = rule("|event| event.root() == \"root\"");
    let mut pipeline = Pipeline::new(rule("|event| true"), PipelineSettings::default());
    assert!(pipeline.trees().is_none());
    pipeline.activate_rules(Arc::clone(&asking), &PipelineSettings::default());
    pipeline.run_inputs(&inputs[..2]);
    pipeline.activate_rules(other, &PipelineSettings::default());
    assert_eq!(pipeline.run_inputs(&inputs[2..]).alerts.len(), 1);
    pipeline.activate_rules(rule("|event| true"), &PipelineSettings::default());
    assert!(pipeline.trees().is_none());
    // Nobody kept them meanwhile.
    pipeline.activate_rules(asking, &PipelineSettings::default());
    let mut again = inputs[2].clone();
    again.position = Position(4);
    assert_eq!(pipeline.run_inputs(&[again]).alerts.len(), 0);
}

#[test]
fn a_checkpoint_without_trees_is_refused_by_rules_that_ask() {
    let (asks, asks_none) = (
        r##"rule("r").on("#").when(|event| event.root() == "a");"##,
        r##"rule("r").on("#").when(|event| true);"##,
    );
    let set = Arc::new(RuleSet::load(&stream::rules(asks_none)).unwrap());
    let parts = Pipeline::new(set, PipelineSettings::default()).checkpoint();
    let refused = pipeline(asks, 1, roomy()).restore(&parts).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the checkpoint has no part \"kinship\""
    );
}
