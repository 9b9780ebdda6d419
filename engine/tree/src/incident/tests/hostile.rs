//! Limits, and input made to break them.

use super::*;

#[test]
fn a_million_trees_on_one_node_join_nobody_and_are_not_kept() {
    let mut hearing = IncidentScenario::default();
    hearing.raised(&alert("a", 1));
    for number in 1..=1_000_000 {
        hearing.touched(number, 7, 100, joins(60, 1_000));
    }
    hearing.raised(&alert("b", 1_000_000));
    assert_eq!(hearing.of_alert("b"), Some(name_of("b")));
    assert_eq!(hearing.incidents.touches.entries, 1);
    assert_eq!(hearing.incidents.trees.slots.len(), 2);
}

#[test]
fn a_link_that_lets_everybody_join_is_held_to_a_thousand_trees() {
    let mut hearing = IncidentScenario::default();
    for number in 1..=1_001 {
        hearing.touched(number, 7, 100, joins(60, u32::MAX));
    }
    assert_eq!(hearing.incidents.touches.entries, 1);
}

#[test]
fn a_chain_of_merges_ends_in_one_incident_with_the_oldest_names() {
    const LINKS: u64 = 20_000;
    let mut hearing = IncidentScenario::default();
    for number in 0..LINKS {
        let tree = LINKS - number;
        hearing.raised(&alert(&format!("alert-{number}"), tree));
        if number > 0 {
            hearing.merged(tree, tree + 1);
        }
    }
    let name = name_of("alert-0");
    let summary = hearing.summary(&name);
    assert_eq!(summary.alerts, LINKS);
    assert_eq!(
        summary.listed.len(),
        larum_event::limits::ALERTS_PER_INCIDENT
    );
    assert_eq!(summary.tree_count, 1);
    assert_eq!(hearing.incidents.incident_of_tree(tree(1)), Some(&name));
    let alias = hearing.incidents.current_name(&name_of("alert-10000").0);
    assert_eq!(alias, Some(&name));
    let beyond = hearing.incidents.current_name(&name_of("alert-10001").0);
    assert_eq!(beyond, None);
}

#[test]
fn two_halves_of_many_alerts_become_one_and_the_oldest_stay_listed() {
    let limits = IncidentLimits {
        alerts_per_incident: 3,
        ..IncidentLimits::default()
    };
    let mut hearing = IncidentScenario::with_limits(limits);
    for number in 0..3 {
        hearing.raised(&alert(&format!("a{number}"), 1));
        hearing.raised(&alert(&format!("b{number}"), 2));
    }
    hearing.merged(1, 2);
    let summary = hearing.summary(&name_of("a0"));
    let listed: Vec<_> = summary.listed.iter().map(|alert| &*alert.id).collect();
    assert_eq!(listed, ["a0", "b0", "a1"]);
    assert_eq!(summary.alerts, 6);
    // One that is only counted is retracted all the same.
    hearing.raised(&alert("b2", 1).revised(2, AlertStatus::Retracted));
    let summary = hearing.summary(&name_of("a0"));
    assert_eq!((summary.alerts, summary.retracted), (5, 1));
    assert_eq!(hearing.of_alert("b2"), None);
    assert_eq!(
        hearing.incidents.incident_of_tree(tree(1)),
        Some(&name_of("a0"))
    );
}

#[test]
fn the_incident_changed_longest_ago_goes_with_its_names() {
    let limits = IncidentLimits {
        incidents: 2,
        ..IncidentLimits::default()
    };
    let mut hearing = IncidentScenario::with_limits(limits);
    hearing.raised(&alert("a", 1));
    hearing.raised(&alert("b", 2));
    hearing.raised(&alert("a2", 1));
    hearing.raised(&alert("c", 3));
    assert_eq!(hearing.of_alert("b"), None);
    assert_eq!(hearing.incidents.current_name(&name_of("b").0), None);
    assert_eq!(hearing.of_alert("a"), Some(name_of("a")));
    // Its tree may have another one.
    hearing.raised(&alert("b2", 2));
    assert_eq!(hearing.of_alert("b2"), Some(name_of("b2")));
}

#[test]
fn the_node_touched_longest_ago_goes() {
    let limits = IncidentLimits {
        touches: 9,
        ..IncidentLimits::default()
    };
    let mut hearing = IncidentScenario::with_limits(limits);
    for number in 1..=3 {
        // Each is three: the node, the tree on it and its run.
        hearing.touched(number, number, 100, joins(60, 5));
    }
    hearing.touched(1, 1, 100, joins(60, 5));
    hearing.touched(4, 4, 100, joins(60, 5));
    for number in 1..=4 {
        hearing.raised(&alert(&format!("a{number}"), number));
        hearing.raised(&alert(&format!("b{number}"), number + 10));
        hearing.touched(number + 10, number, 100, joins(60, 5));
    }
    let joined = |number: u64| hearing.of_alert(&format!("b{number}"));
    assert_eq!(joined(1), Some(name_of("a1")));
    assert_eq!(joined(2), Some(name_of("b2")));
}

#[test]
fn entities_beyond_the_limit_are_counted() {
    let limits = IncidentLimits {
        values_per_kind: 2,
        ..IncidentLimits::default()
    };
    let mut hearing = IncidentScenario::with_limits(limits);
    let long = "x".repeat(larum_event::limits::ID_BYTES + 1);
    let told = alert("a", 1).about("host", &long).about("user", "bob");
    hearing.raised(&told.about("user", "zoe").about("user", "bob"));
    let summary = hearing.summary(&name_of("a"));
    let users: Vec<Arc<str>> = vec!["bob".into(), "eve".into()];
    assert_eq!(summary.entities.get("user"), Some(&users));
    assert_eq!(summary.more_entities.get("user"), Some(&1));
    assert_eq!(summary.more_entities.get("host"), Some(&1));
}

#[test]
fn the_oldest_ties_stay_whichever_of_two_incidents_they_came_from() {
    let mut hearing = IncidentScenario::default();
    let each = larum_event::limits::PAGE_MOST as u64 * 3 / 5;
    for number in 0..each {
        for own in [1, 2] {
            let other = 10 + 2 * number + own;
            hearing.raised(&alert(&format!("b{own}-{number}"), other));
            hearing.raised(&alert(&format!("a{own}-{number}"), own).evidence(&[other]));
        }
    }
    hearing.raised(&alert("last", 1).evidence(&[2]));
    let both = hearing.of_alert("last").expect("an incident");
    let kept = hearing.summary(&both).ties;
    let kept: Vec<_> = kept.into_iter().map(|tie| tie.by).collect();
    let oldest = (0..each).flat_map(|number| [1, 2].map(|own| format!("a{own}-{number}")));
    let oldest = oldest.map(|alert| TieCause::Evidence(alert.into()));
    let oldest: Vec<_> = oldest.take(larum_event::limits::PAGE_MOST).collect();
    assert_eq!(kept, oldest);
}

#[test]
fn touches_at_the_ends_of_time_do_not_overflow() {
    let mut hearing = IncidentScenario::default();
    hearing.raised(&alert("a", 1));
    hearing.raised(&alert("b", 2));
    let all = IncidentJoin {
        within: Span::from_nanos(i64::MAX),
        most: 5,
    };
    for (number, time) in [
        (1, Timestamp::MIN),
        (2, Timestamp::MAX),
        (1, Timestamp::MAX),
    ] {
        let touch = TreeTouch {
            tree: tree(number),
            shared: SharedNodeId(7),
            joins: all,
            time,
            position: hearing.next(),
        };
        hearing
            .incidents
            .record_touch(&touch, || "session:7".into());
    }
    assert_eq!(hearing.of_alert("b"), Some(name_of("a")));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_not_believed() {
    let mut hearing = IncidentScenario::default();
    hearing.touched(1, 7, 100, joins(60, 5));
    hearing.raised(&alert("a", 1).evidence(&[2]));
    hearing.merged(1, 2);
    let bytes = postcard::to_allocvec(&hearing.incidents).unwrap();
    let mut refused = 0;
    for place in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            *bytes.get_mut(place).unwrap() ^= flip;
            // Whatever it says, it must not panic, and neither must what goes on with it.
            match postcard::from_bytes::<TenantIncidents>(&bytes) {
                Ok(incidents) => {
                    let mut hearing = IncidentScenario {
                        incidents,
                        position: 100,
                    };
                    hearing.raised(&alert("a", 1).revised(2, AlertStatus::Retracted));
                    hearing.raised(&alert("b", 1));
                    hearing.touched(1, 7, 100, joins(60, 5));
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 0);
}
