//! All of many texts that a value starts with, or ends with, by one binary search.
//!
//! A text that the value starts with is a prefix of every text sorted between it and the value. So the
//! greatest text that is not above the value, and that text's own prefixes, are all there is to try. For
//! ends, the same from behind. Eight bytes are compared at a time; beyond them only where those are equal.

use std::cmp::Ordering;

use super::set::PredicateId;

/// From which end of a value texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Start,
    End,
}

#[derive(Debug)]
struct Entry {
    /// Its first eight bytes as in `keys`, and which of them it has.
    key: u64,
    mask: u64,
    text: Box<[u8]>,
    predicate: PredicateId,
    /// The longest other entry that this one starts with.
    shorter: u32,
}

/// No entry.
const NONE: u32 = u32::MAX;

/// Texts a value may start or end with.
#[derive(Debug)]
pub(crate) struct Prefixes {
    from: From,
    /// The first eight bytes of each entry, the foremost weighing most.
    keys: Box<[u64]>,
    entries: Box<[Entry]>,
    /// The bytes that entries begin with, as bits.
    begins: [u64; 4],
    /// Entries that every value starts with.
    empty: Option<PredicateId>,
}

impl From {
    /// The first eight bytes seen from this end; what is missing is 0.
    fn key(self, bytes: &[u8]) -> u64 {
        match self {
            Self::Start => match bytes.first_chunk() {
                Some(chunk) => u64::from_be_bytes(*chunk),
                None => {
                    let mut padded = [0; 8];
                    padded
                        .iter_mut()
                        .zip(bytes)
                        .for_each(|(to, byte)| *to = *byte);
                    u64::from_be_bytes(padded)
                }
            },
            Self::End => match bytes.last_chunk() {
                Some(chunk) => u64::from_le_bytes(*chunk),
                None => {
                    let mut padded = [0; 8];
                    let behind = padded.iter_mut().rev().zip(bytes.iter().rev());
                    behind.for_each(|(to, byte)| *to = *byte);
                    u64::from_le_bytes(padded)
                }
            },
        }
    }

    fn order(self, left: &[u8], right: &[u8]) -> Ordering {
        match self {
            Self::Start => left.cmp(right),
            Self::End => left.iter().rev().cmp(right.iter().rev()),
        }
    }

    fn begins(self, bytes: &[u8], with: &[u8]) -> bool {
        match self {
            Self::Start => bytes.starts_with(with),
            Self::End => bytes.ends_with(with),
        }
    }
}

impl Prefixes {
    pub(crate) fn new(from: From, texts: impl IntoIterator<Item = (Vec<u8>, PredicateId)>) -> Self {
        let mut texts: Vec<_> = texts.into_iter().collect();
        texts.sort_by(|(left, _), (right, _)| from.order(left, right));
        let mut entries: Vec<Entry> = Vec::with_capacity(texts.len());
        let mut begins = [0_u64; 4];
        let mut empty = None;
        for (text, predicate) in texts {
            let first = match from {
                From::Start => text.first(),
                From::End => text.last(),
            };
            let Some(first) = first.copied() else {
                empty = Some(predicate);
                continue;
            };
            if let Some(word) = begins.get_mut(usize::from(first / 64)) {
                *word |= 1 << (first % 64);
            }
            let mut shorter = entries.len().checked_sub(1);
            while let Some(entry) = shorter.and_then(|at| entries.get(at)) {
                if from.begins(&text, &entry.text) {
                    break;
                }
                shorter = (entry.shorter != NONE).then_some(entry.shorter as usize);
            }
            let known = text.len().min(8);
            entries.push(Entry {
                key: from.key(&text),
                mask: u64::MAX << (64 - 8 * known),
                text: text.into(),
                predicate,
                shorter: shorter
                    .and_then(|at| u32::try_from(at).ok())
                    .unwrap_or(NONE),
            });
        }
        Self {
            from,
            keys: entries.iter().map(|entry| from.key(&entry.text)).collect(),
            entries: entries.into(),
            begins,
            empty,
        }
    }

    /// Calls `hit` for every text that the bytes start, or end, with.
    pub(crate) fn each(&self, bytes: &[u8], mut hit: impl FnMut(PredicateId)) {
        self.empty.into_iter().for_each(&mut hit);
        let first = match self.from {
            From::Start => bytes.first(),
            From::End => bytes.last(),
        };
        let Some(first) = first.copied() else {
            return;
        };
        let word = self.begins.get(usize::from(first / 64));
        if word.is_none_or(|word| word >> (first % 64) & 1 == 0) {
            return;
        }
        let key = self.from.key(bytes);
        let below = self.keys.partition_point(|other| *other < key);
        let mut above = below;
        if self.keys.get(below) == Some(&key) {
            let same = self.keys.get(below..).unwrap_or_default();
            let same = same.partition_point(|other| *other == key);
            let same = self.entries.get(below..below + same).unwrap_or_default();
            above += same
                .partition_point(|entry| self.from.order(&entry.text, bytes) != Ordering::Greater);
        }
        let mut at = above.checked_sub(1);
        while let Some(entry) = at.and_then(|at| self.entries.get(at)) {
            // What a shorter value lacks is compared as zeros: then all of it is compared once more.
            let begins = key & entry.mask == entry.key
                && (entry.text.len() <= bytes.len().min(8) || self.from.begins(bytes, &entry.text));
            if begins {
                hit(entry.predicate);
            }
            at = (entry.shorter != NONE).then_some(entry.shorter as usize);
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
