//! Numbers that look random and are the same for the same seed.
//!
//! For pauses and injected delays only. Nothing that decides an alert may use them (design §1).

/// A sequence of numbers that its seed decides (SplitMix64).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededSequence(u64);

impl SeededSequence {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of a name: units of different names do not act in step.
    pub fn from_name(name: &str) -> Self {
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number between `least` and `most`, both included; `least` when they are turned
    /// round.
    pub fn next_between(&mut self, least: i64, most: i64) -> i64 {
        if most <= least {
            return least;
        }
        let width = most.abs_diff(least);
        let scaled = (u128::from(self.next_number()) * (u128::from(width) + 1)) >> 64;
        least.saturating_add_unsigned(u64::try_from(scaled).unwrap_or(width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_and_another_seed_another() {
        let numbers = |mut seeded: SeededSequence| [seeded.next_number(), seeded.next_number()];
        assert_eq!(
            numbers(SeededSequence::new(7)),
            numbers(SeededSequence::new(7))
        );
        assert_ne!(
            numbers(SeededSequence::new(7)),
            numbers(SeededSequence::new(8))
        );
        assert_ne!(
            numbers(SeededSequence::from_name("window/a/0")),
            numbers(SeededSequence::from_name("window/a/1"))
        );
    }

    #[test]
    fn both_ends_of_a_range_are_reached_and_nothing_outside_of_it() {
        let mut seeded = SeededSequence::new(1);
        let seen: std::collections::BTreeSet<i64> =
            (0..200).map(|_| seeded.next_between(-1, 2)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [-1, 0, 1, 2]);
        assert_eq!(seeded.next_between(5, 5), 5);
        assert_eq!(seeded.next_between(5, 4), 5);
        seeded.next_between(i64::MIN, i64::MAX);
    }
}
