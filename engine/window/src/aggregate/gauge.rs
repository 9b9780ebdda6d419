//! What is measured of the events that are in the window, kept up as they come and go.

use std::collections::VecDeque;

use larum_event::{Amount, Measure, Timestamp};
use serde::{Deserialize, Serialize};

use super::baseline::Baseline;
use super::distinct::Distinct;
use super::ranked::Ranked;
use super::reading::Reading;
use super::rule::Measuring;

/// A measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) value: Amount,
    /// How far off it may be, in thousandths.
    pub(super) error: Option<u16>,
}

impl Measured {
    pub(super) fn whole(value: u64, error: Option<u16>) -> Self {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        Self::exactly(Amount::from_int(value), error)
    }

    fn exactly(value: Amount, error: Option<u16>) -> Self {
        Self { value, error }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Gauge {
    /// The number of events is enough.
    Count,
    /// How many events of each step.
    Steps(Vec<u32>),
    Distinct(Distinct),
    Sum(i128),
    /// The extreme in front, then those that become it as others leave.
    Extreme(VecDeque<Reading>),
    Ranked(Ranked),
    /// The oldest and the newest.
    Change(Option<(Reading, Reading)>),
    Rate(Baseline),
}

impl Gauge {
    /// Whether it knows something of events that are not counted any more.
    pub(super) fn remembers(&self) -> bool {
        match self {
            Self::Rate(baseline) => !baseline.is_empty(),
            Self::Count
            | Self::Steps(_)
            | Self::Distinct(_)
            | Self::Sum(_)
            | Self::Extreme(_)
            | Self::Ranked(_)
            | Self::Change(_) => false,
        }
    }

    pub(super) fn of(measure: &Measure) -> Self {
        match measure {
            Measure::Count | Measure::FirstSeen => Self::Count,
            Measure::Steps(needs) => Self::Steps(vec![0; needs.len()]),
            Measure::Distinct => Self::Distinct(Distinct::default()),
            Measure::Sum | Measure::Average => Self::Sum(0),
            Measure::Min | Measure::Max => Self::Extreme(VecDeque::new()),
            Measure::Percentile(_) => Self::Ranked(Ranked::default()),
            Measure::Change => Self::Change(None),
            Measure::Rate { .. } => Self::Rate(Baseline::default()),
        }
    }

    /// As if no event had come; what is usual is still known.
    pub(super) fn clear(&mut self, rule: &Measuring) {
        if !matches!(self, Self::Rate(_)) {
            *self = Self::of(&rule.measure);
        }
    }

    /// Adds the reading of an event that will leave again.
    pub(super) fn add(&mut self, reading: Reading, time: Timestamp, rule: &Measuring) {
        match self {
            Self::Distinct(distinct) => distinct.add(reading),
            Self::Extreme(candidates) => {
                while candidates
                    .back()
                    .is_some_and(|last| rule.is_more_extreme(reading, *last))
                {
                    candidates.pop_back();
                }
                candidates.push_back(reading);
            }
            Self::Ranked(ranked) => ranked.add(reading, rule.percentile()),
            Self::Count | Self::Steps(_) | Self::Sum(_) | Self::Change(_) | Self::Rate(_) => {
                self.add_total(reading, time, rule);
            }
        }
    }

    /// Adds the reading of an event that stays as long as the window does; `false` when there is no room for it.
    pub(super) fn absorb(&mut self, reading: Reading, time: Timestamp, rule: &Measuring) -> bool {
        match self {
            Self::Distinct(distinct) => distinct.absorb(reading),
            Self::Extreme(candidates) => {
                let is_extreme = |extreme| rule.is_more_extreme(reading, extreme);
                if candidates.front().is_none_or(|front| is_extreme(*front)) {
                    candidates.clear();
                    candidates.push_back(reading);
                }
            }
            Self::Ranked(ranked) => {
                if ranked.different() >= rule.events_most && !ranked.has(reading) {
                    return false;
                }
                ranked.add(reading, rule.percentile());
            }
            Self::Count | Self::Steps(_) | Self::Sum(_) | Self::Change(_) | Self::Rate(_) => {
                self.add_total(reading, time, rule);
            }
        }
        true
    }

    fn add_total(&mut self, reading: Reading, time: Timestamp, rule: &Measuring) {
        match self {
            Self::Steps(counts) => {
                for count in steps_of(reading, counts) {
                    *count = count.saturating_add(1);
                }
            }
            Self::Sum(sum) => *sum = sum.saturating_add(reading.0),
            Self::Change(Some((_, newest))) => *newest = reading,
            Self::Change(change) => *change = Some((reading, reading)),
            // Sessions and the last so many have no length, so nothing before is as long as they are.
            Self::Rate(baseline) if rule.stretches.panes > 0 => {
                baseline.add(time, &rule.stretches);
            }
            Self::Rate(_)
            | Self::Count
            | Self::Distinct(_)
            | Self::Extreme(_)
            | Self::Ranked(_) => {}
        }
    }

    /// Takes out the reading of the oldest event; `next` is that of the one after it.
    pub(super) fn remove(&mut self, reading: Reading, next: Option<Reading>, rule: &Measuring) {
        match self {
            Self::Steps(counts) => {
                for count in steps_of(reading, counts) {
                    *count = count.saturating_sub(1);
                }
            }
            Self::Distinct(distinct) => distinct.remove(reading),
            Self::Sum(sum) => *sum = sum.saturating_sub(reading.0),
            Self::Extreme(candidates) => {
                if candidates.front() == Some(&reading) {
                    candidates.pop_front();
                }
            }
            Self::Ranked(ranked) => ranked.remove(reading, rule.percentile()),
            Self::Change(change) => {
                *change = change.and_then(|(_, newest)| Some((next?, newest)));
            }
            Self::Count | Self::Rate(_) => {}
        }
    }

    /// Counts anew what was estimated, if there is so little again that it can be counted exactly.
    pub(super) fn recount(&mut self, readings: &VecDeque<Reading>) {
        let Self::Distinct(distinct) = self else {
            return;
        };
        if distinct.has_become_small() {
            *distinct = Distinct::default();
            for reading in readings {
                distinct.add(*reading);
            }
        }
    }

    /// What is measured of `count` events; `None` without any, or when there is nothing to compare with yet.
    pub(super) fn measured(&self, count: u64, rule: &Measuring) -> Option<Measured> {
        if count == 0 {
            return None;
        }
        let exactly = |value| Some(Measured::exactly(value, None));
        match self {
            Self::Count => Some(Measured::whole(count, None)),
            Self::Steps(counts) => {
                let complete = rule.complete_steps(counts);
                Some(Measured::whole(complete as u64, None))
            }
            Self::Distinct(distinct) => {
                let (count, error) = distinct.count();
                Some(Measured::whole(count, error))
            }
            Self::Sum(sum) => {
                let parts = match rule.measure {
                    Measure::Average => i128::from(count),
                    _ => 1,
                };
                exactly(Amount::from_billionths(sum.div_euclid(parts)))
            }
            Self::Extreme(candidates) => exactly(candidates.front()?.amount()),
            Self::Ranked(ranked) => exactly(ranked.at_percentile()?.amount()),
            Self::Change(change) => {
                let (oldest, newest) = (*change)?;
                exactly(newest.amount().saturating_sub(oldest.amount()))
            }
            Self::Rate(baseline) => exactly(baseline.ratio(count, &rule.stretches)?),
        }
    }

    /// Whether it is one that `rule` makes, of events whose readings are in `readings` or not kept.
    pub(super) fn is_sound(&self, rule: &Measuring) -> bool {
        let is_kind =
            std::mem::discriminant(self) == std::mem::discriminant(&Self::of(&rule.measure));
        let is_sound = match self {
            Self::Count | Self::Sum(_) | Self::Change(_) => true,
            Self::Steps(counts) => counts.len() == rule.steps(),
            Self::Distinct(distinct) => distinct.is_sound(),
            Self::Extreme(candidates) => candidates
                .iter()
                .is_sorted_by(|a, b| !rule.is_more_extreme(**b, **a)),
            Self::Ranked(ranked) => ranked.is_sound(rule.percentile()),
            Self::Rate(baseline) => baseline.is_sound(),
        };
        is_kind && is_sound
    }
}

/// The counts of the steps that an event is of.
fn steps_of(reading: Reading, counts: &mut [u32]) -> impl Iterator<Item = &mut u32> {
    let counts = counts.iter_mut().enumerate();
    counts.filter_map(move |(step, count)| {
        let is_of = reading
            .0
            .checked_shr(step as u32)
            .is_some_and(|bits| bits & 1 == 1);
        is_of.then_some(count)
    })
}
