use larum_window::SourceProgress;

use super::*;

const SECOND: i64 = 1_000_000_000;

struct Run {
    clocks: EventClocks,
    position: u64,
    steps: Vec<ClockStep>,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * SECOND)
}

impl Run {
    fn new() -> Self {
        Self {
            clocks: EventClocks::default(),
            position: 0,
            steps: Vec::new(),
        }
    }

    /// An event of which nobody knows when it arrived.
    fn see(&mut self, source: &str, seconds: i64) -> ClockStamp {
        self.observe(source, seconds, None)
    }

    /// An event that arrives at `arrived`.
    fn hear(&mut self, source: &str, seconds: i64, arrived: i64) -> ClockStamp {
        self.observe(source, seconds, Some(arrived))
    }

    fn observe(&mut self, source: &str, seconds: i64, arrived: Option<i64>) -> ClockStamp {
        self.position += 1;
        let tenant = TenantId::default_tenant();
        let source = Source::new(source).unwrap();
        let sighting = EventSighting {
            tenant: &tenant,
            source: &source,
            is_own: source.as_str() == "larum",
            time: at(seconds),
            sequence: None,
            arrived: arrived.map(at),
            position: Position(self.position),
        };
        self.clocks.observe(sighting, &mut self.steps)
    }

    fn tick(&mut self, seconds: i64) {
        self.position += 1;
        let place = EvaluationPlace::for_raw_event(Position(self.position));
        self.clocks
            .tick(ClockTick::new(at(seconds)), place, &mut self.steps);
    }

    fn front(&self) -> i64 {
        self.clocks.front().as_nanos() / SECOND
    }

    /// Heard, lag and disorder of the source of the last step, in seconds.
    fn progress(&self) -> (i64, i64, i64) {
        let step = self.steps.last().unwrap();
        let (_, progress) = step.source.unwrap();
        let SourceProgress {
            heard,
            lag,
            disorder,
        } = progress;
        let seconds = |span: Span| span.as_nanos() / SECOND;
        (heard.as_nanos() / SECOND, seconds(lag), seconds(disorder))
    }
}

#[test]
fn the_front_is_the_greatest_time_of_any_source_and_never_goes_back() {
    let mut run = Run::new();
    let first = run.see("a", 100);
    assert_eq!((run.front(), first.front), (100, Timestamp::MIN));
    let second = run.see("b", 90);
    assert_eq!(run.front(), 100);
    assert_eq!((second.front, second.order.time), (at(100), at(90)));
    assert_ne!(first.source, second.source);
    run.see("b", 130);
    assert_eq!(run.front(), 130);
    assert_eq!(
        run.steps.len(),
        3,
        "each event says how far its source has come"
    );
}

#[test]
fn lag_and_disorder_are_the_worst_of_the_last_hour_of_the_front() {
    let mut run = Run::new();
    run.see("live", 10_000);
    run.see("late", 9_100);
    assert_eq!(run.progress(), (9_100, 900, 0));
    run.see("late", 9_050);
    assert_eq!(run.progress(), (9_100, 950, 50));
    run.see("live", 13_000);
    run.see("late", 12_990);
    assert_eq!(run.progress(), (12_990, 950, 50));
    run.see("live", 13_700);
    run.see("late", 13_690);
    assert_eq!(
        run.progress(),
        (13_690, 10, 0),
        "an hour later that is forgotten"
    );
}

#[test]
fn lag_is_waited_for_no_longer_than_half_an_hour() {
    let mut run = Run::new();
    run.see("live", 1_000_000);
    run.see("archive", 1_000);
    assert_eq!(run.progress(), (1_000, 1_800, 0));
}

#[test]
fn a_stamp_from_the_future_moves_nothing_beyond_its_arrival() {
    let mut run = Run::new();
    let near = run.hear("a", 1_300, 1_000);
    assert_eq!((run.front(), near.order.time), (1_000, at(1_300)));
    assert_eq!(run.progress(), (1_000, 0, 0));
    // More than five minutes ahead, the stamp says nothing at all.
    let far = run.hear("a", 1_302, 1_001);
    assert_eq!((run.front(), far.order.time), (1_001, at(1_001)));
    // In a file nobody knows better.
    let mut run = Run::new();
    assert_eq!(run.see("a", 99_999_999).order.time, at(99_999_999));
}

#[test]
fn a_tick_moves_the_front_by_the_time_that_has_passed_and_no_more_than_a_minute() {
    let mut run = Run::new();
    run.tick(500);
    assert!(run.steps.is_empty(), "there is no tenant yet");
    run.hear("a", 900, 1_000);
    run.tick(1_010);
    assert_eq!(run.front(), 910);
    run.tick(1_005);
    assert_eq!(run.front(), 910, "a tick that says less is nothing");
    run.tick(9_000);
    assert_eq!(run.front(), 970, "the engine was not running");
    assert!(run.clocks.follows_wall_clock());
}

#[test]
fn ticks_do_not_move_time_that_no_arrival_is_known_of() {
    let mut run = Run::new();
    run.see("a", 100);
    run.tick(1_000);
    assert_eq!(run.front(), 100);
    assert!(!run.clocks.follows_wall_clock());
}

#[test]
fn a_clock_that_was_set_back_takes_the_front_and_its_sources_back() {
    let year = 365 * 86_400;
    let mut run = Run::new();
    run.hear("a", year, year);
    run.hear("a", year - 59, year - 59);
    assert_eq!(run.front(), year, "less than a minute is disorder");
    run.hear("a", 1_000, 1_000);
    assert_eq!(run.front(), 1_000);
    assert_eq!(run.progress(), (1_000, 0, 0));
    run.tick(1_010);
    assert_eq!(run.front(), 1_010);
}

#[test]
fn events_of_the_engine_itself_say_nothing_about_time() {
    let mut run = Run::new();
    run.see("a", 100);
    let own = run.see("larum", 5_000);
    assert_eq!((run.front(), own.source, own.front), (100, 0, at(100)));
    assert_eq!(run.steps.len(), 1);
}

#[test]
fn too_many_sources_push_out_those_furthest_behind() {
    let mut run = Run::new();
    let newest = run.see("newest", 1_000_000).source;
    let oldest = run.see("oldest", 1).source;
    for number in 0..limits::SOURCES_PER_TENANT {
        run.see(&format!("s{number}"), 2 + i64::try_from(number).unwrap());
    }
    assert_eq!(run.see("newest", 1_000_001).source, newest);
    assert_ne!(
        run.see("oldest", 2).source,
        oldest,
        "a number is never used again"
    );
}

#[test]
fn too_many_tenants_push_out_those_idle_longest() {
    let mut clocks = EventClocks::default();
    let mut steps = Vec::new();
    let source = Source::new("s").unwrap();
    for number in 0..=limits::TENANTS {
        let tenant = TenantId::new(format!("t{number}")).unwrap();
        let sighting = EventSighting {
            tenant: &tenant,
            source: &source,
            is_own: false,
            time: at(5),
            sequence: None,
            arrived: None,
            position: Position(number as u64 + 1),
        };
        clocks.observe(sighting, &mut steps);
    }
    assert_eq!(
        clocks.tenant_count(),
        limits::TENANTS - limits::TENANTS.div_ceil(10) + 1
    );
    let first = TenantId::new("t0").unwrap();
    assert_eq!(clocks.tenant_front(&first), Timestamp::MIN);
}
