//! One behaviour each.

use super::*;

/// Alerts `a` of tree 1 and `b` of tree 2, and whether they are one incident.
fn check(tell: impl FnOnce(&mut IncidentScenario), together: bool) {
    let mut hearing = IncidentScenario::default();
    tell(&mut hearing);
    let (a, b) = (hearing.of_alert("a"), hearing.of_alert("b"));
    assert!(a.is_some() && b.is_some());
    assert_eq!(a == b, together);
}

#[test]
fn alerts_of_one_tree_are_one_incident_named_after_the_first() {
    let mut hearing = IncidentScenario::default();
    hearing.raised(&alert("a", 1));
    hearing.raised(&alert("b", 1));
    let name = hearing.of_alert("b").unwrap();
    assert_eq!(name, name_of("a"));
    assert_eq!(name.0.len(), "inc-".len() + 12);
    assert_eq!(hearing.summary(&name).aliases, []);
}

#[test]
fn alerts_of_trees_that_do_not_touch_are_two_incidents() {
    check(
        |hearing| {
            hearing.raised(&alert("a", 1));
            hearing.raised(&alert("b", 2));
        },
        false,
    );
}

#[test]
fn evidence_in_two_trees_makes_them_one_incident_in_either_order() {
    check(
        |hearing| {
            hearing.raised(&alert("a", 1));
            hearing.raised(&alert("b", 2).evidence(&[1]));
        },
        true,
    );
    check(
        |hearing| {
            hearing.raised(&alert("b", 2).evidence(&[1]));
            hearing.raised(&alert("a", 1));
        },
        true,
    );
}

#[test]
fn a_shared_node_joins_up_to_the_bound_of_time_and_not_a_nanosecond_beyond() {
    let touch_at = |nanos: i64| {
        move |hearing: &mut IncidentScenario| {
            hearing.raised(&alert("a", 1));
            hearing.raised(&alert("b", 2));
            hearing.touched(1, 7, 100, joins(60, 5));
            let touch = TreeTouch {
                tree: tree(2),
                shared: SharedNodeId(7),
                joins: joins(60, 5),
                time: Timestamp::from_nanos(nanos),
                position: hearing.next(),
            };
            hearing
                .incidents
                .record_touch(&touch, || "session:7".into());
        }
    };
    check(touch_at(160_000_000_000), true);
    check(touch_at(160_000_000_001), false);
    check(touch_at(40_000_000_000), true);
    check(touch_at(39_999_999_999), false);
}

#[test]
fn a_node_that_exactly_as_many_trees_share_as_may_joins_them_and_one_more_does_not() {
    let with_others = |others: u64| {
        move |hearing: &mut IncidentScenario| {
            hearing.raised(&alert("a", 1));
            for other in 10..10 + others {
                hearing.touched(other, 7, 100, joins(60, 4));
            }
            hearing.touched(1, 7, 100, joins(60, 4));
            hearing.touched(2, 7, 100, joins(60, 4));
            hearing.raised(&alert("b", 2));
        }
    };
    check(with_others(2), true);
    check(with_others(3), false);
}

#[test]
fn what_was_joined_before_a_node_became_crowded_stays_joined_and_the_summary_names_the_node() {
    let mut hearing = IncidentScenario::default();
    hearing.raised(&alert("a", 1));
    hearing.raised(&alert("b", 2));
    hearing.touched(1, 7, 100, joins(60, 2));
    hearing.touched(2, 7, 100, joins(60, 2));
    let name = hearing.of_alert("b").unwrap();
    assert_eq!(name, name_of("a"));
    assert!(hearing.summary(&name).crowded.is_empty());

    hearing.raised(&alert("c", 3));
    hearing.touched(3, 7, 100, joins(60, 2));
    assert_eq!(hearing.of_alert("b"), Some(name_of("a")));
    assert_eq!(hearing.of_alert("c"), Some(name_of("c")));
    for name in ["a", "c"] {
        assert_eq!(
            hearing.summary(&name_of(name)).crowded,
            ["session:7".into()]
        );
    }
}

#[test]
fn touches_from_before_the_first_alert_count_when_it_comes_and_leave_no_alias() {
    let mut hearing = IncidentScenario::default();
    hearing.touched(1, 7, 100, joins(60, 5));
    hearing.touched(2, 7, 130, joins(60, 5));
    hearing.raised(&alert("a", 1));
    hearing.raised(&alert("b", 2));
    let name = hearing.of_alert("b").unwrap();
    assert_eq!(name, name_of("a"));
    let summary = hearing.summary(&name);
    assert_eq!(summary.aliases, []);
    let [tie] = &*summary.ties else {
        panic!("{:?}", summary.ties)
    };
    assert_eq!(tie.by, TieCause::Shared("session:7".into()));
    assert_eq!((tie.position, &tie.joined), (Position(4), &None));
}

#[test]
fn trees_without_alerts_pass_nothing_on() {
    check(
        |hearing| {
            hearing.raised(&alert("a", 1));
            hearing.raised(&alert("b", 2));
            // 1 and 3 share a session, 3 and 2 another one; 3 has no alert.
            hearing.touched(1, 7, 100, joins(60, 5));
            hearing.touched(3, 7, 100, joins(60, 5));
            hearing.touched(3, 8, 100, joins(60, 5));
            hearing.touched(2, 8, 100, joins(60, 5));
        },
        false,
    );
}

#[test]
fn a_tree_all_of_whose_alerts_are_retracted_joins_nothing_more() {
    check(
        |hearing| {
            hearing.raised(&alert("a", 1));
            hearing.raised(&alert("a", 1).revised(2, AlertStatus::Retracted));
            hearing.raised(&alert("b", 2));
            hearing.touched(1, 7, 100, joins(60, 5));
            hearing.touched(2, 7, 100, joins(60, 5));
        },
        false,
    );
}

#[test]
fn a_retraction_parts_nothing_and_an_incident_says_when_all_of_it_is_retracted() {
    let mut hearing = IncidentScenario::default();
    hearing.raised(&alert("a", 1));
    hearing.raised(&alert("b", 2).evidence(&[1]));
    hearing.raised(&alert("b", 2).revised(2, AlertStatus::Retracted));
    let name = hearing.of_alert("b").unwrap();
    let summary = hearing.summary(&name);
    assert_eq!(name, name_of("a"));
    assert_eq!((summary.alerts, summary.retracted), (1, 1));
    assert_eq!(
        (summary.status, summary.severity),
        (IncidentStatus::Open, Severity::High)
    );

    hearing.raised(&alert("a", 1).revised(2, AlertStatus::Retracted));
    let summary = hearing.summary(&name);
    assert_eq!((summary.alerts, summary.retracted), (0, 2));
    assert_eq!(
        (summary.status, summary.severity),
        (IncidentStatus::Retracted, Severity::Info)
    );
}

#[test]
fn the_severity_is_that_of_the_worst_alert_that_stands() {
    let mut hearing = IncidentScenario::default();
    let mut low = alert("a", 1);
    low.severity = Severity::Low;
    hearing.raised(&low);
    let mut critical = alert("b", 1);
    critical.severity = Severity::Critical;
    hearing.raised(&critical);
    let name = name_of("a");
    assert_eq!(hearing.summary(&name).severity, Severity::Critical);
    hearing.raised(&critical.revised(2, AlertStatus::Retracted));
    assert_eq!(hearing.summary(&name).severity, Severity::Low);
}

#[test]
fn a_revision_seen_before_or_out_of_turn_changes_nothing() {
    let mut hearing = IncidentScenario::default();
    hearing.raised(&alert("a", 1));
    hearing.raised(&alert("a", 1).revised(3, AlertStatus::Retracted));
    let before = postcard::to_allocvec(&hearing.incidents).unwrap();
    hearing.raised(&alert("a", 1).revised(2, AlertStatus::Final));
    hearing.raised(&alert("a", 1).revised(3, AlertStatus::Final));
    assert_eq!(postcard::to_allocvec(&hearing.incidents).unwrap(), before);
}

#[test]
fn when_two_become_one_the_older_name_lives_on_and_every_alias_leads_to_it() {
    let mut hearing = IncidentScenario::default();
    for (id, number) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        hearing.raised(&alert(id, number));
    }
    // c and d first, so that an alias has to follow.
    let merged = hearing.merged(3, 4);
    hearing.raised(&alert("e", 3).evidence(&[2]));
    hearing.raised(&alert("f", 2).evidence(&[1]));
    for alias in ["a", "b", "c", "d"] {
        let found = hearing.incidents.current_name(&name_of(alias).0);
        assert_eq!(found, Some(&name_of("a")), "{alias}");
    }
    let summary = hearing.summary(&name_of("d"));
    assert_eq!(summary.id, name_of("a"));
    assert_eq!(summary.aliases, ["b", "c", "d"].map(name_of));
    assert_eq!(summary.opened, Position(1));
    assert_eq!(summary.ties.first().map(|tie| tie.position), Some(merged));
    assert_eq!(
        summary.ties.first().map(|tie| (&tie.by, &tie.joined)),
        Some((&TieCause::Tree, &Some(name_of("d"))))
    );
}

#[test]
fn an_incident_follows_its_tree_into_an_older_one() {
    let mut hearing = IncidentScenario::default();
    hearing.raised(&alert("a", 9));
    hearing.merged(4, 9);
    assert_eq!(
        hearing.incidents.incident_of_tree(tree(4)),
        Some(&name_of("a"))
    );
    assert_eq!(hearing.incidents.incident_of_tree(tree(9)), None);
    let summary = hearing.summary(&name_of("a"));
    assert_eq!(summary.trees, ["root-4".into()]);
    assert_eq!(summary.listed.first().unwrap().tree, "root-4".into());
}

#[test]
fn touches_of_a_tree_without_alerts_count_when_it_becomes_part_of_one_with() {
    check(
        |hearing| {
            hearing.raised(&alert("a", 1));
            hearing.raised(&alert("b", 2));
            hearing.touched(3, 7, 100, joins(60, 5));
            hearing.touched(1, 7, 100, joins(60, 5));
            hearing.merged(2, 3);
        },
        true,
    );
}

#[test]
fn a_node_whose_link_joins_otherwise_starts_anew() {
    let with = |later: IncidentJoin| {
        move |hearing: &mut IncidentScenario| {
            hearing.raised(&alert("a", 1));
            hearing.raised(&alert("b", 2));
            hearing.touched(1, 7, 100, joins(60, 5));
            hearing.touched(2, 7, 100, later);
        }
    };
    check(with(joins(60, 5)), true);
    check(with(joins(90, 5)), false);
}

#[test]
fn a_tree_that_left_memory_is_still_told_of_and_still_joins() {
    let mut hearing = IncidentScenario::default();
    hearing.touched(5, 7, 100, joins(60, 5));
    hearing.raised(&alert("a", 5));
    hearing.forgotten(5);
    let nothing = |_: TreeId| None;
    let summary = hearing.incidents.find_summary(&name_of("a").0, &nothing);
    let summary = summary.unwrap();
    assert_eq!(summary.trees, ["root-5".into()]);
    assert_eq!((summary.events, summary.tree_count), (50, 1));
    assert_eq!(
        hearing.incidents.incident_of_tree(tree(5)),
        Some(&name_of("a"))
    );

    hearing.raised(&alert("b", 6));
    hearing.touched(6, 7, 100, joins(60, 5));
    assert_eq!(hearing.of_alert("b"), Some(name_of("a")));
}

#[test]
fn a_tree_without_alerts_that_left_memory_still_counts_as_one_that_touched() {
    let forgetting = |most: u32| {
        move |hearing: &mut IncidentScenario| {
            hearing.touched(3, 7, 100, joins(60, most));
            hearing.forgotten(3);
            hearing.raised(&alert("a", 1));
            hearing.raised(&alert("b", 2));
            hearing.touched(1, 7, 100, joins(60, most));
            hearing.touched(2, 7, 100, joins(60, most));
        }
    };
    check(forgetting(3), true);
    check(forgetting(2), false);
}

#[test]
fn a_name_that_is_taken_is_made_again_and_the_same_way_each_time() {
    let first = IncidentId::from_alert("a", 0);
    let second = IncidentId::from_alert("a", 1);
    assert_ne!(first, second);
    assert_eq!(second, IncidentId::from_alert("a", 1));
    // Pinned: names are written down by people.
    assert_eq!(first.to_string(), "inc-17762fddd969");
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let mut hearing = IncidentScenario::default();
    let mut long = alert("a", 1);
    long.message = "é".repeat(larum_event::limits::MESSAGE_BYTES);
    long.message.insert(0, 'x');
    hearing.raised(&long);
    let summary = hearing.summary(&name_of("a"));
    let kept = &summary.listed.first().unwrap().message;
    assert_eq!(kept.len(), larum_event::limits::MESSAGE_BYTES - 1);
}
