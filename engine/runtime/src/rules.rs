//! The rules in force, as `GET /v1/rules` tells of them.

use larum_event::{Position, RuleId, Severity};
use larum_rule::Rule;
use serde::Serialize;

use crate::engine::Engine;
use crate::rulebook::set_hash;

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
    pub condition: ConditionKind,
    /// Two rules of the same hash and id mean the same.
    pub semantic_hash: String,
    /// Revisions of its alerts written since the engine started.
    pub alerts: u64,
    /// Events it failed on since the engine started.
    pub faults: u64,
}

/// How a rule's condition is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ConditionKind {
    /// Without running the script.
    Native,
    /// By running the script.
    Scripted,
}

impl Engine {
    /// The rules in force, and how each fares.
    pub fn rules(&self) -> RulesInForce {
        let in_force = self.0.rulebook.in_force();
        let metrics = self.0.gauges.metrics();
        let counted = |table: &[(String, u64)], rule: &Rule| {
            let found = table.iter().find(|(name, _)| name == rule.id.as_str());
            found.map_or(0, |(_, number)| *number)
        };
        let rules = in_force.set.rules().iter().map(|rule| RuleState {
            id: rule.id.clone(),
            title: rule.title.as_deref().map(str::to_owned),
            severity: rule.severity,
            file: rule.file.to_string(),
            line: rule.line,
            layer: rule.layer,
            condition: if rule.is_native() {
                ConditionKind::Native
            } else {
                ConditionKind::Scripted
            },
            semantic_hash: hex(&rule.semantic_hash),
            alerts: counted(&metrics.alerts_by_rule, rule),
            faults: counted(&metrics.rule_faults, rule),
        });
        RulesInForce {
            hash: set_hash(in_force.set.files()),
            since: in_force.since,
            reload_failed: metrics.reload_failed,
            rules: rules.collect(),
        }
    }
}

fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}
