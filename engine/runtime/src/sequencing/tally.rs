//! What is counted and told of rules, epoch by epoch.
//!
//! Owns counters and log lines only; nothing here decides anything. What a recovery runs again was counted before.

use larum_pipeline::{BreakerChange, BreakerEvent, EpochOutcome, MatchOutput};
use tracing::{error, info, warn};

use crate::rulebook::RuleTally;
use crate::sequencing::evaluation_core::EvaluationCore;

/// What a problem with rules that are broken out is about.
const ABOUT: &str = "rules broken out";
/// Rules named in a problem.
const NAMED: usize = 10;

/// Counts what a layer's matchers found.
pub(super) fn count_matched(tally: &mut RuleTally, matched: &MatchOutput) {
    for found in &matched.matches {
        tally.entry(found.rule).or_default().matches += 1;
    }
    for run in &matched.runs {
        tally.entry(run.rule).or_default().runs += 1;
    }
    for (rule, nanos) in &matched.timed {
        let counts = tally.entry(*rule).or_default();
        counts.timed += 1;
        counts.nanos += nanos;
    }
}

impl EvaluationCore {
    /// Shows what was counted, and tells of rules that were broken out or are back.
    pub(super) fn publish_tally(&mut self, outcome: &EpochOutcome) {
        for fault in &outcome.faults {
            self.tally.entry(fault.number).or_default().faults += 1;
        }
        for excepted in &outcome.excepted {
            self.tally.entry(excepted.rule).or_default().excepted += excepted.count;
        }
        let tally = std::mem::take(&mut self.tally);
        self.parts.rulebook.add_tally(&tally);
        if outcome.breaks.is_empty() {
            return;
        }
        outcome.breaks.iter().for_each(log_rule_break);
        self.publish_outages();
    }

    /// Shows what rules missed and miss.
    pub(super) fn publish_outages(&self) {
        let missed = self.sequencer.outages();
        let open = missed.iter().filter(|one| one.before.is_none());
        let mut named: Vec<String> = open
            .map(|one| {
                format!(
                    "{} behind position {} ({})",
                    one.rule, one.after, one.reason
                )
            })
            .collect();
        let number = named.len();
        named.truncate(NAMED);
        let gauges = &self.parts.gauges;
        if number == 0 {
            gauges.clear_problem(ABOUT);
        } else {
            let words = format!("{number} rules are broken out: {}", named.join("; "));
            gauges.report_problem(ABOUT, words);
        }
        self.parts.rulebook.set_outages(missed);
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
