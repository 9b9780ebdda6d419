//! Matching the items of an epoch against the rules of one layer.
//!
//! Owns how a match is made from an item, and what a matcher reports besides matches. What matching
//! means is the rule crate's job; the offline pipeline and the matcher actors both run what is
//! here.
//! Invariant: matches come out in the order of items, and of rules for each item, however many
//! matchers share the items.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use larum_event::{EvaluationPlace, EventId, Match, RuleId, TenantId};
use larum_rule::{ExceptionCount, RuleFault, RuleMatch, RuleMatcher, RuleSet};

use crate::epoch_item::EpochItem;

/// The rules that need not be asked, by tenant.
#[derive(Debug, Clone, Default)]
pub struct SkippedRules {
    everywhere: Arc<BTreeSet<u32>>,
    by_tenant: HashMap<TenantId, Arc<BTreeSet<u32>>>,
}

impl SkippedRules {
    /// Skips `everywhere` for all tenants but those of `by_tenant`, whose sets hold it already.
    pub(crate) fn new(
        everywhere: &BTreeSet<u32>,
        by_tenant: HashMap<TenantId, BTreeSet<u32>>,
    ) -> Self {
        let shared = by_tenant.into_iter();
        Self {
            everywhere: Arc::new(everywhere.clone()),
            by_tenant: shared
                .map(|(tenant, rules)| (tenant, Arc::new(rules)))
                .collect(),
        }
    }

    /// The rules that need not be asked about events of `tenant`.
    pub fn for_tenant(&self, tenant: &TenantId) -> &Arc<BTreeSet<u32>> {
        let own = (!self.by_tenant.is_empty()).then(|| self.by_tenant.get(tenant));
        own.flatten().unwrap_or(&self.everywhere)
    }
}

/// A rule that failed on one event, and so did not evaluate it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFault {
    /// The rule that failed.
    pub rule: RuleId,
    /// Its number in the set.
    pub number: u32,
    /// The event it failed on.
    pub event: EventId,
    /// The place of that event.
    pub place: EvaluationPlace,
    /// What was wrong, for the rule's author.
    pub message: String,
}

/// What a matcher reports of some items.
#[derive(Debug, Default)]
pub struct MatchOutput {
    /// Matches, in the order of items, and of rules for each.
    pub matches: Vec<Match>,
    /// Rules that failed.
    pub faults: Vec<PlacedFault>,
    /// Scripts that ran and answered.
    pub runs: Vec<ScriptRun>,
    /// How often exceptions kept an event from being a match.
    pub excepted: Vec<ExceptionCount>,
    /// Scripts that were timed: the number of the rule, and nanoseconds.
    pub timed: Vec<(u32, u64)>,
}

/// A rule's script ran and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptRun {
    /// The number of the rule.
    pub rule: u32,
    /// The index of the item among those that were matched.
    pub item: u32,
}

impl MatchOutput {
    /// Adds the report on the items from `first` on.
    pub fn append(&mut self, other: Self, first: usize) {
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        self.matches.extend(other.matches);
        self.faults.extend(other.faults);
        self.timed.extend(other.timed);
        self.excepted.extend(other.excepted);
        self.runs
            .extend(other.runs.into_iter().map(|run| ScriptRun {
                item: run.item.saturating_add(first),
                ..run
            }));
    }
}

/// Matches `items` against the rules of `layer`, without those in `skipped`. Rules ask the trees
/// that the matcher was given, as of each item's position.
pub fn match_items(
    matcher: &mut RuleMatcher,
    layer: u8,
    items: &[EpochItem],
    skipped: &SkippedRules,
) -> MatchOutput {
    let mut matched = MatchOutput::default();
    let mut rule_matches: Vec<RuleMatch> = Vec::new();
    let mut rule_faults: Vec<RuleFault> = Vec::new();
    for (item, number) in items.iter().zip(0..) {
        // Tenant and position before the match: rules are skipped and trees read as of this item.
        matcher.exclude_rules(skipped.for_tenant(&item.event.envelope().tenant));
        matcher.set_position(item.place.position, item.raw_event.as_ref());
        matcher.match_event(layer, &item.event, &mut rule_matches, &mut rule_faults);
        let matches = rule_matches.drain(..);
        matched
            .matches
            .extend(matches.map(|rule_match| build_match(item, rule_match)));
        for fault in rule_faults.drain(..) {
            matched
                .faults
                .extend(locate_fault(matcher.set(), &fault, item));
        }
        let answered = matcher.answered_scripts().iter();
        matched.runs.extend(answered.map(|rule| ScriptRun {
            rule: *rule,
            item: number,
        }));
    }
    matched.timed = matcher.take_script_times();
    matched.excepted = matcher.take_exception_counts();
    matched
}

fn build_match(item: &EpochItem, rule_match: RuleMatch) -> Match {
    let envelope = item.event.envelope();
    Match {
        rule: rule_match.rule,
        tenant: envelope.tenant.clone(),
        key: rule_match.key,
        order: item.order,
        place: item.place,
        source: item.source,
        front: item.front,
        event_id: item.alert_id.as_ref().unwrap_or(&envelope.id).clone(),
        steps: rule_match.steps,
        values: rule_match.values,
        event: rule_match.wants_event.then(|| item.event.clone()),
    }
}

/// The fault of a rule on one event, with the rule's name.
pub(crate) fn locate_fault(
    set: &RuleSet,
    fault: &RuleFault,
    item: &EpochItem,
) -> Option<PlacedFault> {
    Some(PlacedFault {
        rule: set.rule(fault.rule)?.id.clone(),
        number: fault.rule,
        event: item.event.envelope().id.clone(),
        place: item.place,
        message: fault.message.clone(),
    })
}
