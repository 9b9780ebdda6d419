//! How likely predicates are to hold, guessed from what they ask and from how many rules ask it.
//!
//! Only the order of work depends on it, never an answer: what nominates a program, and what its steps ask
//! first.

use std::collections::HashMap;

use super::expression::Expression;
use super::number::Comparison;
use super::set::PredicateId;
use super::test::{Test, TextKind};

/// What it costs to settle a predicate that no visit settles, in bits looked at.
const DEAR: f64 = 30.0;

/// Likelihoods of all predicates.
#[derive(Debug)]
pub(crate) struct Likelihoods {
    /// Of 10,000 events.
    of_predicates: Vec<u32>,
    dear: Vec<bool>,
    /// How many programs ask a predicate that more than one asks.
    uses: HashMap<PredicateId, u32, foldhash::fast::FixedState>,
}

impl Likelihoods {
    pub(crate) fn new<'e>(
        tests: &[Test],
        expressions: impl Iterator<Item = &'e Expression>,
    ) -> Self {
        let mut uses = HashMap::default();
        for expression in expressions {
            expression.each(&mut |id| *uses.entry(id).or_default() += 1);
        }
        Self {
            of_predicates: tests.iter().map(of_test).collect(),
            dear: tests
                .iter()
                .map(|test| !test.is_settled_by_a_visit())
                .collect(),
            uses,
        }
    }

    /// How much a hit of a predicate counts when covers are compared. What many rules ask is common.
    pub(crate) fn weight(&self, id: PredicateId) -> u64 {
        let often = self.of_predicates.get(id.0 as usize).copied();
        let uses = self.uses.get(&id).copied().unwrap_or_default();
        u64::from(often.unwrap_or_default()) * u64::from(4 + uses.min(100))
    }

    /// Sorts parts that must all hold: those that are cheap and likely to fail first.
    pub(crate) fn sort_all(&self, parts: &mut [Expression]) {
        parts.sort_by_cached_key(|part| {
            let (likely, cost) = self.of(part);
            Rank(cost / (1.0 - likely).max(1e-9))
        });
    }

    /// Sorts parts of which one must hold: those that are cheap and likely to hold first.
    pub(crate) fn sort_any(&self, parts: &mut [Expression]) {
        parts.sort_by_cached_key(|part| {
            let (likely, cost) = self.of(part);
            Rank(cost / likely.max(1e-9))
        });
    }

    /// How likely an expression holds, and what it is expected to cost.
    fn of(&self, expression: &Expression) -> (f64, f64) {
        match expression {
            Expression::Always => (1.0, 0.0),
            Expression::Never => (0.0, 0.0),
            Expression::Is(id) => {
                let often = self.of_predicates.get(id.0 as usize).copied();
                let dear = self.dear.get(id.0 as usize) == Some(&true);
                let cost = if dear { DEAR } else { 1.0 };
                (f64::from(often.unwrap_or_default()) / 10_000.0, cost)
            }
            Expression::Not(inner) => {
                let (likely, cost) = self.of(inner);
                (1.0 - likely, cost)
            }
            Expression::All(parts) => parts.iter().fold((1.0, 0.0), |(likely, cost), part| {
                let (next, more) = self.of(part);
                (likely * next, cost + likely * more)
            }),
            Expression::Any(parts) => {
                let (unlikely, cost) = parts.iter().fold((1.0, 0.0), |(unlikely, cost), part| {
                    let (next, more) = self.of(part);
                    (unlikely * (1.0 - next), cost + unlikely * more)
                });
                (1.0 - unlikely, cost)
            }
        }
    }
}

/// A float that can be sorted by.
#[derive(PartialEq)]
struct Rank(f64);

impl Eq for Rank {}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Of 10,000 events, how many are guessed to answer yes.
fn of_test(test: &Test) -> u32 {
    match test {
        Test::Text { kind, literal, .. } => match (kind, literal.len()) {
            (_, 0) => 5_000,
            (TextKind::Whole, 1..=2) => 400,
            (TextKind::Whole, 3..=4) => 150,
            (TextKind::Whole, _) => 40,
            (TextKind::Anywhere, 1) => 5_000,
            (_, 1..=2) => 2_000,
            (_, 3) => 1_200,
            (_, 4) => 800,
            (_, 5..=7) => 150,
            (_, 8..=11) => 60,
            _ => 30,
        },
        Test::Pattern { .. } | Test::Regex(_) => 30,
        Test::Number(Comparison::Equal, _) => 40,
        Test::Network(_)
        | Test::Number(..)
        | Test::Time(..)
        | Test::Typed(_)
        | Test::Field { .. } => 1_000,
        Test::Shape(shape) => shape.likelihood(),
        Test::Null => 4_000,
        Test::Present | Test::Valued | Test::Given(_) => 9_000,
    }
}
