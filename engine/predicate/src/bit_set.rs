//! Answers of predicates, a bit each.
//!
//! Undone by the list of those that were set, so forgetting an event costs what it hit.

/// Bits that know which of them are set.
#[derive(Debug, Default)]
pub(crate) struct BitSet {
    words: Vec<u64>,
    /// Those that are set, in the order in which they were.
    pub(crate) ones: Vec<u32>,
}

impl BitSet {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            words: vec![0; count.div_ceil(64)],
            ones: Vec::new(),
        }
    }

    pub(crate) fn contains(&self, bit: u32) -> bool {
        let word = self
            .words
            .get(bit as usize / 64)
            .copied()
            .unwrap_or_default();
        word >> (bit % 64) & 1 == 1
    }

    pub(crate) fn insert(&mut self, bit: u32) {
        if let Some(word) = self.words.get_mut(bit as usize / 64) {
            let mask = 1 << (bit % 64);
            if *word & mask == 0 {
                *word |= mask;
                self.ones.push(bit);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        for bit in self.ones.drain(..) {
            if let Some(word) = self.words.get_mut(bit as usize / 64) {
                *word = 0;
            }
        }
    }
}
