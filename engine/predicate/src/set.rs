//! A built set: deciders by slot, predicates, and the programs over them. Shared by all matchers.
//!
//! Owns what was built, and never changes; answers for an event are the matcher's.
//! Invariant: a number that the builder gave out (slot, predicate, program, view) is an index into
//! the list here, and nothing is removed or reordered.

use crate::decider::SlotDecider;
use crate::expression::BoolExpression;
use crate::field_test::FieldTest;
use crate::ids::{PredicateId, ProgramId, SlotId, SlotName, SlotSource, ViewId};
use crate::program::ProgramSteps;
use crate::slot_tests::SlotTests;
use crate::substrings::GramRarity;
use crate::verifier::TestVerifier;

#[derive(Debug)]
pub(crate) struct Predicate {
    /// `None`: any value of the event.
    pub(crate) slot: Option<SlotId>,
    pub(crate) verifier: TestVerifier,
    /// Predicates of which one holds whenever this one does; none if nothing is known.
    pub(crate) guards: Box<[PredicateId]>,
    /// Some view asks for it.
    pub(crate) used_by_view: bool,
}

impl Predicate {
    /// Whether it is a test of any value of the event.
    pub(crate) fn is_of_any_value(&self) -> bool {
        self.slot.is_none() && !matches!(self.verifier, TestVerifier::Given)
    }
}

#[derive(Debug)]
pub(crate) struct PredicateProgram {
    pub(crate) rule: u32,
    /// What it asks, for people.
    pub(crate) expression: BoolExpression,
    /// The first of its steps.
    pub(crate) first: u32,
    /// Every predicate it may ask.
    pub(crate) predicates: Box<[PredicateId]>,
    /// No predicate must hold for it to hold: it is evaluated for every event of its view.
    pub(crate) open: bool,
}

#[derive(Debug)]
pub(crate) struct PredicateView {
    pub(crate) expression: BoolExpression,
    pub(crate) programs: Vec<ProgramId>,
}

/// Which programs each predicate nominates, each with its view.
#[derive(Debug, Default)]
pub(crate) struct NominationIndex {
    /// Where those of a predicate begin, and behind the last where they end.
    starts: Box<[u32]>,
    all: Box<[(ProgramId, ViewId)]>,
}

impl NominationIndex {
    pub(crate) fn new(nominated: &[Vec<(ProgramId, ViewId)>]) -> Self {
        let mut starts = Vec::with_capacity(nominated.len() + 1);
        let mut count = 0;
        starts.push(0);
        for of_predicate in nominated {
            count += u32::try_from(of_predicate.len()).unwrap_or(u32::MAX);
            starts.push(count);
        }
        Self {
            starts: starts.into(),
            all: nominated.concat().into(),
        }
    }

    pub(crate) fn nominees(&self, predicate: u32) -> &[(ProgramId, ViewId)] {
        let at = predicate as usize;
        let Some([start, end]) = self.starts.get(at..at + 2) else {
            return &[];
        };
        let of = self.all.get(*start as usize..*end as usize);
        of.unwrap_or_default()
    }
}

/// The tests of any value, by all programs, and what it takes to decide a part of them.
#[derive(Debug)]
pub(crate) struct AnyValueDecider {
    pub(crate) tests: SlotTests,
    pub(crate) decider: SlotDecider,
    pub(crate) rarity: GramRarity,
}

impl AnyValueDecider {
    pub(crate) fn new(tests: SlotTests, rarity: GramRarity) -> Self {
        Self {
            decider: SlotDecider::new(tests.clone(), &rarity),
            tests,
            rarity,
        }
    }
}

/// All predicates and rules, ready to be matched.
#[derive(Debug, Default)]
pub struct PredicateSet {
    pub(crate) slots: Vec<SlotName>,
    pub(crate) deciders: Vec<SlotDecider>,
    /// For predicates of any value.
    pub(crate) any_value: Option<AnyValueDecider>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) programs: Vec<PredicateProgram>,
    pub(crate) steps: ProgramSteps,
    pub(crate) nominations: NominationIndex,
    pub(crate) views: Vec<PredicateView>,
    /// What each predicate asks, for people.
    pub(crate) tests: Vec<FieldTest>,
    /// Slots that views ask of.
    pub(crate) view_slots: Vec<bool>,
}

impl PredicateSet {
    /// The fields that rules name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, SlotId)> + '_ {
        self.slots_from(SlotSource::Field)
    }

    /// The exact paths that rules name.
    pub fn paths(&self) -> impl Iterator<Item = (&str, SlotId)> + '_ {
        self.slots_from(SlotSource::Path)
    }

    /// The exact paths whose elements rules ask about.
    pub(crate) fn element_paths(&self) -> impl Iterator<Item = (&str, SlotId)> + '_ {
        self.slots_from(SlotSource::Elements)
    }

    /// The slots whose values the caller pushes.
    pub fn pushed_slots(&self) -> impl Iterator<Item = (&str, SlotId)> + '_ {
        self.slots_from(SlotSource::Pushed)
    }

    fn slots_from(&self, source: SlotSource) -> impl Iterator<Item = (&str, SlotId)> + '_ {
        (0..)
            .zip(&self.slots)
            .filter(move |(_, slot)| slot.source == source)
            .map(|(number, slot)| (slot.name.as_str(), SlotId(number)))
    }

    /// The field of this name, if a rule names it.
    pub fn field_slot(&self, field: &str) -> Option<SlotId> {
        self.fields()
            .find(|(name, _)| *name == field)
            .map(|(_, slot)| slot)
    }

    /// Whether some rule asks of any value.
    pub fn asks_any_value(&self) -> bool {
        self.predicates.iter().any(Predicate::is_of_any_value)
    }

    /// How many distinct predicates there are.
    pub fn predicate_count(&self) -> usize {
        self.predicates.len()
    }

    /// How many programs are evaluated for every event of their view, since nothing nominates them.
    pub fn open_program_count(&self) -> usize {
        self.programs.iter().filter(|program| program.open).count()
    }

    pub(crate) fn predicate(&self, id: PredicateId) -> Option<&Predicate> {
        self.predicates.get(id.0 as usize)
    }

    pub(crate) fn program(&self, id: ProgramId) -> Option<&PredicateProgram> {
        self.programs.get(id as usize)
    }
}
