//! Whether a failed unit is restarted, and when.
//!
//! Owns the limit and the pauses; carrying them out is left to the guard and the guardian. actix
//! restarts at once and for ever. Here the first restart within the window is immediate (work waits
//! for it), later ones follow growing pauses so that a failing disk or endpoint is not hammered,
//! and a unit that keeps failing is quarantined. Never reads a clock: time is an argument, and the
//! jitter of the pauses comes from a seed.
//! Invariant: a quarantined unit gets no verdict but quarantine until it is readmitted, however
//! much time passes.

use std::collections::VecDeque;

use larum_event::{MonotonicTime, Span, limits};

use crate::seeded_sequence::SeededSequence;

const WINDOW: Span = Span::from_seconds(limits::RESTART_WINDOW_SECONDS as u32);
const MILLISECOND_NANOS: i64 = 1_000_000;
const FIRST_PAUSE_NANOS: i64 = limits::RESTART_PAUSE_MILLISECONDS as i64 * MILLISECOND_NANOS;
const LONGEST_PAUSE_NANOS: i64 = limits::RESTART_PAUSE_MOST_MILLISECONDS as i64 * MILLISECOND_NANOS;

/// What to do with a unit that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartVerdict {
    /// Restart it after a pause, which is zero for the first failure within the window.
    Restart {
        /// How long to wait first.
        after: Span,
    },
    /// Leave it as it is and give it no more work, until it is readmitted.
    Quarantine,
}

/// The restarts of one unit. It survives the unit's restarts and re-creations.
#[derive(Debug, Clone)]
pub struct RestartIntensity {
    /// When it was restarted within the window; at most `limits::RESTARTS` of them.
    restarts: VecDeque<MonotonicTime>,
    quarantined: bool,
    jitter: SeededSequence,
}

impl RestartIntensity {
    /// A unit that never failed. `jitter` tells its pauses from those of other units.
    pub fn new(jitter: SeededSequence) -> Self {
        Self {
            restarts: VecDeque::new(),
            quarantined: false,
            jitter,
        }
    }

    /// Takes note of a failure and says what follows from it.
    pub fn record_failure(&mut self, now: MonotonicTime) -> RestartVerdict {
        while let Some(oldest) = self.restarts.front()
            && now.since(*oldest) >= WINDOW
        {
            self.restarts.pop_front();
        }
        if self.quarantined || self.restarts.len() >= limits::RESTARTS {
            self.quarantined = true;
            return RestartVerdict::Quarantine;
        }
        let after = self.next_pause();
        self.restarts.push_back(now);
        RestartVerdict::Restart { after }
    }

    /// Ends the quarantine and forgets the restarts.
    pub fn end_quarantine(&mut self) {
        self.quarantined = false;
        self.restarts.clear();
    }

    /// Nothing, then a pause that doubles up to the longest; a random part of it is taken, at least
    /// half.
    fn next_pause(&mut self) -> Span {
        let Some(doublings) = self.restarts.len().checked_sub(1) else {
            return Span::ZERO;
        };
        let mut nanos = FIRST_PAUSE_NANOS;
        for _ in 0..doublings {
            nanos = nanos.saturating_mul(2);
        }
        let nanos = nanos.min(LONGEST_PAUSE_NANOS);
        Span::from_nanos(self.jitter.next_between(nanos / 2, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn fresh() -> RestartIntensity {
        RestartIntensity::new(SeededSequence::new(1))
    }

    fn after(verdict: RestartVerdict) -> Span {
        match verdict {
            RestartVerdict::Restart { after } => after,
            RestartVerdict::Quarantine => panic!("quarantined"),
        }
    }

    #[test]
    fn the_sixth_failure_within_thirty_seconds_quarantines_and_the_fifth_does_not() {
        let mut unit = fresh();
        for _ in 0..limits::RESTARTS {
            after(unit.record_failure(MonotonicTime::from_nanos(0)));
        }
        let inside = MonotonicTime::from_nanos(30 * SECOND - 1);
        assert_eq!(
            unit.clone().record_failure(inside),
            RestartVerdict::Quarantine
        );
        let outside = MonotonicTime::from_nanos(30 * SECOND);
        assert_eq!(after(unit.record_failure(outside)), Span::ZERO);
    }

    #[test]
    fn quarantine_lasts_until_the_unit_is_readmitted() {
        let mut unit = fresh();
        for _ in 0..=limits::RESTARTS {
            unit.record_failure(MonotonicTime::from_nanos(0));
        }
        let much_later = MonotonicTime::from_nanos(3_600 * SECOND);
        assert_eq!(unit.record_failure(much_later), RestartVerdict::Quarantine);
        unit.end_quarantine();
        assert_eq!(after(unit.record_failure(much_later)), Span::ZERO);
    }

    #[test]
    fn the_first_pause_is_none_and_the_others_double_with_a_jitter_of_the_seed() {
        let pauses = |seed| -> Vec<i64> {
            let mut unit = RestartIntensity::new(SeededSequence::new(seed));
            (0..5)
                .map(|_| {
                    after(unit.record_failure(MonotonicTime::from_nanos(0))).as_nanos()
                        / MILLISECOND_NANOS
                })
                .collect()
        };
        let taken = pauses(3);
        for (pause, (least, most)) in
            taken
                .iter()
                .zip([(0, 0), (50, 100), (100, 200), (200, 400), (400, 800)])
        {
            assert!((least..=most).contains(pause), "{taken:?}");
        }
        assert_eq!(taken, pauses(3));
        assert_ne!(taken, pauses(4));
    }
}
