//! The hashes by which events are found again.
//!
//! An index over whole ids would be as large as the log's envelopes; these are numbers of fixed
//! size. A match has to be confirmed by comparing what was hashed.

use std::ops::RangeInclusive;

use larum_event::Envelope;

/// Stands for (tenant, source, id) in 128 bits.
///
/// The upper half depends on the id alone, so that an event can be found by its id when tenant and
/// source are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventIdentity {
    id_hash: u64,
    full_hash: u64,
}

impl EventIdentity {
    pub(crate) const BYTES: usize = 16;

    pub(crate) fn from_envelope(envelope: &Envelope) -> Self {
        let id = envelope.id.as_str().as_bytes();
        let mut hasher = blake3::Hasher::new();
        for part in [
            envelope.tenant.as_str().as_bytes(),
            envelope.source.as_str().as_bytes(),
            id,
        ] {
            // The length keeps ("a", "bc") apart from ("ab", "c").
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self {
            id_hash: leading_u64(&blake3::hash(id)),
            full_hash: leading_u64(&hasher.finalize()),
        }
    }

    /// All identities that `id` can have.
    pub(crate) fn range_for_id(id: &str) -> RangeInclusive<Self> {
        let id = leading_u64(&blake3::hash(id.as_bytes()));
        Self {
            id_hash: id,
            full_hash: 0,
        }..=Self {
            id_hash: id,
            full_hash: u64::MAX,
        }
    }

    /// The number in the partition's index: half of each half.
    pub(crate) fn index_key(self) -> i64 {
        ((self.id_hash >> 32 << 32) | (self.full_hash >> 32)).cast_signed()
    }

    /// The numbers that `id` can have in the index.
    pub(crate) fn index_range(id: &str) -> RangeInclusive<i64> {
        let range = Self::range_for_id(id);
        range.start().index_key()..=range.end().index_key()
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        (u128::from(self.id_hash) << 64 | u128::from(self.full_hash)).to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self {
            id_hash: (number >> 64) as u64,
            full_hash: number as u64,
        }
    }
}

/// Stands for a correlation id, as a step or as the root of a workflow.
pub(crate) fn link_key(correlation: &str) -> i64 {
    leading_u64(&blake3::hash(correlation.as_bytes())).cast_signed()
}

fn leading_u64(hash: &blake3::Hash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_of_an_id_lies_in_its_ranges_and_survives_its_bytes() {
        let range = EventIdentity::range_for_id("login-77");
        let middle = EventIdentity {
            id_hash: range.start().id_hash,
            full_hash: 0x8000_0000_1234_5678,
        };
        assert!(range.contains(&middle));
        assert!(EventIdentity::index_range("login-77").contains(&middle.index_key()));
        assert!(!EventIdentity::range_for_id("login-78").contains(&middle));
        assert_eq!(EventIdentity::from_bytes(middle.to_bytes()), middle);
    }
}
