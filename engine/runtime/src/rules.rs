//! The rules in force, as `GET /v1/rules` tells of them.

use std::collections::BTreeMap;

use larum_event::{Position, RuleId, Severity, TenantId, Timestamp};
use larum_pipeline::RuleOutage;
use larum_rule::Rule;
use serde::Serialize;

use crate::engine::Engine;
use crate::rulebook::{RuleCounters, hash_rule_files};

/// The rules in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulesInForce {
    /// Names the set: a hash of its files.
    pub hash: String,
    /// Where it was activated: events behind are evaluated by it.
    pub since: Position,
    /// Whether the last reload failed, so that these are older than the rules there are.
    pub reload_failed: bool,
    /// The rules, by id.
    pub rules: Vec<RuleState>,
}

/// One rule and how it fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleState {
    /// Its id.
    pub id: RuleId,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// How bad what it detects is.
    pub severity: Severity,
    /// The file it stands in.
    pub file: String,
    /// The line of it there.
    pub line: usize,
    /// 0 for rules over events, above that for rules over alerts.
    pub layer: u8,
    /// How its condition is decided.
    pub condition: ConditionMode,
    /// Two rules of the same hash and id mean the same.
    pub semantic_hash: String,
    /// Events that satisfied it since the engine started.
    pub matches: u64,
    /// Times that its exceptions kept something from being a match since the engine started.
    pub excepted: u64,
    /// Revisions of its alerts written since the engine started.
    pub alerts: u64,
    /// Events it failed on since the engine started.
    pub faults: u64,
    /// Times that its script ran and answered since the engine started.
    pub script_runs: u64,
    /// How long a run of its script takes, by a sample; absent while there is none.
    pub script_nanos: Option<u64>,
    /// Whether it is broken out for a tenant, because it kept failing.
    pub broken_out: bool,
    /// What it missed because of that: the newest stretches, oldest first.
    pub missed: Vec<RuleOutageView>,
}

/// A stretch of the log in which a rule was not asked about a tenant's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleOutageView {
    /// Whose events.
    pub tenant: TenantId,
    /// Behind this position: that of the event which broke it out.
    pub after: Position,
    /// Before this one; absent while it is broken out.
    pub before: Option<Position>,
    /// What it failed on last.
    pub reason: String,
    /// How often it was tried again in vain.
    pub probes: u32,
    /// When it is tried again, by the log's time, while it is broken out.
    pub until: Option<Timestamp>,
}

impl From<&RuleOutage> for RuleOutageView {
    fn from(missed: &RuleOutage) -> Self {
        Self {
            tenant: missed.tenant.clone(),
            after: missed.after,
            before: missed.before,
            reason: missed.reason.clone(),
            probes: missed.probes,
            until: missed.until,
        }
    }
}

/// How a rule's condition is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ConditionMode {
    /// Without running the script.
    Native,
    /// By running the script.
    Scripted,
}

impl Engine {
    /// The rules in force, and how each fares.
    pub fn rules_in_force(&self) -> RulesInForce {
        let in_force = self.0.rulebook.current_rules();
        let mut missed: BTreeMap<RuleId, Vec<RuleOutageView>> = BTreeMap::new();
        for stretch in self.0.rulebook.outages().iter() {
            let of_rule = missed.entry(stretch.rule.clone()).or_default();
            of_rule.push(stretch.into());
        }
        let rules = in_force.set.rules().iter().zip(&in_force.counts);
        RulesInForce {
            hash: hash_rule_files(in_force.set.files()),
            since: in_force.since,
            reload_failed: self.0.gauges.has_reload_failed(),
            rules: rules
                .map(|(rule, counts)| {
                    let missed = missed.remove(&rule.id).unwrap_or_default();
                    rule_state(rule, counts, missed)
                })
                .collect(),
        }
    }
}

fn rule_state(rule: &Rule, counts: &RuleCounters, missed: Vec<RuleOutageView>) -> RuleState {
    RuleState {
        id: rule.id.clone(),
        title: rule.title.as_deref().map(str::to_owned),
        severity: rule.severity,
        file: rule.file.to_string(),
        line: rule.line,
        layer: rule.layer,
        condition: if rule.is_native() {
            ConditionMode::Native
        } else {
            ConditionMode::Scripted
        },
        semantic_hash: to_hex(&rule.semantic_hash),
        matches: counts.matches,
        excepted: counts.excepted,
        alerts: counts.alerts,
        faults: counts.faults,
        script_runs: counts.runs,
        script_nanos: counts.nanos.checked_div(counts.timed),
        broken_out: missed.iter().any(|stretch| stretch.before.is_none()),
        missed,
    }
}

fn to_hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}
