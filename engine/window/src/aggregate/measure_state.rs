//! What is measured of the events in the window, updated as they enter and leave.
//!
//! Owns the running value of each measure. Which events are in the window is decided by `running`
//! and `batch`, and whether the value satisfies the rule elsewhere.
//! Invariant: after adding and removing the same readings the state is as before, so a sliding
//! window never drifts.

use std::collections::VecDeque;

use larum_event::{Amount, Timestamp, WindowMeasure};
use serde::{Deserialize, Serialize};

use super::baseline::RateBaseline;
use super::distinct::DistinctCounter;
use super::percentile::PercentileTracker;
use super::reading::EventReading;
use super::rule::AggregateRule;

/// A measured value and its possible error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MeasuredValue {
    pub(super) value: Amount,
    /// Upper bound of its error, in thousandths.
    pub(super) error: Option<u16>,
}

impl MeasuredValue {
    pub(super) fn from_count(value: u64, error: Option<u16>) -> Self {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        Self::new(Amount::from_int(value), error)
    }

    fn new(value: Amount, error: Option<u16>) -> Self {
        Self { value, error }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum MeasureState {
    /// Nothing: the number of events is the value.
    Count,
    /// The number of events of each step.
    Steps(Vec<u32>),
    Distinct(DistinctCounter),
    Sum(i128),
    /// The extreme in front, then those that become the extreme as others leave.
    Extreme(VecDeque<EventReading>),
    Percentile(PercentileTracker),
    /// The oldest and the newest reading.
    Change(Option<(EventReading, EventReading)>),
    Rate(RateBaseline),
}

impl MeasureState {
    /// Whether it remembers events that no longer count.
    pub(super) fn has_history(&self) -> bool {
        match self {
            Self::Rate(baseline) => !baseline.is_empty(),
            Self::Count
            | Self::Steps(_)
            | Self::Distinct(_)
            | Self::Sum(_)
            | Self::Extreme(_)
            | Self::Percentile(_)
            | Self::Change(_) => false,
        }
    }

    pub(super) fn new(measure: &WindowMeasure) -> Self {
        match measure {
            WindowMeasure::Count | WindowMeasure::FirstSeen => Self::Count,
            WindowMeasure::Steps(needs) => Self::Steps(vec![0; needs.len()]),
            WindowMeasure::Distinct => Self::Distinct(DistinctCounter::default()),
            WindowMeasure::Sum | WindowMeasure::Average => Self::Sum(0),
            WindowMeasure::Min | WindowMeasure::Max => Self::Extreme(VecDeque::new()),
            WindowMeasure::Percentile(_) => Self::Percentile(PercentileTracker::default()),
            WindowMeasure::Change => Self::Change(None),
            WindowMeasure::Rate { .. } => Self::Rate(RateBaseline::default()),
        }
    }

    /// Removes all events; the baseline is kept.
    pub(super) fn clear(&mut self, rule: &AggregateRule) {
        if !matches!(self, Self::Rate(_)) {
            *self = Self::new(&rule.measure);
        }
    }

    /// Adds the reading of an event that will leave the window again.
    pub(super) fn add_reading(
        &mut self,
        reading: EventReading,
        time: Timestamp,
        rule: &AggregateRule,
    ) {
        match self {
            Self::Distinct(distinct) => distinct.add_value(reading),
            Self::Extreme(candidates) => {
                while candidates
                    .back()
                    .is_some_and(|last| rule.is_more_extreme(reading, *last))
                {
                    candidates.pop_back();
                }
                candidates.push_back(reading);
            }
            Self::Percentile(ranked) => ranked.add_number(reading, rule.percentile()),
            Self::Count | Self::Steps(_) | Self::Sum(_) | Self::Change(_) | Self::Rate(_) => {
                self.add_total(reading, time, rule);
            }
        }
    }

    /// Adds the reading of an event that stays until the window ends; `false` if there is no room
    /// for it.
    pub(super) fn absorb_reading(
        &mut self,
        reading: EventReading,
        time: Timestamp,
        rule: &AggregateRule,
    ) -> bool {
        match self {
            Self::Distinct(distinct) => distinct.absorb_value(reading),
            Self::Extreme(candidates) => {
                let is_extreme = |extreme| rule.is_more_extreme(reading, extreme);
                if candidates.front().is_none_or(|front| is_extreme(*front)) {
                    candidates.clear();
                    candidates.push_back(reading);
                }
            }
            Self::Percentile(ranked) => {
                if ranked.distinct_len() >= rule.events_most && !ranked.contains(reading) {
                    return false;
                }
                ranked.add_number(reading, rule.percentile());
            }
            Self::Count | Self::Steps(_) | Self::Sum(_) | Self::Change(_) | Self::Rate(_) => {
                self.add_total(reading, time, rule);
            }
        }
        true
    }

    fn add_total(&mut self, reading: EventReading, time: Timestamp, rule: &AggregateRule) {
        match self {
            Self::Steps(counts) => {
                for count in step_counts(reading, counts) {
                    *count = count.saturating_add(1);
                }
            }
            Self::Sum(sum) => *sum = sum.saturating_add(reading.0),
            Self::Change(Some((_, newest))) => *newest = reading,
            Self::Change(change) => *change = Some((reading, reading)),
            // Sessions and "last n" windows have no length, so they have no baseline.
            Self::Rate(baseline) if rule.baseline_layout.panes > 0 => {
                baseline.count_event(time, &rule.baseline_layout);
            }
            Self::Rate(_)
            | Self::Count
            | Self::Distinct(_)
            | Self::Extreme(_)
            | Self::Percentile(_) => {}
        }
    }

    /// Removes the reading of the oldest event; `next` is the reading after it.
    pub(super) fn remove_reading(
        &mut self,
        reading: EventReading,
        next: Option<EventReading>,
        rule: &AggregateRule,
    ) {
        match self {
            Self::Steps(counts) => {
                for count in step_counts(reading, counts) {
                    *count = count.saturating_sub(1);
                }
            }
            Self::Distinct(distinct) => distinct.remove_value(reading),
            Self::Sum(sum) => *sum = sum.saturating_sub(reading.0),
            Self::Extreme(candidates) => {
                if candidates.front() == Some(&reading) {
                    candidates.pop_front();
                }
            }
            Self::Percentile(ranked) => ranked.remove_number(reading, rule.percentile()),
            Self::Change(change) => {
                *change = change.and_then(|(_, newest)| Some((next?, newest)));
            }
            Self::Count | Self::Rate(_) => {}
        }
    }

    /// Goes back from an estimate to an exact count if there are few enough values again.
    pub(super) fn recount_distinct(&mut self, readings: &VecDeque<EventReading>) {
        let Self::Distinct(distinct) = self else {
            return;
        };
        if distinct.has_become_small() {
            *distinct = DistinctCounter::default();
            for reading in readings {
                distinct.add_value(*reading);
            }
        }
    }

    /// The value of `count` events; `None` without any, or without a baseline yet.
    pub(super) fn measured_value(&self, count: u64, rule: &AggregateRule) -> Option<MeasuredValue> {
        if count == 0 {
            return None;
        }
        let exactly = |value| Some(MeasuredValue::new(value, None));
        match self {
            Self::Count => Some(MeasuredValue::from_count(count, None)),
            Self::Steps(counts) => {
                let complete = rule.count_complete_steps(counts);
                Some(MeasuredValue::from_count(complete as u64, None))
            }
            Self::Distinct(distinct) => {
                let (count, error) = distinct.count();
                Some(MeasuredValue::from_count(count, error))
            }
            Self::Sum(sum) => {
                // Rounds down, also below zero, so that equal sums give equal averages on every
                // machine.
                let parts = match rule.measure {
                    WindowMeasure::Average => i128::from(count),
                    _ => 1,
                };
                exactly(Amount::from_billionths(sum.div_euclid(parts)))
            }
            Self::Extreme(candidates) => exactly(candidates.front()?.amount()),
            Self::Percentile(ranked) => exactly(ranked.percentile_value()?.amount()),
            Self::Change(change) => {
                let (oldest, newest) = (*change)?;
                exactly(newest.amount().saturating_sub(oldest.amount()))
            }
            Self::Rate(baseline) => exactly(baseline.ratio(count, &rule.baseline_layout)?),
        }
    }

    /// Whether `rule` can make this state.
    pub(super) fn is_sound(&self, rule: &AggregateRule) -> bool {
        let is_kind =
            std::mem::discriminant(self) == std::mem::discriminant(&Self::new(&rule.measure));
        let is_sound = match self {
            Self::Count | Self::Sum(_) | Self::Change(_) => true,
            Self::Steps(counts) => counts.len() == rule.step_count(),
            Self::Distinct(distinct) => distinct.is_sound(),
            Self::Extreme(candidates) => candidates
                .iter()
                .is_sorted_by(|a, b| !rule.is_more_extreme(**b, **a)),
            Self::Percentile(ranked) => ranked.is_sound(rule.percentile()),
            Self::Rate(baseline) => baseline.is_sound(),
        };
        is_kind && is_sound
    }
}

/// The counts of the steps that an event satisfies.
fn step_counts(reading: EventReading, counts: &mut [u32]) -> impl Iterator<Item = &mut u32> {
    let counts = counts.iter_mut().enumerate();
    counts.filter_map(move |(step, count)| {
        let is_of = reading
            .0
            .checked_shr(step as u32)
            .is_some_and(|bits| bits & 1 == 1);
        is_of.then_some(count)
    })
}
