//! All of many texts that a value starts with, or ends with, by a few look-ups.
//!
//! Texts are put together by their first eight bytes, shorter ones by all they have. For each length that
//! some text has, up to eight, as many bytes of the value are looked up; a table tells most that are in vain.
//! Ends are the same from behind.

use super::grams::{Table, place, spread};
use super::set::PredicateId;

/// From which end of a value texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Start,
    End,
}

#[derive(Debug)]
struct Entry {
    text: Box<[u8]>,
    predicate: PredicateId,
}

/// Texts a value may start or end with.
#[derive(Debug)]
pub(crate) struct Prefixes {
    from: From,
    /// How many bytes of the value are looked up, for each length that some text has.
    lengths: Box<[u8]>,
    table: Table,
    /// What texts begin with, by byte: most values end here.
    firsts: Box<[bool; 256]>,
    /// Where entries of a hash begin, and behind the last where they end.
    buckets: Box<[u32]>,
    bucket_shift: u32,
    entries: Box<[Entry]>,
    /// What every value starts with.
    empty: Option<PredicateId>,
}

/// Most bytes that are looked up.
const MOST: usize = 8;

impl From {
    /// The first eight bytes seen from this end, the foremost weighing most; what is missing is 0.
    fn key(self, bytes: &[u8]) -> u64 {
        let mut padded = [0; MOST];
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
    fn first(self, bytes: &[u8]) -> usize {
        let first = match self {
            Self::Start => bytes.first(),
            Self::End => bytes.last(),
        };
        first.copied().map_or(0, usize::from)
    }

    fn begins(self, bytes: &[u8], with: &[u8]) -> bool {
        match self {
            Self::Start => bytes.starts_with(with),
            Self::End => bytes.ends_with(with),
        }
    }
}

/// The hash of the first `length` bytes of a key. The length is part of it, since a value may hold zeros.
fn hash(key: u64, length: u8) -> u64 {
    let kept = key & u64::MAX << (64 - 8 * u32::from(length));
    spread(kept ^ u64::from(length) ^ kept >> 29)
}

impl Prefixes {
    pub(crate) fn new(from: From, texts: impl IntoIterator<Item = (Vec<u8>, PredicateId)>) -> Self {
        let mut empty = None;
        let mut lengths = Vec::new();
        let mut hashed = Vec::new();
        for (text, predicate) in texts {
            let Some(length) = u8::try_from(text.len().min(MOST))
                .ok()
                .filter(|one| *one > 0)
            else {
                empty = Some(predicate);
                continue;
            };
            lengths.push(length);
            let text = text.into_boxed_slice();
            hashed.push((hash(from.key(&text), length), Entry { text, predicate }));
        }
        lengths.sort_unstable();
        lengths.dedup();
        let buckets = (hashed.len() * 2).next_power_of_two().max(2);
        let bucket_shift = 64 - buckets.trailing_zeros();
        hashed.sort_by_key(|(hash, entry)| (hash >> bucket_shift, entry.predicate));
        let mut firsts = Box::new([false; 256]);
        let mut buckets = vec![0_u32; buckets + 1];
        for (hash, entry) in &hashed {
            if let Some(first) = firsts.get_mut(from.first(&entry.text)) {
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
            from,
            lengths: lengths.into(),
            table: Table::new(&hashes),
            firsts,
            buckets: buckets.into(),
            bucket_shift,
            entries: hashed.into_iter().map(|(_, entry)| entry).collect(),
            empty,
        }
    }

    /// Calls `hit` for every text that the bytes start, or end, with.
    pub(crate) fn each(&self, bytes: &[u8], mut hit: impl FnMut(PredicateId)) {
        self.empty.into_iter().for_each(&mut hit);
        if self.firsts.get(self.from.first(bytes)) != Some(&true) {
            return;
        }
        match &self.table {
            Table::Small(table) => self.look_up(table, bytes, hit),
            Table::Middle(table) => self.look_up(table, bytes, hit),
            Table::Large(table) => self.look_up(table, bytes, hit),
        }
    }

    fn look_up<const SIZE: usize>(
        &self,
        table: &[bool; SIZE],
        bytes: &[u8],
        mut hit: impl FnMut(PredicateId),
    ) {
        let key = self.from.key(bytes);
        for length in &self.lengths {
            if usize::from(*length) > bytes.len() {
                return;
            }
            let hash = hash(key, *length);
            if table.get(place::<SIZE>(hash)) == Some(&true) {
                self.compare(bytes, hash, &mut hit);
            }
        }
    }

    fn compare(&self, bytes: &[u8], hash: u64, hit: &mut impl FnMut(PredicateId)) {
        let bucket = (hash >> self.bucket_shift) as usize;
        let Some([start, end]) = self.buckets.get(bucket..bucket + 2) else {
            return;
        };
        let entries = self.entries.get(*start as usize..*end as usize);
        for entry in entries.unwrap_or_default() {
            if self.from.begins(bytes, &entry.text) {
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

    fn check(from: From, is: impl Fn(&str, &str) -> bool) {
        let texts = (0_u32..).zip(TEXTS);
        let prefixes = Prefixes::new(
            from,
            texts.map(|(at, text)| (text.as_bytes().to_vec(), PredicateId(at))),
        );
        for value in VALUES {
            let mut found = Vec::new();
            prefixes.each(value.as_bytes(), |hit| found.push(TEXTS[hit.0 as usize]));
            found.sort_unstable();
            let mut wanted: Vec<_> = TEXTS.into_iter().filter(|text| is(value, text)).collect();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{value:?}");
        }
    }

    #[test]
    fn every_text_a_value_starts_with_is_found_and_no_other() {
        check(From::Start, |value, text| value.starts_with(text));
    }

    #[test]
    fn every_text_a_value_ends_with_is_found_and_no_other() {
        check(From::End, |value, text| value.ends_with(text));
    }
}
