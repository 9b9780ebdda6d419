//! One slot's decider: all texts asked of it, settled in one visit to a value.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::bounds::Bounds;
use super::fold::Folded;
use super::gate::Gate;
use super::needles::{Needles, Rarity};
use super::number::{Comparison, Number};
use super::prefixes::{From, Prefixes};
use super::record::{Entry, Record, ValueKind};
use super::set::PredicateId;
use super::shape::Shape;
use super::test::TextKind;

/// What is asked of a slot, before its decider is built. Texts are folded.
#[derive(Debug, Default, Clone)]
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
    whole: HashMap<Box<[u8]>, PredicateId, FixedState>,
    /// Lengths that whole texts have, a bit each; the last bit for all that are longer.
    lengths: u64,
    starts: Prefixes,
    ends: Prefixes,
    anywhere: Needles,
    numbers: Bounds,
    shapes: Box<[(Shape, PredicateId)]>,
    present: Option<PredicateId>,
    valued: Option<PredicateId>,
    gate: Option<Gate>,
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

impl Asked {
    /// What of it concerns the predicates for which `is_wanted` says so.
    pub(crate) fn only(&self, is_wanted: impl Fn(PredicateId) -> bool) -> Self {
        let texts = self.texts.iter().filter(|(_, _, id)| is_wanted(*id));
        let numbers = self.numbers.iter().filter(|(_, _, id)| is_wanted(*id));
        let shapes = self.shapes.iter().filter(|(_, id)| is_wanted(*id));
        Self {
            texts: texts.cloned().collect(),
            numbers: numbers.copied().collect(),
            shapes: shapes.copied().collect(),
            present: self.present.filter(|id| is_wanted(*id)),
            valued: self.valued.filter(|id| is_wanted(*id)),
        }
    }
}

impl Decider {
    pub(crate) fn new(asked: Asked, rarity: &Rarity) -> Self {
        let gate = Gate::new(&asked);
        let mut whole = HashMap::default();
        let mut lengths = 0;
        let (mut starts, mut ends, mut anywhere) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, text, predicate) in asked.texts {
            let text = text.into_bytes();
            match kind {
                TextKind::Whole => {
                    lengths |= length_bit(text.len());
                    whole.insert(text.into_boxed_slice(), predicate);
                }
                TextKind::Start => starts.push((text, predicate)),
                TextKind::End => ends.push((text, predicate)),
                TextKind::Anywhere => anywhere.push((text.into_boxed_slice(), predicate)),
            }
        }
        Self {
            whole,
            lengths,
            starts: Prefixes::new(From::Start, starts),
            ends: Prefixes::new(From::End, ends),
            anywhere: Needles::new(anywhere, rarity),
            numbers: Bounds::new(asked.numbers),
            shapes: asked.shapes.into(),
            present: asked.present,
            valued: asked.valued,
            gate,
        }
    }

    /// Whether a visit can find anything in any value that is part of `texts`, which are folded.
    pub(crate) fn is_worth_visits(&self, texts: &[u8]) -> bool {
        self.gate.as_ref().is_none_or(|gate| gate.opens(texts))
    }

    /// Calls `hit` for every predicate that holds for a value of the record, maybe more than once; its
    /// text is also given folded.
    pub(crate) fn visit(
        &self,
        record: &Record,
        entry: &Entry,
        value: Folded<'_>,
        mut hit: impl FnMut(PredicateId),
    ) {
        self.present.into_iter().for_each(&mut hit);
        for (shape, predicate) in &self.shapes {
            if shape.holds(entry, record.bytes(entry)) {
                hit(*predicate);
            }
        }
        if matches!(
            entry.kind,
            ValueKind::Null | ValueKind::Hollow | ValueKind::List
        ) {
            return;
        }
        self.valued.into_iter().for_each(&mut hit);
        if !self.numbers.is_empty()
            && let Some(number) = entry.number(record.text(entry))
        {
            self.numbers.each(number, &mut hit);
        }
        if !entry.answers_texts() {
            return;
        }
        let folded = value.text;
        if self.lengths & length_bit(folded.len()) != 0
            && let Some(predicate) = self.whole.get(folded)
        {
            hit(*predicate);
        }
        self.starts.each(folded, &mut hit);
        self.ends.each(folded, &mut hit);
        self.anywhere.each(value, &mut hit);
    }
}
