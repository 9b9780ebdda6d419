//! Workflows that several collectors report: one tree, whatever came when (C-07, 2-12, 2-15 to
//! 2-17, 0-26).

use larum_engine::SeededSequence;
use serde_json::{Value, json};

use super::{Running, outline, texts};

const STAGES: [&str; 4] = ["detection", "collection", "analysis", "alerting"];
const COLLECTORS: [&str; 3] = ["agent", "gateway", "cloud"];
const ORDERS: u64 = 5;

/// The root, and below it a chain of the four stages by each collector, two events a step.
fn workflow() -> Vec<Value> {
    let root = json!({
        "id": "opened", "type": "work.opened", "source": "desk", "time": "2026-11-20T12:00:00Z",
        "correlationId": "case-7",
        "correlation": {"stage": "intake", "tags": {
            "investigation_id": "INV-7", "analyst": "ann", "severity": "high",
            "incident_type": "theft", "host": "web-1"}},
    });
    let steps = COLLECTORS.iter().flat_map(|collector| {
        (0..STAGES.len() * 2).map(move |number| {
            let stage = number / 2;
            let parent = match stage.checked_sub(1) {
                Some(before) => format!("{}-{collector}", STAGES[before]),
                None => "case-7".to_owned(),
            };
            json!({
                "id": format!("{collector}-{number}"), "type": "work.done", "source": collector,
                "time": format!("2026-11-20T12:0{stage}:0{}Z", number % 2),
                "correlationId": format!("{}-{collector}", STAGES[stage]),
                "correlation": {"root": "case-7", "parent": parent, "stage": STAGES[stage], "tags": {
                    "component": "worker", "host": "web-1", "collector_type": collector}},
            })
        })
    });
    std::iter::once(root).chain(steps).collect()
}

/// In another order, with every third event sent once more.
fn shuffled(mut events: Vec<Value>, random: &mut SeededSequence) -> Vec<Value> {
    events.extend(events.clone().into_iter().step_by(3));
    for last in (1..events.len()).rev() {
        events.swap(last, random.next_between(0, last as i64) as usize);
    }
    events
}

fn post_in_parts(running: &mut Running, events: &[Value], random: &mut SeededSequence) {
    let mut rest = events;
    while !rest.is_empty() {
        let most = rest.len().min(random.next_between(1, 12) as usize);
        let (part, others) = rest.split_at(most);
        running.post(part);
        rest = others;
    }
    running.settle();
}

/// The tree as each collector's last step knows it.
fn expected(running: &Running) -> Vec<String> {
    let tree = running.ask("/v1/trees/case-7");
    assert_eq!(tree["root"], "case-7");
    assert_eq!(tree["partial"], false, "{tree}");
    assert_eq!(tree["counts"]["steps"], 13);
    assert_eq!(tree["counts"]["events"], 25);
    for collector in COLLECTORS {
        let same = running.ask(&format!("/v1/trees/alerting-{collector}"));
        assert_eq!(outline(&same), outline(&tree), "{collector}");
    }
    outline(&tree)
}

#[test]
fn three_collectors_and_four_stages_make_the_same_rooted_tree_in_any_order_and_repeated() {
    let mut in_order = Running::quiet();
    in_order.post(&workflow());
    in_order.settle();
    let tree = expected(&in_order);
    let deepest = "case-7 > detection-cloud > collection-cloud > analysis-cloud > alerting-cloud";
    let deepest = tree.iter().find(|line| line.starts_with(deepest));
    assert_eq!(
        deepest.unwrap().rsplit_once("cloud \"").unwrap().1,
        "alerting\" {\"collector_type\":\"cloud\",\"component\":\"worker\",\"host\":\"web-1\"} true [cloud-6 cloud-7]"
    );
    for seed in 0..ORDERS {
        let name = format!("workflows {seed}");
        let mut random = SeededSequence::from_name(&name);
        let mut running = Running::quiet();
        post_in_parts(
            &mut running,
            &shuffled(workflow(), &mut random),
            &mut random,
        );
        assert_eq!(expected(&running), tree, "seed {name:?}");
        let running = running.killed_and_started_again();
        assert_eq!(expected(&running), tree, "after kill -9, seed {name:?}");
    }
}

#[test]
fn a_step_whose_parent_has_not_come_stands_below_it_and_is_adopted_when_it_comes() {
    let mut running = Running::quiet();
    let is_late = |event: &Value| event["correlationId"] == "detection-agent";
    let (late, early): (Vec<Value>, Vec<Value>) = workflow().into_iter().partition(is_late);
    running.post(&early);
    running.settle();
    let tree = running.ask("/v1/trees/case-7");
    assert_eq!(tree["partial"], true);
    let missing = tree["nodes"].as_array().unwrap().iter();
    let missing: Vec<&Value> = missing.filter(|node| node["seen"] == false).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0]["id"], "detection-agent");
    running.post(&late);
    running.settle();
    let adopted = expected(&running);
    let mut in_order = Running::quiet();
    in_order.post(&workflow());
    in_order.settle();
    assert_eq!(adopted, expected(&in_order));
}

#[test]
fn forensic_and_local_tags_stages_and_workflows_are_found_also_after_kill_9() {
    let mut running = Running::quiet();
    running.post(&workflow());
    running.settle();
    let check = |running: &Running| {
        for (search, total, first) in [
            ("tag.investigation_id:INV-7", 1, "opened"),
            (
                "tag.analyst:ann+tag.severity:high+tag.incident_type:theft",
                1,
                "opened",
            ),
            ("tag.investigation_id:INV-8", 0, ""),
            ("tag.host:web-1+tag.collector_type:cloud", 8, "cloud-0"),
            (
                "tag.component:worker+stage:analysis+-tag.collector_type:cloud",
                4,
                "agent-4",
            ),
            ("correlation:case-7", 25, "opened"),
            ("root:case-7+stage:alerting", 6, "agent-6"),
        ] {
            let found = running.ask(&format!("/v1/events?q={search}&order=oldest&limit=100"));
            let ids = texts(found["items"].as_array(), "id");
            assert_eq!(ids.len(), total, "{search}: {found}");
            assert_eq!(ids.first().map_or("", String::as_str), first, "{search}");
        }
    };
    check(&running);
    check(&running.killed_and_started_again());
}

#[test]
fn a_login_that_went_wrong_is_told_in_order_by_its_trace_and_by_its_correlation() {
    const TRACE: &str = "a3ce929d0e0e47364bf92f3577b34da6";
    let part = |id: &str, second: u32, source: &str, span: &str| {
        json!({
            "id": id, "type": "auth.login", "source": source, "channel": "security",
            "time": format!("2026-11-20T12:00:{second:02}Z"), "correlationId": "login-77",
            "traceparent": format!("00-{TRACE}-{span}-01"), "data": {"outcome": "failure"},
        })
    };
    let mut running = Running::quiet();
    // Neither the order in which they came nor that of their ids is that of time.
    running.post(&[
        part("a", 9, "directory", "b7ad6b7169203331"),
        part("c", 1, "app", "00f067aa0ba902b7"),
    ]);
    running.post(&[part("b", 4, "gateway", "c7ad6b7169203332")]);
    running.settle();
    let check = |running: &Running| {
        for id in [&format!("trace:{TRACE}"), TRACE, "login-77", "b"] {
            let timeline = running.ask(&format!("/v1/trees/{id}/timeline"));
            let told = timeline["entries"].as_array();
            assert_eq!(texts(told, "id"), ["c", "b", "a"], "{id}");
            let sources = texts(told, "source");
            assert_eq!(sources, ["app", "gateway", "directory"], "{id}");
        }
        for search in [format!("trace:{TRACE}"), "correlation:login-77".to_owned()] {
            let found = running.ask(&format!("/v1/events?q={search}"));
            assert_eq!(texts(found["items"].as_array(), "id").len(), 3, "{search}");
        }
    };
    check(&running);
    check(&running.killed_and_started_again());
}
