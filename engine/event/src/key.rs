//! Group keys: what keeps the counts of one user apart from those of another.
//!
//! Owns the keys, their bytes, and the bucket and shard they belong to. Which events have no key is
//! decided where the key is read, not here: a missing, null, array or object member means that the
//! event is not grouped.
//! Invariant: a key that exists is complete and typed: `1` and `"1"` differ, `""` is a value
//! (design §7). Its bytes and its bucket are the same on every machine and in every build, since
//! checkpoints hold them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::value::FieldValue;

/// One member of a group key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ScalarValue {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// The bits of another number; never of NaN, which JSON cannot write.
    Float(u64),
    /// A string.
    Str(Arc<str>),
}

impl ScalarValue {
    /// The key member that `value` makes, or `None` for null, arrays and objects.
    pub fn from_value(value: &FieldValue<'_>) -> Option<Self> {
        match value {
            FieldValue::Bool(value) => Some(Self::Bool(*value)),
            FieldValue::Int(value) => Some(Self::Int(*value)),
            FieldValue::Float(value) => Some(Self::Float(value.to_bits())),
            FieldValue::Str(text) => Some(Self::Str(text.as_ref().into())),
            FieldValue::Null | FieldValue::Array(_) | FieldValue::Object(_) => None,
        }
    }

    /// As a JSON value.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(bits) => f64::from_bits(*bits).into(),
            Self::Str(text) => text.as_ref().into(),
        }
    }
}

impl fmt::Display for ScalarValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(bits) => f64::from_bits(*bits).fmt(f),
            Self::Str(text) => text.fmt(f),
        }
    }
}

/// The values of a rule's `group_by`, in its order. Empty for a rule that groups nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupKey(Arc<[ScalarValue]>);

impl GroupKey {
    /// The key of rules without `group_by`: one group of everything.
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// A key of the given members.
    pub fn new(members: Vec<ScalarValue>) -> Self {
        Self(members.into())
    }

    /// The members, in the order of `group_by`.
    pub fn members(&self) -> &[ScalarValue] {
        &self.0
    }

    /// Bytes that differ whenever two keys do; stable for ever, since alert ids are made of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 * self.0.len());
        self.write_bytes(&mut bytes);
        bytes
    }

    /// Appends what [`GroupKey::to_bytes`] gives.
    pub fn write_bytes(&self, bytes: &mut Vec<u8>) {
        for member in self.0.iter() {
            match member {
                ScalarValue::Bool(value) => bytes.extend([b'b', u8::from(*value)]),
                ScalarValue::Int(value) => {
                    bytes.push(b'i');
                    bytes.extend(value.to_le_bytes());
                }
                ScalarValue::Float(bits) => {
                    bytes.push(b'f');
                    bytes.extend(bits.to_le_bytes());
                }
                ScalarValue::Str(text) => {
                    bytes.push(b's');
                    bytes.extend((text.len() as u64).to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
    }

    /// The key that [`GroupKey::to_bytes`] wrote; `None` for other bytes.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut members = Vec::new();
        while let Some((kind, rest)) = bytes.split_first() {
            let (member, rest) = match kind {
                b'b' => {
                    let (value, rest) = rest.split_first()?;
                    (ScalarValue::Bool(*value != 0), rest)
                }
                b'i' => {
                    let (value, rest) = rest.split_first_chunk()?;
                    (ScalarValue::Int(i64::from_le_bytes(*value)), rest)
                }
                b'f' => {
                    let (value, rest) = rest.split_first_chunk()?;
                    (ScalarValue::Float(u64::from_le_bytes(*value)), rest)
                }
                b's' => {
                    let (length, rest) = rest.split_first_chunk()?;
                    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                    let (text, rest) = rest.split_at_checked(length)?;
                    // Bytes come from files, which may be damaged.
                    let text = std::str::from_utf8(text).ok()?;
                    (ScalarValue::Str(text.into()), rest)
                }
                _ => return None,
            };
            members.push(member);
            bytes = rest;
        }
        Some(Self(members.into()))
    }

    /// Which of `shards` holds this key; the same on every machine and in every run. All keys of
    /// one bucket are in one shard, so more than [`KEY_BUCKETS`] shards leave some without keys.
    pub fn shard_index(&self, shards: usize) -> usize {
        KeyHash::from_key_bytes(&self.to_bytes()).bucket() % shards.max(1)
    }
}

/// How many buckets all keys are spread over. What is limited by bucket does not depend on the
/// number of shards.
pub const KEY_BUCKETS: usize = 64;

/// The hash of a key; the same on every machine and in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyHash(u64);

impl KeyHash {
    /// The least of all.
    pub const MIN: Self = Self(0);

    /// The hash of the key with these bytes, as [`GroupKey::to_bytes`] gives them.
    pub fn from_key_bytes(bytes: &[u8]) -> Self {
        // FNV-1a: a fixed, published function, so that a checkpoint can be read by another build.
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash)
    }

    /// Its bucket, below [`KEY_BUCKETS`].
    pub fn bucket(self) -> usize {
        (self.0 % KEY_BUCKETS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_bytes_and_damaged_bytes_are_none() {
        let key = GroupKey::new(vec![
            ScalarValue::Bool(true),
            ScalarValue::Int(-7),
            ScalarValue::Float(0.5_f64.to_bits()),
            ScalarValue::Str("é\u{0}x".into()),
            ScalarValue::Str("".into()),
        ]);
        let bytes = key.to_bytes();
        assert_eq!(GroupKey::from_bytes(&bytes), Some(key));
        assert_eq!(GroupKey::from_bytes(&[]), Some(GroupKey::empty()));
        assert_eq!(GroupKey::from_bytes(b"x"), None);
        // Cut inside of its last member.
        assert_eq!(GroupKey::from_bytes(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn a_bucket_is_whole_in_one_shard_and_never_changes() {
        let names = ["", "eve", "mallory", "10.0.0.1"];
        let buckets = names.map(|name| {
            let key = GroupKey::new(vec![ScalarValue::Str(name.into())]);
            let bucket = KeyHash::from_key_bytes(&key.to_bytes()).bucket();
            for shards in 1..100 {
                assert_eq!(key.shard_index(shards), bucket % shards);
            }
            bucket
        });
        assert_eq!(buckets, [34, 49, 9, 34]);
    }
}
