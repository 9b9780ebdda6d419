//! Events that came too late to count, and how they are reported.
//!
//! Owns the events of `$sys.late`: one for each event that came too late for some rule's window,
//! naming all those rules.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{
    EvaluationPlace, Event, EventId, Position, RuleId, Source, Span, TenantId, Timestamp,
};
use larum_rule::RuleSet;
use serde_json::json;

use crate::epoch_item::EpochItem;
use crate::raise::engine_alert_id;
use crate::system::system_event;

/// An event that came too late for the windows of some rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateEvent {
    /// The tenant whose event it is.
    pub tenant: TenantId,
    /// The source it came from.
    pub source: Source,
    /// Its position in the log.
    pub position: Position,
    /// Which event.
    pub event: EventId,
    /// When it happened.
    pub time: Timestamp,
    /// How far behind the front it came.
    pub behind: Span,
    /// The rules whose windows it does not count in.
    pub rules: Vec<RuleId>,
}

/// A match that came too late for its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LateMatch {
    /// The place of the event.
    pub place: EvaluationPlace,
    /// The number of the rule.
    pub rule: u32,
}

/// Late matches of an epoch, by what came late.
#[derive(Debug, Default)]
pub(crate) struct LateMatches(BTreeMap<EvaluationPlace, BTreeSet<u32>>);

impl LateMatches {
    pub(crate) fn insert(&mut self, found: LateMatch) {
        self.0.entry(found.place).or_default().insert(found.rule);
    }

    /// What came late, in order; `item` gives the item of a place.
    pub(crate) fn late_events<'a>(
        &self,
        set: &RuleSet,
        item: impl Fn(EvaluationPlace) -> Option<&'a EpochItem>,
    ) -> Vec<(EvaluationPlace, LateEvent)> {
        let late = self.0.iter().filter_map(|(place, rules)| {
            let item = item(*place)?;
            let envelope = item.event.envelope();
            let rules = rules.iter().filter_map(|rule| set.rule(*rule));
            let late = LateEvent {
                tenant: envelope.tenant.clone(),
                source: envelope.source.clone(),
                position: place.position,
                event: envelope.id.clone(),
                time: envelope.time,
                behind: item.front.duration_since(item.order.time),
                rules: rules.map(|rule| rule.id.clone()).collect(),
            };
            Some((*place, late))
        });
        late.collect()
    }
}

impl LateEvent {
    /// The event that reports it.
    pub(crate) fn to_event(&self) -> Option<Event> {
        let rules: Vec<&str> = self.rules.iter().map(RuleId::as_str).collect();
        let kind = RuleId::new("larum.late").ok()?;
        let anchor = format!("{}@{}", self.event, self.source);
        let id = engine_alert_id(&self.tenant, &kind, &anchor);
        let seconds = self.behind.as_nanos() as f64 / 1e9;
        let body = json!({
            "id": format!("{id}.late"),
            "type": "late",
            "source": "larum",
            "time": self.time.to_string(),
            "channel": "$sys",
            "severity": "info",
            "causationId": self.event.as_str(),
            "metadata": { "tenantId": self.tenant.as_str() },
            "data": {
                "source": self.source.as_str(),
                "secondsBehind": seconds,
                "rules": rules,
                "message": format!(
                    "event {} of {} came {seconds} s behind event time, too late for {}",
                    self.event, self.source, rules.join(", ")
                ),
            },
        });
        system_event(&body, &self.tenant)
    }
}
