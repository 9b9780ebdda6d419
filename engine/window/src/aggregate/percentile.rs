//! Numbers in order, with the one at a percentile at hand.
//!
//! Owns the two halves of the numbers. Which numbers are in the window is the caller's job.
//! Invariant: `lower` holds exactly the nearest rank of the percentile, so its last number is the
//! answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reading::EventReading;

/// How often each number occurs, cut in two: the last of the lower half is the number at the
/// percentile.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PercentileTracker {
    lower: PercentileHalf,
    upper: PercentileHalf,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct PercentileHalf {
    numbers: BTreeMap<EventReading, u64>,
    total: u64,
}

impl PercentileHalf {
    fn add_number(&mut self, number: EventReading) {
        *self.numbers.entry(number).or_default() += 1;
        self.total = self.total.saturating_add(1);
    }

    fn remove_number(&mut self, number: EventReading) -> bool {
        let Some(times) = self.numbers.get_mut(&number) else {
            return false;
        };
        *times = times.saturating_sub(1);
        if *times == 0 {
            self.numbers.remove(&number);
        }
        self.total = self.total.saturating_sub(1);
        true
    }

    fn first(&self) -> Option<EventReading> {
        self.numbers.first_key_value().map(|(number, _)| *number)
    }

    fn last(&self) -> Option<EventReading> {
        self.numbers.last_key_value().map(|(number, _)| *number)
    }

    fn is_sound(&self) -> bool {
        let total = self.numbers.values().try_fold(0_u64, |total, times| {
            let total = total.checked_add(*times)?;
            (*times > 0).then_some(total)
        });
        total == Some(self.total)
    }
}

impl PercentileTracker {
    /// How many different numbers there are, or one more.
    pub(super) fn distinct_len(&self) -> usize {
        self.lower.numbers.len() + self.upper.numbers.len()
    }

    pub(super) fn contains(&self, number: EventReading) -> bool {
        self.lower.numbers.contains_key(&number) || self.upper.numbers.contains_key(&number)
    }

    pub(super) fn add_number(&mut self, number: EventReading, percentile: u32) {
        match self.lower.last() {
            Some(last) if number <= last => self.lower.add_number(number),
            Some(_) | None => self.upper.add_number(number),
        }
        self.rebalance_halves(percentile);
    }

    pub(super) fn remove_number(&mut self, number: EventReading, percentile: u32) {
        if !self.lower.remove_number(number) {
            self.upper.remove_number(number);
        }
        self.rebalance_halves(percentile);
    }

    pub(super) fn percentile_value(&self) -> Option<EventReading> {
        self.lower.last()
    }

    pub(super) fn total(&self) -> u64 {
        self.lower.total.saturating_add(self.upper.total)
    }

    fn rebalance_halves(&mut self, percentile: u32) {
        let rank = nearest_rank(self.total(), percentile);
        while self.lower.total < rank {
            let Some(number) = self.upper.first() else {
                return;
            };
            self.upper.remove_number(number);
            self.lower.add_number(number);
        }
        while self.lower.total > rank {
            let Some(number) = self.lower.last() else {
                return;
            };
            self.lower.remove_number(number);
            self.upper.add_number(number);
        }
    }

    pub(super) fn is_sound(&self, percentile: u32) -> bool {
        let parts = self.lower.is_sound() && self.upper.is_sound();
        let cut = match (self.lower.last(), self.upper.first()) {
            (Some(last), Some(first)) => last <= first,
            (Some(_) | None, None) => true,
            (None, Some(_)) => false,
        };
        parts && cut && self.lower.total == nearest_rank(self.total(), percentile)
    }
}

/// The nearest rank, from 1 on: the smallest rank that covers `percentile` thousandths of a percent
/// of `total`.
fn nearest_rank(total: u64, percentile: u32) -> u64 {
    let parts = u128::from(total) * u128::from(percentile.min(100_000));
    let rank = u64::try_from(parts.div_ceil(100_000)).unwrap_or(total);
    rank.max(1).min(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percentile_of(numbers: &[i128], percentile: u32) -> Option<i128> {
        let mut ranked = PercentileTracker::default();
        for number in numbers {
            ranked.add_number(EventReading(*number), percentile);
            assert!(ranked.is_sound(percentile));
        }
        ranked.percentile_value().map(|number| number.0)
    }

    #[test]
    fn the_nearest_rank_is_one_of_the_numbers() {
        let five = [35, 20, 15, 50, 40];
        for (percentile, expected) in [
            (0, 15),
            (5_000, 15),
            (20_000, 15),
            (20_001, 20),
            (30_000, 20),
            (40_000, 20),
            (50_000, 35),
            (80_001, 50),
            (100_000, 50),
        ] {
            assert_eq!(
                percentile_of(&five, percentile),
                Some(expected),
                "{percentile}"
            );
        }
        assert_eq!(percentile_of(&[], 50_000), None);
        assert_eq!(percentile_of(&[7], 99_000), Some(7));
    }

    #[test]
    fn what_is_removed_is_as_if_it_had_never_been_there() {
        let mut ranked = PercentileTracker::default();
        for number in [3, 3, 1, 2, 3] {
            ranked.add_number(EventReading(number), 50_000);
        }
        for (number, median) in [
            (3, Some(2)),
            (3, Some(2)),
            (1, Some(2)),
            (2, Some(3)),
            (3, None),
        ] {
            ranked.remove_number(EventReading(number), 50_000);
            assert!(ranked.is_sound(50_000));
            assert_eq!(ranked.percentile_value().map(|number| number.0), median);
        }
        assert_eq!(ranked, PercentileTracker::default());
    }
}
