//! The hashes by which events are found again.
//!
//! An index over whole ids would be as large as the log's envelopes; these are numbers of fixed
//! size. Whoever finds an event by one compares what it stands for before believing it.

use std::ops::RangeInclusive;

use larum_event::Envelope;

/// Stands for (tenant, source, id) in 128 bits.
///
/// The upper half depends on the id alone, so that an event can be found by its id when tenant and
/// source are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identity {
    id: u64,
    whole: u64,
}

impl Identity {
    pub(crate) const BYTES: usize = 16;

    pub(crate) fn of(envelope: &Envelope) -> Self {
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
            id: leading(&blake3::hash(id)),
            whole: leading(&hasher.finalize()),
        }
    }

    /// All identities that `id` can have.
    pub(crate) fn all_of(id: &str) -> RangeInclusive<Self> {
        let id = leading(&blake3::hash(id.as_bytes()));
        Self { id, whole: 0 }..=Self {
            id,
            whole: u64::MAX,
        }
    }

    /// The number in the partition's index: half of each half.
    pub(crate) fn indexed(self) -> i64 {
        ((self.id >> 32 << 32) | (self.whole >> 32)).cast_signed()
    }

    /// The numbers that `id` can have in the index.
    pub(crate) fn all_indexed(id: &str) -> RangeInclusive<i64> {
        let range = Self::all_of(id);
        range.start().indexed()..=range.end().indexed()
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        (u128::from(self.id) << 64 | u128::from(self.whole)).to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self {
            id: (number >> 64) as u64,
            whole: number as u64,
        }
    }
}

/// Stands for a correlation id, as a step or as the root of a workflow.
pub(crate) fn link_key(correlation: &str) -> i64 {
    leading(&blake3::hash(correlation.as_bytes())).cast_signed()
}

fn leading(hash: &blake3::Hash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identity_of_an_id_lies_in_its_ranges_and_survives_its_bytes() {
        let range = Identity::all_of("login-77");
        let middle = Identity {
            id: range.start().id,
            whole: 0x8000_0000_1234_5678,
        };
        assert!(range.contains(&middle));
        assert!(Identity::all_indexed("login-77").contains(&middle.indexed()));
        assert!(!Identity::all_of("login-78").contains(&middle));
        assert_eq!(Identity::from_bytes(middle.to_bytes()), middle);
    }
}
