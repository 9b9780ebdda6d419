//! Tables from names to small numbers, for names that are kept elsewhere.
//!
//! A part of each name's hash is kept beside its number: growing the table reads no name, and
//! looking one up reads hardly any but the right one.

use hashbrown::HashTable;

/// A table of numbers of type `T`.
#[derive(Debug)]
pub(crate) struct NameIndex<T>(HashTable<(u32, T)>);

impl<T> Default for NameIndex<T> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

impl<T: Copy + Eq> NameIndex<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The number under a hash that is the one looked for.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(T) -> bool) -> Option<T> {
        let part = hash_part(hash);
        let found = self.0.find(spread_hash(part), |(other, number)| {
            *other == part && is_it(*number)
        });
        found.map(|(_, number)| *number)
    }

    /// The numbers that may be of a hash.
    pub(crate) fn find_candidates(&self, hash: u64) -> impl Iterator<Item = T> {
        let part = hash_part(hash);
        let same = self.0.iter_hash(spread_hash(part));
        same.filter(move |(other, _)| *other == part)
            .map(|(_, number)| *number)
    }

    /// Adds a number that is not there.
    pub(crate) fn insert(&mut self, hash: u64, number: T) {
        let part = hash_part(hash);
        self.0
            .insert_unique(spread_hash(part), (part, number), |(part, _)| {
                spread_hash(*part)
            });
    }

    /// Takes a number out.
    pub(crate) fn remove(&mut self, hash: u64, number: T) {
        let part = hash_part(hash);
        let found = self
            .0
            .find_entry(spread_hash(part), |known| *known == (part, number));
        if let Ok(found) = found {
            found.remove();
        }
    }

    /// All numbers, in no particular order.
    pub(crate) fn iter_all(&self) -> impl Iterator<Item = T> {
        self.0.iter().map(|(_, number)| *number)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a part of it is wanted")]
fn hash_part(hash: u64) -> u32 {
    hash as u32
}

/// The table looks at the upper and the lower bits.
fn spread_hash(part: u32) -> u64 {
    u64::from(part).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
