//! What a run of `larum detect` says at its end, on standard error.

use std::collections::BTreeMap;

use larum_event::{RuleId, Source, Span};
use larum_file::Tally;
use larum_pipeline::Outcome;
use larum_rule::{Excepted, RuleSet};

use crate::terminal::{BAD, DIM, HEADING, counted, grouped, plain, say, styled};

/// Faults of rules that are told one by one; the others are counted.
const FAULTS_SHOWN: u64 = 20;
/// Sources named in the line of late events.
const SOURCES_SHOWN: usize = 5;
/// Rules named there.
const RULES_SHOWN: usize = 5;

/// What was found, by rule.
#[derive(Debug)]
pub struct ByRule<'r> {
    /// `alerts`, `matches`.
    pub what: &'static str,
    /// How many, by the rule's id.
    pub counts: BTreeMap<&'r str, u64>,
}

/// Counts what is not an alert.
#[derive(Debug, Default)]
pub struct Summary {
    /// Events that came too late for some window.
    late: u64,
    late_sources: BTreeMap<Source, u64>,
    late_rules: BTreeMap<RuleId, u64>,
    early: u64,
    faults: BTreeMap<RuleId, u64>,
    fault_count: u64,
    system: u64,
    duplicates: u64,
    conflicts: u64,
    /// By rule and exception.
    excepted: BTreeMap<(u32, u32), u64>,
}

impl Summary {
    /// Counts what one stretch put out; the first faults are told at once.
    pub fn count(&mut self, outcome: &Outcome) {
        for late in &outcome.late {
            self.late += 1;
            *self.late_sources.entry(late.source.clone()).or_default() += 1;
            for rule in &late.rules {
                *self.late_rules.entry(rule.clone()).or_default() += 1;
            }
        }
        for fault in &outcome.faults {
            *self.faults.entry(fault.rule.clone()).or_default() += 1;
            self.fault_count += 1;
            if self.fault_count <= FAULTS_SHOWN {
                let (rule, event) = (&fault.rule, plain(fault.event.as_str()));
                say(&format!(
                    "rule {rule} failed on event {event}: {}",
                    plain(&fault.message)
                ));
            }
        }
        // Late events are counted by source.
        self.system += outcome.system.len().saturating_sub(outcome.late.len()) as u64;
        self.count_excepted(&outcome.excepted);
    }

    /// Counts what exceptions kept out.
    pub fn count_excepted(&mut self, excepted: &[Excepted]) {
        for one in excepted {
            *self.excepted.entry((one.rule, one.exception)).or_default() += one.count;
        }
    }

    /// Counts an event that was read before.
    pub fn count_duplicate(&mut self) {
        self.duplicates += 1;
    }

    /// Counts an event that has the id of another one.
    pub fn count_conflict(&mut self) {
        self.conflicts += 1;
    }

    /// Counts alerts that may still change.
    pub fn count_early(&mut self, alerts: u64) {
        self.early += alerts;
    }

    /// Times that a rule failed on an event.
    pub fn faults(&self) -> u64 {
        self.fault_count
    }

    /// Says everything.
    pub fn tell(&self, tally: &Tally, found: &ByRule<'_>, set: &RuleSet, took: Span) {
        let read = tally.accepted() + tally.rejected();
        row("read", &pace(read, took));
        row("accepted", &grouped(tally.accepted()));
        if tally.rejected() > 0 {
            let reasons = tally
                .by_reason()
                .map(|(reason, count)| (reason.to_string(), count));
            let text = format!(
                "{} ({})",
                grouped(tally.rejected()),
                list(reasons, usize::MAX)
            );
            row("rejected", &styled(BAD, text));
        }
        if self.duplicates > 0 {
            row("duplicates", &grouped(self.duplicates));
        }
        if self.conflicts > 0 {
            let text = format!("{} (an id of another event)", grouped(self.conflicts));
            row("conflicts", &styled(BAD, text));
        }
        self.tell_late();
        if self.fault_count > 0 {
            let rules = self
                .faults
                .iter()
                .map(|(rule, count)| (rule.to_string(), *count));
            let text = format!(
                "{} ({})",
                grouped(self.fault_count),
                list(rules, usize::MAX)
            );
            row("rule faults", &styled(BAD, text));
        }
        if self.system > 0 {
            row("engine", &counted(self.system, "event"));
        }
        self.tell_excepted(set);
        let sum = found.counts.values().sum();
        row(found.what, &styled(HEADING, grouped(sum)));
        for (rule, count) in &found.counts {
            row("", &format!("{:>9}  {rule}", grouped(*count)));
        }
        if self.early > 0 {
            let text = format!(
                "{}: events in time could still change them; --close decides",
                grouped(self.early)
            );
            row("early", &text);
        }
    }

    /// Events that came too late: of which sources, and for which rules.
    fn tell_late(&self) {
        if self.late == 0 {
            return;
        }
        let sources = self.late_sources.iter();
        let sources = sources.map(|(source, count)| (plain(source.as_str()).into_owned(), *count));
        let text = format!(
            "{} ({}); see --lateness",
            grouped(self.late),
            list(sources, SOURCES_SHOWN)
        );
        row("late", &styled(BAD, text));
        let rules = self.late_rules.iter();
        let rules = rules.map(|(rule, count)| (rule.to_string(), *count));
        row("", &format!("too late for {}", list(rules, RULES_SHOWN)));
    }

    /// Matches that exceptions kept out, and which exceptions those were.
    fn tell_excepted(&self, set: &RuleSet) {
        let all: u64 = self.excepted.values().sum();
        if all == 0 {
            return;
        }
        row("excepted", &grouped(all));
        for ((rule, exception), count) in &self.excepted {
            let Some(rule) = set.rule(*rule) else {
                continue;
            };
            let exception = rule.exceptions.get(*exception as usize);
            let exception = exception.map(|it| it.to_string()).unwrap_or_default();
            let text = format!("{}: {}", rule.id, plain(&exception));
            row("", &format!("{:>9}  {text}", grouped(*count)));
        }
    }
}

fn row(name: &str, text: &str) {
    say(&format!(
        "{} {text}",
        styled(DIM, format_args!("{name:<12}"))
    ));
}

/// `2,000 records in 0.12s, 16,666 records/s`.
fn pace(records: u64, took: Span) -> String {
    let seconds = took.as_nanos() as f64 / 1e9;
    let text = format!("{} in {seconds:.2} s", counted(records, "record"));
    if seconds <= 0.0 {
        return text;
    }
    format!(
        "{text}, {} records/s",
        grouped((records as f64 / seconds) as u64)
    )
}

/// `web-1 3, web-2 1, and 4 more`, the most first.
fn list(counts: impl Iterator<Item = (String, u64)>, most: usize) -> String {
    let mut counts: Vec<(String, u64)> = counts.collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = counts.len().saturating_sub(most);
    let mut texts: Vec<String> = counts
        .into_iter()
        .take(most)
        .map(|(name, count)| format!("{name} {}", grouped(count)))
        .collect();
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    texts.join(", ")
}
