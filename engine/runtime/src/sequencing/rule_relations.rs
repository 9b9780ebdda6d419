//! Which rules depend on which, by number and by id.

use std::collections::BTreeSet;

use larum_event::RuleId;
use larum_rule::RuleSet;

/// The rules that read the alerts of `rules`, and those that read theirs, themselves included.
pub(super) fn dependent_rules(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<u32> {
    rule_closure(set, rules, |set, other, known| {
        set.may_read_alerts(other, known)
    })
}

/// The rules whose alerts `rules` read, and those they read, themselves included.
pub(super) fn required_rules(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<u32> {
    rule_closure(set, rules, |set, other, known| {
        set.may_read_alerts(known, other)
    })
}

fn rule_closure(
    set: &RuleSet,
    rules: &BTreeSet<u32>,
    next: fn(&RuleSet, u32, u32) -> bool,
) -> BTreeSet<u32> {
    let mut known = rules.clone();
    let mut open: Vec<u32> = rules.iter().copied().collect();
    while let Some(rule) = open.pop() {
        for other in 0..set.rules().len() as u32 {
            if !known.contains(&other) && next(set, other, rule) {
                known.insert(other);
                open.push(other);
            }
        }
    }
    known
}

/// The ids of rules.
pub(super) fn rule_ids(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<RuleId> {
    rules
        .iter()
        .filter_map(|rule| set.rule(*rule))
        .map(|rule| rule.id.clone())
        .collect()
}

/// The numbers of rules; those that are not in the set have none.
pub(super) fn rule_numbers(set: &RuleSet, rules: &BTreeSet<RuleId>) -> BTreeSet<u32> {
    let numbered = set.rules().iter().zip(0..);
    numbered
        .filter(|(rule, _)| rules.contains(&rule.id))
        .map(|(_, number)| number)
        .collect()
}
