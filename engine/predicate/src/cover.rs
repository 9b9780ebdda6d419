//! Access plans: predicates of which one must hold whenever a program holds.

use crate::expression::BoolExpression;
use crate::ids::PredicateId;

/// Predicates of which at least one holds, and what their hits are expected to cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PredicateCover {
    pub(crate) predicates: Vec<PredicateId>,
    /// How often one of them is expected to hold; lower is rarer.
    weight: u64,
}

impl PredicateCover {
    /// The best cover of an expression; `None` when it can hold without any predicate.
    ///
    /// `visited` gives the visited predicates of which one is necessary for a predicate, and
    /// `weight` how often each is expected to hold.
    pub(crate) fn find_best(
        expression: &BoolExpression,
        visited: &impl Fn(PredicateId) -> Option<Vec<PredicateId>>,
        weight: &impl Fn(PredicateId) -> u64,
    ) -> Option<Self> {
        match expression {
            BoolExpression::Always | BoolExpression::Not(_) => None,
            BoolExpression::Never => Some(Self {
                predicates: Vec::new(),
                weight: 0,
            }),
            BoolExpression::Is(predicate) => {
                let predicates = visited(*predicate)?;
                let weights = predicates.iter().map(|one| weight(*one));
                Some(Self {
                    weight: weights.sum(),
                    predicates,
                })
            }
            BoolExpression::All(parts) => parts
                .iter()
                .filter_map(|part| Self::find_best(part, visited, weight))
                .min_by_key(|cover| (cover.weight, cover.predicates.len())),
            BoolExpression::Any(parts) => {
                let mut all = Self {
                    predicates: Vec::new(),
                    weight: 0,
                };
                for part in parts {
                    let cover = Self::find_best(part, visited, weight)?;
                    all.predicates.extend(cover.predicates);
                }
                all.predicates.sort_unstable();
                all.predicates.dedup();
                all.weight = all.predicates.iter().map(|one| weight(*one)).sum();
                Some(all)
            }
        }
    }
}
