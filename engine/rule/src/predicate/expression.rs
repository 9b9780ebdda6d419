//! Boolean programs over predicates.

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

    /// The same without constants inside, nested lists flattened, and the cheap asked before the dear.
    pub(crate) fn simplified(self, is_dear: &impl Fn(PredicateId) -> bool) -> Self {
        match self {
            Self::Always | Self::Never | Self::Is(_) => self,
            Self::Not(inner) => match inner.simplified(is_dear) {
                Self::Always => Self::Never,
                Self::Never => Self::Always,
                Self::Not(inner) => *inner,
                inner => inner.negated(),
            },
            Self::All(parts) => {
                let mut kept = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.simplified(is_dear) {
                        Self::Always => {}
                        Self::Never => return Self::Never,
                        Self::All(inner) => kept.extend(inner),
                        part => kept.push(part),
                    }
                }
                sorted(kept, is_dear).map_or(Self::Always, |kept| kept.one_or(Self::All))
            }
            Self::Any(parts) => {
                let mut kept = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.simplified(is_dear) {
                        Self::Never => {}
                        Self::Always => return Self::Always,
                        Self::Any(inner) => kept.extend(inner),
                        part => kept.push(part),
                    }
                }
                sorted(kept, is_dear).map_or(Self::Never, |kept| kept.one_or(Self::Any))
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

    /// Calls `visit` with every predicate in it.
    pub(crate) fn each(&self, visit: &mut impl FnMut(PredicateId)) {
        match self {
            Self::Always | Self::Never => {}
            Self::Is(predicate) => visit(*predicate),
            Self::Not(inner) => inner.each(visit),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each(visit)),
        }
    }

    fn dearness(&self, is_dear: &impl Fn(PredicateId) -> bool) -> usize {
        let mut dearness = 0;
        self.each(&mut |predicate| dearness += if is_dear(predicate) { 1_000 } else { 1 });
        dearness
    }
}

struct Parts(Vec<Expression>);

impl Parts {
    fn one_or(mut self, list: impl FnOnce(Vec<Expression>) -> Expression) -> Expression {
        match (self.0.pop(), self.0.is_empty()) {
            (Some(only), true) => only,
            (Some(last), false) => {
                self.0.push(last);
                list(self.0)
            }
            (None, _) => list(self.0),
        }
    }
}

/// `None` for no parts at all.
fn sorted(mut parts: Vec<Expression>, is_dear: &impl Fn(PredicateId) -> bool) -> Option<Parts> {
    if parts.is_empty() {
        return None;
    }
    parts.sort_by_cached_key(|part| part.dearness(is_dear));
    Some(Parts(parts))
}
