use super::*;

const SECOND: i64 = 1_000_000_000;
const YEAR: i64 = 365 * 86_400;

struct Run {
    clocks: EventClocks,
    position: u64,
    steps: Vec<WatermarkStep>,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * SECOND)
}

impl Run {
    fn new() -> Self {
        Self {
            clocks: EventClocks::new(Span::from_seconds(60)),
            position: 0,
            steps: Vec::new(),
        }
    }

    /// An event of which nobody knows when it arrived.
    fn see(&mut self, source: &str, seconds: i64) -> ClockStamp {
        self.see_with(source, seconds, None, None)
    }

    /// An event that arrives the moment it happens.
    fn hear(&mut self, source: &str, seconds: i64) -> ClockStamp {
        self.see_with(source, seconds, None, Some(seconds))
    }

    fn see_with(
        &mut self,
        source: &str,
        seconds: i64,
        sequence: Option<u64>,
        arrived: Option<i64>,
    ) -> ClockStamp {
        self.position += 1;
        let tenant = TenantId::default_tenant();
        let source = Source::new(source).unwrap();
        let sighting = EventSighting {
            tenant: &tenant,
            source: &source,
            is_own: source.as_str() == "larum",
            time: at(seconds),
            sequence,
            arrived: arrived.map(at),
            place: EvaluationPlace::for_raw_event(Position(self.position)),
        };
        self.clocks.observe(sighting, &mut self.steps)
    }

    fn tick(&mut self, seconds: i64) -> i64 {
        self.position += 1;
        let place = EvaluationPlace::for_raw_event(Position(self.position));
        self.clocks.tick(at(seconds), place, &mut self.steps);
        self.watermark()
    }

    fn watermark(&self) -> i64 {
        self.clocks.watermark().as_nanos() / SECOND
    }
}

#[track_caller]
fn check(stamp: ClockStamp, clock: u32, counts_at: i64) {
    assert_eq!((stamp.clock, stamp.counts_at), (clock, at(counts_at)));
}

#[test]
fn the_watermark_is_that_of_the_slowest_source_and_never_goes_back() {
    let mut run = Run::new();
    run.see("a", 100);
    assert_eq!(run.watermark(), 100);
    run.see("b", 100);
    run.see("a", 130);
    assert_eq!(run.watermark(), 100);
    run.see("b", 120);
    assert_eq!(run.watermark(), 120);
    run.see("b", 110);
    assert_eq!(run.watermark(), 120);
    let moves: Vec<(i64, i64)> = run
        .steps
        .iter()
        .map(|step| {
            (
                step.before.time.as_nanos() / SECOND,
                step.watermark.time.as_nanos() / SECOND,
            )
        })
        .skip(1)
        .collect();
    assert_eq!(moves, [(100, 120)]);
}

#[test]
fn an_event_behind_its_own_source_counts_at_its_own_time_however_late_that_is() {
    let mut run = Run::new();
    run.see("a", 1_000);
    let stamp = run.see("a", 10);
    check(stamp, TENANT_CLOCK, 10);
    assert_eq!(stamp.lag(), Span::from_seconds(990));
}

#[test]
fn equal_times_are_ordered_by_sequence_where_there_is_one() {
    let mut run = Run::new();
    run.see_with("a", 100, Some(7), None);
    let before = run.see_with("a", 100, Some(6), None);
    assert!(Watermark::of_event(before.counts_at, Some(6)) < before.watermark);
    let without = run.see("a", 100);
    assert!(
        Watermark::of_event(without.counts_at, None) >= without.watermark,
        "one that says nothing of its order comes after those that do"
    );
    let after = run.see_with("a", 100, Some(8), None);
    assert_eq!(after.watermark, Watermark::of_event(at(100), Some(8)));
}

#[test]
fn a_source_that_is_first_seen_behind_the_watermark_counts_there_until_it_has_caught_up() {
    let mut run = Run::new();
    run.see("old", 100);
    check(run.see("new", 70), TENANT_CLOCK, 100);
    check(run.see("old", 120), TENANT_CLOCK, 120);
    check(run.see("new", 60), TENANT_CLOCK, 100);
    check(run.see("new", 99), TENANT_CLOCK, 100);
    assert_eq!(run.watermark(), 100, "it is waited for");
    check(run.see("new", 110), TENANT_CLOCK, 110);
    assert_eq!(run.watermark(), 110);
    check(run.see("new", 105), TENANT_CLOCK, 105);
}

#[test]
fn what_joins_is_never_before_the_watermark_whatever_the_sequences_say() {
    let mut run = Run::new();
    run.see_with("old", 100, Some(9), None);
    for sequence in [None, Some(0), Some(9)] {
        let stamp = run.see_with("new", 90, sequence, None);
        assert!(Watermark::of_event(stamp.counts_at, sequence) >= stamp.watermark);
        assert!(stamp.counts_at <= at(100).saturating_add(Span::from_nanos(1)));
    }
}

#[test]
fn a_source_exactly_max_lag_behind_does_not_lag_and_one_a_second_more_does() {
    let mut run = Run::new();
    run.see("fast", 160);
    check(run.see("slow", 100), TENANT_CLOCK, 160);
    check(run.see("slower", 99), 1, 99);
}

#[test]
fn a_source_that_stops_is_waited_for_until_others_are_more_than_max_lag_ahead() {
    let mut run = Run::new();
    run.see("a", 100);
    run.see("b", 100);
    run.see("b", 160);
    assert_eq!(run.watermark(), 100);
    run.see("b", 161);
    assert_eq!(run.watermark(), 161);
    check(run.see("a", 120), TENANT_CLOCK, 161);
    run.see("b", 170);
    assert_eq!(run.watermark(), 161, "it is back and waited for");
}

#[test]
fn imported_history_runs_on_its_own_clock_until_it_has_caught_up() {
    let mut run = Run::new();
    run.see("live", 1_000);
    check(run.see("import", 100), 1, 100);
    check(run.see("import", 200), 1, 200);
    check(run.see("other import", 100), 2, 100);
    assert_eq!(run.watermark(), 1_000);
    check(run.see("import", 990), TENANT_CLOCK, 1_000);
    let last = run
        .steps
        .iter()
        .find(|step| step.watermark == Watermark::MAX);
    assert_eq!(
        last.unwrap().clock,
        1,
        "the clock it leaves is run to its end"
    );
}

#[test]
fn stamps_a_year_ahead_run_on_a_clock_of_their_own_and_leave_their_source_where_it_was() {
    let mut run = Run::new();
    run.hear("a", 1_000);
    check(
        run.see_with("a", 1_000 + YEAR, None, Some(1_001)),
        1,
        1_000 + YEAR,
    );
    check(run.hear("a", 1_003), TENANT_CLOCK, 1_003);
    check(
        run.see_with("a", 1_004 + YEAR, None, Some(1_004)),
        1,
        1_004 + YEAR,
    );
    check(run.hear("b", 1_004), TENANT_CLOCK, 1_004);
    assert_eq!(run.watermark(), 1_003);
}

#[test]
fn a_stamp_within_max_lag_of_its_arrival_moves_time_to_the_arrival_and_one_beyond_moves_nothing() {
    let mut run = Run::new();
    check(
        run.see_with("a", 1_060, None, Some(1_000)),
        TENANT_CLOCK,
        1_060,
    );
    assert_eq!(run.watermark(), 1_000);
    check(run.see_with("a", 1_063, None, Some(1_002)), 1, 1_063);
    assert_eq!(run.watermark(), 1_000);
}

#[test]
fn a_silent_source_moves_on_with_the_arrival_of_others_five_seconds_behind_where_it_would_be() {
    let mut run = Run::new();
    run.see_with("quiet", 98, None, Some(100));
    run.hear("busy", 105);
    assert_eq!(run.watermark(), 98);
    run.hear("busy", 106);
    assert_eq!(run.watermark(), 99);
    run.hear("busy", 150);
    assert_eq!(run.watermark(), 143);
}

#[test]
fn a_tick_moves_silent_sources_on_and_those_of_history_not() {
    let mut run = Run::new();
    run.hear("a", 100);
    assert_eq!(run.tick(105), 100);
    assert_eq!(run.tick(107), 102);
    assert_eq!(run.tick(101), 102, "ticks do not go back");
    let mut history = Run::new();
    history.see_with("a", 100, None, Some(161));
    assert_eq!(history.tick(500), 100);
    history.see_with("a", 440, None, Some(500));
    assert_eq!(history.tick(507), 442, "it has caught up");
}

#[test]
fn a_source_that_comes_back_after_a_silence_joins_where_time_has_come_to() {
    let mut run = Run::new();
    run.hear("a", 100);
    run.tick(130);
    check(run.see_with("a", 110, None, Some(131)), TENANT_CLOCK, 126);
    check(run.see_with("a", 131, None, Some(131)), TENANT_CLOCK, 131);
    assert_eq!(run.watermark(), 131);
}

#[test]
fn what_others_send_changes_when_time_moves_and_not_how_far() {
    let plain = |noise: bool| {
        let mut run = Run::new();
        let mut seen = Vec::new();
        for second in 0..600 {
            let other = 1_000 + second;
            if noise && second % 3 == 0 {
                run.see_with("year ahead", other + YEAR, None, Some(other));
                run.see_with("year behind", other - YEAR, None, Some(other));
            }
            if second % 17 == 0 {
                seen.push(run.see_with("a", other - second % 7, None, Some(other)));
            }
            if second % 41 == 0 {
                seen.push(run.see_with("b", other - second % 30, None, Some(other)));
            }
        }
        let counts = seen.iter();
        counts
            .map(|stamp| (stamp.clock, stamp.counts_at, stamp.watermark))
            .collect::<Vec<_>>()
    };
    assert_eq!(plain(true), plain(false));
}

#[test]
fn events_of_the_engine_itself_move_nothing_and_are_never_late() {
    let mut run = Run::new();
    run.see("import", 100);
    let own = run.see_with("larum", 1_000_000, None, Some(1_000_000));
    check(own, TENANT_CLOCK, 1_000_000);
    check(run.see("import", 101), TENANT_CLOCK, 101);
    check(run.see("larum", 3), TENANT_CLOCK, 101);
    assert_eq!(run.watermark(), 101);
}

#[test]
fn clocks_restored_from_bytes_are_the_same() {
    let mut run = Run::new();
    run.hear("live", 1_000);
    run.see_with("ahead", 1_000 + YEAR, None, Some(1_001));
    run.see_with("import", 100, None, Some(1_002));
    run.tick(1_020);
    let bytes = postcard::to_stdvec(&run.clocks).unwrap();
    let restored: EventClocks = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(restored, run.clocks);
}

#[test]
fn beyond_the_limit_of_tenants_those_idle_longest_start_anew() {
    let mut clocks = EventClocks::new(Span::from_seconds(60));
    let mut steps = Vec::new();
    let source = Source::new("a").unwrap();
    let mut see = |number: usize, seconds: i64| {
        let tenant = TenantId::new(format!("t{number}")).unwrap();
        let sighting = EventSighting {
            tenant: &tenant,
            source: &source,
            is_own: false,
            time: at(seconds),
            sequence: None,
            arrived: None,
            place: EvaluationPlace::for_raw_event(Position(number as u64 + 1)),
        };
        clocks.observe(sighting, &mut steps)
    };
    for number in 0..limits::TENANTS {
        see(number, 100);
    }
    see(1, 99);
    see(limits::TENANTS, 100);
    let given_up = steps.iter().filter(|step| step.watermark == Watermark::MAX);
    assert_eq!(given_up.count(), limits::TENANTS / 10);
    assert!(clocks.tenant_count() <= limits::TENANTS);
}

#[test]
fn beyond_the_limit_of_sources_those_furthest_behind_start_anew() {
    let mut run = Run::new();
    run.see("lagging", 0);
    run.see("live", 1_000);
    check(run.see("lagging", 1), 1, 1);
    for number in 0..limits::SOURCES_PER_TENANT {
        run.see(&format!("s{number}"), 1_000);
    }
    let given_up = run
        .steps
        .iter()
        .filter(|step| step.watermark == Watermark::MAX);
    assert_eq!(given_up.map(|step| step.clock).collect::<Vec<_>>(), [1]);
    assert_eq!(run.watermark(), 1_000);
}
