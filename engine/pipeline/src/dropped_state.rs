//! What windows dropped because they held too much, by rule.

use std::collections::BTreeMap;

use larum_event::RuleId;
use larum_rule::RuleSet;
use larum_window::RuleWindow;

/// What the windows of one rule dropped because they held too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DroppedState {
    /// Groups that made room for others.
    pub groups: u64,
    /// Events and partial matches of groups that held too many.
    pub events: u64,
}

/// What `windows` of the rules of `set` dropped, for rules that dropped anything.
pub(crate) fn count_dropped<'w>(
    set: &RuleSet,
    windows: impl Iterator<Item = &'w RuleWindow>,
) -> BTreeMap<RuleId, DroppedState> {
    let mut dropped: BTreeMap<RuleId, DroppedState> = BTreeMap::new();
    for window in windows {
        let stats = window.stats();
        if stats.evicted_keys + stats.evicted_events > 0
            && let Some(rule) = set.rule(window.rule())
        {
            let sum = dropped.entry(rule.id.clone()).or_default();
            sum.groups += stats.evicted_keys;
            sum.events += stats.evicted_events;
        }
    }
    dropped
}
