//! The rules in force, and the one place where rule texts become rules.
//!
//! Owns which set is in force since which position, what is counted of each rule, and the sets that
//! were loaded last, so that a set that was checked need not be loaded again to take effect.
//! Deciding which rules hold is never done here: the log does (`RuleSetActivation`).
//! Invariant: the counters follow the rules of the current set by index; a change of rules moves
//! them along by id.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::{Position, RuleFile, RuleId};
use larum_pipeline::RuleOutage;
use larum_query::RuleCounters;
use larum_rule::{Diagnostic, RuleLoader, RuleSet};

use crate::metrics::{EngineMetrics, Metric, OTHER};
use crate::window_directory::WindowDirectory;

/// Sets that are kept: the one in force, the one before and the one to come.
const RECENT_SETS: usize = 3;
/// Rules whose counts are shown one by one.
const NAMED: usize = 1_000;

/// The rules, and what is counted of them.
#[derive(Debug)]
pub(crate) struct Rulebook {
    loader: RuleLoader,
    recent_sets: Mutex<VecDeque<Arc<RuleSet>>>,
    current: Mutex<CurrentRules>,
    outages: Mutex<Arc<[RuleOutage]>>,
    /// Where their windows are.
    pub(crate) windows: WindowDirectory,
    /// Held while the rules are changed: one change after the other.
    pub(crate) change_lock: tokio::sync::Mutex<()>,
}

/// Counts of some rules, by number.
pub(crate) type RuleTally = BTreeMap<u32, RuleCounters>;

/// Rules and where they were activated.
#[derive(Debug, Clone)]
pub(crate) struct CurrentRules {
    /// Events behind this position are evaluated by them.
    pub(crate) since: Position,
    /// The rules.
    pub(crate) set: Arc<RuleSet>,
    /// What is counted of each.
    pub(crate) counts: Vec<RuleCounters>,
}

/// What is counted of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct RuleMetrics {
    /// Its id.
    rule: String,
    /// Events that satisfied it.
    matches: u64,
    /// Times that its exceptions kept something from being a match.
    excepted: u64,
    /// Times that its script ran and answered.
    script_runs: u64,
    /// How long they took in all, estimated from a sample.
    script_nanos: u64,
}

impl Rulebook {
    /// Without rules; those to come are read by `loader`.
    pub(crate) fn new(loader: RuleLoader) -> Self {
        Self {
            loader,
            recent_sets: Mutex::default(),
            current: Mutex::new(CurrentRules {
                since: Position::START,
                set: Arc::new(RuleSet::empty()),
                counts: Vec::new(),
            }),
            outages: Mutex::new(Arc::default()),
            windows: WindowDirectory::default(),
            change_lock: tokio::sync::Mutex::default(),
        }
    }

    /// The rules of `files`.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn load_rules(&self, files: &[RuleFile]) -> Result<Arc<RuleSet>, Vec<Diagnostic>> {
        let known = |set: &&Arc<RuleSet>| set.files() == files;
        if let Some(set) = lock(&self.recent_sets).iter().find(known) {
            return Ok(Arc::clone(set));
        }
        // Not under the lock: it takes a while, and others may know theirs already.
        let set = Arc::new(self.loader.load(files)?);
        let mut loaded = lock(&self.recent_sets);
        loaded.truncate(RECENT_SETS - 1);
        loaded.push_front(Arc::clone(&set));
        Ok(set)
    }

    /// From `since` on these rules hold; what was counted of rules of the same ids goes on.
    pub(crate) fn set_current_rules(&self, since: Position, set: &Arc<RuleSet>) {
        let mut in_force = lock(&self.current);
        let old_rules = in_force.set.rules().iter().zip(&in_force.counts);
        let before: BTreeMap<&RuleId, &RuleCounters> =
            old_rules.map(|(rule, counts)| (&rule.id, counts)).collect();
        let rules = set.rules().iter();
        let counts = rules.map(|rule| before.get(&rule.id).copied().copied().unwrap_or_default());
        *in_force = CurrentRules {
            since,
            counts: counts.collect(),
            set: Arc::clone(set),
        };
    }

    /// Counts on.
    pub(crate) fn add_tally(&self, tally: &RuleTally) {
        let mut in_force = lock(&self.current);
        for (rule, more) in tally {
            let index = usize::try_from(*rule).unwrap_or(usize::MAX);
            if let Some(counts) = in_force.counts.get_mut(index) {
                counts.add_counts(more);
            }
        }
    }

    /// A revision of an alert of the rule named `rule` is in the log.
    pub(crate) fn count_alert(&self, rule: &str) {
        let mut in_force = lock(&self.current);
        let rules = in_force.set.rules();
        let index = rules.binary_search_by(|one| one.id.as_str().cmp(rule));
        let counts = index.ok().and_then(|index| in_force.counts.get_mut(index));
        if let Some(counts) = counts {
            counts.alerts += 1;
        }
    }

    /// Adds what is counted of each rule, and how many are broken out.
    pub(crate) fn add_metrics(&self, metrics: &mut EngineMetrics) {
        let outages = self.outages();
        let open_outages = outages.iter().filter(|one| one.before.is_none());
        let open: BTreeSet<&RuleId> = open_outages.map(|one| &one.rule).collect();
        metrics.set(Metric::RulesBrokenOut, open.len() as u64);
        let in_force = self.current_rules();
        let rules = in_force.set.rules().iter().zip(&in_force.counts);
        let all = rules.map(|(rule, counts)| RuleMetrics {
            rule: rule.id.to_string(),
            matches: counts.matches,
            excepted: counts.excepted,
            script_runs: counts.runs,
            script_nanos: counts.estimate_script_nanos(),
        });
        let counted = bound_metrics(all, NAMED);
        let mut add_column = |metric, count: fn(&RuleMetrics) -> u64| {
            let samples = counted.iter().map(|one| (one.rule.clone(), count(one)));
            metrics.set_by_label(metric, samples.filter(|(_, count)| *count > 0));
        };
        add_column(Metric::RuleMatches, |one| one.matches);
        add_column(Metric::RuleExcepted, |one| one.excepted);
        add_column(Metric::RuleScriptRuns, |one| one.script_runs);
        add_column(Metric::RuleScriptNanoseconds, |one| one.script_nanos);
    }

    /// What rules missed because they kept failing.
    pub(crate) fn set_outages(&self, missed: Vec<RuleOutage>) {
        *lock(&self.outages) = missed.into();
    }

    /// As last shown.
    pub(crate) fn outages(&self) -> Arc<[RuleOutage]> {
        Arc::clone(&lock(&self.outages))
    }

    /// The rules in force.
    pub(crate) fn current_rules(&self) -> CurrentRules {
        lock(&self.current).clone()
    }
}

/// Those of `counted` that have something to tell, by name: at most `most`, and what is beyond that
/// together.
fn bound_metrics(counted: impl Iterator<Item = RuleMetrics>, most: usize) -> Vec<RuleMetrics> {
    let mut counted: Vec<RuleMetrics> = counted
        .filter(|one| one.matches > 0 || one.excepted > 0 || one.script_runs > 0)
        .collect();
    if counted.len() > most {
        counted.sort_by_key(|one| std::cmp::Reverse(one.matches.saturating_add(one.script_runs)));
        let rest = counted.split_off(most);
        let mut other = RuleMetrics {
            rule: OTHER.to_owned(),
            ..RuleMetrics::default()
        };
        for one in rest {
            other.matches += one.matches;
            other.excepted += one.excepted;
            other.script_runs += one.script_runs;
            other.script_nanos = other.script_nanos.saturating_add(one.script_nanos);
        }
        counted.push(other);
    }
    counted.sort_by(|one, other| one.rule.cmp(&other.rule));
    counted
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Vec<RuleFile> {
        vec![RuleFile {
            path: "a.rhai".into(),
            text: text.into(),
        }]
    }

    #[test]
    fn the_same_files_are_loaded_once_while_they_are_kept() {
        let book = Rulebook::new(RuleLoader::default());
        let one = book.load_rules(&files(r#"rule("a").on("x.#");"#)).unwrap();
        let again = book.load_rules(&files(r#"rule("a").on("x.#");"#)).unwrap();
        assert!(Arc::ptr_eq(&one, &again));
        for other in ["b", "c", "d"] {
            book.load_rules(&files(&format!("rule(\"{other}\").on(\"x.#\");")))
                .unwrap();
        }
        let later = book.load_rules(&files(r#"rule("a").on("x.#");"#)).unwrap();
        assert!(!Arc::ptr_eq(&one, &later));
        assert!(book.load_rules(&files("rule(")).is_err());
    }

    #[test]
    fn counts_of_more_rules_than_are_told_one_by_one_are_told_together() {
        let count = |rule: &str, matches: u64| RuleMetrics {
            rule: rule.to_owned(),
            matches,
            excepted: 0,
            script_runs: 1,
            script_nanos: 10,
        };
        let all = || {
            ["a", "b", "c"]
                .into_iter()
                .zip(1..)
                .map(|(id, n)| count(id, n))
        };
        let told = |most: usize| -> Vec<(String, u64)> {
            let told = bound_metrics(all(), most).into_iter();
            told.map(|one| (one.rule, one.matches)).collect()
        };
        let pairs = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
            pairs.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect()
        };
        assert_eq!(told(3), pairs(&[("a", 1), ("b", 2), ("c", 3)]));
        assert_eq!(told(2), pairs(&[("b", 2), ("c", 3), ("other", 1)]));
        assert_eq!(told(1), pairs(&[("c", 3), ("other", 3)]));
        assert!(bound_metrics(std::iter::once(RuleMetrics::default()), 3).is_empty());
    }

    #[test]
    fn the_time_of_all_runs_is_estimated_from_those_that_were_timed() {
        let counts = RuleCounters {
            runs: 90,
            faults: 10,
            timed: 2,
            nanos: 6,
            ..RuleCounters::default()
        };
        assert_eq!(counts.estimate_script_nanos(), 300);
        assert_eq!(RuleCounters::default().estimate_script_nanos(), 0);
    }

    #[test]
    fn what_is_counted_of_a_rule_goes_on_under_other_rules() {
        let book = Rulebook::new(RuleLoader::default());
        let one = book.load_rules(&files(r#"rule("b").on("x.#");"#)).unwrap();
        book.set_current_rules(Position(1), &one);
        let counts = RuleCounters {
            matches: 3,
            ..RuleCounters::default()
        };
        book.add_tally(&RuleTally::from([(0, counts), (7, counts)]));
        let two = r#"rule("a").on("x.#"); rule("b").on("y.#");"#;
        book.set_current_rules(Position(9), &book.load_rules(&files(two)).unwrap());
        book.count_alert("b");
        book.count_alert("larum.unit_detached");
        let known = book.current_rules().counts;
        assert_eq!(known[0], RuleCounters::default());
        assert_eq!((known[1].matches, known[1].alerts), (3, 1));
    }
}
