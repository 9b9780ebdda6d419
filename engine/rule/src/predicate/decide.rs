//! One slot's decider: all texts asked of it, settled in one visit to a value.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

use super::bounds::Bounds;
use super::number::{Comparison, Number};
use super::prefixes::Prefixes;
use super::record::{Entry, ValueKind};
use super::set::PredicateId;
use super::shape::Shape;
use super::test::TextKind;

/// What is asked of a slot, before its decider is built. Texts are folded.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) texts: Vec<(TextKind, String, PredicateId)>,
    pub(crate) numbers: Vec<(Comparison, Number, PredicateId)>,
    pub(crate) shapes: Vec<(Shape, PredicateId)>,
    pub(crate) present: Option<PredicateId>,
    pub(crate) valued: Option<PredicateId>,
}

/// Settles what is asked of a slot.
#[derive(Debug)]
pub(crate) struct Decider {
    whole: HashMap<Box<str>, PredicateId>,
    starts: Prefixes,
    ends: Prefixes,
    anywhere: Option<AhoCorasick>,
    anywhere_predicates: Box<[PredicateId]>,
    numbers: Bounds,
    shapes: Box<[(Shape, PredicateId)]>,
    present: Option<PredicateId>,
    valued: Option<PredicateId>,
}

impl Decider {
    pub(crate) fn new(asked: Asked) -> Result<Self, BuildError> {
        let mut whole = HashMap::new();
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        let (mut needles, mut anywhere_predicates) = (Vec::new(), Vec::new());
        for (kind, text, predicate) in asked.texts {
            match kind {
                TextKind::Whole => {
                    whole.insert(text.into_boxed_str(), predicate);
                }
                TextKind::Start => starts.push((text.into_bytes(), predicate)),
                TextKind::End => ends.push((text.bytes().rev().collect(), predicate)),
                TextKind::Anywhere => {
                    needles.push(text);
                    anywhere_predicates.push(predicate);
                }
            }
        }
        let anywhere = if needles.is_empty() {
            None
        } else {
            let mut builder = AhoCorasick::builder();
            Some(builder.match_kind(MatchKind::Standard).build(&needles)?)
        };
        Ok(Self {
            whole,
            starts: Prefixes::new(starts),
            ends: Prefixes::new(ends),
            anywhere,
            anywhere_predicates: anywhere_predicates.into(),
            numbers: Bounds::new(asked.numbers),
            shapes: asked.shapes.into(),
            present: asked.present,
            valued: asked.valued,
        })
    }

    /// Calls `hit` for every predicate that holds for the value, given as it is and folded.
    pub(crate) fn visit(
        &self,
        entry: &Entry,
        text: &str,
        folded: &str,
        mut hit: impl FnMut(PredicateId),
    ) {
        self.present.into_iter().for_each(&mut hit);
        for (shape, predicate) in &self.shapes {
            if shape.holds(entry, text) {
                hit(*predicate);
            }
        }
        if matches!(entry.kind, ValueKind::Null | ValueKind::Hollow) {
            return;
        }
        self.valued.into_iter().for_each(&mut hit);
        if !self.numbers.is_empty()
            && let Some(number) = entry.number(text)
        {
            self.numbers.each(number, &mut hit);
        }
        if entry.answers_texts() {
            self.texts(folded, hit);
        }
    }

    fn texts(&self, folded: &str, mut hit: impl FnMut(PredicateId)) {
        self.whole
            .get(folded)
            .copied()
            .into_iter()
            .for_each(&mut hit);
        self.starts.each(folded.bytes(), &mut hit);
        self.ends.each(folded.bytes().rev(), &mut hit);
        if let Some(automaton) = &self.anywhere {
            for found in automaton.find_overlapping_iter(folded) {
                let predicate = self.anywhere_predicates.get(found.pattern().as_usize());
                predicate.copied().into_iter().for_each(&mut hit);
            }
        }
    }
}
