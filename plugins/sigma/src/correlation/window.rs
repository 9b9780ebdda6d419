//! What a correlation asks, as a window's condition.

use std::sync::Arc;

use larum_event::{
    Aggregate, Amount, Bounds, Comparison, Extent, Measure, Occurs, Sequence, Step, WindowSpec,
    limits,
};

use super::{Correlation, CorrelationKind, Reference, Window};

/// What stands in for the events that must not come.
const SILENCE: u32 = 1 << 1;

impl Correlation {
    /// The condition over what `references` find. Each gets the bits that its events set.
    pub(super) fn window(&self, references: &mut [Reference]) -> Result<WindowSpec, String> {
        let steps = references.len();
        if self.kind.is_temporal() && steps > limits::STEPS {
            return Err(format!(
                "it is about {steps} rules, and windows tell at most {} apart",
                limits::STEPS
            ));
        }
        match self.kind {
            CorrelationKind::TemporalOrdered => self.ordered(references),
            CorrelationKind::EventCount if self.is_about_silence() => self.silence(references),
            _ => self.aggregate(references).map(WindowSpec::Aggregate),
        }
    }

    fn aggregate(&self, references: &mut [Reference]) -> Result<Aggregate, String> {
        self.check_bounds(references.len())?;
        let mut bounds = self.bounds.clone();
        let measure = match self.kind {
            CorrelationKind::EventCount => Measure::Count,
            CorrelationKind::ValueCount => Measure::Distinct,
            CorrelationKind::ValueSum => Measure::Sum,
            CorrelationKind::ValueAvg => Measure::Average,
            CorrelationKind::ValueMedian => Measure::Percentile(super::condition::MEDIAN),
            CorrelationKind::ValuePercentile => {
                Measure::Percentile(self.percentile.unwrap_or(super::condition::MEDIAN))
            }
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
                // All of them, where the condition does not say how many.
                if bounds.all().is_empty() {
                    bounds = Bounds::at_least(count(references.len()));
                }
                for (step, reference) in references.iter_mut().enumerate() {
                    reference.bits = 1 << step;
                }
                Measure::Steps(vec![1; references.len()])
            }
        };
        let timespan = self.timespan;
        let extent = match self.extension.window {
            Window::Sliding => Extent::Sliding { within: timespan },
            Window::Tumbling => Extent::Tumbling { size: timespan },
            Window::Hopping(hop) => Extent::Hopping {
                size: timespan,
                hop,
            },
            Window::Session => Extent::Session {
                gap: timespan,
                cap: None,
            },
        };
        Ok(Aggregate {
            extent,
            measure,
            bounds,
            policy: self.extension.policy,
            lateness: self.extension.lateness,
        })
    }

    /// Numbers that never satisfy the condition, or that no window can hold, are mistakes.
    fn check_bounds(&self, references: usize) -> Result<(), String> {
        let bounds = &self.bounds;
        let most = match self.kind {
            CorrelationKind::EventCount | CorrelationKind::ValueCount => limits::EVENTS_PER_KEY,
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => references,
            CorrelationKind::ValueSum
            | CorrelationKind::ValueAvg
            | CorrelationKind::ValuePercentile
            | CorrelationKind::ValueMedian => {
                let unit = Amount::from_billionths(1);
                let near = |value: Amount| {
                    let around = [
                        value.saturating_sub(unit),
                        value,
                        value.saturating_add(unit),
                    ];
                    around.into_iter().any(|value| bounds.hold(value))
                };
                let holds = bounds.all().iter().any(|bound| near(bound.value));
                return holds.then_some(()).ok_or_else(|| never(bounds));
            }
        };
        // Bounds are few and each is one number: what satisfies them stands near one of these.
        let unit = Amount::from_int(1).billionths();
        let near = bounds.all().iter().flat_map(|bound| {
            let whole = bound.value.billionths().div_euclid(unit);
            (whole - 2)..=(whole + 2)
        });
        let held = |value: &i128| bounds.hold(Amount::from_billionths(value * unit));
        let possible = near.chain([1]).filter(|value| *value >= 1);
        match possible.filter(held).min() {
            Some(least) if usize::try_from(least).is_ok_and(|least| least <= most) => Ok(()),
            Some(_) if self.kind.is_temporal() => Err(format!(
                "it asks for {bounds} of {references} different rules"
            )),
            Some(_) => Err(format!(
                "it asks for {bounds}, and windows count at most {most} of one group"
            )),
            None => Err(never(bounds)),
        }
    }

    /// Whether only no event at all satisfies the condition.
    fn is_about_silence(&self) -> bool {
        let one = Amount::from_int(1);
        let is_below_one = self
            .bounds
            .all()
            .iter()
            .any(|bound| match bound.comparison {
                Comparison::Less => bound.value <= one,
                Comparison::AtMost | Comparison::Equal => bound.value < one,
                Comparison::NotEqual | Comparison::AtLeast | Comparison::Greater => false,
            });
        is_below_one && self.bounds.hold(Amount::ZERO)
    }

    /// No event for the timespan behind one that came: a group that never was cannot be missed.
    fn silence(&self, references: &mut [Reference]) -> Result<WindowSpec, String> {
        self.check_is_sliding("no events")?;
        for reference in references {
            reference.bits = 1 | SILENCE;
        }
        let step = |name: &str, occurs, within| Step {
            name: Arc::from(name),
            occurs,
            within,
            joins: Vec::new(),
        };
        let steps = vec![
            step("event", Occurs::Times(1), None),
            step("silence", Occurs::Never, Some(self.timespan)),
        ];
        Ok(self.sequence(steps))
    }

    fn ordered(&self, references: &mut [Reference]) -> Result<WindowSpec, String> {
        self.check_is_sliding("an order")?;
        let all = references.len();
        let holds = |rules| self.bounds.hold(count(rules));
        let is_said = !self.bounds.all().is_empty();
        if is_said && (!holds(all) || (1..all).any(holds)) {
            return Err(format!(
                "an order of some of its rules is not in specification 2.1: {} of {all}",
                self.bounds
            ));
        }
        let mut steps = Vec::with_capacity(all);
        for (number, reference) in references.iter_mut().enumerate() {
            reference.bits = 1 << number;
            steps.push(Step {
                name: Arc::from(reference.name.as_str()),
                occurs: Occurs::Times(1),
                within: None,
                joins: Vec::new(),
            });
        }
        Ok(self.sequence(steps))
    }

    fn sequence(&self, steps: Vec<Step>) -> WindowSpec {
        WindowSpec::Sequence(Sequence {
            steps,
            within: self.timespan,
            stops: false,
            policy: self.extension.policy,
            lateness: self.extension.lateness,
        })
    }

    fn check_is_sliding(&self, what: &str) -> Result<(), String> {
        if self.extension.window == Window::Sliding {
            return Ok(());
        }
        Err(format!("{what} can only be looked for in sliding windows"))
    }
}

fn never(bounds: &Bounds) -> String {
    format!("nothing satisfies its condition: {bounds}")
}

fn count(rules: usize) -> Amount {
    Amount::from_int(i64::try_from(rules).unwrap_or(i64::MAX))
}
