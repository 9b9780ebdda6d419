//! Boolean programs over predicates.

use crate::ids::PredicateId;

/// What must hold, as a front end says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoolExpression {
    /// Holds for every event.
    Always,
    /// Holds for none.
    Never,
    /// The predicate holds.
    Is(PredicateId),
    /// The part does not hold.
    Not(Box<BoolExpression>),
    /// All parts hold.
    All(Vec<BoolExpression>),
    /// One part holds.
    Any(Vec<BoolExpression>),
}

impl BoolExpression {
    /// The opposite.
    #[must_use]
    pub fn negate(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Whether it holds, `is` telling of predicates.
    pub(crate) fn holds(&self, is: &mut impl FnMut(PredicateId) -> bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Is(predicate) => is(*predicate),
            Self::Not(inner) => !inner.holds(is),
            Self::All(parts) => parts.iter().all(|part| part.holds(is)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(is)),
        }
    }

    /// The same with another predicate in the place of one.
    pub(crate) fn replace_predicate(&self, before: PredicateId, now: PredicateId) -> Self {
        let each = |parts: &[Self]| {
            parts
                .iter()
                .map(|it| it.replace_predicate(before, now))
                .collect()
        };
        match self {
            Self::Is(predicate) if *predicate == before => Self::Is(now),
            Self::Always | Self::Never | Self::Is(_) => self.clone(),
            Self::Not(inner) => inner.replace_predicate(before, now).negate(),
            Self::All(parts) => Self::All(each(parts)),
            Self::Any(parts) => Self::Any(each(parts)),
        }
    }

    /// Calls `visit` with every predicate in it.
    pub(crate) fn for_each_predicate(&self, visit: &mut impl FnMut(PredicateId)) {
        match self {
            Self::Always | Self::Never => {}
            Self::Is(predicate) => visit(*predicate),
            Self::Not(inner) => inner.for_each_predicate(visit),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.for_each_predicate(visit))
            }
        }
    }
}
