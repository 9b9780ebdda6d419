//! The rules in force, as `GET /v1/rules` shows them.
//!
//! Owns the shown form of a rule and the hash that names a set; counting is left to the engine.
//! Invariant: the hash depends on paths and texts of the files alone and separates them by their
//! lengths, so two engines with the same hash run the same rules.

use larum_event::{Position, RuleFile, RuleId, Severity, TenantId, Timestamp};
use larum_rule::Rule;
use serde::Serialize;

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
    /// The file that defines it.
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
    /// How long a run of its script takes, by a sample; absent until it ran.
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

/// How a rule's condition is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ConditionMode {
    /// Without running the script.
    Native,
    /// By running the script.
    Scripted,
}

/// What is counted of a rule since the engine started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCounters {
    /// Events that satisfied it.
    pub matches: u64,
    /// Times that exceptions kept something from being a match.
    pub excepted: u64,
    /// Revisions of its alerts in the log.
    pub alerts: u64,
    /// Events it failed on.
    pub faults: u64,
    /// Times that its script ran and answered.
    pub runs: u64,
    /// Of its runs those that were timed, and how long they took in all.
    pub timed: u64,
    /// See `timed`.
    pub nanos: u64,
}

impl RuleCounters {
    /// How long its scripts ran in all, estimated from those that were timed.
    pub fn estimate_script_nanos(&self) -> u64 {
        let runs = u128::from(self.runs + self.faults);
        let product = u128::from(self.nanos) * runs;
        let all = product
            .checked_div(u128::from(self.timed))
            .unwrap_or_default();
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// Adds `more`.
    pub fn add_counts(&mut self, more: &Self) {
        self.matches += more.matches;
        self.excepted += more.excepted;
        self.alerts += more.alerts;
        self.faults += more.faults;
        self.runs += more.runs;
        self.timed += more.timed;
        self.nanos += more.nanos;
    }
}

/// A rule as it is shown, with what is counted of it and what it missed.
pub fn rule_state(rule: &Rule, counts: &RuleCounters, missed: Vec<RuleOutageView>) -> RuleState {
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

/// What names a set: a hash of its files, so that two engines can be compared.
pub fn hash_rule_files(files: &[RuleFile]) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in files.iter().flat_map(|file| [&file.path, &file.text]) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn to_hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_text_from_one_file_to_another_is_another_set() {
        let file = |path: &str, text: &str| RuleFile {
            path: path.into(),
            text: text.into(),
        };
        let one = hash_rule_files(&[file("a", "bc"), file("d", "")]);
        assert_eq!(one, hash_rule_files(&[file("a", "bc"), file("d", "")]));
        assert_ne!(one, hash_rule_files(&[file("ab", "c"), file("d", "")]));
        assert_ne!(one, hash_rule_files(&[file("a", ""), file("d", "bc")]));
    }
}
