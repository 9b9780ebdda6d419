//! Rules against recorded events, one thread, from JSON in memory: what reading costs, what
//! matching adds, and how the cost grows with the number of rules. No value is cached. Times are of
//! the processor, where the system tells them, since machines are shared.
//!
//! The rules are all of SigmaHQ's with log source routing. Rules and events are read from the
//! folder that `LARUM_DATA` names (or `../shared/data` beside the project), since their licences
//! keep them out of it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

mod recorded;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use larum_predicate::{
    FlatRecord, FlatRecordReader, MatchCost, PathMap, PredicateMatcher, PredicateSet,
};
use larum_sigma::{LogSourceTable, LogSources, SigmaLoader, default_layout};

use recorded::Lane;

/// Measures the matcher.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// Lanes whose name contains this; without it, all.
    #[arg(long, default_value = "")]
    lane: String,
    /// Rounds, of which the median counts; reading and matching take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Events of each round at least; lanes that have fewer are passed over again.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// How many of the rules, spread over all; without it, all.
    #[arg(long)]
    rules: Option<usize>,
    /// Leaves out how the cost grows with the number of rules.
    #[arg(long)]
    no_curve: bool,
}

/// A set of rules and its layout.
struct Rules {
    set: Arc<PredicateSet>,
    layout: PathMap,
    count: usize,
}

/// What one lane cost.
struct Cost {
    reading: Duration,
    matching: Duration,
    work: MatchCost,
    matches: usize,
}

impl Rules {
    /// `count` rules, or all of them.
    fn load(files: &[(String, String)], count: usize) -> Self {
        let mut loader = SigmaLoader::new(LogSources::Routed(LogSourceTable::builtin()));
        for at in 0..count.min(files.len()) {
            let (path, text) = &files[at * files.len() / count];
            loader.add_file(path, text);
        }
        let rules = loader.finish().expect("the texts fit into automata");
        Self {
            count: rules.rules.len(),
            set: rules.set,
            layout: default_layout(),
        }
    }

    fn measure(&self, lane: &Lane, arguments: &Arguments) -> Cost {
        let passes = arguments.events.div_ceil(lane.events.len().max(1));
        let passes = u32::try_from(passes).unwrap_or(u32::MAX);
        let mut reader = FlatRecordReader::new(&self.set, &self.layout);
        let mut matcher = PredicateMatcher::new(Arc::clone(&self.set));
        let (mut record, mut found) = (FlatRecord::default(), Vec::new());
        let (mut reading, mut matching, mut matches) = (Vec::new(), Vec::new(), 0);
        for _ in 0..arguments.rounds.max(1) {
            let start = recorded::processor_time();
            for event in lane.passes(passes) {
                reader
                    .read_json(event, &mut record)
                    .expect("events are JSON");
                std::hint::black_box(&record);
            }
            reading.push(recorded::processor_time() - start);
            matches = 0;
            matcher.reset_cost();
            let start = recorded::processor_time();
            for event in lane.passes(passes) {
                reader
                    .read_json(event, &mut record)
                    .expect("events are JSON");
                matcher.match_record(&record, &mut found);
                matches += found.len();
            }
            matching.push(recorded::processor_time() - start);
        }
        reading.sort_unstable();
        matching.sort_unstable();
        let median = |times: &[Duration]| times.get(times.len() / 2).copied().unwrap_or_default();
        Cost {
            reading: median(&reading) / passes,
            matching: median(&matching) / passes,
            work: matcher.match_cost(),
            matches: matches / passes as usize,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
fn main() {
    let arguments = Arguments::parse();
    let Some(folder) = larum_benches::recordings() else {
        return;
    };
    let files = larum_benches::sigma_rules(&folder);
    let lanes: Vec<Lane> = larum_benches::recorded_lanes(&folder)
        .into_iter()
        .filter(|(name, _)| name.contains(&arguments.lane))
        .map(|(name, text)| Lane::new(&name, &text))
        .collect();
    let count = arguments.rules.unwrap_or(files.len());
    // The second set finds the memory that loading the first gave back, so it adds what it takes
    // itself.
    let first = Rules::load(&files, count);
    let before = recorded::resident_bytes();
    let start = Instant::now();
    let rules = Rules::load(&files, count);
    println!(
        "{} rules, {} predicates, {} open programs, loaded in {:.2?}; the set takes {} MB",
        rules.count,
        rules.set.predicate_count(),
        rules.set.open_program_count(),
        start.elapsed(),
        recorded::resident_bytes().saturating_sub(before) / 1_000_000
    );
    drop(first);
    println!(
        "{:<20} {:>7} {:>9} {:>9} {:>7} | {:>10} {:>6} {:>9} {:>7} | {:>9}",
        "lane",
        "B/event",
        "read/s",
        "match/s",
        "µs",
        "candidates",
        "hits",
        "scanned B",
        "asked",
        "/100k"
    );
    for lane in &lanes {
        let cost = rules.measure(lane, &arguments);
        let events = lane.events.len() as f64;
        let each = |count: u64| count as f64 / cost.work.events.max(1) as f64;
        println!(
            "{:<20} {:>7.0} {:>9.0} {:>9.0} {:>7.2} | {:>10.1} {:>6.1} {:>9.0} {:>7.2} | {:>9.0}",
            lane.name,
            lane.bytes() as f64 / events,
            events / cost.reading.as_secs_f64(),
            events / cost.matching.as_secs_f64(),
            cost.matching.as_secs_f64() * 1e6 / events,
            each(cost.work.candidates),
            each(cost.work.hits),
            each(cost.work.bytes),
            each(cost.work.verified),
            cost.matches as f64 * 1e5 / events,
        );
    }
    if !arguments.no_curve {
        curve(&files, &lanes, &arguments);
    }
}

/// How the cost of an event grows with the number of rules.
#[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
fn curve(files: &[(String, String)], lanes: &[Lane], arguments: &Arguments) {
    println!("\nµs per event by rules");
    for count in [100, 300, 1_000, files.len()] {
        let rules = Rules::load(files, count);
        print!("{:>5}", rules.count);
        for lane in lanes {
            let cost = rules.measure(lane, arguments);
            let events = lane.events.len() as f64;
            print!(
                "  {} {:.2}",
                lane.name,
                cost.matching.as_secs_f64() * 1e6 / events
            );
        }
        println!();
    }
}
