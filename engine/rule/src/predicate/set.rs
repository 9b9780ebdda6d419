//! A built set: deciders by slot, predicates, and the rules over them. Shared by all matchers.

use super::decide::{Asked, Decider};
use super::expression::Expression;
use super::needles::Rarity;
use super::program::Steps;
use super::test::Test;
use super::verify::Verifier;

/// A field that some rule names, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(crate) u32);

/// Where the values of a slot come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SlotSource {
    /// A field of a layout: several names may lead to it, and it may have several values.
    Field,
    /// One exact path of the document, with one value of its own kind.
    Path,
    /// The elements of the array at an exact path.
    Elements,
    /// The caller pushes it.
    Pushed,
}

/// What a slot is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SlotName {
    pub(crate) source: SlotSource,
    pub(crate) name: String,
}

/// A predicate, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PredicateId(pub(crate) u32);

/// What a rule's events have in common, such as a log source, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub(crate) u32);

#[derive(Debug)]
pub(crate) struct Predicate {
    /// `None`: any value of the event.
    pub(crate) slot: Option<Slot>,
    pub(crate) verifier: Verifier,
    /// Predicates of which one holds whenever this one does; none if nothing is known.
    pub(crate) guards: Box<[PredicateId]>,
    /// Some view asks for it.
    pub(crate) of_view: bool,
}

impl Predicate {
    /// Whether it is asked of any value of the event.
    pub(crate) fn is_of_any_value(&self) -> bool {
        self.slot.is_none() && !matches!(self.verifier, Verifier::Given)
    }
}

/// A program, by number; a rule may have several, one for each view.
pub(crate) type ProgramId = u32;

#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) rule: u32,
    /// What it asks, for people.
    pub(crate) expression: Expression,
    /// The first of its steps.
    pub(crate) first: u32,
    /// Every predicate it may ask.
    pub(crate) predicates: Box<[PredicateId]>,
    /// No predicate must hold for it to hold: it is evaluated for every event of its view.
    pub(crate) open: bool,
}

#[derive(Debug)]
pub(crate) struct View {
    pub(crate) expression: Expression,
    pub(crate) programs: Vec<ProgramId>,
}

/// Which programs each predicate nominates, each with its view.
#[derive(Debug, Default)]
pub(crate) struct Nominations {
    /// Where those of a predicate begin, and behind the last where they end.
    starts: Box<[u32]>,
    all: Box<[(ProgramId, ViewId)]>,
}

impl Nominations {
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

    pub(crate) fn of(&self, predicate: u32) -> &[(ProgramId, ViewId)] {
        let at = predicate as usize;
        let Some([start, end]) = self.starts.get(at..at + 2) else {
            return &[];
        };
        let of = self.all.get(*start as usize..*end as usize);
        of.unwrap_or_default()
    }
}

/// What is asked of any value, by all programs; and what it takes to decide a part of it.
#[derive(Debug)]
pub(crate) struct AnyValue {
    pub(crate) asked: Asked,
    pub(crate) decider: Decider,
    pub(crate) rarity: Rarity,
}

impl AnyValue {
    pub(crate) fn new(asked: Asked, rarity: Rarity) -> Self {
        Self {
            decider: Decider::new(asked.clone(), &rarity),
            asked,
            rarity,
        }
    }
}

/// All predicates and rules, ready to be asked.
#[derive(Debug, Default)]
pub struct PredicateSet {
    pub(crate) slots: Vec<SlotName>,
    pub(crate) deciders: Vec<Decider>,
    /// For predicates of any value.
    pub(crate) any_value: Option<AnyValue>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) programs: Vec<Program>,
    pub(crate) steps: Steps,
    pub(crate) nominations: Nominations,
    pub(crate) views: Vec<View>,
    /// What each predicate asks, for people.
    pub(crate) tests: Vec<Test>,
    /// Slots that views ask of.
    pub(crate) view_slots: Vec<bool>,
}

impl PredicateSet {
    /// The fields that rules name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Slot)> + '_ {
        self.of_source(SlotSource::Field)
    }

    /// The exact paths that rules name.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Slot)> + '_ {
        self.of_source(SlotSource::Path)
    }

    /// The exact paths whose elements rules ask about.
    pub(crate) fn elements(&self) -> impl Iterator<Item = (&str, Slot)> + '_ {
        self.of_source(SlotSource::Elements)
    }

    /// The slots whose values the caller pushes.
    pub fn pushed(&self) -> impl Iterator<Item = (&str, Slot)> + '_ {
        self.of_source(SlotSource::Pushed)
    }

    fn of_source(&self, source: SlotSource) -> impl Iterator<Item = (&str, Slot)> + '_ {
        (0..)
            .zip(&self.slots)
            .filter(move |(_, slot)| slot.source == source)
            .map(|(number, slot)| (slot.name.as_str(), Slot(number)))
    }

    /// The field of this name, if a rule names it.
    pub fn slot(&self, field: &str) -> Option<Slot> {
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

    pub(crate) fn program(&self, id: ProgramId) -> Option<&Program> {
        self.programs.get(id as usize)
    }
}
