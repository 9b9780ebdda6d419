//! What a correlation asks, as the condition of a window.
//!
//! Owns which type and condition give which measure and bounds; evaluating them is the window's
//! job.
//! Invariant: a condition that nothing can satisfy, or that no window can hold, is refused here, as
//! the rule would be silent forever.

use std::sync::Arc;

use larum_event::value::Comparison;
use larum_event::{
    Aggregate, Amount, Bounds, Sequence, Step, StepOccurrence, WindowExtent, WindowMeasure,
    WindowSpec, limits,
};

use super::{CorrelationKind, RuleReference, SigmaCorrelation, WindowCut};

/// The step for events that must not come.
const SILENCE: u32 = 1 << 1;

impl SigmaCorrelation {
    /// The condition over what `references` find. Each gets the bits that its events set.
    pub(super) fn window_spec(
        &self,
        references: &mut [RuleReference],
    ) -> Result<WindowSpec, String> {
        let steps = references.len();
        if self.kind.is_temporal() && steps > limits::STEPS {
            return Err(format!(
                "it is about {steps} rules, and windows tell at most {} apart",
                limits::STEPS
            ));
        }
        match self.kind {
            CorrelationKind::TemporalOrdered => self.build_ordered(references),
            CorrelationKind::EventCount if self.is_about_silence() => {
                self.build_silence(references)
            }
            _ => self.build_aggregate(references).map(WindowSpec::Aggregate),
        }
    }

    fn build_aggregate(&self, references: &mut [RuleReference]) -> Result<Aggregate, String> {
        // Checked as written: below, a temporal kind without a condition gets bounds of its own.
        self.check_bounds(references.len())?;
        let mut bounds = self.bounds.clone();
        let measure = match self.kind {
            CorrelationKind::EventCount => WindowMeasure::Count,
            CorrelationKind::ValueCount => WindowMeasure::Distinct,
            CorrelationKind::ValueSum => WindowMeasure::Sum,
            CorrelationKind::ValueAvg => WindowMeasure::Average,
            CorrelationKind::ValueMedian => WindowMeasure::Percentile(super::condition::MEDIAN),
            CorrelationKind::ValuePercentile => {
                WindowMeasure::Percentile(self.percentile.unwrap_or(super::condition::MEDIAN))
            }
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
                // All of them, where the condition does not say how many.
                if bounds.as_slice().is_empty() {
                    bounds = Bounds::at_least(rule_count(references.len()));
                }
                for (step, reference) in references.iter_mut().enumerate() {
                    reference.bits = 1 << step;
                }
                WindowMeasure::Steps(vec![1; references.len()])
            }
        };
        let timespan = self.timespan;
        let extent = match self.extension.window {
            WindowCut::Sliding => WindowExtent::Sliding { within: timespan },
            WindowCut::Tumbling => WindowExtent::Tumbling { size: timespan },
            WindowCut::Hopping(hop) => WindowExtent::Hopping {
                size: timespan,
                hop,
            },
            WindowCut::Session => WindowExtent::Session {
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
                // Amounts are multiples of a billionth, so what satisfies the bounds, if anything
                // does, is one of them or next to one.
                let unit = Amount::from_billionths(1);
                let near = |value: Amount| {
                    let around = [
                        value.saturating_sub(unit),
                        value,
                        value.saturating_add(unit),
                    ];
                    around.into_iter().any(|value| bounds.contains(value))
                };
                let holds = bounds.as_slice().iter().any(|bound| near(bound.value));
                return holds.then_some(()).ok_or_else(|| never_error(bounds));
            }
        };
        // Bounds are few and each is one number: what satisfies them is near one of these.
        let unit = Amount::from_int(1).billionths();
        let near = bounds.as_slice().iter().flat_map(|bound| {
            let whole = bound.value.billionths().div_euclid(unit);
            (whole - 2)..=(whole + 2)
        });
        let held = |value: &i128| bounds.contains(Amount::from_billionths(value * unit));
        let possible = near.chain([1]).filter(|value| *value >= 1);
        match possible.filter(held).min() {
            Some(least) if usize::try_from(least).is_ok_and(|least| least <= most) => Ok(()),
            Some(_) if self.kind.is_temporal() => Err(format!(
                "it asks for {bounds} of {references} different rules"
            )),
            Some(_) => Err(format!(
                "it asks for {bounds}, and windows count at most {most} of one group"
            )),
            None => Err(never_error(bounds)),
        }
    }

    /// Whether only no event at all satisfies the condition.
    fn is_about_silence(&self) -> bool {
        let one = Amount::from_int(1);
        let is_below_one = self
            .bounds
            .as_slice()
            .iter()
            .any(|bound| match bound.comparison {
                Comparison::Less => bound.value <= one,
                Comparison::AtMost | Comparison::Equal => bound.value < one,
                Comparison::NotEqual | Comparison::AtLeast | Comparison::Greater => false,
            });
        is_below_one && self.bounds.contains(Amount::ZERO)
    }

    /// No event for the timespan behind one that came: a group that never was cannot be missed.
    fn build_silence(&self, references: &mut [RuleReference]) -> Result<WindowSpec, String> {
        self.check_sliding("no events")?;
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
            step("event", StepOccurrence::Times(1), None),
            step("silence", StepOccurrence::Never, Some(self.timespan)),
        ];
        Ok(self.build_sequence(steps))
    }

    fn build_ordered(&self, references: &mut [RuleReference]) -> Result<WindowSpec, String> {
        self.check_sliding("an order")?;
        let all = references.len();
        let holds = |rules| self.bounds.contains(rule_count(rules));
        let is_said = !self.bounds.as_slice().is_empty();
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
                occurs: StepOccurrence::Times(1),
                within: None,
                joins: Vec::new(),
            });
        }
        Ok(self.build_sequence(steps))
    }

    fn build_sequence(&self, steps: Vec<Step>) -> WindowSpec {
        WindowSpec::Sequence(Sequence {
            steps,
            within: self.timespan,
            stops: false,
            policy: self.extension.policy,
            lateness: self.extension.lateness,
        })
    }

    fn check_sliding(&self, what: &str) -> Result<(), String> {
        if self.extension.window == WindowCut::Sliding {
            return Ok(());
        }
        Err(format!("{what} can only be looked for in sliding windows"))
    }
}

fn never_error(bounds: &Bounds) -> String {
    format!("nothing satisfies its condition: {bounds}")
}

fn rule_count(rules: usize) -> Amount {
    Amount::from_int(i64::try_from(rules).unwrap_or(i64::MAX))
}
