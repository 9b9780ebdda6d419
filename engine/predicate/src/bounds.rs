//! All numbers that a slot is compared with: the comparisons that hold are found, not tried one by
//! one.

use larum_event::value::{Comparison, Number};

use crate::ids::PredicateId;

/// Numbers in order, each with the predicate that compares with it.
#[derive(Debug, Default)]
pub(crate) struct NumberBounds {
    equal: Vec<(Number, PredicateId)>,
    different: Vec<(Number, PredicateId)>,
    /// Ascending; `true` if the bound itself counts.
    above: Vec<(Number, bool, PredicateId)>,
    /// Descending; `true` if the bound itself counts.
    below: Vec<(Number, bool, PredicateId)>,
}

impl NumberBounds {
    pub(crate) fn new(tests: Vec<(Comparison, Number, PredicateId)>) -> Self {
        let mut bounds = Self::default();
        for (comparison, number, predicate) in tests {
            match comparison {
                Comparison::Equal => bounds.equal.push((number, predicate)),
                Comparison::NotEqual => bounds.different.push((number, predicate)),
                Comparison::Greater => bounds.above.push((number, false, predicate)),
                Comparison::AtLeast => bounds.above.push((number, true, predicate)),
                Comparison::Less => bounds.below.push((number, false, predicate)),
                Comparison::AtMost => bounds.below.push((number, true, predicate)),
            }
        }
        bounds
            .equal
            .sort_by(|(one, _), (other, _)| one.compare(*other));
        bounds.above.sort_by(|one, other| one.0.compare(other.0));
        bounds.below.sort_by(|one, other| other.0.compare(one.0));
        bounds
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.equal.is_empty()
            && self.different.is_empty()
            && self.above.is_empty()
            && self.below.is_empty()
    }

    /// Calls `hit` for every comparison that holds for the value.
    pub(crate) fn for_each_hit(&self, value: Number, hit: &mut impl FnMut(PredicateId)) {
        let first = self
            .equal
            .partition_point(|(number, _)| number.compare(value).is_lt());
        for (number, predicate) in self.equal.iter().skip(first) {
            if number.compare(value).is_gt() {
                break;
            }
            hit(*predicate);
        }
        for (bound, predicate) in &self.different {
            if value.compare(*bound).is_ne() {
                hit(*predicate);
            }
        }
        for (bound, counts, predicate) in &self.above {
            let order = value.compare(*bound);
            if order.is_lt() {
                break;
            }
            if order.is_gt() || *counts {
                hit(*predicate);
            }
        }
        for (bound, counts, predicate) in &self.below {
            let order = value.compare(*bound);
            if order.is_gt() {
                break;
            }
            if order.is_lt() || *counts {
                hit(*predicate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_what_holds_one_by_one() {
        let numbers = [
            "-1",
            "0",
            "0.5",
            "1",
            "1.0",
            "9007199254740993",
            "9007199254740992.0",
        ];
        let mut asked = Vec::new();
        for bound in numbers {
            for comparison in Comparison::ALL {
                let id = PredicateId(u32::try_from(asked.len()).unwrap());
                asked.push((comparison, Number::parse(bound).unwrap(), id));
            }
        }
        let bounds = NumberBounds::new(asked.clone());
        for value in numbers
            .into_iter()
            .chain(["0.7", "-2", "1e300", "9007199254740994"])
        {
            let value = Number::parse(value).unwrap();
            let mut found = Vec::new();
            bounds.for_each_hit(value, &mut |id| found.push(id));
            found.sort_unstable();
            let wanted: Vec<_> = asked
                .iter()
                .filter(|(comparison, bound, _)| value.satisfies(*comparison, *bound))
                .map(|(.., id)| *id)
                .collect();
            assert_eq!(found, wanted, "{value:?}");
        }
        assert!(NumberBounds::default().is_empty());
    }
}
