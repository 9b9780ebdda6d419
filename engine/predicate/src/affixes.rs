//! All of many texts that a value starts with, or ends with, by a few look-ups.
//!
//! Texts are grouped by their first eight bytes, shorter ones by all they have. For each length
//! that some text has, up to eight, that many bytes of the value are looked up; a filter answers
//! most look-ups that would find nothing. Ends are the same from behind.
//!
//! Owns the index over texts of one slot and one side; folding the value and what a hit means are
//! left to the decider.
//! Invariant: a hit is reported exactly for the texts that the value starts (or ends) with. The
//! filter may let through too much, never too little, and each candidate is compared in full.

use crate::grams::{HashFilter, filter_index, spread_bits};
use crate::ids::PredicateId;

/// From which end of a value texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AffixSide {
    Start,
    End,
}

#[derive(Debug)]
struct AffixEntry {
    text: Box<[u8]>,
    predicate: PredicateId,
}

/// Texts a value may start or end with.
#[derive(Debug)]
pub(crate) struct AffixIndex {
    side: AffixSide,
    /// How many bytes of the value are looked up, for each length that some text has.
    lengths: Box<[u8]>,
    table: HashFilter,
    /// What texts begin with, by byte: most values end here.
    firsts: Box<[bool; 256]>,
    /// Where entries of a hash begin, and behind the last where they end.
    buckets: Box<[u32]>,
    bucket_shift: u32,
    entries: Box<[AffixEntry]>,
    /// What every value starts with.
    empty: Option<PredicateId>,
}

/// Most bytes that are looked up.
const MAX_KEY_BYTES: usize = 8;

impl AffixSide {
    /// The first eight bytes seen from this end, the foremost weighing most; what is missing is 0.
    fn leading_key(self, bytes: &[u8]) -> u64 {
        let mut padded = [0; MAX_KEY_BYTES];
        match self {
            Self::Start => match bytes.first_chunk() {
                Some(chunk) => u64::from_be_bytes(*chunk),
                None => {
                    let pairs = padded.iter_mut().zip(bytes);
                    pairs.for_each(|(to, byte)| *to = *byte);
                    u64::from_be_bytes(padded)
                }
            },
            Self::End => match bytes.last_chunk() {
                Some(chunk) => u64::from_le_bytes(*chunk),
                None => {
                    let pairs = padded.iter_mut().rev().zip(bytes.iter().rev());
                    pairs.for_each(|(to, byte)| *to = *byte);
                    u64::from_le_bytes(padded)
                }
            },
        }
    }

    /// The foremost byte; of nothing, 0.
    fn leading_byte(self, bytes: &[u8]) -> usize {
        let first = match self {
            Self::Start => bytes.first(),
            Self::End => bytes.last(),
        };
        first.copied().map_or(0, usize::from)
    }

    fn has_affix(self, bytes: &[u8], with: &[u8]) -> bool {
        match self {
            Self::Start => bytes.starts_with(with),
            Self::End => bytes.ends_with(with),
        }
    }
}

/// The hash of the first `length` bytes of a key. The length is part of it, since a value may hold
/// zeros.
fn hash_key(key: u64, length: u8) -> u64 {
    let kept = key & u64::MAX << (64 - 8 * u32::from(length));
    spread_bits(kept ^ u64::from(length) ^ kept >> 29)
}

impl AffixIndex {
    pub(crate) fn new(
        from: AffixSide,
        texts: impl IntoIterator<Item = (Vec<u8>, PredicateId)>,
    ) -> Self {
        let mut empty = None;
        let mut lengths = Vec::new();
        let mut hashed = Vec::new();
        for (text, predicate) in texts {
            let Some(length) = u8::try_from(text.len().min(MAX_KEY_BYTES))
                .ok()
                .filter(|one| *one > 0)
            else {
                empty = Some(predicate);
                continue;
            };
            lengths.push(length);
            let text = text.into_boxed_slice();
            hashed.push((
                hash_key(from.leading_key(&text), length),
                AffixEntry { text, predicate },
            ));
        }
        // Ascending, so that a look-up can stop at the first length that the value does not have.
        lengths.sort_unstable();
        lengths.dedup();
        let bucket_count = (hashed.len() * 2).next_power_of_two().max(2);
        let bucket_shift = 64 - bucket_count.trailing_zeros();
        hashed.sort_by_key(|(hash, entry)| (hash >> bucket_shift, entry.predicate));
        let mut firsts = Box::new([false; 256]);
        // Counts go one place further, so that the sums below are where each bucket begins.
        let mut buckets = vec![0_u32; bucket_count + 1];
        for (hash, entry) in &hashed {
            if let Some(first) = firsts.get_mut(from.leading_byte(&entry.text)) {
                *first = true;
            }
            if let Some(bucket) = buckets.get_mut((hash >> bucket_shift) as usize + 1) {
                *bucket += 1;
            }
        }
        let hashes: Vec<u64> = hashed.iter().map(|(hash, _)| *hash).collect();
        let mut sum = 0;
        for bucket in &mut buckets {
            sum += *bucket;
            *bucket = sum;
        }
        Self {
            side: from,
            lengths: lengths.into(),
            table: HashFilter::new(&hashes),
            firsts,
            buckets: buckets.into(),
            bucket_shift,
            entries: hashed.into_iter().map(|(_, entry)| entry).collect(),
            empty,
        }
    }

    /// Calls `hit` for every text that the bytes start, or end, with.
    pub(crate) fn for_each_hit(&self, bytes: &[u8], mut hit: impl FnMut(PredicateId)) {
        self.empty.into_iter().for_each(&mut hit);
        if self.firsts.get(self.side.leading_byte(bytes)) != Some(&true) {
            return;
        }
        match &self.table {
            HashFilter::Small(table) => self.find_hits(table, bytes, hit),
            HashFilter::Middle(table) => self.find_hits(table, bytes, hit),
            HashFilter::Large(table) => self.find_hits(table, bytes, hit),
        }
    }

    fn find_hits<const SIZE: usize>(
        &self,
        table: &[bool; SIZE],
        bytes: &[u8],
        mut hit: impl FnMut(PredicateId),
    ) {
        let key = self.side.leading_key(bytes);
        for length in &self.lengths {
            if usize::from(*length) > bytes.len() {
                return;
            }
            let hash = hash_key(key, *length);
            if table.get(filter_index::<SIZE>(hash)) == Some(&true) {
                self.check_bucket(bytes, hash, &mut hit);
            }
        }
    }

    fn check_bucket(&self, bytes: &[u8], hash: u64, hit: &mut impl FnMut(PredicateId)) {
        let bucket = (hash >> self.bucket_shift) as usize;
        let Some([start, end]) = self.buckets.get(bucket..bucket + 2) else {
            return;
        };
        let entries = self.entries.get(*start as usize..*end as usize);
        for entry in entries.unwrap_or_default() {
            if self.side.has_affix(bytes, &entry.text) {
                hit(entry.predicate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 14] = [
        "",
        "a",
        "ab",
        "abc",
        "abd",
        "b",
        "ba",
        "abcde",
        "zz",
        "abcdefgh",
        "abcdefghi",
        "abcdefghij",
        "bcdefghij",
        "a\0",
    ];
    const VALUES: [&str; 16] = [
        "",
        "a",
        "ab",
        "abcd",
        "abcdef",
        "abe",
        "aa",
        "c",
        "zzz",
        "z",
        "abcdefgh",
        "abcdefghij",
        "abcdefghik",
        "xabcdefghij",
        "a\0\0",
        "abcdefghijabcdefghij",
    ];

    fn check(from: AffixSide, is: impl Fn(&str, &str) -> bool) {
        let texts = (0_u32..).zip(TEXTS);
        let prefixes = AffixIndex::new(
            from,
            texts.map(|(at, text)| (text.as_bytes().to_vec(), PredicateId(at))),
        );
        for value in VALUES {
            let mut found = Vec::new();
            prefixes.for_each_hit(value.as_bytes(), |hit| found.push(TEXTS[hit.0 as usize]));
            found.sort_unstable();
            let mut wanted: Vec<_> = TEXTS.into_iter().filter(|text| is(value, text)).collect();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{value:?}");
        }
    }

    #[test]
    fn every_text_a_value_starts_with_is_found_and_no_other() {
        check(AffixSide::Start, |value, text| value.starts_with(text));
    }

    #[test]
    fn every_text_a_value_ends_with_is_found_and_no_other() {
        check(AffixSide::End, |value, text| value.ends_with(text));
    }
}
