use super::*;

const SECOND: i64 = 1_000_000_000;

struct Run {
    clocks: Clocks,
    position: u64,
    steps: Vec<WatermarkStep>,
}

impl Run {
    fn new() -> Self {
        Self {
            clocks: Clocks::new(Span::from_seconds(60)),
            position: 0,
            steps: Vec::new(),
        }
    }

    fn see(&mut self, source: &str, seconds: i64) -> Stamp {
        self.see_with(source, seconds, None, None)
    }

    fn see_with(
        &mut self,
        source: &str,
        seconds: i64,
        sequence: Option<u64>,
        arrived: Option<i64>,
    ) -> Stamp {
        self.position += 1;
        let tenant = TenantId::default_tenant();
        let source = Source::new(source).unwrap();
        self.clocks.observe(
            Sighting {
                tenant: &tenant,
                source: &source,
                time: Timestamp::from_nanos(seconds * SECOND),
                sequence,
                arrived: arrived.map(|seconds| Timestamp::from_nanos(seconds * SECOND)),
                place: Place::raw(Position(self.position)),
            },
            &mut self.steps,
        )
    }

    fn watermark(&self) -> i64 {
        self.clocks.watermark().as_nanos() / SECOND
    }
}

const ON_TIME: Stamp = Stamp::OnTime {
    clock: TENANT_CLOCK,
};

#[test]
fn an_event_behind_its_own_source_is_late_and_one_behind_another_source_is_not() {
    let mut run = Run::new();
    assert_eq!(run.see("a", 100), ON_TIME);
    assert_eq!(run.see("b", 90), ON_TIME);
    assert_eq!(run.see("a", 99), Stamp::Late);
    assert_eq!(run.see("a", 100), ON_TIME);
}

#[test]
fn equal_times_are_ordered_by_sequence_where_there_is_one() {
    let mut run = Run::new();
    assert_eq!(run.see_with("a", 100, Some(7), None), ON_TIME);
    assert_eq!(run.see_with("a", 100, Some(6), None), Stamp::Late);
    assert_eq!(run.see_with("a", 100, Some(8), None), ON_TIME);
    assert_eq!(run.see("a", 100), ON_TIME);
}

#[test]
fn the_watermark_is_max_lag_behind_the_front_and_never_goes_back() {
    let mut run = Run::new();
    run.see("a", 100);
    assert_eq!(run.watermark(), 40);
    run.see("b", 90);
    assert_eq!(run.watermark(), 40);
    run.see("b", 120);
    assert_eq!(run.watermark(), 60);
    let moves: Vec<i64> = run
        .steps
        .iter()
        .map(|step| step.watermark.as_nanos() / SECOND)
        .collect();
    assert_eq!(moves, [40, 60]);
}

#[test]
fn a_source_exactly_max_lag_behind_does_not_lag_and_one_a_second_more_does() {
    let mut run = Run::new();
    run.see("fast", 160);
    assert_eq!(run.see("slow", 100), ON_TIME);
    assert_eq!(run.see("slower", 99), Stamp::OnTime { clock: 1 });
}

#[test]
fn imported_history_runs_on_its_own_clock_until_it_has_caught_up() {
    let mut run = Run::new();
    run.see("live", 1_000);
    assert_eq!(run.see("import", 100), Stamp::OnTime { clock: 1 });
    assert_eq!(run.see("import", 200), Stamp::OnTime { clock: 1 });
    assert_eq!(run.see("other import", 100), Stamp::OnTime { clock: 2 });
    assert_eq!(run.watermark(), 940);
    assert_eq!(run.see("import", 990), ON_TIME);
    let last = run
        .steps
        .iter()
        .find(|step| step.watermark == Timestamp::MAX)
        .unwrap();
    assert_eq!(last.clock, 1, "the clock it leaves is run to its end");
}

#[test]
fn a_stamp_a_year_ahead_does_not_push_the_clock_of_anybody() {
    let year = 365 * 86_400;
    let mut run = Run::new();
    assert_eq!(run.see_with("a", 1_000, None, Some(1_001)), ON_TIME);
    assert_eq!(run.see_with("a", 1_000 + year, None, Some(1_002)), ON_TIME);
    assert_eq!(run.see_with("a", 1_003, None, Some(1_003)), ON_TIME);
    assert_eq!(run.see_with("b", 1_003, None, Some(1_004)), ON_TIME);
    assert_eq!(run.watermark(), 943);
}

#[test]
fn clocks_restored_from_bytes_go_on_the_same_way() {
    let mut run = Run::new();
    run.see("live", 1_000);
    run.see("import", 100);
    let bytes = postcard::to_stdvec(&run.clocks).unwrap();
    let restored: Clocks = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(restored, run.clocks);
}

#[test]
fn a_stamp_within_max_lag_of_its_arrival_moves_the_clock_to_the_arrival_and_one_beyond_moves_nothing()
 {
    let mut run = Run::new();
    run.see_with("a", 1_060, None, Some(1_000));
    assert_eq!(run.watermark(), 940);
    run.see_with("b", 2_061, None, Some(2_000));
    assert_eq!(run.watermark(), 940);
}

#[test]
fn a_stamp_from_a_broken_clock_does_not_make_the_backlog_of_its_source_late() {
    let mut run = Run::new();
    let arrived = Some(10_000);
    assert_eq!(run.see_with("a", 10_000 + 86_400, None, arrived), ON_TIME);
    for minute in 0..6 {
        assert_eq!(
            run.see_with("a", 9_000 + 60 * minute, None, arrived),
            ON_TIME
        );
    }
}

#[test]
fn beyond_the_limit_of_tenants_those_idle_longest_start_anew() {
    let mut clocks = Clocks::new(Span::from_seconds(60));
    let mut steps = Vec::new();
    let source = Source::new("a").unwrap();
    let mut see = |number: usize, seconds: i64| {
        let tenant = TenantId::new(format!("t{number}")).unwrap();
        let sighting = Sighting {
            tenant: &tenant,
            source: &source,
            time: Timestamp::from_nanos(seconds * SECOND),
            sequence: None,
            arrived: None,
            place: Place::raw(Position(number as u64 + 1)),
        };
        clocks.observe(sighting, &mut steps)
    };
    for number in 0..limits::TENANTS {
        see(number, 100);
    }
    assert_eq!(see(1, 99), Stamp::Late);
    see(limits::TENANTS, 100);
    let given_up: Vec<&WatermarkStep> = steps
        .iter()
        .filter(|step| step.watermark == Timestamp::MAX)
        .collect();
    assert_eq!(given_up.len(), limits::TENANTS / 10);
    assert!(clocks.tenants.len() <= limits::TENANTS);
}
