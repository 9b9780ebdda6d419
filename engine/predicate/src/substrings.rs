//! All texts that a value contains, each found in the cheapest way for its length.

use crate::fold::FoldedText;
use crate::grams::{GramCounts, GramIndex, count_grams};
use crate::ids::PredicateId;

/// How often grams occur in the texts of all rules, whose words are those of events.
#[derive(Debug, Default)]
pub(crate) struct GramRarity {
    twos: GramCounts<2>,
    threes: GramCounts<3>,
    fours: GramCounts<4>,
    eights: GramCounts<8>,
}

impl GramRarity {
    pub(crate) fn count_text(&mut self, text: &[u8]) {
        count_grams(text, &mut self.twos);
        count_grams(text, &mut self.threes);
        count_grams(text, &mut self.fours);
        count_grams(text, &mut self.eights);
    }
}

/// Texts that are few enough to be told apart by three bytes.
const MAX_THREE_BYTE_TEXTS: usize = 1_000;

/// Texts that may be anywhere in a value.
#[derive(Debug)]
pub(crate) struct SubstringIndex {
    ascii: SubstringTiers,
    /// Texts with other characters, which no value of ASCII alone contains.
    beyond: SubstringTiers,
}

#[derive(Debug, Default)]
struct SubstringTiers {
    /// The empty text, which every value contains.
    empty: Option<PredicateId>,
    ones: Vec<(u8, PredicateId)>,
    twos: Option<GramIndex<2, 1>>,
    /// Where no text has but two bytes, which would have to be looked for at every place.
    spaced_twos: Option<GramIndex<2, 2>>,
    threes: Option<GramIndex<3, 2>>,
    fours: Option<GramIndex<4, 2>>,
    eights: Option<GramIndex<8, 2>>,
}

impl SubstringIndex {
    pub(crate) fn new(texts: Vec<(Box<[u8]>, PredicateId)>, rarity: &GramRarity) -> Self {
        let (ascii, beyond) = texts.into_iter().partition(|(text, _)| text.is_ascii());
        Self {
            ascii: SubstringTiers::new(ascii, rarity),
            beyond: SubstringTiers::new(beyond, rarity),
        }
    }

    /// Calls `hit` for every text that `value` contains, maybe more than once.
    pub(crate) fn for_each_hit(&self, value: FoldedText<'_>, mut hit: impl FnMut(PredicateId)) {
        self.ascii.for_each_hit(value.text, &mut hit);
        if !value.is_ascii {
            self.beyond.for_each_hit(value.text, &mut hit);
        }
    }
}

impl SubstringTiers {
    fn new(texts: Vec<(Box<[u8]>, PredicateId)>, rarity: &GramRarity) -> Self {
        let mut part = Self::default();
        let (mut short, mut long) = (Vec::new(), Vec::new());
        for (text, predicate) in texts {
            match *text {
                [] => part.empty = Some(predicate),
                [byte] => part.ones.push((byte, predicate)),
                _ if text.len() < 4 => short.push((text, predicate)),
                _ => long.push((text, predicate)),
            }
        }
        if short.iter().any(|(text, _)| text.len() == 2) {
            part.twos = GramIndex::new(&short, &rarity.twos);
        } else {
            part.spaced_twos = GramIndex::new(&short, &rarity.twos);
        }
        // Hashes of files: their four letters are anywhere, their eight are not.
        if long.iter().all(|(text, _)| text.len() > 8) {
            part.eights = GramIndex::new(&long, &rarity.eights);
            return part;
        }
        // Three bytes of many texts would be nearly everywhere.
        if long.len() > MAX_THREE_BYTE_TEXTS {
            let (fours, more): (Vec<_>, Vec<_>) =
                long.into_iter().partition(|(text, _)| text.len() == 4);
            long = fours;
            part.fours = GramIndex::<4, 2>::new(&more, &rarity.fours);
        }
        part.threes = GramIndex::new(&long, &rarity.threes);
        part
    }

    fn for_each_hit(&self, value: &[u8], mut hit: impl FnMut(PredicateId)) {
        self.empty.into_iter().for_each(&mut hit);
        if !self.ones.is_empty() {
            self.for_each_byte_hit(value, &mut hit);
        }
        if let Some(grams) = &self.twos {
            grams.for_each_hit(value, &mut hit);
        }
        if let Some(grams) = &self.spaced_twos {
            grams.for_each_hit(value, &mut hit);
        }
        if let Some(grams) = &self.threes {
            grams.for_each_hit(value, &mut hit);
        }
        if let Some(grams) = &self.fours {
            grams.for_each_hit(value, &mut hit);
        }
        if let Some(grams) = &self.eights {
            grams.for_each_hit(value, &mut hit);
        }
    }

    fn for_each_byte_hit(&self, value: &[u8], mut hit: impl FnMut(PredicateId)) {
        let mut seen = [false; 256];
        for byte in value {
            if let Some(seen) = seen.get_mut(usize::from(*byte)) {
                *seen = true;
            }
        }
        for (byte, predicate) in &self.ones {
            if seen.get(usize::from(*byte)) == Some(&true) {
                hit(*predicate);
            }
        }
    }
}
