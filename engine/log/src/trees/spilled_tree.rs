//! How a spilled tree, and what finds it, is encoded.
//!
//! Owns the encoding and its checksum; where the bytes are kept is left to `trees` and `runs`.
//! Invariant: every value carries a checksum over itself and the number it is stored under, so
//! bytes that were damaged, or that belong to another number, are never believed.

use std::sync::Arc;

use larum_event::{Position, TenantId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Bytes of a checksum.
const CHECKSUM_BYTES: usize = 16;

/// What a tree was made of when memory let it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpilledTree {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its number.
    pub tree: u64,
    /// The id of its root.
    pub root: Arc<str>,
    /// The hashes of its nodes' ids, sorted.
    pub keys: Vec<u64>,
    /// The positions of all events and alerts that made it, sorted.
    pub events: Vec<Position>,
    /// Time of its first event.
    pub first: Timestamp,
    /// Time of its last event.
    pub last: Timestamp,
}

/// As it is written: numbers in order are written as what they add to the one before.
#[derive(Serialize, Deserialize)]
struct PackedTree<'a> {
    tenant: &'a str,
    tree: u64,
    root: &'a str,
    first: i64,
    last: i64,
    keys: Vec<u64>,
    events: Vec<u64>,
}

impl SpilledTree {
    /// The bytes that stand under `id`.
    pub(super) fn pack(&self, id: u64) -> Vec<u8> {
        let packed = PackedTree {
            tenant: self.tenant.as_str(),
            tree: self.tree,
            root: &self.root,
            first: self.first.as_nanos(),
            last: self.last.as_nanos(),
            keys: delta_encode(self.keys.iter().copied()),
            events: delta_encode(self.events.iter().map(|position| position.0)),
        };
        encode_value(id, &packed)
    }

    /// What [`SpilledTree::pack_body`] wrote; `None` for anything else.
    pub(super) fn unpack(id: u64, bytes: &[u8]) -> Option<Self> {
        let packed: PackedTree<'_> = postcard::from_bytes(verify_checksum(id, bytes)?).ok()?;
        Some(Self {
            tenant: TenantId::new(packed.tenant).ok()?,
            tree: packed.tree,
            root: packed.root.into(),
            keys: delta_decode(packed.keys).collect(),
            events: delta_decode(packed.events).map(Position).collect(),
            first: Timestamp::from_nanos(packed.first),
            last: Timestamp::from_nanos(packed.last),
        })
    }
}

/// Sorted numbers as differences.
pub(super) fn delta_encode(numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut before = 0;
    numbers
        .map(|number| number.wrapping_sub(std::mem::replace(&mut before, number)))
        .collect()
}

/// What [`delta_encode`] was made of.
pub(super) fn delta_decode(steps: Vec<u64>) -> impl Iterator<Item = u64> {
    let mut sum = 0_u64;
    steps.into_iter().map(move |step| {
        sum = sum.wrapping_add(step);
        sum
    })
}

/// A value as it stands under a number.
pub(super) fn encode_value(number: u64, value: &impl Serialize) -> Vec<u8> {
    let bytes = postcard::to_stdvec(value).expect("plain data is always writable to memory");
    append_checksum(number, bytes)
}

/// Bytes as they stand under a number.
pub(super) fn append_checksum(number: u64, mut bytes: Vec<u8>) -> Vec<u8> {
    let check = compute_checksum(number, &bytes);
    bytes.extend_from_slice(&check);
    bytes
}

/// The value that [`encode_value`] wrote; `None` for anything else.
pub(super) fn decode_value<T: DeserializeOwned>(number: u64, bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(verify_checksum(number, bytes)?).ok()
}

/// The bytes that were [sealed](append_checksum); `None` for any others.
pub(super) fn verify_checksum(number: u64, bytes: &[u8]) -> Option<&[u8]> {
    let (body, found) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    (found == compute_checksum(number, body)).then_some(body)
}

fn compute_checksum(number: u64, body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(body);
    let mut check = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut check);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> SpilledTree {
        SpilledTree {
            tenant: TenantId::new("acme").unwrap(),
            tree: 7,
            root: "login-77".into(),
            keys: vec![0, 3, u64::MAX],
            events: vec![Position(7), Position(8), Position(900_000_000_000)],
            first: Timestamp::from_nanos(-1),
            last: Timestamp::from_nanos(1),
        }
    }

    #[test]
    fn a_tree_reads_back_under_its_number_and_no_other() {
        let bytes = tree().pack(5);
        assert_eq!(SpilledTree::unpack(5, &bytes), Some(tree()));
        assert_eq!(SpilledTree::unpack(6, &bytes), None);
    }

    #[test]
    fn a_changed_or_missing_byte_anywhere_is_noticed() {
        let bytes = tree().pack(5);
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert_eq!(SpilledTree::unpack(5, &damaged), None, "byte {place}");
            assert_eq!(SpilledTree::unpack(5, &bytes[..place]), None);
        }
    }
}
