//! The only place that reads a clock.
//!
//! Owns the wall clock, the monotonic clock and waiting; everything else is given a time or a
//! [`RuntimeClock`]. What decides an alert takes its time from the log and never from here (design
//! §1).
//! Invariant: a manual clock moves only when a test moves it, and wakes all that waited for a time
//! that has passed; so no test sleeps.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use larum_event::{MonotonicTime, Span, Timestamp};
use tokio::sync::watch;

/// Where the runtime's time comes from. Cheap to clone; all clones tell the same time.
#[derive(Debug, Clone)]
pub struct RuntimeClock(ClockMode);

#[derive(Debug, Clone)]
enum ClockMode {
    System,
    Manual {
        start: Timestamp,
        passed: watch::Receiver<Span>,
    },
}

/// Moves the time of a manual [`RuntimeClock`].
#[derive(Debug)]
pub struct ManualTime(watch::Sender<Span>);

impl ManualTime {
    /// Lets `span` pass and wakes what was waiting for it.
    pub fn advance(&self, span: Span) {
        self.0.send_modify(|passed| {
            *passed = Span::from_nanos(passed.as_nanos().saturating_add(span.as_nanos()));
        });
    }
}

/// When this process first asked for the time; makes the readings of all system clocks comparable.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

impl RuntimeClock {
    /// The clocks of the operating system.
    pub const fn system() -> Self {
        Self(ClockMode::System)
    }

    /// A clock that shows `start` until it is moved.
    pub fn manual(start: Timestamp) -> (Self, ManualTime) {
        let (sender, passed) = watch::channel(Span::ZERO);
        (
            Self(ClockMode::Manual { start, passed }),
            ManualTime(sender),
        )
    }

    /// Whether time passes only when it is told to.
    pub const fn is_manual(&self) -> bool {
        matches!(self.0, ClockMode::Manual { .. })
    }

    /// The wall clock. It may be set back by its operator: never measure with it.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads the clock"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            ClockMode::System => to_timestamp(SystemTime::now()),
            ClockMode::Manual { start, passed } => start.saturating_add(*passed.borrow()),
        }
    }

    /// The clock to measure with.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads the clock"
    )]
    pub fn monotonic(&self) -> MonotonicTime {
        match &self.0 {
            ClockMode::System => {
                let origin = *ORIGIN.get_or_init(Instant::now);
                let passed = Instant::now().saturating_duration_since(origin);
                MonotonicTime::from_nanos(i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX))
            }
            ClockMode::Manual { passed, .. } => {
                MonotonicTime::from_nanos(passed.borrow().as_nanos())
            }
        }
    }

    /// Resolves when `span` has passed. Needs an actix (tokio) system, except on a manual clock.
    /// On a manual clock whose [`ManualTime`] is gone it waits for ever.
    pub async fn sleep(&self, span: Span) {
        self.sleep_until(self.monotonic().saturating_add(span))
            .await;
    }

    /// Resolves at `due`, as [`RuntimeClock::sleep`] does. What is to end at a certain moment waits
    /// for that: time that passes before the waiting begins counts.
    pub async fn sleep_until(&self, due: MonotonicTime) {
        match &self.0 {
            ClockMode::System => {
                tokio::time::sleep(to_duration(due.since(self.monotonic()))).await;
            }
            ClockMode::Manual { passed, .. } => {
                let mut passed = passed.clone();
                if passed
                    .wait_for(|passed| passed.as_nanos() >= due.as_nanos())
                    .await
                    .is_err()
                {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

/// A span as the standard library's length of time.
pub fn to_duration(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.as_nanos()).unwrap_or(0))
}

fn to_timestamp(time: SystemTime) -> Timestamp {
    let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    Timestamp::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let start = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
        let (clock, time) = RuntimeClock::manual(start);
        assert_eq!((clock.now(), clock.monotonic()), (start, clock.monotonic()));
        let before = clock.monotonic();
        time.advance(Span::from_seconds(5));
        assert_eq!(clock.now().to_string(), "2026-11-20T12:00:05Z");
        assert_eq!(clock.monotonic().since(before), Span::from_seconds(5));
        assert_eq!(before.since(clock.monotonic()), Span::ZERO);
    }

    #[test]
    fn a_sleep_on_a_manual_clock_ends_at_its_time_and_not_a_nanosecond_before() {
        let (clock, time) = RuntimeClock::manual(Timestamp::default());
        let mut sleep = Box::pin(clock.sleep(Span::from_seconds(1)));
        assert!(sleep.as_mut().now_or_never().is_none());
        time.advance(Span::from_nanos(999_999_999));
        assert!(sleep.as_mut().now_or_never().is_none());
        time.advance(Span::from_nanos(1));
        assert!(sleep.as_mut().now_or_never().is_some());
    }

    #[test]
    fn the_system_clocks_do_not_go_back_and_know_the_century() {
        let clock = RuntimeClock::system();
        assert!(clock.monotonic() <= clock.clone().monotonic());
        assert!(clock.now() > Timestamp::parse("2024-01-01T00:00:00Z").unwrap());
        assert_eq!(
            to_timestamp(SystemTime::UNIX_EPOCH - Duration::from_nanos(3)).as_nanos(),
            -3
        );
    }

    #[test]
    fn time_that_passes_before_the_waiting_begins_counts() {
        let (clock, time) = RuntimeClock::manual(Timestamp::from_nanos(0));
        let due = clock.monotonic().saturating_add(Span::from_seconds(1));
        time.advance(Span::from_seconds(1));
        assert_eq!(clock.sleep_until(due).now_or_never(), Some(()));
        assert_eq!(clock.sleep(Span::from_seconds(1)).now_or_never(), None);
    }
}
