//! How long scripts run, by a sample.
//!
//! Owns which runs are timed: one of 64, drawn so that no order of rules can hide one. The clock is
//! the caller's, and its readings decide nothing.

/// One of this many runs is timed.
const ONE_OF: u64 = 64;

/// Times some runs.
pub(crate) struct ScriptTimer {
    clock: Box<dyn Fn() -> i64 + Send>,
    draw: u64,
    samples: Vec<(u32, u64)>,
}

impl ScriptTimer {
    pub(crate) fn new(clock: impl Fn() -> i64 + Send + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            draw: 0,
            samples: Vec::new(),
        }
    }

    /// A run begins; the time, if it is one that is timed.
    pub(crate) fn begin_run(&mut self) -> Option<i64> {
        // Knuth's multiplicative generator: its high bits are as good as needed here.
        self.draw = self
            .draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.draw >> 33)
            .is_multiple_of(ONE_OF)
            .then(|| (self.clock)())
    }

    /// The run of `rule` that began then is over.
    pub(crate) fn end_run(&mut self, rule: u32, began: i64) {
        let took = (self.clock)().saturating_sub(began).max(0);
        self.samples.push((rule, took.unsigned_abs()));
    }

    /// The rules that were timed, with nanoseconds.
    pub(crate) fn take_samples(&mut self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[test]
    fn about_one_of_sixty_four_runs_is_timed_whatever_the_order_of_rules() {
        let now = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&now);
        let mut timer = ScriptTimer::new(move || clock.fetch_add(5, Ordering::Relaxed));
        for run in 0..64_000_u32 {
            if let Some(began) = timer.begin_run() {
                timer.end_run(run % 64, began);
            }
        }
        let timed = timer.take_samples();
        assert!((800..1_200).contains(&timed.len()), "{}", timed.len());
        let rules: std::collections::BTreeSet<u32> = timed.iter().map(|(rule, _)| *rule).collect();
        assert!(rules.len() > 50, "{}", rules.len());
        assert!(timed.iter().all(|(_, nanos)| *nanos == 5));
        assert!(timer.take_samples().is_empty());
    }
}
