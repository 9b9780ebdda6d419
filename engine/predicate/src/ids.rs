//! Numbers of slots, predicates, programs and views: what every other file here speaks of.
//!
//! Each counts from 0 within one set and means nothing in another.

/// A field that some rule names, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub(crate) u32);

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

/// A program, by number; a rule may have several, one for each view.
pub(crate) type ProgramId = u32;
