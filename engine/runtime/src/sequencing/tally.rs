//! What is counted and reported of rules, epoch by epoch.
//!
//! Owns counters, log lines and problems; nothing here decides anything. A recovery runs epochs
//! again that were counted before, so it drops what it counts.

use std::sync::Arc;

use larum_pipeline::{
    BreakerChange, BreakerEvent, EpochOutcome, MatchOutput, RuleOutage, WindowStep,
};
use tracing::{debug, error, info, warn};

use crate::gauges::EngineGauges;
use crate::rulebook::{RuleTally, Rulebook};

/// What a problem with rules that are broken out is about.
const ABOUT: &str = "rules broken out";
/// Rules named in a problem.
const NAMED: usize = 10;

/// Counts of the epochs since the last one that was published.
pub(super) struct EpochTally {
    counts: RuleTally,
    rulebook: Arc<Rulebook>,
    gauges: Arc<EngineGauges>,
}

impl EpochTally {
    /// Counts nothing yet.
    pub(super) fn new(rulebook: &Arc<Rulebook>, gauges: &Arc<EngineGauges>) -> Self {
        Self {
            counts: RuleTally::new(),
            rulebook: Arc::clone(rulebook),
            gauges: Arc::clone(gauges),
        }
    }

    /// Counts the scripts that ran in a layer's matchers.
    pub(super) fn count_runs(&mut self, matched: &MatchOutput) {
        for run in &matched.runs {
            self.counts.entry(run.rule).or_default().runs += 1;
        }
        for (rule, nanos) in &matched.timed {
            let counts = self.counts.entry(*rule).or_default();
            counts.timed += 1;
            counts.nanos += nanos;
        }
    }

    /// Counts the matches that a layer's windows are given.
    pub(super) fn count_matches(&mut self, step: &WindowStep) {
        for (unit, matches) in &step.matches {
            self.counts.entry(unit.rule).or_default().matches += matches.len() as u64;
        }
    }

    /// Forgets what was counted since it was last published.
    pub(super) fn clear(&mut self) {
        self.counts.clear();
    }

    /// Publishes what was counted, and reports what an epoch put out besides alerts.
    pub(super) fn publish(&mut self, outcome: &EpochOutcome) {
        self.gauges.count_late(outcome.late.len() as u64);
        for fault in &outcome.faults {
            debug!(rule_id = %fault.rule, fault = %fault.message, "rule failed on an event");
            self.gauges.count_fault(fault.rule.as_str());
            self.counts.entry(fault.number).or_default().faults += 1;
        }
        for excepted in &outcome.excepted {
            self.counts.entry(excepted.rule).or_default().excepted += excepted.count;
        }
        self.rulebook.add_tally(&std::mem::take(&mut self.counts));
        outcome.breaks.iter().for_each(log_rule_break);
    }

    /// Publishes what rules missed and still miss.
    pub(super) fn publish_outages(&self, outages: Vec<RuleOutage>) {
        let open = outages.iter().filter(|outage| outage.before.is_none());
        let mut named: Vec<String> = open
            .map(|outage| {
                format!(
                    "{} behind position {} ({})",
                    outage.rule, outage.after, outage.reason
                )
            })
            .collect();
        let number = named.len();
        named.truncate(NAMED);
        if number == 0 {
            self.gauges.clear_problem(ABOUT);
        } else {
            let words = format!("{number} rules are broken out: {}", named.join("; "));
            self.gauges.report_problem(ABOUT, words);
        }
        self.rulebook.set_outages(outages);
    }
}

fn log_rule_break(happened: &BreakerEvent) {
    let missed = &happened.missed;
    let (rule_id, tenant, reason) = (&missed.rule, &missed.tenant, &missed.reason);
    let position = happened.place.position.0;
    match happened.change {
        BreakerChange::Opened => {
            error!(%rule_id, %tenant, position, %reason, "rule keeps failing, it is broken out");
        }
        BreakerChange::ProbeFailed => {
            warn!(%rule_id, %tenant, position, %reason, "rule failed again, it stays broken out");
        }
        BreakerChange::Closed => {
            info!(%rule_id, %tenant, after = missed.after.0, position, "rule answers again");
        }
    }
}
