//! Access plans: predicates of which one must hold whenever a program holds.

use super::expression::Expression;
use super::set::PredicateId;

/// Predicates of which at least one holds, and how rarely the likeliest is expected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cover {
    pub(crate) predicates: Vec<PredicateId>,
    /// Lower is rarer.
    rank: u8,
}

impl Cover {
    /// The best cover of an expression; `None` when it can hold without any predicate.
    ///
    /// `visited` gives a visited predicate that is necessary for a predicate, and its rank.
    pub(crate) fn of(
        expression: &Expression,
        visited: &impl Fn(PredicateId) -> Option<(PredicateId, u8)>,
    ) -> Option<Self> {
        match expression {
            Expression::Always | Expression::Not(_) => None,
            Expression::Never => Some(Self {
                predicates: Vec::new(),
                rank: 0,
            }),
            Expression::Is(predicate) => {
                let (predicate, rank) = visited(*predicate)?;
                Some(Self {
                    predicates: vec![predicate],
                    rank,
                })
            }
            Expression::All(parts) => parts
                .iter()
                .filter_map(|part| Self::of(part, visited))
                .min_by_key(|cover| (cover.rank, cover.predicates.len())),
            Expression::Any(parts) => {
                let mut all = Self {
                    predicates: Vec::new(),
                    rank: 0,
                };
                for part in parts {
                    let cover = Self::of(part, visited)?;
                    all.rank = all.rank.max(cover.rank);
                    all.predicates.extend(cover.predicates);
                }
                all.predicates.sort_unstable();
                all.predicates.dedup();
                Some(all)
            }
        }
    }
}
