//! All of thousands of texts that stand in a value, found by a few of their bytes.
//!
//! Of every text one *gram* is chosen, `N` bytes of it that are rare among all texts. A value is passed over
//! once: a bit tells for each place whether a gram may begin there, and only where one does are texts
//! compared. Unlike an automaton no step waits for the one before, and the bits fit into the nearest
//! cache, where an automaton of 50,000 states does not.

use std::collections::HashMap;

use super::set::PredicateId;

/// How often each gram of `N` bytes stands in the texts of all rules.
pub(crate) type Frequencies<const N: usize> = HashMap<[u8; N], u32, foldhash::fast::FixedState>;

#[derive(Debug)]
struct Candidate {
    predicate: PredicateId,
    /// Where the text stands among all texts.
    start: u32,
    length: u32,
    /// How many bytes of the text stand before its gram.
    before: u32,
    /// The first eight bytes of the text, and which of them it has.
    head: u64,
    mask: u64,
}

impl Candidate {
    /// Whether its text stands at the beginning of `behind`.
    fn stands(&self, behind: &[u8], texts: &[u8]) -> bool {
        let length = self.length as usize;
        if let Some(eight) = behind.first_chunk() {
            if u64::from_le_bytes(*eight) & self.mask != self.head {
                return false;
            }
            if length <= 8 {
                return true;
            }
        }
        let start = self.start as usize;
        let text = texts.get(start..start + length);
        text.is_some_and(|text| behind.starts_with(text))
    }
}

/// Texts of at least `N` bytes.
#[derive(Debug)]
pub(crate) struct Grams<const N: usize> {
    /// Whether a gram with this hash is there, a bit each.
    filter: Box<[u64]>,
    filter_shift: u32,
    /// Where candidates of a hash begin, and behind the last where they end.
    buckets: Box<[u32]>,
    bucket_shift: u32,
    candidates: Box<[Candidate]>,
    texts: Box<[u8]>,
}

fn hash<const N: usize>(gram: [u8; N]) -> u64 {
    let mut padded = [0; 8];
    padded
        .iter_mut()
        .zip(gram)
        .for_each(|(to, byte)| *to = byte);
    // Multiplying spreads to the upper bits, which are the ones that are used.
    u64::from_le_bytes(padded).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Grams of a text, and how many bytes stand before each.
fn grams<const N: usize>(text: &[u8]) -> impl Iterator<Item = (usize, [u8; N])> + '_ {
    let windows = text.windows(N).enumerate();
    windows.filter_map(|(at, gram)| Some((at, gram.try_into().ok()?)))
}

/// Counts the grams of a text.
pub(crate) fn count<const N: usize>(text: &[u8], frequencies: &mut Frequencies<N>) {
    grams(text).for_each(|(_, gram)| *frequencies.entry(gram).or_default() += 1);
}

impl<const N: usize> Grams<N> {
    /// `None` without texts.
    pub(crate) fn new(
        texts: &[(Box<[u8]>, PredicateId)],
        frequencies: &Frequencies<N>,
    ) -> Option<Self> {
        let frequency = |gram: [u8; N]| frequencies.get(&gram).copied().unwrap_or_default();
        let mut chosen = Vec::with_capacity(texts.len());
        let mut all = Vec::new();
        for (text, predicate) in texts {
            let rarest = grams::<N>(text).min_by_key(|(_, gram)| frequency(*gram));
            let Some((before, gram)) = rarest else {
                continue;
            };
            let known = text.len().min(8);
            let mut head = [0; 8];
            head.iter_mut().zip(text).for_each(|(to, byte)| *to = *byte);
            let candidate = Candidate {
                head: u64::from_le_bytes(head),
                mask: u64::MAX >> (64 - 8 * known),
                predicate: *predicate,
                start: u32::try_from(all.len()).ok()?,
                length: u32::try_from(text.len()).ok()?,
                before: u32::try_from(before).ok()?,
            };
            all.extend_from_slice(text);
            chosen.push((hash(gram), candidate));
        }
        if chosen.is_empty() {
            return None;
        }
        let shift = |bits: usize| 64 - bits.next_power_of_two().trailing_zeros();
        let filter_shift = shift((chosen.len() * FILTER_BITS_EACH).clamp(64, MOST_FILTER_BITS));
        let bucket_shift = shift((chosen.len() * 2).clamp(2, MOST_FILTER_BITS));
        chosen.sort_by_key(|(hash, candidate)| (hash >> bucket_shift, candidate.start));
        let mut filter = vec![0_u64; 1 << (64 - filter_shift) >> 6];
        let mut buckets = vec![0_u32; (1 << (64 - bucket_shift)) + 1];
        for (hash, _) in &chosen {
            let bit = hash >> filter_shift;
            if let Some(word) = filter.get_mut(bit as usize / 64) {
                *word |= 1 << (bit % 64);
            }
            if let Some(bucket) = buckets.get_mut((hash >> bucket_shift) as usize + 1) {
                *bucket += 1;
            }
        }
        let mut sum = 0;
        for bucket in &mut buckets {
            sum += *bucket;
            *bucket = sum;
        }
        Some(Self {
            filter: filter.into(),
            filter_shift,
            buckets: buckets.into(),
            bucket_shift,
            candidates: chosen.into_iter().map(|(_, one)| one).collect(),
            texts: all.into(),
        })
    }

    /// Calls `hit` for every text that stands in `value`, maybe more than once.
    #[inline]
    pub(crate) fn each(&self, value: &[u8], mut hit: impl FnMut(PredicateId)) {
        for (at, gram) in grams::<N>(value) {
            let hash = hash(gram);
            if self.may_be(hash) {
                self.compare(value, at, hash, &mut hit);
            }
        }
    }

    fn may_be(&self, hash: u64) -> bool {
        let bit = hash >> self.filter_shift;
        let word = self.filter.get(bit as usize / 64).copied();
        word.unwrap_or_default() >> (bit % 64) & 1 == 1
    }

    #[inline(never)]
    fn compare(&self, value: &[u8], at: usize, hash: u64, hit: &mut impl FnMut(PredicateId)) {
        let bucket = (hash >> self.bucket_shift) as usize;
        let bounds = self.buckets.get(bucket..bucket + 2);
        let Some([start, end]) = bounds else {
            return;
        };
        let candidates = self.candidates.get(*start as usize..*end as usize);
        for candidate in candidates.unwrap_or_default() {
            let behind = at
                .checked_sub(candidate.before as usize)
                .and_then(|begin| value.get(begin..));
            if behind.is_some_and(|behind| candidate.stands(behind, &self.texts)) {
                hit(candidate.predicate);
            }
        }
    }
}

/// Bits for each text: of places in other texts one in 32 is compared in vain.
const FILTER_BITS_EACH: usize = 32;
/// 64 KB; more would not stay in the near caches.
const MOST_FILTER_BITS: usize = 1 << 19;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<const N: usize>(texts: &[Vec<u8>], value: &[u8]) {
        let mut frequencies = Frequencies::default();
        texts
            .iter()
            .for_each(|text| count::<N>(text, &mut frequencies));
        let asked: Vec<(Box<[u8]>, PredicateId)> = (0..)
            .zip(texts)
            .map(|(id, text)| (text.clone().into(), PredicateId(id)))
            .collect();
        let mut found = Vec::new();
        if let Some(grams) = Grams::<N>::new(&asked, &frequencies) {
            grams.each(value, |hit| found.push(hit.0 as usize));
        }
        found.sort_unstable();
        found.dedup();
        let is_in = |text: &[u8]| value.windows(text.len()).any(|window| window == text);
        let wanted: Vec<usize> = (0..texts.len()).filter(|at| is_in(&texts[*at])).collect();
        assert_eq!(found, wanted);
    }

    proptest! {
        #[test]
        fn every_text_that_stands_in_a_value_is_found_and_no_other(
            texts in proptest::collection::vec(proptest::collection::vec(0..3_u8, 4..9), 0..20),
            value in proptest::collection::vec(0..3_u8, 0..60),
        ) {
            check::<1>(&texts, &value);
            check::<2>(&texts, &value);
            check::<4>(&texts, &value);
        }
    }
}
