//! What the engine knows about itself, where every actor and door can reach it.
//!
//! Owns the counters, how far log and evaluation have come, and what is wrong at present. Others
//! decide by it: [`Engine::health`](crate::Engine::health) whether the engine is ready, admission
//! whether it is overloaded, the ticker whether a tick is due.
//! Invariant: an event is in the backlog exactly once. `counted` is the last position that was
//! added to it, and moves only under the lock that adds; otherwise events that are counted while
//! the log is recovered would be counted twice, and producers refused for a backlog that does not
//! exist.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use larum_event::{Event, Position, RejectionReason};
use tokio::sync::watch;

use crate::metrics::{EngineMetrics, Metric, MetricCounters};
use crate::tick_need::SharedTickNeed;

/// Longest commit that is told apart, in microseconds.
const LONGEST_COMMIT_MICROS: u64 = 60_000_000;
/// What is shown of the durations of commits.
const QUANTILES: [(&str, f64); 3] = [("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99)];

/// Shared by the whole engine.
#[derive(Debug)]
pub struct EngineGauges {
    counters: MetricCounters,
    /// Events accepted and not yet evaluated.
    backlog: AtomicU64,
    tick_need: SharedTickNeed,
    /// Keys whose matches came out of order and wait to be amended.
    dirty_keys: AtomicU64,
    log_ready: AtomicBool,
    stopping: AtomicBool,
    stopped: watch::Sender<bool>,
    tables: Mutex<GaugeTables>,
    head: watch::Sender<Position>,
    evaluated: watch::Sender<Position>,
}

#[derive(Debug)]
struct GaugeTables {
    commits: Histogram<u64>,
    /// Keys and events that windows evicted so far, by unit.
    evicted: BTreeMap<String, (u64, u64)>,
    problems: BTreeMap<String, String>,
    /// Units that have work and make no progress, each with the seconds that this lasts.
    stalled: Vec<(String, u64)>,
    /// Events up to here are in the backlog, or evaluated.
    counted: Position,
}

impl EngineGauges {
    /// Counters at zero, for a log that ends at `head`.
    pub fn new(head: Position) -> Self {
        let commits = Histogram::new_with_max(LONGEST_COMMIT_MICROS, 2)
            .expect("two digits up to a minute is a valid histogram");
        Self {
            counters: MetricCounters::new(),
            backlog: AtomicU64::new(0),
            tick_need: SharedTickNeed::default(),
            dirty_keys: AtomicU64::new(0),
            log_ready: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
            stopped: watch::Sender::new(false),
            tables: Mutex::new(GaugeTables {
                commits,
                evicted: BTreeMap::new(),
                problems: BTreeMap::new(),
                stalled: Vec::new(),
                counted: Position::START,
            }),
            head: watch::Sender::new(head),
            evaluated: watch::Sender::new(Position::START),
        }
    }

    fn lock_tables(&self) -> MutexGuard<'_, GaugeTables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These events are in the log, each at its position.
    pub fn count_stored<'a>(&self, events: impl Iterator<Item = (Position, &'a Event)>) {
        let mut tables = self.lock_tables();
        let (mut number, mut behind) = (0, 0);
        let labels = events.map(|(position, event)| {
            number += 1;
            if position > tables.counted {
                tables.counted = position;
                behind += 1;
            }
            let envelope = event.envelope();
            (envelope.event_type.as_str(), envelope.severity.as_str())
        });
        self.counters.count_labels(Metric::EventsStored, labels);
        self.counters.add(Metric::EventsAccepted, number);
        self.backlog.fetch_add(behind, Ordering::Relaxed);
    }

    /// Events that were stored so far.
    pub fn accepted_count(&self) -> u64 {
        self.counters.value(Metric::EventsAccepted)
    }

    /// Whether evaluation has use for ticks.
    pub(crate) fn tick_need(&self) -> &SharedTickNeed {
        &self.tick_need
    }

    /// Keys wait to be amended, so many.
    pub(crate) fn set_dirty_keys(&self, keys: u64) {
        self.dirty_keys.store(keys, Ordering::Relaxed);
    }

    /// Whether keys wait to be amended.
    pub(crate) fn has_dirty_keys(&self) -> bool {
        self.dirty_keys.load(Ordering::Relaxed) > 0
    }

    /// Adds to a metric without labels that nothing else here depends on.
    pub(crate) fn count(&self, metric: Metric, number: u64) {
        self.counters.add(metric, number);
    }

    /// An input was refused.
    pub fn count_rejected(&self, reason: RejectionReason) {
        self.counters
            .count_label(Metric::EventsRejected, reason.code());
    }

    /// Raw events were evaluated.
    pub fn count_evaluated(&self, number: u64) {
        self.counters.add(Metric::EventsEvaluated, number);
        let less = |backlog: u64| Some(backlog.saturating_sub(number));
        // The closure always answers, so the update cannot fail.
        let _ = self
            .backlog
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// So many of the events up to `upto` are still to be evaluated, whatever was counted before.
    /// False when more than those are counted by now: the caller has to read on and ask again.
    pub fn reset_backlog(&self, number: u64, upto: Position) -> bool {
        let mut tables = self.lock_tables();
        if tables.counted > upto {
            return false;
        }
        tables.counted = upto;
        self.backlog.store(number, Ordering::Relaxed);
        true
    }

    /// Events accepted and not yet evaluated.
    pub fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Events came too late for the windows of some rule.
    pub fn count_late(&self, number: u64) {
        self.counters.add(Metric::EventsLate, number);
    }

    /// Trees could not take an event as it says, or let a tree go, in this way.
    pub fn count_tree_report(&self, kind: &'static str) {
        self.counters.count_label(Metric::TreeReports, kind);
    }

    /// A revision of an alert is in the log.
    pub fn count_alert(&self, rule: &str) {
        self.counters.add(Metric::AlertRevisions, 1);
        self.counters.count_label(Metric::Alerts, rule);
    }

    /// A rule failed on an event.
    pub fn count_fault(&self, rule: &str) {
        self.counters.count_label(Metric::RuleFaults, rule);
    }

    /// An epoch's outcome is durable.
    pub fn record_epoch(&self, upto: Position) {
        self.counters.add(Metric::Epochs, 1);
        self.evaluated.send_replace(upto);
    }

    /// The log has grown.
    pub fn record_commit(&self, head: Position, commit_micros: u64) {
        self.lock_tables().commits.saturating_record(commit_micros);
        self.head.send_replace(head);
    }

    /// The log ends here, whatever was known before.
    pub fn set_head(&self, head: Position) {
        self.head.send_replace(head);
    }

    /// Events were not delivered to a subscriber that was too slow.
    pub fn count_missed(&self, number: u64) {
        self.counters.add(Metric::SubscriberEventsMissed, number);
    }

    /// A subscriber came.
    pub fn add_subscriber(&self) {
        self.counters.add(Metric::Subscribers, 1);
    }

    /// A subscriber went.
    pub fn remove_subscriber(&self) {
        self.counters.subtract_one(Metric::Subscribers);
    }

    /// Keys and events that a window evicted so far because it was full.
    pub fn set_evicted(&self, unit: &str, keys: u64, events: u64) {
        if keys > 0 || events > 0 {
            self.lock_tables()
                .evicted
                .insert(unit.to_owned(), (keys, events));
        }
    }

    /// So many rules are in force.
    pub fn set_rule_count(&self, rules: usize) {
        self.counters.set(Metric::Rules, rules as u64);
    }

    /// How many rules are in force.
    pub fn rule_count(&self) -> usize {
        self.counters.value(Metric::Rules) as usize
    }

    /// Rules were read again and taken.
    pub fn record_reload(&self) {
        self.counters.count_label(Metric::RulesReloads, "ok");
        self.counters.set(Metric::RulesReloadFailed, 0);
    }

    /// Rules were read again and refused.
    pub fn record_reload_failure(&self) {
        self.counters.count_label(Metric::RulesReloads, "failed");
        self.counters.set(Metric::RulesReloadFailed, 1);
    }

    /// Whether rules that were read again were refused, and none were taken since.
    pub fn has_reload_failed(&self) -> bool {
        self.counters.value(Metric::RulesReloadFailed) > 0
    }

    /// The log takes events, or not.
    pub fn set_log_ready(&self, ready: bool) {
        self.log_ready.store(ready, Ordering::SeqCst);
    }

    /// Whether the log takes events.
    pub fn is_log_ready(&self) -> bool {
        self.log_ready.load(Ordering::SeqCst)
    }

    /// The engine takes no more events.
    pub fn set_stopping(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether the engine takes no more events.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// The engine has ended: nothing more will be evaluated.
    pub fn set_stopped(&self) {
        self.stopped.send_replace(true);
    }

    /// Whether the engine has ended, as that changes.
    pub fn watch_stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    /// Something is wrong that an operator should know; shown until
    /// [`EngineGauges::clear_problem`].
    pub fn report_problem(&self, about: &str, words: String) {
        self.lock_tables().problems.insert(about.to_owned(), words);
    }

    /// What was wrong about `about` is right again.
    pub fn clear_problem(&self, about: &str) {
        self.lock_tables().problems.remove(about);
    }

    /// So many units are detached, and so many records lie behind the start of the oldest gap.
    pub fn set_gaps(&self, units: usize, records: u64) {
        self.counters.set(Metric::DetachedUnits, units as u64);
        self.counters.set(Metric::GapRecords, records);
    }

    /// These units have work and make no progress, each for so many seconds.
    pub fn set_stalled(&self, seconds: Vec<(String, u64)>) {
        self.lock_tables().stalled = seconds;
    }

    /// Whether something is wrong about `about`.
    pub fn has_problem(&self, about: &str) -> bool {
        self.lock_tables().problems.contains_key(about)
    }

    /// Whether something is wrong about anything whose name begins with `start`.
    pub fn has_problem_starting(&self, start: &str) -> bool {
        let tables = self.lock_tables();
        tables.problems.keys().any(|about| about.starts_with(start))
    }

    /// What is wrong.
    pub fn problems(&self) -> Vec<String> {
        self.lock_tables().problems.values().cloned().collect()
    }

    /// The last position of the log, as it moves.
    pub fn watch_head(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    /// The last position evaluated with its outcome durable, as it moves.
    pub fn watch_evaluated(&self) -> watch::Receiver<Position> {
        self.evaluated.subscribe()
    }

    /// What is counted here, for `/metrics`; what is read is set by [`EngineMetrics::read_health`].
    pub fn metrics(&self) -> EngineMetrics {
        let mut metrics = self.counters.snapshot();
        let tables = self.lock_tables();
        let evicted = tables.evicted.values();
        let keys = evicted.clone().map(|(keys, _)| keys).sum();
        metrics.set(Metric::WindowEvictedKeys, keys);
        let events = evicted.map(|(_, events)| events).sum();
        metrics.set(Metric::WindowEvictedEvents, events);
        let stalled = tables.stalled.iter().cloned();
        metrics.set_by_label(Metric::UnitStallSeconds, stalled);
        let commits = &tables.commits;
        let durations = QUANTILES.map(|(name, at)| (name, commits.value_at_quantile(at)));
        let longest = ("1", commits.max());
        let samples = durations.into_iter().chain([longest]);
        metrics.set_by_label(
            Metric::LogCommitMicroseconds,
            samples.map(|(name, micros)| (name.to_owned(), micros)),
        );
        metrics
    }
}
