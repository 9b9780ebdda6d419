//! What the engine counts, where every actor and door can reach it.
//!
//! Owns counters only; nothing here decides anything. Tables by name are bounded: beyond the bound
//! what is new counts under `other`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use larum_event::{Event, Position, RejectionReason};
use tokio::sync::watch;

use crate::api::EngineMetrics;
use crate::tick_need::SharedTickNeed;

/// Names counted one by one in a table.
const NAMES: usize = 1_000;
/// Begins what a problem with an actor that makes no progress is about.
pub const FROZEN: &str = "frozen ";
/// Where names beyond the bound are counted.
const OTHER: &str = "other";
/// Longest commit that is told apart, in microseconds.
const LONGEST_COMMIT_MICROS: u64 = 60_000_000;

/// Counters shared by the whole engine.
#[derive(Debug)]
pub struct EngineGauges {
    accepted: AtomicU64,
    duplicates: AtomicU64,
    overloaded: AtomicU64,
    evaluated_events: AtomicU64,
    late: AtomicU64,
    epochs: AtomicU64,
    missed: AtomicU64,
    subscribers: AtomicU64,
    behind: AtomicU64,
    rules: AtomicU64,
    reloads: AtomicU64,
    reloads_failed: AtomicU64,
    reload_failed: AtomicBool,
    tick_need: SharedTickNeed,
    log_ready: AtomicBool,
    stopping: AtomicBool,
    stopped: watch::Sender<bool>,
    tables: Mutex<GaugeTables>,
    head: watch::Sender<Position>,
    evaluated: watch::Sender<Position>,
}

#[derive(Debug)]
struct GaugeTables {
    rejected: BTreeMap<RejectionReason, u64>,
    alerts: BTreeMap<String, u64>,
    faults: BTreeMap<String, u64>,
    types: BTreeMap<(String, &'static str), u64>,
    late_sources: BTreeMap<String, u64>,
    tree_reports: BTreeMap<&'static str, u64>,
    commits: Histogram<u64>,
    evicted: BTreeMap<String, (u64, u64)>,
    problems: BTreeMap<String, String>,
    /// Events up to here are counted in `behind`, or evaluated.
    counted: Position,
}

impl EngineGauges {
    /// Counters at zero, for a log that ends at `head`.
    pub fn new(head: Position) -> Self {
        let commits = Histogram::new_with_max(LONGEST_COMMIT_MICROS, 2)
            .expect("two digits up to a minute is a valid histogram");
        Self {
            accepted: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            overloaded: AtomicU64::new(0),
            evaluated_events: AtomicU64::new(0),
            late: AtomicU64::new(0),
            epochs: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            subscribers: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            rules: AtomicU64::new(0),
            reloads: AtomicU64::new(0),
            reloads_failed: AtomicU64::new(0),
            reload_failed: AtomicBool::new(false),
            tick_need: SharedTickNeed::default(),
            log_ready: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
            stopped: watch::Sender::new(false),
            tables: Mutex::new(GaugeTables {
                rejected: BTreeMap::new(),
                alerts: BTreeMap::new(),
                faults: BTreeMap::new(),
                types: BTreeMap::new(),
                late_sources: BTreeMap::new(),
                tree_reports: BTreeMap::new(),
                commits,
                evicted: BTreeMap::new(),
                problems: BTreeMap::new(),
                counted: Position::START,
            }),
            head: watch::Sender::new(head),
            evaluated: watch::Sender::new(Position::START),
        }
    }

    fn lock_tables(&self) -> MutexGuard<'_, GaugeTables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events are in the log, here.
    pub fn count_stored<'a>(&self, events: impl Iterator<Item = (Position, &'a Event)>) {
        let mut tables = self.lock_tables();
        let (mut number, mut behind) = (0, 0);
        for (position, event) in events {
            number += 1;
            if position > tables.counted {
                tables.counted = position;
                behind += 1;
            }
            let envelope = event.envelope();
            let key = (
                envelope.event_type.as_str().to_owned(),
                envelope.severity.as_str(),
            );
            let full = tables.types.len() >= NAMES && !tables.types.contains_key(&key);
            let key = if full {
                (OTHER.to_owned(), envelope.severity.as_str())
            } else {
                key
            };
            *tables.types.entry(key).or_default() += 1;
        }
        self.accepted.fetch_add(number, Ordering::Relaxed);
        self.behind.fetch_add(behind, Ordering::Relaxed);
    }

    /// Events that were stored so far.
    pub fn accepted_count(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Whether evaluation has use for ticks.
    pub(crate) fn tick_need(&self) -> &SharedTickNeed {
        &self.tick_need
    }

    /// A repetition was recognised.
    pub fn count_duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    /// An input was refused.
    pub fn count_rejected(&self, reason: RejectionReason) {
        *self.lock_tables().rejected.entry(reason).or_default() += 1;
    }

    /// A request was turned away because the engine is behind.
    pub fn count_overload(&self) {
        self.overloaded.fetch_add(1, Ordering::Relaxed);
    }

    /// Raw events were evaluated.
    pub fn count_evaluated(&self, number: u64) {
        self.evaluated_events.fetch_add(number, Ordering::Relaxed);
        let less = |behind: u64| Some(behind.saturating_sub(number));
        // The closure always answers, so the update cannot fail.
        let _ = self
            .behind
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// So many of the events up to `upto` are still to be evaluated, whatever was thought before. False when
    /// more than those are counted by now: the caller counts on.
    pub fn reset_backlog(&self, number: u64, upto: Position) -> bool {
        let mut tables = self.lock_tables();
        if tables.counted > upto {
            return false;
        }
        tables.counted = upto;
        self.behind.store(number, Ordering::Relaxed);
        true
    }

    /// Events accepted and not yet evaluated.
    pub fn backlog(&self) -> u64 {
        self.behind.load(Ordering::Relaxed)
    }

    /// An event came behind its source's clock.
    pub fn count_late(&self, source: &str) {
        self.late.fetch_add(1, Ordering::Relaxed);
        count_name(&mut self.lock_tables().late_sources, source);
    }

    /// Trees could not take an event as it says, or let a tree go, in this way.
    pub fn count_tree_report(&self, kind: &'static str) {
        *self.lock_tables().tree_reports.entry(kind).or_default() += 1;
    }

    /// A revision of an alert is in the log.
    pub fn count_alert(&self, rule: &str) {
        count_name(&mut self.lock_tables().alerts, rule);
    }

    /// A rule failed on an event.
    pub fn count_fault(&self, rule: &str) {
        count_name(&mut self.lock_tables().faults, rule);
    }

    /// An epoch's outcome is durable.
    pub fn record_epoch(&self, upto: Position) {
        self.epochs.fetch_add(1, Ordering::Relaxed);
        self.evaluated.send_replace(upto);
    }

    /// The log has grown.
    pub fn record_commit(&self, head: Position, commit_micros: u64) {
        self.lock_tables().commits.saturating_record(commit_micros);
        self.head.send_replace(head);
    }

    /// The log ends here, whatever was thought before.
    pub fn set_head(&self, head: Position) {
        self.head.send_replace(head);
    }

    /// A subscriber was too slow.
    pub fn count_missed(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// A subscriber came.
    pub fn add_subscriber(&self) -> u64 {
        self.subscribers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A subscriber went.
    pub fn remove_subscriber(&self) {
        self.subscribers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Keys and events that a window let go because it was full, in all.
    pub fn set_evicted(&self, unit: &str, keys: u64, events: u64) {
        if keys > 0 || events > 0 {
            self.lock_tables()
                .evicted
                .insert(unit.to_owned(), (keys, events));
        }
    }

    /// So many rules are in force.
    pub fn set_rule_count(&self, rules: usize) {
        self.rules.store(rules as u64, Ordering::Relaxed);
    }

    /// How many rules are in force.
    pub fn rule_count(&self) -> usize {
        self.rules.load(Ordering::Relaxed) as usize
    }

    /// Rules were read again and taken.
    pub fn record_reload(&self) {
        self.reloads.fetch_add(1, Ordering::Relaxed);
        self.reload_failed.store(false, Ordering::Relaxed);
    }

    /// Rules were read again and refused.
    pub fn record_reload_failure(&self) {
        self.reloads_failed.fetch_add(1, Ordering::Relaxed);
        self.reload_failed.store(true, Ordering::Relaxed);
    }

    /// Whether rules that were read again were refused, and none were taken since.
    pub fn has_reload_failed(&self) -> bool {
        self.reload_failed.load(Ordering::Relaxed)
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

    /// Something is wrong that an operator should know; told until [`EngineGauges::clear_problem`].
    pub fn report_problem(&self, about: &str, words: String) {
        self.lock_tables().problems.insert(about.to_owned(), words);
    }

    /// It is right again.
    pub fn clear_problem(&self, about: &str) {
        self.lock_tables().problems.remove(about);
    }

    /// Whether an actor makes no progress, which only a restart of the process can mend.
    pub fn has_frozen_actor(&self) -> bool {
        self.lock_tables()
            .problems
            .keys()
            .any(|about| about.starts_with(FROZEN))
    }

    /// Whether something is wrong about `about`.
    pub fn has_problem(&self, about: &str) -> bool {
        self.lock_tables().problems.contains_key(about)
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

    /// Everything, for `/metrics`.
    pub fn metrics(&self) -> EngineMetrics {
        let tables = self.lock_tables();
        let at = |quantile: f64| tables.commits.value_at_quantile(quantile);
        let named = |table: &BTreeMap<String, u64>| {
            table
                .iter()
                .map(|(name, number)| (name.clone(), *number))
                .collect::<Vec<_>>()
        };
        EngineMetrics {
            accepted: self.accepted.load(Ordering::Relaxed),
            duplicates: self.duplicates.load(Ordering::Relaxed),
            rejected: tables
                .rejected
                .iter()
                .map(|(reason, n)| (reason.code(), *n))
                .collect(),
            overloaded: self.overloaded.load(Ordering::Relaxed),
            evaluated: self.evaluated_events.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
            late_by_source: named(&tables.late_sources),
            tree_reports: tables
                .tree_reports
                .iter()
                .map(|(kind, number)| (*kind, *number))
                .collect(),
            alerts: tables.alerts.values().sum(),
            alerts_by_rule: named(&tables.alerts),
            rule_faults: named(&tables.faults),
            // The rulebook knows.
            rules: Vec::new(),
            rules_broken_out: 0,
            epochs: self.epochs.load(Ordering::Relaxed),
            reloads: self.reloads.load(Ordering::Relaxed),
            reloads_failed: self.reloads_failed.load(Ordering::Relaxed),
            reload_failed: self.reload_failed.load(Ordering::Relaxed),
            subscribers: self.subscribers.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
            stored_by_type: tables
                .types
                .iter()
                .map(|((kind, severity), number)| (kind.clone(), *severity, *number))
                .collect(),
            commit_micros: [at(0.5), at(0.95), at(0.99), tables.commits.max()],
            evicted_keys: tables.evicted.values().map(|(keys, _)| keys).sum(),
            evicted_events: tables.evicted.values().map(|(_, events)| events).sum(),
        }
    }
}

fn count_name(table: &mut BTreeMap<String, u64>, name: &str) {
    let name = if table.len() >= NAMES && !table.contains_key(name) {
        OTHER
    } else {
        name
    };
    *table.entry(name.to_owned()).or_default() += 1;
}
