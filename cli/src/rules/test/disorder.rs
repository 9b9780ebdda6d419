//! Events of a case out of order.
//!
//! Owns the orders that are tried. Any order is as good as another, because events are sorted
//! before they are evaluated.

use std::collections::BTreeSet;

use crate::demo::random::SeededRandom;

/// How many orders are tried.
const ORDERS: u64 = 6;

/// The seeds that give other orders of so many events than the one they have, each another one.
pub fn distinct_seeds(events: usize) -> impl Iterator<Item = u64> {
    let mut known = BTreeSet::from([(0..events).collect::<Vec<_>>()]);
    (1..=ORDERS).filter(move |seed| known.insert(shuffle_order(events, *seed)))
}

/// The order that `seed` decides, as indices.
pub fn shuffle_order(events: usize, seed: u64) -> Vec<usize> {
    let mut random = SeededRandom::new(seed);
    let mut order: Vec<usize> = (0..events).collect();
    for index in (1..events).rev() {
        order.swap(index, random.number_between(0, index as u64) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_seed_gives_all_events_once_in_another_order() {
        let orders: Vec<Vec<usize>> = distinct_seeds(9)
            .map(|seed| shuffle_order(9, seed))
            .collect();
        assert!(orders.len() > 3, "{orders:?}");
        let distinct: BTreeSet<&Vec<usize>> = orders.iter().collect();
        assert_eq!(distinct.len(), orders.len());
        for order in &orders {
            assert!(!order.is_sorted());
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 9);
        }
    }

    #[test]
    fn there_is_no_other_order_of_one_event_and_one_of_two() {
        assert_eq!(distinct_seeds(0).count(), 0);
        assert_eq!(distinct_seeds(1).count(), 0);
        assert_eq!(distinct_seeds(2).count(), 1);
    }
}
