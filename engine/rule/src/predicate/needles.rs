//! All texts that stand anywhere in a value: by their length, the cheapest way to find them.

use super::grams::{Frequencies, Grams, count};
use super::set::PredicateId;

/// How often grams stand in the texts of all rules, whose words are those of events.
#[derive(Debug, Default)]
pub(crate) struct Rarity {
    twos: Frequencies<2>,
    fours: Frequencies<4>,
    eights: Frequencies<8>,
}

impl Rarity {
    pub(crate) fn count(&mut self, text: &[u8]) {
        count(text, &mut self.twos);
        count(text, &mut self.fours);
        count(text, &mut self.eights);
    }
}

/// Texts that may stand anywhere.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    /// Stands in every value.
    empty: Option<PredicateId>,
    ones: Vec<(u8, PredicateId)>,
    twos: Option<Grams<2>>,
    fours: Option<Grams<4>>,
    eights: Option<Grams<8>>,
}

impl Needles {
    pub(crate) fn new(texts: Vec<(Box<[u8]>, PredicateId)>, rarity: &Rarity) -> Self {
        let mut needles = Self::default();
        let (mut short, mut long) = (Vec::new(), Vec::new());
        for (text, predicate) in texts {
            match *text {
                [] => needles.empty = Some(predicate),
                [byte] => needles.ones.push((byte, predicate)),
                _ if text.len() < 4 => short.push((text, predicate)),
                _ => long.push((text, predicate)),
            }
        }
        needles.twos = Grams::new(&short, &rarity.twos);
        // Hashes of files: their four letters are anywhere, their eight are not.
        if long.iter().all(|(text, _)| text.len() >= 8) {
            needles.eights = Grams::new(&long, &rarity.eights);
        } else {
            needles.fours = Grams::new(&long, &rarity.fours);
        }
        needles
    }

    /// Calls `hit` for every text that stands in `value`, maybe more than once.
    pub(crate) fn each(&self, value: &[u8], mut hit: impl FnMut(PredicateId)) {
        self.empty.into_iter().for_each(&mut hit);
        for (byte, predicate) in &self.ones {
            if value.contains(byte) {
                hit(*predicate);
            }
        }
        if let Some(grams) = &self.twos {
            grams.each(value, &mut hit);
        }
        if let Some(grams) = &self.fours {
            grams.each(value, &mut hit);
        }
        if let Some(grams) = &self.eights {
            grams.each(value, &mut hit);
        }
    }
}
