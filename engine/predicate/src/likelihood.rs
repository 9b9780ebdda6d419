//! How likely predicates are to hold, guessed from what they ask and from how many rules ask it.
//!
//! Only the order of work depends on it, never an answer: what nominates a program, and what its
//! steps ask first.

use std::collections::HashMap;

use larum_event::value::Comparison;

use crate::expression::BoolExpression;
use crate::field_test::FieldTest;
use crate::ids::PredicateId;
use crate::text_anchor::TextAnchor;

/// What it costs to settle a predicate that no visit settles, in bits looked at.
const EXPENSIVE_COST: f64 = 30.0;

/// Likelihoods of all predicates.
#[derive(Debug)]
pub(crate) struct PredicateLikelihoods {
    /// Of 10,000 events.
    per_ten_thousand: Vec<u32>,
    expensive: Vec<bool>,
    /// How many programs ask a predicate that more than one asks.
    uses: HashMap<PredicateId, u32, foldhash::fast::FixedState>,
}

impl PredicateLikelihoods {
    pub(crate) fn new<'e>(
        tests: &[FieldTest],
        expressions: impl Iterator<Item = &'e BoolExpression>,
    ) -> Self {
        let mut uses = HashMap::default();
        for expression in expressions {
            expression.for_each_predicate(&mut |id| *uses.entry(id).or_default() += 1);
        }
        Self {
            per_ten_thousand: tests.iter().map(estimate_test).collect(),
            expensive: tests
                .iter()
                .map(|test| !test.is_decided_by_visit())
                .collect(),
            uses,
        }
    }

    /// How much a hit of a predicate counts when covers are compared. What many rules ask is
    /// common.
    pub(crate) fn hit_weight(&self, id: PredicateId) -> u64 {
        let often = self.per_ten_thousand.get(id.0 as usize).copied();
        let uses = self.uses.get(&id).copied().unwrap_or_default();
        u64::from(often.unwrap_or_default()) * u64::from(4 + uses.min(100))
    }

    /// Sorts parts that must all hold: those that are cheap and likely to fail first.
    pub(crate) fn sort_conjunction(&self, parts: &mut [BoolExpression]) {
        parts.sort_by_cached_key(|part| {
            let (likely, cost) = self.estimate_expression(part);
            CostRank(cost / (1.0 - likely).max(1e-9))
        });
    }

    /// Sorts parts of which one must hold: those that are cheap and likely to hold first.
    pub(crate) fn sort_disjunction(&self, parts: &mut [BoolExpression]) {
        parts.sort_by_cached_key(|part| {
            let (likely, cost) = self.estimate_expression(part);
            CostRank(cost / likely.max(1e-9))
        });
    }

    /// How likely an expression holds, and what it is expected to cost.
    fn estimate_expression(&self, expression: &BoolExpression) -> (f64, f64) {
        match expression {
            BoolExpression::Always => (1.0, 0.0),
            BoolExpression::Never => (0.0, 0.0),
            BoolExpression::Is(id) => {
                let often = self.per_ten_thousand.get(id.0 as usize).copied();
                let is_expensive = self.expensive.get(id.0 as usize) == Some(&true);
                let cost = if is_expensive { EXPENSIVE_COST } else { 1.0 };
                (f64::from(often.unwrap_or_default()) / 10_000.0, cost)
            }
            BoolExpression::Not(inner) => {
                let (likely, cost) = self.estimate_expression(inner);
                (1.0 - likely, cost)
            }
            BoolExpression::All(parts) => parts.iter().fold((1.0, 0.0), |(likely, cost), part| {
                let (next, more) = self.estimate_expression(part);
                (likely * next, cost + likely * more)
            }),
            BoolExpression::Any(parts) => {
                let (unlikely, cost) = parts.iter().fold((1.0, 0.0), |(unlikely, cost), part| {
                    let (next, more) = self.estimate_expression(part);
                    (unlikely * (1.0 - next), cost + unlikely * more)
                });
                (1.0 - unlikely, cost)
            }
        }
    }
}

/// A float that can be sorted by.
#[derive(PartialEq)]
struct CostRank(f64);

impl Eq for CostRank {}

impl PartialOrd for CostRank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CostRank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Of 10,000 events, how many are guessed to answer yes.
fn estimate_test(test: &FieldTest) -> u32 {
    match test {
        FieldTest::Text { kind, literal, .. } => match (kind, literal.len()) {
            (_, 0) => 5_000,
            (TextAnchor::Whole, 1..=2) => 400,
            (TextAnchor::Whole, 3..=4) => 150,
            (TextAnchor::Whole, _) => 40,
            (TextAnchor::Anywhere, 1) => 5_000,
            (_, 1..=2) => 2_000,
            (_, 3) => 1_200,
            (_, 4) => 800,
            (_, 5..=7) => 150,
            (_, 8..=11) => 60,
            _ => 30,
        },
        FieldTest::Pattern { .. } | FieldTest::Regex(_) => 30,
        FieldTest::Number(Comparison::Equal, _) => 40,
        FieldTest::Network(_)
        | FieldTest::Number(..)
        | FieldTest::Time(..)
        | FieldTest::Typed(_)
        | FieldTest::Field { .. } => 1_000,
        FieldTest::Shape(shape) => shape.likelihood(),
        FieldTest::Null => 4_000,
        FieldTest::Present | FieldTest::HasValue | FieldTest::Given(_) => 9_000,
    }
}
