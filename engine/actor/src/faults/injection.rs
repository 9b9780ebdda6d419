//! The faults of builds that have the feature.
//!
//! Owns the count of work per fault and point, and the waiting of work that hangs. Which units ask
//! is left to the units.
//! Invariant: what happens to a unit depends on its own count alone, never on other units or
//! threads, so a failing test fails again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use larum_event::Span;
use tokio::sync::watch;

use super::spec::{self, FaultEffect, InjectedFault};
use super::{FaultAction, InvalidFaults};
use crate::clock::{RuntimeClock, to_duration};
use crate::seeded_sequence::SeededSequence;

/// The faults to inject. Clones are the same faults and share their counts.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<InjectionState>);

#[derive(Debug, Default)]
struct InjectionState {
    faults: Vec<InjectedFault>,
    /// Units of work so far, by fault and point.
    counts: Mutex<HashMap<(usize, String), u64>>,
    /// Units of work that a fault struck, by point.
    strikes: watch::Sender<HashMap<String, u64>>,
    released: watch::Sender<BTreeSet<String>>,
    /// Wakes the threads, as `released` wakes the tasks.
    wake: (Mutex<()>, Condvar),
}

impl Faults {
    /// No faults.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads faults from text; the module's documentation says how they are written.
    pub fn parse(text: &str) -> Result<Self, InvalidFaults> {
        Ok(Self(Arc::new(InjectionState {
            faults: spec::parse_faults(text)?,
            ..InjectionState::default()
        })))
    }

    /// The faults of the environment variable `LARUM_FAULTS`; none when it is not set.
    pub fn from_environment() -> Result<Self, InvalidFaults> {
        match std::env::var("LARUM_FAULTS") {
            Ok(text) => Self::parse(&text),
            Err(_) => Ok(Self::none()),
        }
    }

    /// What is to go wrong with the next unit of work at `point`: what the first fault in the list
    /// says that strikes there. Asking counts as a unit of work.
    pub fn next_action(&self, point: &str) -> FaultAction {
        let mut action = FaultAction::Proceed;
        for (index, fault) in self.matching_faults(point) {
            let struck = match &fault.kind {
                FaultEffect::Panic { nth, times } => {
                    let count = self.count_work(index, point);
                    let strikes = count >= *nth && count - nth < *times;
                    strikes.then_some(FaultAction::Panic)
                }
                FaultEffect::Hang { nth } => {
                    let strikes = self.count_work(index, point) >= *nth && !self.is_released(point);
                    strikes.then_some(FaultAction::Hang)
                }
                FaultEffect::Slow(span) => Some(FaultAction::Slow(*span)),
                FaultEffect::Delay { .. } => None,
            };
            // Later faults still count this unit of work.
            if action == FaultAction::Proceed {
                action = struck.unwrap_or(action);
            }
        }
        if action != FaultAction::Proceed {
            self.0
                .strikes
                .send_modify(|struck| *struck.entry(point.to_owned()).or_default() += 1);
        }
        action
    }

    /// How late the next answer from `point` is to be.
    pub fn answer_delay(&self, point: &str) -> Span {
        let mut nanos = 0_i64;
        for (index, fault) in self.matching_faults(point) {
            if let FaultEffect::Delay { seed, least, most } = &fault.kind {
                let count = self.count_work(index, point);
                let mut drawn = SeededSequence::from_name(&format!("{seed} {point} {count}"));
                nanos = nanos.saturating_add(drawn.next_between(least.as_nanos(), most.as_nanos()));
            }
        }
        Span::from_nanos(nanos)
    }

    /// Does what [`Faults::next_action`] says, for work that does not await: panics, or blocks the
    /// thread. On a manual clock slowness blocks nothing; it is the answer, to be added to the time
    /// measured.
    #[expect(clippy::panic, reason = "that is the fault to inject")]
    pub fn inject_fault(&self, point: &str, clock: &RuntimeClock) -> Span {
        match self.next_action(point) {
            FaultAction::Proceed => Span::ZERO,
            FaultAction::Panic => panic!("injected at {point}"),
            FaultAction::Slow(span) if clock.is_manual() => span,
            FaultAction::Slow(span) => {
                let (lock, never) = (Mutex::new(()), Condvar::new());
                // Nobody notifies this one: it is a wait for time alone.
                drop(never.wait_timeout_while(lock_mutex(&lock), to_duration(span), |()| true));
                Span::ZERO
            }
            FaultAction::Hang => {
                let (lock, wake) = &self.0.wake;
                drop(wake.wait_while(lock_mutex(lock), |()| !self.is_released(point)));
                Span::ZERO
            }
        }
    }

    /// Does what [`Faults::next_action`] says, for work that awaits: panics, or waits without
    /// holding the thread.
    #[expect(clippy::panic, reason = "that is the fault to inject")]
    pub async fn inject_fault_async(&self, point: &str, clock: &RuntimeClock) {
        match self.next_action(point) {
            FaultAction::Proceed => {}
            FaultAction::Panic => panic!("injected at {point}"),
            FaultAction::Slow(span) => clock.sleep(span).await,
            FaultAction::Hang => {
                let mut released = self.0.released.subscribe();
                let waited = released.wait_for(|released| released.contains(point)).await;
                debug_assert!(waited.is_ok(), "the sender lives in these faults");
            }
        }
    }

    /// Lets go on what hangs at `point`, which must be written out, now and from now on.
    pub fn release_point(&self, point: &str) {
        let (lock, wake) = &self.0.wake;
        let held = lock_mutex(lock);
        self.0.released.send_modify(|released| {
            released.insert(point.to_owned());
        });
        drop(held);
        wake.notify_all();
    }

    /// How many units of work were struck at `point` so far.
    pub fn strike_count(&self, point: &str) -> u64 {
        self.0.strikes.borrow().get(point).copied().unwrap_or(0)
    }

    /// Waits until at least `times` units of work were struck at `point`.
    pub async fn wait_for_strikes(&self, point: &str, times: u64) {
        let mut struck = self.0.strikes.subscribe();
        let waited = struck
            .wait_for(|struck| struck.get(point).is_some_and(|count| *count >= times))
            .await;
        debug_assert!(waited.is_ok(), "the sender lives in these faults");
    }

    fn matching_faults<'a>(
        &'a self,
        point: &'a str,
    ) -> impl Iterator<Item = (usize, &'a InjectedFault)> {
        self.0
            .faults
            .iter()
            .enumerate()
            .filter(move |(_, fault)| fault.point.matches(point))
    }

    /// The number, from 1, of this unit of work for this fault.
    fn count_work(&self, fault: usize, point: &str) -> u64 {
        let mut counts = lock_mutex(&self.0.counts);
        let count = counts.entry((fault, point.to_owned())).or_default();
        *count += 1;
        *count
    }

    fn is_released(&self, point: &str) -> bool {
        self.0.released.borrow().contains(point)
    }
}

fn lock_mutex<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use larum_event::Timestamp;

    fn manual() -> RuntimeClock {
        RuntimeClock::manual(Timestamp::default()).0
    }

    #[test]
    fn the_nth_unit_of_work_panics_k_times_and_no_other() {
        let faults = Faults::parse("panic:window/r1/0@3*2").unwrap();
        let actions: Vec<bool> = (0..6)
            .map(|_| faults.next_action("window/r1/0") == FaultAction::Panic)
            .collect();
        assert_eq!(actions, [false, false, true, true, false, false]);
        assert_eq!(faults.strike_count("window/r1/0"), 2);
        assert_eq!(faults.next_action("window/r2/0"), FaultAction::Proceed);
    }

    #[test]
    fn each_point_of_a_pattern_counts_for_itself_and_the_first_fault_listed_wins() {
        let faults = Faults::parse("panic:w/*@2; slow:w/a=1s").unwrap();
        let second = Span::from_seconds(1);
        assert_eq!(faults.next_action("w/a"), FaultAction::Slow(second));
        assert_eq!(faults.next_action("w/b"), FaultAction::Proceed);
        assert_eq!(faults.next_action("w/a"), FaultAction::Panic);
        assert_eq!(faults.next_action("w/b"), FaultAction::Panic);
    }

    #[test]
    fn slow_work_waits_for_the_clock_when_it_awaits_and_answers_the_span_when_it_cannot() {
        let faults = Faults::parse("slow:rule/r=5ms").unwrap();
        let (clock, time) = RuntimeClock::manual(Timestamp::default());
        let five = Span::parse("5ms").unwrap();
        assert_eq!(faults.inject_fault("rule/r", &clock), five);
        let mut work = Box::pin(faults.inject_fault_async("rule/r", &clock));
        assert!(work.as_mut().now_or_never().is_none());
        time.advance(five);
        assert!(work.as_mut().now_or_never().is_some());
        // On the system's clock it blocks, and nothing is left to add.
        let instant = Faults::parse("slow:rule/r=1ns").unwrap();
        assert_eq!(
            instant.inject_fault("rule/r", &RuntimeClock::system()),
            Span::ZERO
        );
    }

    #[test]
    fn what_hangs_goes_on_when_it_is_released_and_does_not_hang_again() {
        let faults = Faults::parse("hang:handler/x@2").unwrap();
        let clock = manual();
        let strike = || Box::pin(faults.inject_fault_async("handler/x", &clock));
        assert!(strike().as_mut().now_or_never().is_some());
        let mut hanging = strike();
        assert!(hanging.as_mut().now_or_never().is_none());
        faults.release_point("handler/x");
        assert!(hanging.as_mut().now_or_never().is_some());
        assert!(strike().as_mut().now_or_never().is_some());
    }

    #[test]
    fn a_thread_that_hangs_goes_on_when_it_is_released() {
        let faults = Faults::parse("hang:rule/x").unwrap();
        let work = std::thread::spawn({
            let faults = faults.clone();
            move || faults.inject_fault("rule/x", &manual())
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(faults.wait_for_strikes("rule/x", 1));
        faults.release_point("rule/x");
        assert_eq!(work.join().unwrap(), Span::ZERO);
    }

    #[test]
    fn delays_are_within_their_range_and_the_same_for_the_same_seed() {
        let drawn = |text| -> Vec<Span> {
            let faults = Faults::parse(text).unwrap();
            let points = ["w/0", "w/1", "w/0", "w/1"];
            points.map(|point| faults.answer_delay(point)).into()
        };
        let seven = drawn("delay:w/*=seed7:1ms..20ms");
        assert_eq!(seven, drawn("delay:w/*=seed7:1ms..20ms"));
        assert_ne!(seven, drawn("delay:w/*=seed8:1ms..20ms"));
        assert!(
            seven
                .iter()
                .all(|span| (1_000_000..=20_000_000).contains(&span.as_nanos()))
        );
        assert_eq!(drawn("hang:w/*"), [Span::ZERO; 4]);
    }
}
