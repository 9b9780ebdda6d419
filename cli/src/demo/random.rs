//! Numbers that look random and are the same for the same seed (SplitMix64).

/// A sequence of numbers that its seed decides.
#[derive(Debug, Clone)]
pub struct SeededRandom(u64);

impl SeededRandom {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` up to and including `most`.
    pub fn number_between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most.saturating_sub(least) + 1)
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.number_between(1, 100) <= percent
    }

    /// One of `choices`, which must not be empty.
    pub fn pick_one<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        let index = self.number_between(0, choices.len() as u64 - 1) as usize;
        choices.get(index).expect("the index is below the length")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_within_its_bounds() {
        let numbers = |seed| {
            let mut random = SeededRandom::new(seed);
            (0..100)
                .map(|_| random.number_between(3, 5))
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert!(numbers(7).iter().all(|number| (3..=5).contains(number)));
    }
}
