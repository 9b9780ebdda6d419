//! A built set: deciders by slot, predicates, and the rules over them. Shared by all matchers.

use super::decide::Decider;
use super::expression::Expression;
use super::verify::Verifier;

/// A field that some rule names, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(crate) u32);

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
    /// A visited predicate that holds whenever this one does.
    pub(crate) guard: Option<PredicateId>,
    /// Some view asks for it.
    pub(crate) of_view: bool,
    /// Programs that it nominates.
    pub(crate) nominates: Vec<ProgramId>,
}

/// A program, by number; a rule may have several, one for each view.
pub(crate) type ProgramId = u32;

#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) rule: u32,
    pub(crate) view: ViewId,
    pub(crate) expression: Expression,
    /// No predicate must hold for it to hold: it is evaluated for every event of its view.
    pub(crate) open: bool,
}

#[derive(Debug)]
pub(crate) struct View {
    pub(crate) expression: Expression,
    pub(crate) programs: Vec<ProgramId>,
}

/// All predicates and rules, ready to be asked.
#[derive(Debug, Default)]
pub struct PredicateSet {
    pub(crate) fields: Vec<String>,
    pub(crate) deciders: Vec<Decider>,
    /// For predicates of any value.
    pub(crate) any_value: Option<Decider>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) programs: Vec<Program>,
    pub(crate) views: Vec<View>,
    /// Slots that views ask of.
    pub(crate) view_slots: Vec<bool>,
}

impl PredicateSet {
    /// The fields that rules name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Slot)> + '_ {
        (0..)
            .zip(&self.fields)
            .map(|(slot, name)| (name.as_str(), Slot(slot)))
    }

    /// The field of this name, if a rule names it.
    pub fn slot(&self, field: &str) -> Option<Slot> {
        self.fields()
            .find(|(name, _)| *name == field)
            .map(|(_, slot)| slot)
    }

    /// Whether some rule asks of any value.
    pub fn asks_any_value(&self) -> bool {
        self.predicates
            .iter()
            .any(|one| one.slot.is_none() && !matches!(one.verifier, Verifier::Given))
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
