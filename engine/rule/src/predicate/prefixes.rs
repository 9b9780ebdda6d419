//! All of many texts that a value starts with, or ends with, by one binary search.
//!
//! A text that the value starts with is a prefix of every text sorted between it and the value. So the
//! greatest text that is not above the value, and that text's own prefixes, are all there is to try.

use std::cmp::Ordering;

use super::set::PredicateId;

#[derive(Debug)]
struct Entry {
    text: Box<[u8]>,
    predicate: PredicateId,
    /// The longest other entry that this one starts with.
    shorter: Option<usize>,
}

/// Texts a value may start with; of reversed texts, those it may end with.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    entries: Vec<Entry>,
}

impl Prefixes {
    pub(crate) fn new(texts: impl IntoIterator<Item = (Vec<u8>, PredicateId)>) -> Self {
        let mut texts: Vec<_> = texts.into_iter().collect();
        texts.sort();
        let mut entries: Vec<Entry> = Vec::with_capacity(texts.len());
        for (text, predicate) in texts {
            let mut shorter = entries.len().checked_sub(1);
            while let Some(entry) = shorter.and_then(|at| entries.get(at)) {
                if text.starts_with(&entry.text) {
                    break;
                }
                shorter = entry.shorter;
            }
            entries.push(Entry {
                text: text.into(),
                predicate,
                shorter,
            });
        }
        Self { entries }
    }

    /// Calls `hit` for every text that the bytes start with.
    pub(crate) fn each(
        &self,
        bytes: impl Iterator<Item = u8> + Clone,
        mut hit: impl FnMut(PredicateId),
    ) {
        let not_above = |entry: &Entry| {
            entry
                .text
                .iter()
                .copied()
                .cmp(bytes.clone().take(entry.text.len()))
                != Ordering::Greater
        };
        let mut at = self.entries.partition_point(not_above).checked_sub(1);
        while let Some(entry) = at.and_then(|at| self.entries.get(at)) {
            if entry
                .text
                .iter()
                .copied()
                .eq(bytes.clone().take(entry.text.len()))
            {
                hit(entry.predicate);
            }
            at = entry.shorter;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_a_value_starts_with_is_found_and_no_other() {
        let texts = ["", "a", "ab", "abc", "abd", "b", "ba", "abcde", "zz"];
        let prefixes = Prefixes::new(
            (0_u32..)
                .zip(texts)
                .map(|(at, text)| (text.as_bytes().to_vec(), PredicateId(at))),
        );
        for value in [
            "", "a", "ab", "abcd", "abcdef", "abe", "aa", "c", "zzz", "z",
        ] {
            let mut found = Vec::new();
            prefixes.each(value.bytes(), |hit| found.push(texts[hit.0 as usize]));
            found.sort_unstable();
            let mut wanted: Vec<_> = texts
                .into_iter()
                .filter(|text| value.starts_with(text))
                .collect();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{value}");
        }
    }
}
