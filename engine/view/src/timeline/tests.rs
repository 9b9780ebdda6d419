use super::*;
use crate::sketch::{node_mut, parse_sketch};

/// Entries as `seconds node id` and what repeats.
fn lines(entries: &[TimelineEntry]) -> Vec<String> {
    let lines = entries.iter().map(|entry| {
        let seconds = |time: Timestamp| time.as_nanos() / 1_000_000_000;
        let until = entry.until.map_or(String::new(), |until| {
            format!(" ×{} until {}", entry.count, seconds(until))
        });
        format!("{} {} {}{until}", seconds(entry.time), entry.node, entry.id)
    });
    lines.collect()
}

fn check(text: &str, wanted: &[&str]) {
    assert_eq!(lines(&build_timeline([&parse_sketch(text)])), wanted);
}

fn check_folded(text: &str, wanted: &[&str]) {
    let entries = fold_repeats(build_timeline([&parse_sketch(text)]));
    assert_eq!(lines(&entries), wanted);
}

#[test]
fn events_and_alerts_of_all_nodes_come_in_the_order_of_time() {
    check(
        "root e3@30\n  a e1@10 e4@60\n  !alert\n  b e2@20",
        &[
            "10 a e1",
            "20 b e2",
            "30 root e3",
            "50 alert alert",
            "60 a e4",
        ],
    );
}

#[test]
fn an_entry_says_what_and_whose_it_is() {
    let entries = build_timeline([&parse_sketch("root\n  a e1@10\n  !alert")]);
    let [event, alert] = &*entries else {
        panic!("{entries:?}")
    };
    assert_eq!((&*event.event_type, &*event.source), ("auth.login", "sshd"));
    assert_eq!(event.label.as_deref(), Some("the a"));
    assert_eq!((event.alert, &event.message), (false, &None));
    assert_eq!(
        (&*alert.event_type, &*alert.source),
        ("auth.guessing", "larum")
    );
    assert_eq!(alert.message.as_deref(), Some("alert alert"));
    assert_eq!((alert.alert, alert.severity), (true, Severity::High));
}

#[test]
fn an_event_on_several_nodes_is_told_once_of_the_deepest() {
    check(
        "root e1@10\n  a e1@10\n    b e1@10\n  c\n    d e1@10",
        &["10 b e1"],
    );
}

#[test]
fn events_that_share_an_id_but_not_a_place_are_two() {
    check("root e1@10\n  a e1@11", &["10 root e1", "11 a e1"]);
}

#[test]
fn an_alert_of_two_trees_is_told_of_its_own() {
    let one = parse_sketch("one e1@10\n  b\n    ~alert");
    let two = parse_sketch("two\n  !alert");
    for views in [[&one, &two], [&two, &one]] {
        let mut entries = build_timeline(views);
        assert_eq!(lines(&entries), ["10 one e1", "50 alert alert"]);
        entries.retain(|entry| entry.alert);
        assert_eq!(entries.len(), 1);
    }
}

#[test]
fn nodes_that_a_page_shows_again_say_nothing_again() {
    let mut view = parse_sketch("root e1@10\n  a e2@20");
    node_mut(&mut view, "root").again = true;
    assert_eq!(lines(&build_timeline([&view])), ["20 a e2"]);
}

#[test]
fn the_event_that_carries_an_alert_is_not_told_beside_it() {
    let mut view = parse_sketch("root\n  !alert e1@50 e2@60");
    let event = node_mut(&mut view, "alert").events.first_mut().unwrap();
    event.event_type = larum_event::EventType::new("auth.guessing").unwrap();
    event.source = larum_event::Source::new(ENGINE).unwrap();
    assert_eq!(
        lines(&build_timeline([&view])),
        ["50 alert alert", "60 alert e2"]
    );
}

#[test]
fn repeats_that_follow_each_other_fold_and_others_do_not() {
    check_folded(
        "root\n  a e1@10 e2@11 e3@12 e5@14\n  b e4@13",
        &["10 a e1 ×3 until 12", "13 b e4", "14 a e5"],
    );
}

#[test]
fn severities_types_and_sources_fold_apart() {
    let of = |change: fn(&mut TreeEvent)| {
        let mut view = parse_sketch("root e1@10 e2@11");
        change(node_mut(&mut view, "root").events.last_mut().unwrap());
        fold_repeats(build_timeline([&view])).len()
    };
    assert_eq!(of(|_| {}), 1);
    assert_eq!(of(|event| event.severity = Severity::Low), 2);
    assert_eq!(
        of(|event| event.event_type = larum_event::EventType::new("b").unwrap()),
        2
    );
    assert_eq!(
        of(|event| event.source = larum_event::Source::new("b").unwrap()),
        2
    );
}

#[test]
fn alerts_never_fold() {
    let mut view = parse_sketch("root\n  !one\n  !two");
    for id in ["one", "two"] {
        node_mut(&mut view, id).id = "same".into();
    }
    let mut two = view.clone();
    two.nodes.truncate(2);
    let entries = build_timeline([&two]);
    let twice = entries.iter().chain(&entries).cloned().collect();
    assert_eq!(fold_repeats(twice).len(), 2);
}

#[test]
fn folds_of_a_view_are_entries_that_fold_on() {
    let mut view = parse_sketch("root e1@10 e2@20\n  a e3@30");
    let events = std::mem::take(&mut node_mut(&mut view, "root").events);
    node_mut(&mut view, "root").folds = crate::select::fold_events(&events);
    let entries = build_timeline([&view]);
    assert_eq!(lines(&entries), ["10 root e1 ×2 until 20", "30 a e3"]);
    let twice = entries.iter().take(1).chain(&entries).cloned().collect();
    let folded = fold_repeats(twice);
    assert_eq!(lines(&folded), ["10 root e1 ×4 until 20", "30 a e3"]);
}
