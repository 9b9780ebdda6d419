//! One case played through the pipeline: as it is written, in another order, out of order, or
//! twice.
//!
//! Owns the order in which events arrive; the order in which they are evaluated belongs to
//! `finite_input`, and comparing what comes of it to the parent module.
//! Invariant: the same mode and seed give the same order, so that a failure can be played again.

use std::collections::BTreeSet;

use larum_event::{Alert, Event, Timestamp};
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};

use super::disorder;
use super::suite::{RuleCase, RuleSuite};
use crate::demo::random::SeededRandom;
use crate::detect::{AlertList, RevisionFilter};
use crate::duplicate_filter::DuplicateCheck;
use crate::error::CliError;
use crate::finite_input::{AdmittedEvent, FiniteInput};

/// How many other orders are tried for events of equal time.
const ORDERS: u64 = 4;

/// How the events of a case are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayMode {
    /// In the order of the file.
    AsWritten,
    /// With events of equal time in another order.
    Reordered {
        /// Decides the order.
        seed: u64,
    },
    /// Out of order.
    Disordered {
        /// Decides the order.
        seed: u64,
    },
    /// Each event twice in a row, and then all of them once more.
    Twice,
}

/// The result of playing a case.
#[derive(Debug, Default)]
pub struct PlayResult {
    /// The alerts of the folder's own rules that are not retracted at the end, in order.
    pub alerts: Vec<Alert>,
    /// The time of each.
    pub times: Vec<Timestamp>,
    /// Every event that rules could see: those of the case, and alerts.
    pub events: Vec<Event>,
    /// The events of the case as the pipeline took them, in the order of time.
    pub inputs: Vec<EventInput>,
    /// Their lines, in the order in which they came.
    pub order: Vec<u64>,
    /// Events with an id that another event has.
    pub conflicts: Vec<Event>,
    /// Events left out because they repeat one before them.
    pub duplicates: u64,
    /// What rules failed on.
    pub faults: Vec<String>,
}

impl PlayResult {
    /// The alerts, each with its time.
    pub fn alerts_with_times(&self) -> impl Iterator<Item = (&Alert, Timestamp)> {
        self.alerts.iter().zip(self.times.iter().copied())
    }
}

/// Other ways to play a case that must give the same alerts.
pub fn other_modes(suite: &RuleSuite, case: &RuleCase) -> Vec<PlayMode> {
    let events = || {
        case.records
            .iter()
            .filter_map(|it| it.outcome.as_ref().ok())
    };
    let times: Vec<Timestamp> = events().map(|event| event.envelope().time).collect();
    let distinct: BTreeSet<&Timestamp> = times.iter().collect();
    let mut ways = Vec::new();
    // What rules see of a tree depends on the events before theirs, so in cases of such rules
    // events of equal time keep the order of their lines.
    let any_order = !suite.set.asks_trees();
    if any_order && distinct.len() < times.len() {
        ways.extend((1..=ORDERS).map(|seed| PlayMode::Reordered { seed }));
    }
    let seeds = disorder::distinct_seeds(times.len());
    ways.extend(seeds.map(|seed| PlayMode::Disordered { seed }));
    // Without ids of their own, events cannot be recognised as the same.
    if events().all(|event| !event.envelope().filled.id) {
        ways.push(PlayMode::Twice);
    }
    ways
}

impl std::fmt::Display for PlayMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AsWritten => f.write_str("as written"),
            Self::Reordered { seed } => {
                write!(
                    f,
                    "with events of equal time in another order (seed {seed})"
                )
            }
            Self::Disordered { seed } => {
                write!(f, "with events out of order (seed {seed})")
            }
            Self::Twice => f.write_str("with every event sent twice"),
        }
    }
}

/// Plays a case of `suite`.
///
/// # Errors
/// The case does not fit in memory, and a temporary file fails.
pub fn play_case(
    suite: &RuleSuite,
    case: &RuleCase,
    way: PlayMode,
) -> Result<PlayResult, CliError> {
    let mut state = PlayState::default();
    let mut input = FiniteInput::new();
    for arriving in list_arrivals(case, way) {
        let (line, event) = (arriving.line, arriving.event.clone());
        match input.take_event(arriving)? {
            DuplicateCheck::First => state.played.order.push(line),
            DuplicateCheck::Duplicate => state.played.duplicates += 1,
            DuplicateCheck::Conflict => state.played.conflicts.push(event),
        }
    }
    for input in input.sort()?.into_inputs() {
        let input = input?;
        state.played.events.push(input.event.clone());
        state.played.inputs.push(input);
    }
    let settings = PipelineSettings::for_sorted_input();
    let mut pipeline = Pipeline::new(suite.set.clone(), settings);
    let outcome = pipeline.run_sorted_inputs(&state.played.inputs);
    state.keep_outcome(outcome);
    // The end of a case is the end of time.
    let outcome = pipeline.close_input();
    state.keep_outcome(outcome);
    Ok(state.finish(suite))
}

/// The events of a case in the order in which they come.
fn list_arrivals(case: &RuleCase, way: PlayMode) -> Vec<AdmittedEvent> {
    let admitted = case.records.iter().filter_map(|record| {
        Some(AdmittedEvent {
            event: record.outcome.as_ref().ok()?.clone(),
            record: record.number,
            line: record.line,
        })
    });
    let mut events: Vec<AdmittedEvent> = admitted.collect();
    match way {
        PlayMode::AsWritten => {}
        PlayMode::Reordered { seed } => shuffle_equal_times(&mut events, seed),
        PlayMode::Disordered { seed } => {
            let order = disorder::shuffle_order(events.len(), seed);
            let moved = order.iter().filter_map(|index| events.get(*index).cloned());
            events = moved.collect();
        }
        PlayMode::Twice => {
            let again = events.clone();
            events = events.into_iter().flat_map(|it| [it.clone(), it]).collect();
            events.extend(again);
        }
    }
    events
}

/// What is known while a case is played.
struct PlayState {
    found: AlertList,
    played: PlayResult,
}

impl Default for PlayState {
    fn default() -> Self {
        Self {
            found: AlertList::new(RevisionFilter::LastRevision),
            played: PlayResult::default(),
        }
    }
}

impl PlayState {
    fn keep_outcome(&mut self, outcome: EpochOutcome) {
        for fault in outcome.faults {
            let (rule, event) = (&fault.rule, &fault.event);
            let text = format!("rule {rule} failed on event {event}: {}", fault.message);
            self.played.faults.push(text);
        }
        for late in outcome.late {
            let rules: Vec<&str> = late.rules.iter().map(|rule| rule.as_str()).collect();
            let (time, rules) = (late.time, rules.join(", "));
            let text = format!(
                "an alert of {time} is raised more than a week later, too late for {rules}"
            );
            self.played.faults.push(text);
        }
        for raised in outcome.alerts {
            if raised.alert.revision == 1 {
                self.played.events.push(raised.event.clone());
            }
            self.found.add_raised(raised);
        }
    }

    fn finish(self, suite: &RuleSuite) -> PlayResult {
        let mut played = self.played;
        let own: Vec<&str> = suite.own_rules().map(|rule| rule.id.as_str()).collect();
        let all = self.found.alerts_with_times();
        let alerts = all.filter(|(alert, _)| own.contains(&alert.rule.as_str()));
        (played.alerts, played.times) = alerts.map(|(alert, time)| (alert.clone(), time)).unzip();
        played
    }
}

/// Puts events of equal time into another order. Those that have a sequence keep theirs, since it
/// says which of them came first; records are renumbered, because their numbers would say so too.
fn shuffle_equal_times(events: &mut [AdmittedEvent], seed: u64) {
    let mut random = SeededRandom::new(seed);
    let same_time = |one: &AdmittedEvent, other: &AdmittedEvent| {
        one.event.envelope().time == other.event.envelope().time
    };
    for equal in events.chunk_by_mut(same_time) {
        let with_sequence = equal.iter().filter(|it| has_sequence(it));
        let mut sequenced: Vec<AdmittedEvent> = with_sequence.cloned().collect();
        for index in (1..equal.len()).rev() {
            equal.swap(index, random.number_between(0, index as u64) as usize);
        }
        sequenced.reverse();
        for slot in equal.iter_mut().filter(|it| has_sequence(it)) {
            if let Some(next) = sequenced.pop() {
                *slot = next;
            }
        }
    }
    for (event, number) in events.iter_mut().zip(0..) {
        event.record = number;
    }
}

fn has_sequence(numbered: &AdmittedEvent) -> bool {
    numbered.event.envelope().sequence.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids of events after they were reordered. `a5@7` has the sequence 5 and happens in second
    /// 7.
    fn shuffle_ids(events: &[&str], seed: u64) -> Vec<String> {
        let lines = events.iter().map(|text| {
            let (id, second) = text.split_once('@').unwrap();
            let sequence = id.trim_start_matches(char::is_alphabetic);
            let sequence = match sequence {
                "" => String::new(),
                number => format!("\"sequence\":{number},"),
            };
            format!(
                "{{\"id\":\"{id}\",{sequence}\"type\":\"t\",\"source\":\"s\",\
                 \"time\":\"2026-11-20T12:00:{second:0>2}Z\"}}\n"
            )
        });
        let text: String = lines.collect();
        let records = crate::input::read_all_records("test", text.into_bytes()).unwrap();
        let mut numbered: Vec<AdmittedEvent> = records
            .into_iter()
            .map(|record| AdmittedEvent {
                record: record.number,
                line: record.line,
                event: record.outcome.unwrap(),
            })
            .collect();
        shuffle_equal_times(&mut numbered, seed);
        let numbers: Vec<u64> = numbered.iter().map(|it| it.record).collect();
        assert!(numbers.is_sorted());
        let ids = numbered.iter();
        ids.map(|it| it.event.envelope().id.to_string()).collect()
    }

    #[test]
    fn only_events_of_equal_time_change_places() {
        let events = ["a@1", "b@2", "c@2", "d@2", "e@3"];
        let orders: BTreeSet<_> = (1..=ORDERS)
            .map(|seed| shuffle_ids(&events, seed))
            .collect();
        assert!(orders.len() > 1, "{orders:?}");
        for order in &orders {
            assert_eq!((order[0].as_str(), order[4].as_str()), ("a", "e"));
        }
        assert_eq!(shuffle_ids(&events, 1), shuffle_ids(&events, 1));
    }

    #[test]
    fn events_with_a_sequence_keep_their_order_among_others() {
        for seed in 1..=20 {
            let order = shuffle_ids(&["a1@2", "b@2", "c2@2", "d@2", "e3@2"], seed);
            let sequenced = order.iter().filter(|id| id.len() == 2);
            assert_eq!(sequenced.collect::<Vec<_>>(), ["a1", "c2", "e3"], "{seed}");
        }
    }
}
