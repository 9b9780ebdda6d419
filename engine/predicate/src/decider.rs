//! Decides all tests of one slot in one visit to a value.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::affixes::{AffixIndex, AffixSide};
use crate::bounds::NumberBounds;
use crate::fold::FoldedText;
use crate::ids::PredicateId;
use crate::prefilter::TextPrefilter;
use crate::record::{FlatRecord, RecordEntry, ValueKind};
use crate::shape::ValueShape;
use crate::slot_tests::SlotTests;
use crate::substrings::{GramRarity, SubstringIndex};
use crate::text_anchor::TextAnchor;

/// Decides the tests of a slot.
#[derive(Debug)]
pub(crate) struct SlotDecider {
    whole: HashMap<Box<[u8]>, PredicateId, FixedState>,
    /// Lengths of whole texts, one bit each; the last bit covers all longer ones.
    lengths: u64,
    starts: AffixIndex,
    ends: AffixIndex,
    anywhere: SubstringIndex,
    numbers: NumberBounds,
    shapes: Box<[(ValueShape, PredicateId)]>,
    present: Option<PredicateId>,
    has_value: Option<PredicateId>,
    prefilter: Option<TextPrefilter>,
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

impl SlotDecider {
    pub(crate) fn new(tests: SlotTests, rarity: &GramRarity) -> Self {
        // Before the texts are moved out of `tests`.
        let prefilter = TextPrefilter::new(&tests);
        let mut whole = HashMap::default();
        let mut lengths = 0;
        let (mut starts, mut ends, mut anywhere) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, text, predicate) in tests.texts {
            let text = text.into_bytes();
            match kind {
                TextAnchor::Whole => {
                    lengths |= length_bit(text.len());
                    whole.insert(text.into_boxed_slice(), predicate);
                }
                TextAnchor::Start => starts.push((text, predicate)),
                TextAnchor::End => ends.push((text, predicate)),
                TextAnchor::Anywhere => anywhere.push((text.into_boxed_slice(), predicate)),
            }
        }
        Self {
            whole,
            lengths,
            starts: AffixIndex::new(AffixSide::Start, starts),
            ends: AffixIndex::new(AffixSide::End, ends),
            anywhere: SubstringIndex::new(anywhere, rarity),
            numbers: NumberBounds::new(tests.numbers),
            shapes: tests.shapes.into(),
            present: tests.present,
            has_value: tests.has_value,
            prefilter,
        }
    }

    /// Whether a visit can find anything in any value whose text is part of `texts`, which are
    /// folded.
    pub(crate) fn may_hit(&self, texts: &[u8]) -> bool {
        self.prefilter
            .as_ref()
            .is_none_or(|gate| gate.may_match(texts))
    }

    /// Calls `hit` for every predicate that holds for a value of the record, perhaps more than
    /// once. The value's text is also passed in folded form.
    pub(crate) fn visit(
        &self,
        record: &FlatRecord,
        entry: &RecordEntry,
        value: FoldedText<'_>,
        mut hit: impl FnMut(PredicateId),
    ) {
        // From tests that apply to every value to those for texts only. Each return skips the rest,
        // because null and containers have no text and no number.
        self.present.into_iter().for_each(&mut hit);
        for (shape, predicate) in &self.shapes {
            if shape.holds(entry, record.entry_bytes(entry)) {
                hit(*predicate);
            }
        }
        if matches!(
            entry.kind,
            ValueKind::Null | ValueKind::Container | ValueKind::List
        ) {
            return;
        }
        self.has_value.into_iter().for_each(&mut hit);
        if !self.numbers.is_empty()
            && let Some(number) = entry.number(record.entry_text(entry))
        {
            self.numbers.for_each_hit(number, &mut hit);
        }
        if !entry.is_textual() {
            return;
        }
        // For most values, comparing lengths avoids hashing the text.
        let folded = value.text;
        if self.lengths & length_bit(folded.len()) != 0
            && let Some(predicate) = self.whole.get(folded)
        {
            hit(*predicate);
        }
        self.starts.for_each_hit(folded, &mut hit);
        self.ends.for_each_hit(folded, &mut hit);
        self.anywhere.for_each_hit(value, &mut hit);
    }
}
