//! What a run of `larum detect` says at its end, on standard error.
//!
//! Owns the counts that are not alerts, and their lines; standard output belongs to the alerts.
//! Invariant: everything that was read and raised no alert is counted in some line, so nothing is
//! lost silently.

use std::collections::BTreeMap;

use larum_event::{RuleId, Span};
use larum_file::RecordTally;
use larum_pipeline::{DroppedState, EpochOutcome};
use larum_rule::{ExceptionCount, RuleSet};

use crate::duplicate_filter::DuplicateCheck;
use crate::terminal::{
    BAD, DIM, HEADING, count_noun, escape_controls, group_digits, print_notice, style_text,
};

/// Faults of rules that are reported one by one; the others are counted.
const FAULTS_SHOWN: u64 = 20;
/// Rules named there.
const RULES_SHOWN: usize = 5;

/// What was found, by rule.
#[derive(Debug)]
pub struct RuleTotals<'r> {
    /// `alerts`, `matches`.
    pub what: &'static str,
    /// How many, by the rule's id.
    pub counts: BTreeMap<&'r str, u64>,
}

/// Counts what is not an alert.
#[derive(Debug, Default)]
pub struct DetectSummary {
    early: u64,
    faults: BTreeMap<RuleId, u64>,
    fault_count: u64,
    system: u64,
    duplicates: u64,
    conflicts: u64,
    /// What came too late to count, by rule.
    late: BTreeMap<RuleId, u64>,
    /// What windows dropped because they held too much.
    dropped: BTreeMap<RuleId, DroppedState>,
    /// By rule and exception.
    excepted: BTreeMap<(u32, u32), u64>,
}

impl DetectSummary {
    /// Counts the outcome of one batch; the first faults are reported at once.
    pub fn count_outcome(&mut self, outcome: &EpochOutcome) {
        for fault in &outcome.faults {
            *self.faults.entry(fault.rule.clone()).or_default() += 1;
            self.fault_count += 1;
            if self.fault_count <= FAULTS_SHOWN {
                let (rule, event) = (&fault.rule, escape_controls(fault.event.as_str()));
                print_notice(&format!(
                    "rule {rule} failed on event {event}: {}",
                    escape_controls(&fault.message)
                ));
            }
        }
        for rule in outcome.late.iter().flat_map(|late| &late.rules) {
            *self.late.entry(rule.clone()).or_default() += 1;
        }
        // What is late has a line of its own.
        let system = outcome.system.len().saturating_sub(outcome.late.len());
        self.system += system as u64;
        self.count_excepted(&outcome.excepted);
    }

    /// Counts what exceptions kept out.
    pub fn count_excepted(&mut self, excepted: &[ExceptionCount]) {
        for one in excepted {
            *self.excepted.entry((one.rule, one.exception)).or_default() += one.count;
        }
    }

    /// Counts a record by what its id said; `None` for one that became no event.
    pub fn count_admission(&mut self, check: Option<DuplicateCheck>) {
        match check {
            None | Some(DuplicateCheck::First) => {}
            Some(DuplicateCheck::Duplicate) => self.duplicates += 1,
            Some(DuplicateCheck::Conflict) => self.conflicts += 1,
        }
    }

    /// Takes note of what windows dropped in the whole run.
    pub fn count_dropped(&mut self, dropped: &BTreeMap<RuleId, DroppedState>) {
        self.dropped.clone_from(dropped);
    }

    /// Counts alerts that may still change.
    pub fn count_early(&mut self, alerts: u64) {
        self.early += alerts;
    }

    /// Times that a rule failed on an event.
    pub fn faults(&self) -> u64 {
        self.fault_count
    }

    /// Prints all counts.
    pub fn print_totals(
        &self,
        tally: &RecordTally,
        found: &RuleTotals<'_>,
        set: &RuleSet,
        took: Span,
    ) {
        let read = tally.accepted_count() + tally.rejected_count();
        print_row("read", &rate_text(read, took));
        print_row("accepted", &group_digits(tally.accepted_count()));
        if tally.rejected_count() > 0 {
            let reasons = tally
                .rejected_by_reason()
                .map(|(reason, count)| (reason.to_string(), count));
            let text = format!(
                "{} ({})",
                group_digits(tally.rejected_count()),
                list_counts(reasons, usize::MAX)
            );
            print_row("rejected", &style_text(BAD, text));
        }
        if self.duplicates > 0 {
            print_row("duplicates", &group_digits(self.duplicates));
        }
        if self.conflicts > 0 {
            let text = format!("{} (an id of another event)", group_digits(self.conflicts));
            print_row("conflicts", &style_text(BAD, text));
        }
        // Input first, then what kept events from counting, then the alerts: what a reader looks
        // for is nearest to the prompt.
        self.print_late();
        self.print_dropped();
        if self.fault_count > 0 {
            let rules = self
                .faults
                .iter()
                .map(|(rule, count)| (rule.to_string(), *count));
            let text = format!(
                "{} ({})",
                group_digits(self.fault_count),
                list_counts(rules, usize::MAX)
            );
            print_row("rule faults", &style_text(BAD, text));
        }
        if self.system > 0 {
            print_row("engine", &count_noun(self.system, "event"));
        }
        self.print_excepted(set);
        let sum = found.counts.values().sum();
        print_row(found.what, &style_text(HEADING, group_digits(sum)));
        for (rule, count) in &found.counts {
            print_row("", &format!("{:>9}  {rule}", group_digits(*count)));
        }
        if self.early > 0 {
            let text = format!(
                "{}: events after the input could still change them; --close decides",
                group_digits(self.early)
            );
            print_row("early", &text);
        }
    }

    /// Of sorted input only alerts can be late: those of rules over alerts whose own alerts came
    /// out of order, if evaluating again raises them more than a week behind the front.
    fn print_late(&self) {
        let sum: u64 = self.late.values().sum();
        if sum > 0 {
            let late = self.late.iter();
            let rules = late.map(|(rule, count)| (rule.to_string(), *count));
            let text = format!(
                "{}, further behind than the horizon ({})",
                group_digits(sum),
                list_counts(rules, RULES_SHOWN)
            );
            print_row("late", &style_text(BAD, text));
        }
    }

    /// What windows dropped, so that an alert may be missing.
    fn print_dropped(&self) {
        type DroppedCount = fn(&DroppedState) -> u64;
        let kinds: [(DroppedCount, &str); 2] = [
            (
                |dropped| dropped.events,
                "events or open matches of groups that held too many",
            ),
            (
                |dropped| dropped.groups,
                "groups of rules that had too many",
            ),
        ];
        for (count, what) in kinds {
            let sum: u64 = self.dropped.values().map(count).sum();
            if sum > 0 {
                let rules = self.dropped.iter();
                let counts = rules.map(|(rule, dropped)| (rule.to_string(), count(dropped)));
                let rules = list_counts(counts.filter(|(_, count)| *count > 0), RULES_SHOWN);
                let text = format!("{} {what} ({rules})", group_digits(sum));
                print_row("dropped", &style_text(BAD, text));
            }
        }
    }

    /// Matches that exceptions kept out, and which exceptions those were.
    fn print_excepted(&self, set: &RuleSet) {
        let all: u64 = self.excepted.values().sum();
        if all == 0 {
            return;
        }
        print_row("excepted", &group_digits(all));
        for ((rule, exception), count) in &self.excepted {
            let Some(rule) = set.rule(*rule) else {
                continue;
            };
            let found = rule.exceptions.get(*exception as usize);
            let exception = found.map(|it| it.to_string()).unwrap_or_default();
            let text = format!("{}: {}", rule.id, escape_controls(&exception));
            print_row("", &format!("{:>9}  {text}", group_digits(*count)));
        }
    }
}

fn print_row(name: &str, text: &str) {
    print_notice(&format!(
        "{} {text}",
        style_text(DIM, format_args!("{name:<12}"))
    ));
}

/// `2,000 records in 0.12s, 16,666 records/s`.
fn rate_text(records: u64, took: Span) -> String {
    let seconds = took.as_nanos() as f64 / 1e9;
    let text = format!("{} in {seconds:.2} s", count_noun(records, "record"));
    if seconds <= 0.0 {
        return text;
    }
    format!(
        "{text}, {} records/s",
        group_digits((records as f64 / seconds) as u64)
    )
}

/// `web-1 3, web-2 1, and 4 more`, the most first.
fn list_counts(counts: impl Iterator<Item = (String, u64)>, most: usize) -> String {
    let mut counts: Vec<(String, u64)> = counts.collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = counts.len().saturating_sub(most);
    let mut texts: Vec<String> = counts
        .into_iter()
        .take(most)
        .map(|(name, count)| format!("{name} {}", group_digits(count)))
        .collect();
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    texts.join(", ")
}
