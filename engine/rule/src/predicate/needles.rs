//! All texts that stand anywhere in a value: by their length, the cheapest way to find them.

use super::fold::Folded;
use super::grams::{Frequencies, Grams, count};
use super::set::PredicateId;

/// How often grams stand in the texts of all rules, whose words are those of events.
#[derive(Debug, Default)]
pub(crate) struct Rarity {
    twos: Frequencies<2>,
    threes: Frequencies<3>,
    fours: Frequencies<4>,
    eights: Frequencies<8>,
}

impl Rarity {
    pub(crate) fn count(&mut self, text: &[u8]) {
        count(text, &mut self.twos);
        count(text, &mut self.threes);
        count(text, &mut self.fours);
        count(text, &mut self.eights);
    }
}

/// Texts that are few enough to be told apart by three bytes.
const FEW: usize = 1_000;

/// Texts that may stand anywhere.
#[derive(Debug)]
pub(crate) struct Needles {
    ascii: Part,
    /// Texts with other characters, which no value of ASCII alone contains.
    beyond: Part,
}

#[derive(Debug, Default)]
struct Part {
    /// Stands in every value.
    empty: Option<PredicateId>,
    ones: Vec<(u8, PredicateId)>,
    twos: Option<Grams<2, 1>>,
    /// Where no text has but two bytes, which would have to be looked for at every place.
    spaced_twos: Option<Grams<2, 2>>,
    threes: Option<Grams<3, 2>>,
    fours: Option<Grams<4, 2>>,
    eights: Option<Grams<8, 2>>,
}

impl Needles {
    pub(crate) fn new(texts: Vec<(Box<[u8]>, PredicateId)>, rarity: &Rarity) -> Self {
        let (ascii, beyond) = texts.into_iter().partition(|(text, _)| text.is_ascii());
        Self {
            ascii: Part::new(ascii, rarity),
            beyond: Part::new(beyond, rarity),
        }
    }

    /// Calls `hit` for every text that stands in `value`, maybe more than once.
    pub(crate) fn each(&self, value: Folded<'_>, mut hit: impl FnMut(PredicateId)) {
        self.ascii.each(value.text, &mut hit);
        if !value.is_ascii {
            self.beyond.each(value.text, &mut hit);
        }
    }
}

impl Part {
    fn new(texts: Vec<(Box<[u8]>, PredicateId)>, rarity: &Rarity) -> Self {
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
            part.twos = Grams::new(&short, &rarity.twos);
        } else {
            part.spaced_twos = Grams::new(&short, &rarity.twos);
        }
        // Hashes of files: their four letters are anywhere, their eight are not.
        if long.iter().all(|(text, _)| text.len() > 8) {
            part.eights = Grams::new(&long, &rarity.eights);
            return part;
        }
        // Three bytes of many texts would stand nearly everywhere.
        if long.len() > FEW {
            let (fours, more): (Vec<_>, Vec<_>) =
                long.into_iter().partition(|(text, _)| text.len() == 4);
            long = fours;
            part.fours = Grams::<4, 2>::new(&more, &rarity.fours);
        }
        part.threes = Grams::new(&long, &rarity.threes);
        part
    }

    fn each(&self, value: &[u8], mut hit: impl FnMut(PredicateId)) {
        self.empty.into_iter().for_each(&mut hit);
        if !self.ones.is_empty() {
            self.each_one(value, &mut hit);
        }
        if let Some(grams) = &self.twos {
            grams.each(value, &mut hit);
        }
        if let Some(grams) = &self.spaced_twos {
            grams.each(value, &mut hit);
        }
        if let Some(grams) = &self.threes {
            grams.each(value, &mut hit);
        }
        if let Some(grams) = &self.fours {
            grams.each(value, &mut hit);
        }
        if let Some(grams) = &self.eights {
            grams.each(value, &mut hit);
        }
    }

    fn each_one(&self, value: &[u8], mut hit: impl FnMut(PredicateId)) {
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
