//! Rules that ask trees.

mod checks;

use std::sync::Arc;

use larum_event::{
    Event, GroupKey, Position, ScalarValue, Timestamp, TreeLookup, TreeNodeView, VisitControl,
    VisitOutcome, limits,
};
use larum_rule::{FaultKind, RuleFault, RuleMatch, RuleMatcher, RuleSet, WindowView};

use crate::fixtures::{condition, event, load};

/// One chain of nodes, the event's own first; known from a position on.
struct Chain {
    nodes: Vec<TreeNodeView>,
    from: Position,
    has_more: bool,
}

impl TreeLookup for Chain {
    fn root_id(&self, event: &Event, at: Position) -> Option<Arc<str>> {
        let is_known = at >= self.from && event.envelope().event_type.as_str() != "stranger";
        is_known.then(|| self.nodes.last().map(|node| Arc::clone(&node.id)))?
    }

    fn visit_ancestors(
        &self,
        event: &Event,
        at: Position,
        visit: &mut dyn FnMut(&TreeNodeView) -> VisitControl,
    ) -> VisitOutcome {
        if self.root_id(event, at).is_none() {
            return VisitOutcome::NoTree;
        }
        for node in &self.nodes {
            if visit(node) == VisitControl::Stop {
                return VisitOutcome::Stopped;
            }
        }
        match self.has_more {
            true => VisitOutcome::TooHigh,
            false => VisitOutcome::Top,
        }
    }
}

fn process(name: &str) -> TreeNodeView {
    TreeNodeView {
        id: format!("process:ws5/{name}").into(),
        kind: "process".into(),
        label: Some(name.into()),
        stage: Some("run".into()),
        tags: vec![("collector".into(), "procmond".into())],
        kept_fields: vec![
            (
                "data.Image".into(),
                serde_json::Value::from(format!("C:\\{name}.exe"))
                    .to_string()
                    .into(),
            ),
            ("data.Pid".into(), "4688".into()),
            ("data.Hashes.MD5".into(), "\"77\"".into()),
            ("data.Nothing".into(), "null".into()),
        ],
        first: Some(Timestamp::parse("2026-11-20T12:00:00Z").unwrap()),
    }
}

fn chain(names: &[&str]) -> Chain {
    Chain {
        nodes: names.iter().map(|name| process(name)).collect(),
        from: Position::START,
        has_more: false,
    }
}

fn start_event(kind: &str) -> Event {
    event(&format!(
        r#"{{"type":"{kind}","data":{{"User":"eve","Image":"C:\\powershell.exe"}}}}"#
    ))
}

fn match_with_trees(set: RuleSet, trees: Chain, event: &Event) -> (Vec<RuleMatch>, Vec<RuleFault>) {
    let mut matcher = RuleMatcher::new(Arc::new(set));
    matcher.set_trees(Some(Arc::new(trees)));
    matcher.set_position(Position(7), None);
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    matcher.match_event(0, event, &mut out, &mut faults);
    (out, faults)
}

#[track_caller]
fn check(when: &str, names: &[&str], holds: bool) {
    let (found, faults) = match_with_trees(condition(when), chain(names), &start_event("start"));
    assert_eq!(faults, [], "{when}");
    assert_eq!(found.len(), usize::from(holds), "{when}");
}

const SHELL: [&str; 3] = ["powershell", "winword", "explorer"];

#[test]
fn an_ancestor_is_any_node_above_the_events_own_and_not_that_itself() {
    let named = |name: &str| {
        format!(r#"|event| event.has_ancestor(|node| node.data.Image.ends_with("{name}.exe"))"#)
    };
    check(&named("winword"), &SHELL, true);
    check(&named("explorer"), &SHELL, true);
    check(&named("powershell"), &SHELL, false);
    check(&named("excel"), &SHELL, false);
    check(
        "|event| event.node().data.Image.contains(\"powershell\")",
        &SHELL,
        true,
    );
}

#[test]
fn a_node_shows_what_it_is_and_what_it_keeps() {
    for (asked, holds) in [
        (r#"node.id == "process:ws5/winword""#, true),
        (r#"node.kind == "process" && node.label == "winword""#, true),
        (
            r#"node.stage == "run" && node.tags.collector == "procmond""#,
            true,
        ),
        (r#"node.tags.other == ()"#, true),
        (r#"node.time == "2026-11-20T12:00:00Z""#, true),
        (r#"node.data.Pid == 4688"#, true),
        (r#"node.data.Hashes.MD5 == "77""#, true),
        (
            r#"node["data.Pid"] == 4688 && node.data["Pid"] == 4688"#,
            true,
        ),
        (
            r#"node.data.Nothing == () && node.has("data.Nothing")"#,
            true,
        ),
        (
            r#"node.data.Unkept == () && !node.has("data.Unkept")"#,
            true,
        ),
        (r#"node.metadata.user == ()"#, true),
        (r#"node.data.Unkept"#, false),
        (r#"node.data.Unkept.contains("a")"#, false),
    ] {
        check(
            &format!("|event| event.has_ancestor(|node| {asked})"),
            &["powershell", "winword"],
            holds,
        );
    }
}

#[test]
fn a_closure_over_nodes_may_compare_with_the_event() {
    let when = "|event| event.has_ancestor(|node| node.data.Image == event.data.Image)";
    check(when, &["powershell", "cmd", "powershell"], true);
    check(when, &["powershell", "cmd"], false);
}

#[test]
fn the_root_and_the_ancestors_can_be_asked_for() {
    check(
        r#"|event| event.root() == "process:ws5/explorer""#,
        &SHELL,
        true,
    );
    check("|event| event.ancestors().len() == 2", &SHELL, true);
    check(
        r#"|event| event.ancestors().some(|node| node.label == "winword")"#,
        &SHELL,
        true,
    );
    check(
        r#"|event| event.descendant_of("process:ws5/winword")"#,
        &SHELL,
        true,
    );
    check(
        r#"|event| event.descendant_of("process:ws5/powershell")"#,
        &SHELL,
        false,
    );
    check(
        "|event| event.descendant_of(event.data.Missing)",
        &SHELL,
        false,
    );
}

#[test]
fn an_event_of_no_tree_has_no_root_and_no_ancestors() {
    for (when, holds) in [
        ("|event| event.root() == ()", true),
        ("|event| event.node() == ()", true),
        ("|event| event.ancestors().is_empty()", true),
        ("|event| event.has_ancestor(|node| true)", false),
        (
            "|event| event.descendant_of(\"process:ws5/winword\")",
            false,
        ),
    ] {
        let (found, faults) =
            match_with_trees(condition(when), chain(&SHELL), &start_event("stranger"));
        assert_eq!(
            (found.len(), faults.len()),
            (usize::from(holds), 0),
            "{when}"
        );
    }
}

#[test]
fn the_trees_are_asked_as_of_the_events_position() {
    let when = "|event| event.has_ancestor(|node| node.label == \"winword\")";
    for (from, holds) in [(7, true), (8, false)] {
        let trees = Chain {
            from: Position(from),
            ..chain(&SHELL)
        };
        let (found, _) = match_with_trees(condition(when), trees, &start_event("start"));
        assert_eq!(found.len(), usize::from(holds), "{from}");
    }
}

#[test]
fn the_trees_are_asked_about_the_event_that_set_an_alert_off() {
    let set = condition("|event| event.root() != ()");
    let mut matcher = RuleMatcher::new(Arc::new(set));
    matcher.set_trees(Some(Arc::new(chain(&SHELL))));
    let mut found = Vec::new();
    for instead in [None, Some(start_event("start"))] {
        matcher.set_position(Position(7), instead.as_ref());
        matcher.match_event(0, &start_event("stranger"), &mut found, &mut Vec::new());
    }
    assert_eq!(found.len(), 1);
}

#[test]
fn what_can_be_decided_without_trees_keeps_them_from_being_asked() {
    let when = r#"|event| event.type == "start" && event.has_ancestor(|node| throw "asked")"#;
    let (found, faults) = match_with_trees(condition(when), chain(&SHELL), &start_event("other"));
    assert_eq!((found.len(), faults.len()), (0, 0));
    let (_, faults) = match_with_trees(condition(when), chain(&SHELL), &start_event("start"));
    assert_eq!(faults.len(), 1);
}

#[test]
fn without_trees_a_rule_that_asks_them_fails_and_says_so() {
    for text in [
        r##"rule("r").on("#").when(|event| event.root() == "a");"##,
        r##"rule("r").on("#").group_by("tree.root").within("1m").count(2);"##,
        r##"rule("r").on("#").within("1m").distinct("tree.root", 2);"##,
    ] {
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        let mut matcher = RuleMatcher::new(Arc::new(load(text)));
        matcher.match_event(0, &start_event("start"), &mut out, &mut faults);
        assert_eq!(out, [], "{text}");
        let [fault] = faults.as_slice() else {
            panic!("{text}: {faults:?}");
        };
        assert!(
            fault.message.contains("there are no trees to ask here"),
            "{fault}"
        );
    }
}

#[test]
fn a_tree_that_is_too_high_is_a_fault_unless_the_answer_was_found() {
    let high = |names: &[&str]| Chain {
        has_more: true,
        ..chain(names)
    };
    for (when, fails) in [
        (
            "|event| event.has_ancestor(|node| node.label == \"winword\")",
            false,
        ),
        (
            "|event| event.has_ancestor(|node| node.label == \"excel\")",
            true,
        ),
        (
            "|event| event.descendant_of(\"process:ws5/winword\")",
            false,
        ),
        ("|event| event.descendant_of(\"process:ws5/excel\")", true),
        ("|event| event.ancestors().len() == 2", true),
    ] {
        let (found, faults) =
            match_with_trees(condition(when), high(&SHELL), &start_event("start"));
        assert_eq!(found.is_empty(), fails, "{when}");
        let told = format!(
            "more than {} nodes stand above the event",
            limits::ANCESTORS
        );
        let is_told = |fault: &RuleFault| fault.message.contains(&told);
        assert_eq!(faults.iter().any(is_told), fails, "{when}: {faults:?}");
    }
}

#[test]
fn what_climbs_cost_is_bounded_however_often_and_however_deep_they_are() {
    let names = vec!["cmd"; 250];
    for when in [
        "|event| { for n in 0..1000 { if event.has_ancestor(|node| node.label == \"x\") { return true; } } false }",
        "|event| event.has_ancestor(|node| { let n = 0; while n < 1000 { n += 1; } false })",
        "|event| { for n in 0..1000 { event.ancestors(); } false }",
        "|event| event.has_ancestor(|node| event.has_ancestor(|node| false))",
    ] {
        let (found, faults) =
            match_with_trees(condition(when), chain(&names), &start_event("start"));
        assert_eq!(found, [], "{when}");
        let [fault] = faults.as_slice() else {
            panic!("{when}: {faults:?}");
        };
        assert_eq!(fault.kind, FaultKind::Budget, "{when}: {fault}");
    }
    // The next event has its own budget.
    let when = "|event| { let found = 0; for n in 0..20 { if event.has_ancestor(|node| false) { found += 1; } } found == 0 }";
    let mut matcher = RuleMatcher::new(Arc::new(condition(when)));
    matcher.set_trees(Some(Arc::new(chain(&names))));
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        matcher.match_event(0, &start_event("start"), &mut found, &mut faults);
    }
    assert_eq!((found.len(), faults), (3, vec![]));
}

#[test]
fn a_closure_that_gives_no_truth_is_a_fault() {
    let when = "|event| event.has_ancestor(|node| node.label)";
    let (_, faults) = match_with_trees(condition(when), chain(&SHELL), &start_event("start"));
    assert!(
        faults[0].message.contains("the closure gives a text"),
        "{faults:?}"
    );
    assert!(faults[0].message.starts_with("a.rhai:1:"), "{faults:?}");
}

#[test]
fn windows_group_by_the_root_and_measure_it() {
    let root = || ScalarValue::Str("process:ws5/explorer".into());
    for (text, name) in [
        (
            r##"rule("r").on("#").group_by("tree.root").within("1m").count(2);"##,
            "root",
        ),
        (
            r##"rule("r").on("#").group_by(#{tree: "tree.root"}).within("1m").count(2);"##,
            "tree",
        ),
    ] {
        let set = load(text);
        assert!(set.asks_trees() && set.rules()[0].asks_trees(), "{text}");
        assert_eq!(&*set.rules()[0].group_by[0].name, name);
        let (found, _) = match_with_trees(set.clone(), chain(&SHELL), &start_event("start"));
        assert_eq!(found[0].key, GroupKey::new(vec![root()]), "{text}");
        let (found, faults) = match_with_trees(set, chain(&SHELL), &start_event("stranger"));
        assert_eq!((found.len(), faults.len()), (0, 0), "{text}");
    }
    let set = load(r##"rule("r").on("#").within("1m").distinct("tree.root", 2);"##);
    let (found, _) = match_with_trees(set, chain(&SHELL), &start_event("start"));
    assert_eq!(found[0].values.get(0), Some(&root()));
}

#[test]
fn steps_and_what_stops_a_sequence_ask_trees() {
    let set = load(
        r##"rule("r").on("#").within("1m").group_by("tree.root")
        .sequence([
            step("a").when(|event, seen| event.has_ancestor(|node| node.label == "winword")),
            step("b").when(|event, seen| event.data.User == seen.a.data.User
                && event.descendant_of("process:ws5/nobody")),
        ])
        .stop_when(|event| event.root() == "process:ws5/explorer");"##,
    );
    let (found, faults) = match_with_trees(set, chain(&SHELL), &start_event("start"));
    assert_eq!(faults, []);
    assert_eq!(found.len(), 1);
    assert_ne!(found[0].steps & 1, 0, "the first step");
    assert_eq!(found[0].steps & 2, 0, "not the second");
    assert_ne!(found[0].steps & !3, 0, "what stops it");
}

#[test]
fn an_alert_tells_of_the_tree() {
    let set = load(
        r##"rule("r").on("#").when(|event| event.type == "start")
        .alert(|window| #{ message: `under ${window.event.root()}`,
            above: window.event.ancestors().map(|node| node.label),
            same: window.event.has_ancestor(|node| node.data.Pid == window.count + 4687) });"##,
    );
    assert!(set.asks_trees());
    let mut matcher = RuleMatcher::new(Arc::new(set));
    matcher.set_trees(Some(Arc::new(chain(&SHELL))));
    let event = start_event("start");
    let time = event.envelope().time;
    let words = matcher.alert_fields(
        0,
        &WindowView {
            count: 1,
            key: &GroupKey::empty(),
            first: time,
            last: time,
            value: None,
            event: Some(&event),
        },
    );
    let words = words.unwrap();
    assert_eq!(words.message.as_deref(), Some("under process:ws5/explorer"));
    assert_eq!(
        words.fields["above"].to_string(),
        r#"["winword","explorer"]"#
    );
}
