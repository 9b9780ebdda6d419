//! Tables that are only looked up in, never walked: their order shows nowhere.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;

/// Most values of one kind that are shared; beyond it sharing begins again.
const VALUES_PER_INTERNER: usize = 65_536;

/// Hashes texts with a key of its own, so that nobody outside can make them clash.
#[derive(Debug, Default, Clone)]
pub(crate) struct TextHasher(RandomState);

impl TextHasher {
    pub(crate) fn hash_text(&self, text: &str) -> u64 {
        self.0.hash_one(text)
    }

    pub(crate) fn hash_pair(&self, class: u16, text: &str) -> u64 {
        self.0.hash_one((class, text))
    }
}

/// Values of which there are few, each kept once.
#[derive(Debug)]
pub(crate) struct ValueInterner<T>(HashSet<T, RandomState>);

impl<T> Default for ValueInterner<T> {
    fn default() -> Self {
        Self(HashSet::default())
    }
}

impl<T: Clone + Eq + Hash> ValueInterner<T> {
    /// The value that was here before, or this one.
    pub(crate) fn intern(&mut self, value: T) -> T {
        if let Some(known) = self.0.get(&value) {
            return known.clone();
        }
        if self.0.len() >= VALUES_PER_INTERNER {
            self.0.clear();
        }
        self.0.insert(value.clone());
        value
    }
}
