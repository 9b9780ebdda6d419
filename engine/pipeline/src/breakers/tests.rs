use super::*;

fn missed(rule: &str, after: u64, before: Option<u64>) -> RuleOutage {
    RuleOutage {
        rule: RuleId::new(rule).unwrap(),
        tenant: TenantId::default_tenant(),
        after: Position(after),
        before: before.map(Position),
        reason: "no".to_owned(),
        probes: 0,
        until: None,
    }
}

fn with(ledger: impl IntoIterator<Item = RuleOutage>) -> RuleBreakers {
    let mut breakers = RuleBreakers::default();
    for missed in ledger {
        breakers.insert_outage(missed);
    }
    breakers
}

fn begins(breakers: &RuleBreakers) -> Vec<(&str, u64)> {
    let ledger = breakers.outages();
    ledger.map(|one| (one.rule.as_str(), one.after.0)).collect()
}

#[test]
fn stretches_are_listed_by_where_they_begin_whatever_the_order_they_are_told_in() {
    let breakers = with([
        missed("b", 7, None),
        missed("a", 9, None),
        missed("a", 3, Some(5)),
        missed("a", 7, None),
    ]);
    assert_eq!(begins(&breakers), [("a", 3), ("a", 7), ("b", 7), ("a", 9)]);
}

#[test]
fn a_full_ledger_forgets_the_oldest_stretch_that_is_over_and_keeps_those_that_go_on() {
    let going_on = missed("a", 1, None);
    let over = (2..=LEDGER_MOST as u64).map(|after| missed("a", after, Some(after + 1)));
    let mut breakers = with(std::iter::once(going_on).chain(over));
    assert_eq!(breakers.outages().count(), LEDGER_MOST);
    breakers.insert_outage(missed("b", 5_000, None));
    assert_eq!(breakers.outages().count(), LEDGER_MOST);
    assert_eq!(begins(&breakers)[..2], [("a", 1), ("a", 3)]);
}

#[test]
fn what_another_run_knows_of_some_rules_replaces_what_is_known_here_of_those_alone() {
    let mut here = with([missed("a", 1, Some(2)), missed("b", 1, Some(2))]);
    let there = with([missed("a", 4, None), missed("b", 5, None)]);
    here.adopt_rules(&there, |rule| rule.as_str() == "a");
    assert_eq!(begins(&here), [("b", 1), ("a", 4)]);
}
