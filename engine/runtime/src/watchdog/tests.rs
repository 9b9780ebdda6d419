//! When an actor counts as slow, and when evaluation has stalled for too long.

use std::sync::Mutex;

use larum_actor::{ActorEntry, ManualTime};
use larum_event::{Position, Timestamp};

use super::*;

const UNIT: &str = "window/r/0";

/// A watchdog that looks when it is told to, at evaluation and one window, both at work.
struct Bench {
    watch: ProgressWatch,
    time: ManualTime,
    evaluation: ActorEntry,
    window: ActorEntry,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn start(stall_after: Span) -> Self {
        let (clock, time) = RuntimeClock::manual(Timestamp::from_nanos(0));
        let registry = ActorRegistry::new(clock.clone());
        let [evaluation, window] = [EVALUATION, UNIT].map(|name| {
            let entry = registry.register_actor(name).unwrap();
            entry.set_running();
            entry.begin_work();
            entry
        });
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let asks = Arc::clone(&asked);
        let watch = ProgressWatch::new(WatchdogSetup {
            clock,
            registry,
            gauges: Arc::new(EngineGauges::new(Position::START)),
            stall_after,
            stall_action: StallAction::new(move |stall| {
                asks.lock().unwrap().push(stall.to_string());
            }),
        });
        Self {
            watch,
            time,
            evaluation,
            window,
            asked,
        }
    }

    /// Lets `span` pass, and then the watchdog looks.
    fn look_after(&mut self, span: Span) {
        self.time.advance(span);
        let now = self.watch.setup.clock.monotonic();
        self.watch.look_around(now);
    }

    /// The same for so many seconds, with a look after each.
    fn look_for_seconds(&mut self, seconds: u32) {
        (0..seconds).for_each(|_| self.look_after(EVERY));
    }

    fn is_frozen(&self) -> bool {
        self.watch.setup.gauges.has_problem_starting(FROZEN)
    }

    fn problems(&self) -> Vec<String> {
        self.watch.setup.gauges.problems()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[test]
fn a_unit_at_work_is_named_after_five_seconds_and_the_engine_is_not_ready_after_thirty() {
    let mut bench = Bench::start(Span::ZERO);
    bench.look_for_seconds(4);
    assert_eq!(bench.problems(), Vec::<String>::new());
    bench.look_for_seconds(1);
    let words = ["sequencer", UNIT].map(|name| format!("{name} has made no progress for 5s"));
    assert_eq!(bench.problems(), words);
    bench.look_for_seconds(24);
    assert!(!bench.is_frozen());
    bench.look_for_seconds(1);
    assert!(bench.is_frozen());
    let seconds = bench.watch.setup.gauges.metrics();
    let seconds = seconds.by_label(crate::metrics::Metric::UnitStallSeconds);
    assert_eq!(seconds, [(EVALUATION, 30), (UNIT, 30)]);
}

#[test]
fn progress_ends_a_stall_and_the_next_one_is_counted_from_there() {
    let mut bench = Bench::start(Span::ZERO);
    bench.look_for_seconds(30);
    bench.window.end_work();
    bench.evaluation.count_progress();
    bench.look_for_seconds(1);
    assert_eq!(bench.problems(), Vec::<String>::new());
    // It is still at work: nothing of what came before counts any more.
    bench.look_for_seconds(29);
    assert!(!bench.is_frozen());
    bench.look_for_seconds(1);
    assert!(bench.is_frozen());
}

#[test]
fn the_time_of_a_suspension_is_no_lack_of_progress() {
    for away in [6, 600, 86_400] {
        let mut bench = Bench::start(Span::from_seconds(300));
        bench.look_for_seconds(3);
        bench.look_after(Span::from_seconds(away));
        assert_eq!(bench.problems(), Vec::<String>::new(), "{away} s");
        assert_eq!(bench.asked(), Vec::<String>::new(), "{away} s");
        // One second of it counts.
        bench.look_for_seconds(25);
        assert!(!bench.is_frozen(), "{away} s");
        bench.look_for_seconds(1);
        assert!(bench.is_frozen(), "{away} s");
    }
}

#[test]
fn the_program_is_asked_to_exit_once_and_the_unit_is_named() {
    let mut bench = Bench::start(Span::from_seconds(300));
    bench.look_for_seconds(299);
    assert_eq!(bench.asked(), Vec::<String>::new());
    bench.look_for_seconds(60);
    let words = format!("evaluation has made no progress for 5m; waiting for {UNIT}");
    assert_eq!(bench.asked(), [words]);
    bench.evaluation.count_progress();
    bench.look_for_seconds(301);
    assert_eq!(bench.asked().len(), 2);
}

#[test]
fn zero_never_asks_and_a_unit_alone_is_no_stall_of_evaluation() {
    let mut bench = Bench::start(Span::ZERO);
    bench.look_for_seconds(1_000);
    assert_eq!(bench.asked(), Vec::<String>::new());
    let mut bench = Bench::start(Span::from_seconds(300));
    bench.evaluation.end_work();
    bench.look_for_seconds(1_000);
    assert_eq!(bench.asked(), Vec::<String>::new());
    assert!(bench.is_frozen());
}
