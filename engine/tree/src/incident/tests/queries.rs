//! Questions.

use super::*;
use crate::incident::IncidentQuery;

/// Three incidents: `a` (high, user eve, 10 to 20 s), `b` (low, users eve and bob, 30 to 40 s) and
/// `c` (critical, retracted, 50 to 60 s).
fn three() -> IncidentScenario {
    let mut hearing = IncidentScenario::default();
    hearing.raised(&alert("a", 1).about("host", "ws5"));
    let mut b = alert("b", 2).about("user", "bob");
    (b.severity, b.first, b.last) = (Severity::Low, 30, 40);
    b.rule = rule("process.odd");
    hearing.raised(&b);
    let mut c = alert("c", 3);
    (c.severity, c.first, c.last) = (Severity::Critical, 50, 60);
    hearing.raised(&c);
    hearing.raised(&c.revised(2, AlertStatus::Retracted));
    hearing
}

fn check(query: IncidentQuery, wanted: &[&str]) {
    let (page, total) = three().incidents.list_page(&query, &look);
    let found: Vec<_> = page.into_iter().map(|summary| summary.id).collect();
    let wanted: Vec<_> = wanted.iter().map(|alert| name_of(alert)).collect();
    assert_eq!(found, wanted, "{query:?}");
    assert_eq!(total, wanted.len() as u64);
}

#[test]
fn those_changed_last_come_first() {
    check(IncidentQuery::default(), &["c", "b", "a"]);
}

#[test]
fn a_severity_is_a_least_one_and_asks_for_alerts_that_stand() {
    let of = |severity| IncidentQuery {
        severity: Some(severity),
        ..IncidentQuery::default()
    };
    check(of(Severity::Info), &["b", "a"]);
    check(of(Severity::High), &["a"]);
    check(of(Severity::Critical), &[]);
}

#[test]
fn times_count_up_to_and_with_their_ends() {
    let between = |from: i64, to: i64| IncidentQuery {
        from: Some(at(from)),
        to: Some(at(to)),
        ..IncidentQuery::default()
    };
    check(between(20, 30), &["b", "a"]);
    check(between(21, 29), &[]);
    check(between(0, 9), &[]);
    check(between(0, 10), &["a"]);
}

#[test]
fn all_entities_must_be_there() {
    let with = |entities: &[(&str, &str)]| IncidentQuery {
        entities: entities
            .iter()
            .map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned()))
            .collect(),
        ..IncidentQuery::default()
    };
    check(with(&[("user", "eve")]), &["c", "b", "a"]);
    check(with(&[("user", "eve"), ("user", "bob")]), &["b"]);
    check(with(&[("host", "ws5"), ("user", "bob")]), &[]);
    check(with(&[("user", "Eve")]), &[]);
    let hearing = three();
    let found = hearing.incidents.incidents_of_entity("user", "eve");
    assert_eq!(found, [&name_of("a"), &name_of("b"), &name_of("c")]);
    assert!(
        hearing
            .incidents
            .incidents_of_entity("user", "mallory")
            .is_empty()
    );
}

#[test]
fn a_rule_must_have_raised_one_of_its_alerts() {
    let of = |rule: &str| IncidentQuery {
        rule: Some(rule.to_owned()),
        ..IncidentQuery::default()
    };
    check(of("process.odd"), &["b"]);
    check(of("process"), &[]);
}

#[test]
fn a_page_says_how_many_there_are_in_all() {
    let hearing = three();
    let query = IncidentQuery {
        limit: 1,
        offset: 1,
        ..IncidentQuery::default()
    };
    let (page, total) = hearing.incidents.list_page(&query, &look);
    assert_eq!(total, 3);
    assert_eq!(page.len(), 1);
    assert_eq!(page.first().map(|summary| &summary.id), Some(&name_of("b")));
    assert!(page.iter().all(|summary| summary.listed.is_empty()));
}

#[test]
fn those_who_watch_hear_what_changed_since() {
    let hearing = three();
    let since = |position| {
        hearing
            .incidents
            .incidents_changed_after(Position(position), 10)
    };
    assert_eq!(since(0), [&name_of("a"), &name_of("b"), &name_of("c")]);
    assert_eq!(since(1), [&name_of("b"), &name_of("c")]);
    assert!(since(4).is_empty());
    let first = hearing.incidents.incidents_changed_after(Position(0), 1);
    assert_eq!(first, [&name_of("a")]);
}

#[test]
fn a_summary_tells_all_of_it() {
    let mut hearing = three();
    let mut more = alert("d", 2).evidence(&[1]);
    more.attack = vec!["T1059".into()];
    hearing.raised(&more);
    let summary = hearing.summary(&name_of("b"));
    assert_eq!(summary.id, name_of("a"));
    assert_eq!((summary.first, summary.last), (at(10), at(40)));
    assert_eq!(summary.events, 30);
    assert_eq!(summary.trees, ["root-1".into(), "root-2".into()]);
    let users: Vec<Arc<str>> = vec!["bob".into(), "eve".into()];
    assert_eq!(summary.entities.get("user"), Some(&users));
    assert_eq!(summary.attack, ["T1059".into(), "T1110".into()]);
    assert_eq!(summary.rules.get(&rule("auth.guessing")), Some(&2));
    assert_eq!(summary.rules.get(&rule("process.odd")), Some(&1));
    let listed: Vec<_> = summary.listed.iter().map(|alert| &*alert.id).collect();
    assert_eq!(listed, ["a", "b", "d"]);
    assert_eq!(summary.changed, Position(5));
    let evidence = TieCause::Evidence("d".into());
    assert_eq!(summary.ties.first().map(|tie| &tie.by), Some(&evidence));
}
