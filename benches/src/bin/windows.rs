//! What windows cost: by the number of keys, by their length, by distinct values, with sources in
//! turns, and with ever new keys.
//!
//! One thread, `larum-window` alone. Costs are of processor time, with what making the matches
//! costs taken off; memory is what the process holds.

#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement computes rates and prints"
)]

use std::hint::black_box;

use clap::Parser;
use larum_benches::{processor_nanos, resident};
use larum_event::{
    Aggregate, Amount, Bounds, EvaluationPlace, EventId, FiringPolicy, GroupKey, Match,
    MatchValues, Position, ScalarValue, Span, TenantId, Timestamp, Watermark, WindowExtent,
    WindowMeasure, WindowSpec,
};
use larum_window::{ClockMove, RuleWindow, WindowLimits};

/// Measures windows.
#[derive(Debug, Parser)]
struct Arguments {
    /// Matches of each measurement.
    #[arg(long, default_value_t = 2_000_000)]
    matches: u64,
    /// Matches of ever new keys.
    #[arg(long, default_value_t = 20_000_000)]
    new_keys: u64,
    /// Measurements whose name contains this; without it, all.
    #[arg(long, default_value = "")]
    only: String,
}

/// A stream of matches.
#[derive(Debug, Clone, Copy)]
struct Load {
    matches: u64,
    /// Groups; `None` for one of its own for every match.
    keys: Option<u64>,
    /// Different values, where they are counted.
    values: Option<u64>,
    /// From one match to the next.
    pace: Span,
    /// How far the clock is behind a match: not at all, or so far that each match waits for the
    /// next.
    behind: Span,
}

const MINUTE: Span = Span::from_seconds(60);
const DAY: Span = Span::from_seconds(86_400);

fn main() {
    let arguments = Arguments::parse();
    let wanted = |name: &str| name.contains(&arguments.only);
    if wanted("memory") {
        memory();
    }
    if wanted("keys") {
        keys(arguments.matches);
    }
    if wanted("length") {
        lengths(arguments.matches);
    }
    if wanted("distinct") {
        distinct(arguments.matches);
    }
    if wanted("turns") {
        turns(arguments.matches);
    }
    if wanted("new") {
        ever_new(arguments.new_keys);
    }
}

/// A count that nothing in the load comes to, so that no alert is part of the cost.
const THRESHOLD: u32 = 1_000;

fn counting(within: Span) -> WindowSpec {
    WindowSpec::sliding_count(within, THRESHOLD, FiringPolicy::Edge)
}

/// One million keys, each with a match, none of which is over.
fn memory() {
    let before = resident();
    let mut run = Run::new(counting(DAY));
    let count = 1_000_000;
    let load = Load {
        matches: count,
        keys: None,
        values: None,
        pace: Span::from_nanos(1_000_000),
        behind: Span::ZERO,
    };
    run.feed(load);
    let held = resident().saturating_sub(before);
    let keys = run.window.stats().keys;
    println!(
        "memory: {keys} live keys, {} MB, {:.0} bytes per key",
        held / 1_000_000,
        held as f64 / keys as f64
    );
    black_box(run);
}

/// The same number of matches per key and window, whatever the number of keys.
fn keys(matches: u64) {
    let within = Span::from_seconds(3_600);
    let mut first = None;
    for keys in [1_000, 10_000, 100_000, 1_000_000] {
        let pace = Span::from_nanos(within.as_nanos() / i64::try_from(keys).unwrap_or(i64::MAX));
        let load = Load {
            matches,
            keys: Some(keys),
            values: None,
            pace,
            behind: Span::ZERO,
        };
        tell(&format!("keys: {keys}"), counting(within), load, &mut first);
    }
}

/// A hundred matches a second of 100,000 keys.
fn lengths(matches: u64) {
    let mut first = None;
    for within in [MINUTE, Span::from_seconds(3_600), DAY] {
        let load = Load {
            matches,
            keys: Some(100_000),
            values: None,
            pace: Span::from_nanos(10_000_000),
            behind: Span::ZERO,
        };
        tell(
            &format!("length: {within}"),
            counting(within),
            load,
            &mut first,
        );
    }
}

/// 3,600 matches per key and window of which few or many values are different.
fn distinct(matches: u64) {
    let within = Span::from_seconds(300);
    let mut first = None;
    for values in [18, 1_800] {
        let spec = WindowSpec::Aggregate(Aggregate {
            extent: WindowExtent::Sliding { within },
            measure: WindowMeasure::Distinct,
            bounds: Bounds::at_least(Amount::from_int(10_000)),
            policy: FiringPolicy::Edge,
            lateness: None,
        });
        let load = Load {
            matches,
            keys: Some(100),
            values: Some(values),
            pace: Span::from_nanos(within.as_nanos() / 360_000),
            behind: Span::ZERO,
        };
        tell(
            &format!("distinct: {values} values"),
            spec,
            load,
            &mut first,
        );
    }
}

/// One key of two sources in turns, of which one is always a little behind: each match waits for
/// the next.
fn turns(matches: u64) {
    let mut first = None;
    for held in [100_u32, 1_000, 10_000] {
        let within = Span::from_seconds(held);
        let spec = WindowSpec::sliding_count(within, held * 2, FiringPolicy::Edge);
        let load = Load {
            matches: matches / 4,
            keys: Some(1),
            values: None,
            pace: Span::from_seconds(1),
            behind: Span::from_nanos(1),
        };
        tell(&format!("turns: {held} held"), spec, load, &mut first);
    }
}

/// Every match has a key of its own.
fn ever_new(matches: u64) {
    let mut run = Run::new(counting(DAY));
    let part = (matches / 4).max(1);
    for _ in 0..4 {
        let load = Load {
            matches: part,
            keys: None,
            values: None,
            pace: Span::from_nanos(1_000_000),
            behind: Span::ZERO,
        };
        run.feed(load);
        let stats = run.window.stats();
        println!(
            "new keys: {} matches, {} live keys, {} evicted, {} MB resident",
            run.number,
            stats.keys,
            stats.evicted_keys,
            resident() / 1_000_000
        );
    }
}

/// Warms up with a quarter, then measures, and compares with the first of its kind.
fn tell(name: &str, spec: WindowSpec, load: Load, first: &mut Option<f64>) {
    let making = {
        let begun = processor_nanos();
        for number in 0..load.matches {
            black_box(matched(load, number));
        }
        processor_nanos().saturating_sub(begun)
    };
    let mut run = Run::new(spec);
    let warm = Load {
        matches: load.matches / 4,
        ..load
    };
    run.feed(warm);
    let begun = processor_nanos();
    run.feed(load);
    let spent = processor_nanos()
        .saturating_sub(begun)
        .saturating_sub(making);
    let each = spent as f64 / load.matches as f64;
    let ratio = each / *first.get_or_insert(each);
    println!(
        "{name}: {each:.0} ns per match ({ratio:.2} times the first), {} detections",
        run.found
    );
}

/// A window at work.
struct Run {
    window: RuleWindow,
    tenant: TenantId,
    number: u64,
    found: u64,
    detections: Vec<larum_event::Detection>,
}

impl Run {
    fn new(spec: WindowSpec) -> Self {
        Self {
            window: RuleWindow::new(0, spec, WindowLimits::default()),
            tenant: TenantId::default_tenant(),
            number: 0,
            found: 0,
            detections: Vec::new(),
        }
    }

    fn feed(&mut self, load: Load) {
        for _ in 0..load.matches {
            let matched = matched(load, self.number);
            let moved = ClockMove {
                tenant: &self.tenant,
                clock: 0,
                watermark: matched.watermark,
                place: matched.place,
            };
            // Time has come so far before the match is added, as in the engine.
            self.window.advance_clock(&moved, &mut self.detections);
            let _counted = self.window.add_match(matched, &mut self.detections);
            self.number += 1;
            self.found += self.detections.len() as u64;
            self.detections.clear();
        }
    }
}

fn matched(load: Load, number: u64) -> Match {
    let key = load.keys.map_or(number, |keys| scattered(number) % keys);
    let pace = load.pace.as_nanos();
    let time = i64::try_from(number)
        .unwrap_or(i64::MAX)
        .saturating_mul(pace);
    let time = Timestamp::from_nanos(time);
    let values = load.values.map_or(MatchValues::empty(), |values| {
        let value = scattered(number ^ 0x5555_5555) % values;
        MatchValues::new(vec![Some(ScalarValue::Str(
            format!("value{value:05}").into(),
        ))])
    });
    Match {
        rule: 0,
        tenant: TenantId::default_tenant(),
        clock: 0,
        key: GroupKey::new(vec![ScalarValue::Str(format!("user{key:08}").into())]),
        time,
        sequence: Some(number),
        place: EvaluationPlace::for_raw_event(Position(number + 1)),
        event_id: EventId::new(format!("{number:032x}")).expect("a number is an id"),
        watermark: Watermark::of_event(time, Some(number)).shift_back(load.behind),
        joins: false,
        steps: 1,
        values,
        event: None,
    }
}

/// Splitmix: the same numbers in every run.
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
