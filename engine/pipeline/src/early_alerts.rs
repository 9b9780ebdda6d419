//! Which alerts may still change.
//!
//! Owns what layers above see: an alert once, when it becomes final. A later revision of a final
//! alert, grown or over, is for people alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{AlertStatus, RuleId};
use serde::{Deserialize, Serialize};

/// Alerts that are early, by rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct EarlyAlerts(BTreeMap<RuleId, BTreeSet<Arc<str>>>);

impl EarlyAlerts {
    /// Takes note of a revision; says whether the alert has become final by it.
    pub(crate) fn record_revision(
        &mut self,
        rule: &RuleId,
        alert: &Arc<str>,
        revision: u32,
        status: AlertStatus,
    ) -> bool {
        match status {
            AlertStatus::Early => {
                let early = self.0.entry(rule.clone()).or_default();
                early.insert(Arc::clone(alert));
                false
            }
            AlertStatus::Final => self.remove_alert(rule, alert) || revision == 1,
            AlertStatus::Retracted => {
                self.remove_alert(rule, alert);
                false
            }
        }
    }

    fn remove_alert(&mut self, rule: &RuleId, alert: &Arc<str>) -> bool {
        let Some(early) = self.0.get_mut(rule) else {
            return false;
        };
        let known = early.remove(alert);
        if early.is_empty() {
            self.0.remove(rule);
        }
        known
    }

    /// Takes over the alerts of `rules` from `other`.
    pub(crate) fn adopt_rules(&mut self, other: Self, rules: impl Fn(&RuleId) -> bool) {
        self.0.retain(|rule, _| !rules(rule));
        self.0
            .extend(other.0.into_iter().filter(|(rule, _)| rules(rule)));
    }

    /// Only alerts of these rules may still become final.
    pub(crate) fn retain_rules(&mut self, is_kept: impl Fn(&RuleId) -> bool) {
        self.0.retain(|rule, _| is_kept(rule));
    }
}
