//! Boolean programs over predicates.

use super::likelihood::Likelihoods;
use super::set::PredicateId;

/// What must hold, as a front end says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// Holds for every event.
    Always,
    /// Holds for none.
    Never,
    /// The predicate holds.
    Is(PredicateId),
    /// The part does not hold.
    Not(Box<Expression>),
    /// All parts hold.
    All(Vec<Expression>),
    /// One part holds.
    Any(Vec<Expression>),
}

impl Expression {
    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// The same without constants inside, nested lists flattened, and what is likeliest to
    /// decide asked first.
    pub(crate) fn simplified(self, likelihoods: &Likelihoods) -> Self {
        match self {
            Self::Always | Self::Never | Self::Is(_) => self,
            Self::Not(inner) => match inner.simplified(likelihoods) {
                Self::Always => Self::Never,
                Self::Never => Self::Always,
                Self::Not(inner) => *inner,
                inner => inner.negated(),
            },
            Self::All(parts) => {
                let mut kept = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.simplified(likelihoods) {
                        Self::Always => {}
                        Self::Never => return Self::Never,
                        Self::All(inner) => kept.extend(inner),
                        part => kept.push(part),
                    }
                }
                likelihoods.sort_all(&mut kept);
                one_or(kept, Self::Always, Self::All)
            }
            Self::Any(parts) => {
                let mut kept = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.simplified(likelihoods) {
                        Self::Never => {}
                        Self::Always => return Self::Always,
                        Self::Any(inner) => kept.extend(inner),
                        part => kept.push(part),
                    }
                }
                likelihoods.sort_any(&mut kept);
                one_or(kept, Self::Never, Self::Any)
            }
        }
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
    pub(crate) fn replaced(&self, before: PredicateId, now: PredicateId) -> Self {
        let each = |parts: &[Self]| parts.iter().map(|it| it.replaced(before, now)).collect();
        match self {
            Self::Is(predicate) if *predicate == before => Self::Is(now),
            Self::Always | Self::Never | Self::Is(_) => self.clone(),
            Self::Not(inner) => inner.replaced(before, now).negated(),
            Self::All(parts) => Self::All(each(parts)),
            Self::Any(parts) => Self::Any(each(parts)),
        }
    }

    /// Calls `visit` with every predicate in it.
    pub(crate) fn each(&self, visit: &mut impl FnMut(PredicateId)) {
        match self {
            Self::Always | Self::Never => {}
            Self::Is(predicate) => visit(*predicate),
            Self::Not(inner) => inner.each(visit),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each(visit)),
        }
    }
}

/// The only part, or `none` without any.
fn one_or(
    mut parts: Vec<Expression>,
    none: Expression,
    list: impl FnOnce(Vec<Expression>) -> Expression,
) -> Expression {
    if parts.len() > 1 {
        return list(parts);
    }
    parts.pop().unwrap_or(none)
}
