//! Events of a case out of order.
//!
//! Owns the orders that are tried. The alerts must be the same in all of them.

use std::collections::BTreeSet;

use larum_event::{Span, Timestamp};

use crate::demo::random::SeededRandom;

/// How many orders are tried.
const ORDERS: u64 = 6;

/// How far events of a case are put out of order: ten minutes.
pub const DISORDER: Span = Span::from_seconds(600);

/// The seeds that give an order other than the one of `times`, each another one.
pub fn distinct_seeds(times: &[Timestamp], lateness: Span) -> impl Iterator<Item = u64> {
    let mut known = BTreeSet::from([(0..times.len()).collect::<Vec<_>>()]);
    (1..=ORDERS).filter(move |seed| {
        !lateness.is_zero() && known.insert(shuffle_order(times, *seed, lateness))
    })
}

/// The order that `seed` decides, as indices: each event comes when it happened and something
/// between nothing and `lateness` later; every other seed knows only these two.
pub fn shuffle_order(times: &[Timestamp], seed: u64, lateness: Span) -> Vec<usize> {
    let mut random = SeededRandom::new(seed);
    let most = u64::try_from(lateness.as_nanos()).unwrap_or(0);
    let comes = times.iter().enumerate().map(|(index, time)| {
        let nanos = match seed % 2 {
            0 => most * random.number_between(0, 1),
            _ => random.number_between(0, most),
        };
        let after = Span::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
        (time.saturating_add(after), index)
    });
    let mut arrivals: Vec<(Timestamp, usize)> = comes.collect();
    arrivals.sort();
    arrivals.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(seconds: &[i64]) -> Vec<Timestamp> {
        let start = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
        let seconds = seconds.iter();
        seconds
            .map(|second| start.saturating_add(Span::from_nanos(second * 1_000_000_000)))
            .collect()
    }

    #[test]
    fn no_event_comes_further_behind_a_newer_one_than_the_lateness() {
        let times = times(&[0, 1, 2, 5, 5, 9, 30, 31, 40]);
        let lateness = Span::from_seconds(5);
        let mut furthest = Span::ZERO;
        for seed in distinct_seeds(&times, lateness) {
            let mut front = times[0];
            for index in shuffle_order(&times, seed, lateness) {
                furthest = furthest.max(front.duration_since(times[index]));
                front = front.max(times[index]);
            }
        }
        assert!(furthest > Span::ZERO && furthest <= lateness, "{furthest}");
    }

    #[test]
    fn orders_differ_and_there_are_none_where_events_cannot_change_places() {
        let orders = |seconds: &[i64], lateness| {
            distinct_seeds(&times(seconds), Span::from_seconds(lateness)).count()
        };
        assert!(orders(&[0, 1, 2, 3], 5) > 1);
        assert_eq!(orders(&[0, 6, 12], 5), 0);
        assert_eq!(orders(&[0, 1, 2, 3], 0), 0);
    }
}
