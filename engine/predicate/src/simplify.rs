//! Programs in the form in which they are cheapest to evaluate.

use crate::expression::BoolExpression;
use crate::likelihood::PredicateLikelihoods;

impl BoolExpression {
    /// The same without constants inside, nested lists flattened, and what is likeliest to
    /// decide asked first.
    pub(crate) fn simplify(self, likelihoods: &PredicateLikelihoods) -> Self {
        match self {
            Self::Always | Self::Never | Self::Is(_) => self,
            // Parts before the whole: a part that becomes a constant decides it or falls away.
            Self::Not(inner) => match inner.simplify(likelihoods) {
                Self::Always => Self::Never,
                Self::Never => Self::Always,
                Self::Not(inner) => *inner,
                inner => inner.negate(),
            },
            Self::All(parts) => {
                let mut kept = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.simplify(likelihoods) {
                        Self::Always => {}
                        Self::Never => return Self::Never,
                        Self::All(inner) => kept.extend(inner),
                        part => kept.push(part),
                    }
                }
                // Sorted once nested lists are flattened, so that their parts compete with the
                // others.
                likelihoods.sort_conjunction(&mut kept);
                single_or_list(kept, Self::Always, Self::All)
            }
            Self::Any(parts) => {
                let mut kept = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.simplify(likelihoods) {
                        Self::Never => {}
                        Self::Always => return Self::Always,
                        Self::Any(inner) => kept.extend(inner),
                        part => kept.push(part),
                    }
                }
                likelihoods.sort_disjunction(&mut kept);
                single_or_list(kept, Self::Never, Self::Any)
            }
        }
    }
}

/// The only part, or `none` without any.
fn single_or_list(
    mut parts: Vec<BoolExpression>,
    none: BoolExpression,
    list: impl FnOnce(Vec<BoolExpression>) -> BoolExpression,
) -> BoolExpression {
    if parts.len() > 1 {
        return list(parts);
    }
    parts.pop().unwrap_or(none)
}
