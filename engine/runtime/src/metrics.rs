//! Every metric of the engine, declared once.
//!
//! Owns names, helps, kinds and labels, the counters behind them, and the snapshot that `/metrics`
//! shows. A new metric is one line in [`declare_metrics`] and one in `docs/http.md`. A line that
//! ends in `= |health| ..` says how the value is read from [`EngineHealth`]; counting any
//! other metric is left to the code that sees the thing happen. A unit is the end of a name
//! (`log_commit_microseconds`). Invariant: every table of labels is bounded, so a client that makes
//! up names cannot fill memory: beyond [`NAMES_MOST`] what is new counts under `other`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use larum_event::RejectionReason;

use crate::api::EngineHealth;

/// Combinations of labels that one metric counts one by one.
const NAMES_MOST: usize = 1_000;
/// The label of what is beyond the bound.
pub(crate) const OTHER: &str = "other";

/// Whether a metric only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, from 0 at the start of the process.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// How a metric is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricDeclaration {
    /// Its name, without the prefix `larum_` and the ending `_total`.
    pub name: &'static str,
    /// What it counts, in a few words.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: MetricKind,
    /// The names of its labels, at most two.
    pub labels: &'static [&'static str],
}

/// Reads the value of a metric without labels.
type ReadMetric = fn(&EngineHealth) -> u64;

/// Makes of each line a variant of [`Metric`], with its declaration. They are shown in this order.
macro_rules! declare_metrics {
    ($($metric:ident: $kind:ident $name:literal $labels:expr, $help:literal $(= $read:expr)?;)*) => {
        /// The metrics of the engine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $(#[doc = $help] $metric,)*
        }

        impl Metric {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$metric,)*];

            /// How it is shown.
            pub const fn declaration(self) -> MetricDeclaration {
                match self {
                    $(Self::$metric => MetricDeclaration {
                        name: $name,
                        help: $help,
                        kind: MetricKind::$kind,
                        labels: &$labels,
                    },)*
                }
            }

            /// How it is read, where nobody counts it.
            fn reader(self) -> Option<ReadMetric> {
                match self {
                    $(Self::$metric => declare_metrics!(@reader $($read)?),)*
                }
            }
        }
    };
    (@reader) => { None };
    (@reader $read:expr) => { Some($read) };
}

declare_metrics! {
    EventsAccepted: Counter "events_accepted" [], "Events stored";
    EventsDuplicate: Counter "events_duplicate" [], "Repetitions of stored events, recognised";
    RequestsOverloaded: Counter "requests_overloaded" [],
        "Requests refused because the engine was behind";
    EventsRejected: Counter "events_rejected" ["reason"], "Inputs refused, by reason";
    EventsStored: Counter "events_stored" ["type", "severity"],
        "Events stored, by type and severity";
    EventsEvaluated: Counter "events_evaluated" [], "Events evaluated";
    EventsLate: Counter "events_late" [],
        "Events that came too late for the windows of some rule";
    AlertRevisions: Counter "alert_revisions" [], "Revisions of alerts written";
    Epochs: Counter "epochs" [], "Epochs committed";
    WindowEvictedKeys: Counter "window_evicted_keys" [],
        "Keys dropped because a window was full";
    WindowEvictedEvents: Counter "window_evicted_events" [],
        "Events dropped because a key of a window was full";
    TreeReports: Counter "tree_reports" ["kind"],
        "Events that trees could not take as they say, and trees that went to the store";
    Alerts: Counter "alerts" ["rule"], "Alerts, by rule";
    RuleMatches: Counter "rule_matches" ["rule"], "Events that satisfied a rule, by rule";
    RuleExcepted: Counter "rule_excepted" ["rule"],
        "Times that exceptions kept something from being a match, by rule";
    RuleScriptRuns: Counter "rule_script_runs" ["rule"],
        "Times that the script of a rule ran and answered, by rule";
    RuleScriptNanoseconds: Counter "rule_script_nanoseconds" ["rule"],
        "Nanoseconds that the script of a rule ran, estimated from a sample, by rule";
    RulesBrokenOut: Gauge "rules_broken_out" [],
        "Rules that are broken out because they keep failing";
    RuleFaults: Counter "rule_faults" ["rule"],
        "Faults of rules: over budget, thrown or panicked";
    Ready: Gauge "ready" [], "Whether the engine takes events"
        = |health| u64::from(health.ready);
    Rules: Gauge "rules" [], "Rules loaded";
    RulesReloads: Counter "rules_reloads" ["result"],
        "Times that rules were read again, by whether they were taken";
    RulesReloadFailed: Gauge "rules_reload_failed" [],
        "Whether the last reload failed, so that the rules before it are in force";
    LogHeadPosition: Gauge "log_head_position" [], "Last position of the log"
        = |health| health.head.0;
    EvaluatedPosition: Gauge "evaluated_position" [],
        "Last position evaluated, its outcome durable"
        = |health| health.evaluated.0;
    EvaluationLagEvents: Gauge "evaluation_lag_events" [],
        "Events accepted and not yet evaluated"
        = |health| health.lag;
    DetachedUnits: Gauge "detached_units" [], "Units that are detached";
    GapRecords: Gauge "gap_records" [],
        "Records between the start of the oldest gap of a detached unit and what is evaluated";
    UnitStallSeconds: Gauge "unit_stall_seconds" ["unit"],
        "Seconds for which a unit has had work and made no progress, by unit, from 5 on";
    LogCommitMicroseconds: Gauge "log_commit_microseconds" ["quantile"],
        "Duration of log commits in microseconds, by quantile; 1 is the longest";
    Subscribers: Gauge "subscribers" [], "Live subscribers of the engine";
    SubscriberEventsMissed: Counter "subscriber_events_missed" [],
        "Events not delivered to subscribers that were too slow";
    TreeWatchesTooSlow: Counter "tree_watches_too_slow" [],
        "Watches of trees and incidents that ended because the client was too slow";
}

/// The values of a metric's labels; the second is empty where there is one label, both where a
/// metric has no labels.
pub type LabelValues = (String, &'static str);

/// The counters behind the metrics.
#[derive(Debug)]
pub(crate) struct MetricCounters {
    plain: [AtomicU64; Metric::ALL.len()],
    labelled: Mutex<BTreeMap<Metric, BTreeMap<LabelValues, u64>>>,
}

impl MetricCounters {
    /// All at zero.
    pub(crate) fn new() -> Self {
        Self {
            plain: [const { AtomicU64::new(0) }; Metric::ALL.len()],
            labelled: Mutex::default(),
        }
    }

    fn lock_labelled(&self) -> MutexGuard<'_, BTreeMap<Metric, BTreeMap<LabelValues, u64>>> {
        self.labelled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plain(&self, metric: Metric) -> &AtomicU64 {
        let counter = self.plain.get(metric as usize);
        counter.expect("there is a counter for every variant")
    }

    /// Adds to a metric without labels, and returns what it was before.
    pub(crate) fn add(&self, metric: Metric, number: u64) -> u64 {
        self.plain(metric).fetch_add(number, Ordering::Relaxed)
    }

    /// Takes one from a metric without labels.
    pub(crate) fn subtract_one(&self, metric: Metric) {
        self.plain(metric).fetch_sub(1, Ordering::Relaxed);
    }

    /// Sets a metric without labels.
    pub(crate) fn set(&self, metric: Metric, value: u64) {
        self.plain(metric).store(value, Ordering::Relaxed);
    }

    /// The value of a metric without labels.
    pub(crate) fn value(&self, metric: Metric) -> u64 {
        self.plain(metric).load(Ordering::Relaxed)
    }

    /// Adds one for each of these labels, of which a metric with one label leaves the second empty.
    pub(crate) fn count_labels<'a>(
        &self,
        metric: Metric,
        labels: impl Iterator<Item = (&'a str, &'static str)>,
    ) {
        let mut labelled = self.lock_labelled();
        let table = labelled.entry(metric).or_default();
        for (first, second) in labels {
            let mut key = (first.to_owned(), second);
            if table.len() >= NAMES_MOST && !table.contains_key(&key) {
                key.0 = OTHER.to_owned();
            }
            *table.entry(key).or_default() += 1;
        }
    }

    /// Adds one for this label.
    pub(crate) fn count_label(&self, metric: Metric, label: &str) {
        self.count_labels(metric, std::iter::once((label, "")));
    }

    /// Everything that is counted here.
    pub(crate) fn snapshot(&self) -> EngineMetrics {
        let labelled = self.lock_labelled();
        let mut metrics = EngineMetrics::default();
        for metric in Metric::ALL.iter().copied() {
            let table = labelled.get(&metric);
            if metric.declaration().labels.is_empty() {
                metrics.set(metric, self.value(metric));
            } else if let Some(names) = fixed_labels(metric) {
                // Also those that never happened: a rate begins at the first one then.
                let count = |name: &str| {
                    let counted = table.and_then(|table| table.get(&(name.to_owned(), "")));
                    counted.copied().unwrap_or_default()
                };
                let samples = names.into_iter().map(|name| (name.to_owned(), count(name)));
                metrics.set_by_label(metric, samples);
            } else {
                let entries = table.into_iter().flatten();
                let samples = entries.map(|(labels, count)| (labels.clone(), *count));
                metrics.0.insert(metric, samples.collect());
            }
        }
        metrics
    }
}

/// The labels of a metric whose labels are known beforehand, in the order in which they are shown.
fn fixed_labels(metric: Metric) -> Option<Vec<&'static str>> {
    match metric {
        Metric::EventsRejected => Some(RejectionReason::ALL.map(RejectionReason::code).into()),
        Metric::RulesReloads => Some(vec!["ok", "failed"]),
        _ => None,
    }
}

/// What the engine counts, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineMetrics(BTreeMap<Metric, Vec<(LabelValues, u64)>>);

impl EngineMetrics {
    /// The value of a metric, summed over its labels.
    pub fn value(&self, metric: Metric) -> u64 {
        self.samples(metric).iter().map(|(_, count)| count).sum()
    }

    /// The values of a metric, each with the values of its labels.
    pub fn samples(&self, metric: Metric) -> &[(LabelValues, u64)] {
        self.0.get(&metric).map_or(&[], Vec::as_slice)
    }

    /// The values of a metric by its only label.
    pub fn by_label(&self, metric: Metric) -> Vec<(&str, u64)> {
        let samples = self.samples(metric).iter();
        samples
            .map(|((label, _), count)| (label.as_str(), *count))
            .collect()
    }

    /// Sets the metrics that are read and not counted.
    pub(crate) fn read_health(&mut self, health: &EngineHealth) {
        for metric in Metric::ALL {
            if let Some(read) = metric.reader() {
                self.set(*metric, read(health));
            }
        }
    }

    /// Sets a metric without labels.
    pub(crate) fn set(&mut self, metric: Metric, value: u64) {
        self.set_by_label(metric, std::iter::once((String::new(), value)));
    }

    /// Sets a metric with one label.
    pub(crate) fn set_by_label(
        &mut self,
        metric: Metric,
        samples: impl Iterator<Item = (String, u64)>,
    ) {
        let samples = samples.map(|(label, count)| ((label, ""), count));
        self.0.insert(metric, samples.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_helps_are_given_once_labels_are_two_at_most_and_what_is_read_has_none() {
        let mut names = std::collections::BTreeSet::new();
        for metric in Metric::ALL {
            let declaration = metric.declaration();
            assert!(names.insert(declaration.name), "{declaration:?}");
            assert!(declaration.labels.len() <= 2, "{declaration:?}");
            assert!(!declaration.help.is_empty(), "{declaration:?}");
            let is_plain = declaration.labels.is_empty();
            assert!(metric.reader().is_none() || is_plain, "{declaration:?}");
        }
    }

    #[test]
    fn the_thousandth_name_is_counted_by_itself_and_those_after_it_under_other() {
        let counters = MetricCounters::new();
        let count = |name: &str| counters.count_label(Metric::RuleFaults, name);
        for number in 0..NAMES_MOST + 5 {
            count(&format!("rule{number:04}"));
        }
        count("rule0999");
        let metrics = counters.snapshot();
        let faults = metrics.by_label(Metric::RuleFaults);
        assert_eq!(faults.len(), NAMES_MOST + 1);
        assert!(faults.contains(&("rule0999", 2)) && faults.contains(&(OTHER, 5)));
        assert_eq!(metrics.value(Metric::RuleFaults), NAMES_MOST as u64 + 6);
    }

    #[test]
    fn labels_that_are_known_beforehand_are_shown_at_zero_and_in_their_order() {
        let counters = MetricCounters::new();
        counters.count_label(Metric::RulesReloads, "failed");
        let metrics = counters.snapshot();
        assert_eq!(
            metrics.by_label(Metric::RulesReloads),
            [("ok", 0), ("failed", 1)]
        );
        assert_eq!(
            metrics.samples(Metric::EventsRejected).len(),
            RejectionReason::ALL.len()
        );
        assert_eq!(metrics.by_label(Metric::Alerts), []);
        assert_eq!(metrics.by_label(Metric::Epochs), [("", 0)]);
    }
}
