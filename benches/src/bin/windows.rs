//! What windows cost: by the number of keys, by their length, by distinct values, with matches that
//! come out of order, and with ever new keys.
//!
//! Owns the loads and what is printed; one thread, `larum-window` alone. Costs are of processor
//! time, with what making the matches costs taken off; memory is what the process holds.
//! Invariant: loads are the same in every run, so two builds can be compared.

#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a measurement computes rates and prints"
)]

use std::hint::black_box;

use clap::Parser;
use larum_benches::{processor_nanos, resident};
use larum_event::{
    Aggregate, Amount, Bounds, EvaluationPlace, EventId, EventOrder, FiringPolicy, GroupKey, Match,
    MatchValues, Position, ScalarValue, Span, TenantId, Timestamp, WindowExtent, WindowMeasure,
    WindowSpec,
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
    disorder: Disorder,
}

/// How matches come out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disorder {
    None,
    /// Of two sources in turns, the second is a nanosecond behind the first.
    Turns,
    /// Each match is delayed by up to this.
    UpTo(Span),
}

/// Matches from one amendment to the next: at a thousand a second, as the engine amends.
const AMEND_EVERY: u64 = 200;

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
    if wanted("amended") {
        amended(arguments.matches);
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
        disorder: Disorder::None,
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
            disorder: Disorder::None,
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
            disorder: Disorder::None,
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
            disorder: Disorder::None,
        };
        tell(
            &format!("distinct: {values} values"),
            spec,
            load,
            &mut first,
        );
    }
}

/// One key of two sources in turns, of which one is always a little behind: every other match waits
/// for the next amendment.
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
            disorder: Disorder::Turns,
        };
        tell(&format!("turns: {held} held"), spec, load, &mut first);
    }
}

/// One key with a thousand matches a second, in order, and up to five milliseconds out of order: as
/// one that never fires, and as one that does so again and again, each time from a new beginning.
fn amended(matches: u64) {
    let within = Span::from_seconds(10);
    for (policy, count) in [(FiringPolicy::Edge, 20_000), (FiringPolicy::Reset, 100)] {
        let mut first = None;
        for (name, disorder) in [
            ("in order", Disorder::None),
            ("amended", Disorder::UpTo(Span::from_nanos(5_000_000))),
        ] {
            let load = Load {
                matches: matches / 8,
                keys: Some(1),
                values: None,
                pace: Span::from_nanos(1_000_000),
                disorder,
            };
            let spec = WindowSpec::sliding_count(within, count, policy);
            tell(
                &format!("amended: {policy:?}, {name}"),
                spec,
                load,
                &mut first,
            );
        }
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
            disorder: Disorder::None,
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
    front: Timestamp,
    found: u64,
    detections: Vec<larum_event::Detection>,
}

impl Run {
    fn new(spec: WindowSpec) -> Self {
        Self {
            window: RuleWindow::new(0, spec, WindowLimits::default()),
            tenant: TenantId::default_tenant(),
            number: 0,
            front: Timestamp::MIN,
            found: 0,
            detections: Vec::new(),
        }
    }

    fn feed(&mut self, load: Load) {
        for _ in 0..load.matches {
            let mut matched = matched(load, self.number);
            let place = matched.place;
            matched.front = self.front;
            self.front = self.front.max(matched.order.time);
            let moved = ClockMove {
                is_held: false,
                tenant: &self.tenant,
                front: self.front,
                source: None,
                place,
            };
            // The match before the time it brings, as in the engine.
            let _counted = self.window.add_match(matched, &mut self.detections);
            self.window.advance_clock(&moved, &mut self.detections);
            self.number += 1;
            // In loads that are in order too: that there is nothing to amend must cost nothing.
            if self.number.is_multiple_of(AMEND_EVERY) {
                self.window.amend(usize::MAX, place, &mut self.detections);
            }
            self.found += self.detections.len() as u64;
            self.detections.clear();
        }
    }
}

fn matched(load: Load, number: u64) -> Match {
    let key = load.keys.map_or(number, |keys| scattered(number) % keys);
    let values = load.values.map_or(MatchValues::empty(), |values| {
        let value = scattered(number ^ 0x5555_5555) % values;
        MatchValues::new(vec![Some(ScalarValue::Str(
            format!("value{value:05}").into(),
        ))])
    });
    let position = Position(number + 1);
    let is_second = load.disorder == Disorder::Turns && !number.is_multiple_of(2);
    Match {
        rule: 0,
        tenant: TenantId::default_tenant(),
        key: GroupKey::new(vec![ScalarValue::Str(format!("user{key:08}").into())]),
        order: EventOrder::of_event(
            time_of_match(load, number),
            u64::from(is_second),
            Some(number),
            position,
        ),
        place: EvaluationPlace::for_raw_event(position),
        source: 1 + u32::from(is_second),
        front: Timestamp::MIN,
        event_id: EventId::new(format!("{number:032x}")).expect("a number is an id"),
        steps: 1,
        values,
        event: None,
    }
}

fn time_of_match(load: Load, number: u64) -> Timestamp {
    let at = |number: u64| {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        Timestamp::from_nanos(number.saturating_mul(load.pace.as_nanos()))
    };
    match load.disorder {
        Disorder::Turns if !number.is_multiple_of(2) => {
            at(number - 1).saturating_sub(Span::from_nanos(1))
        }
        Disorder::None | Disorder::Turns => at(number),
        Disorder::UpTo(most) => {
            let most = most.as_nanos().unsigned_abs() + 1;
            let late = i64::try_from(scattered(number) % most).unwrap_or_default();
            at(number).saturating_sub(Span::from_nanos(late))
        }
    }
}

/// Splitmix: the same numbers in every run.
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
