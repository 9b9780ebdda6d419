//! Larum and rsigma 0.23.0 on the same files: all SigmaHQ rules, log source routing on both sides,
//! one thread each, in turns; and correlation, beside rsigma and SEC. What loading costs is
//! measured by a run over one line and taken off.
//!
//! Rates are of processor time, as the system counts it for each process, since machines are
//! shared; those of time that went by stand beside them. Rules and events come from the folder that
//! `LARUM_DATA` names (or `../shared/data` beside the project), since their licences keep them out
//! of it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

mod correlation;
mod difference;
mod input;
mod program;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use input::Lane;
use program::Program;
use run::{Cost, measure};

/// Measures both engines in turns.
#[derive(Debug, Parser)]
struct Arguments {
    /// Lanes whose name contains this; without it, all.
    #[arg(long, default_value = "")]
    lane: String,
    /// Rounds, in each of which both run once.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Events of each run at least; lanes that have fewer are repeated.
    #[arg(long, default_value_t = 200_000)]
    events: usize,
    /// Where rsigma is installed, if it is not there, and rules and lanes are unpacked.
    #[arg(long, value_name = "DIR", default_value = "target/compare")]
    scratch: PathBuf,
    /// Our binary; without it, it is built.
    #[arg(long, value_name = "FILE")]
    larum: Option<PathBuf>,
    /// Leaves out the differences.
    #[arg(long)]
    no_differences: bool,
}

/// One round of a program.
struct Round {
    /// What it cost beyond loading.
    beyond: Cost,
    loading: Cost,
}

fn main() {
    let arguments = Arguments::parse();
    let Some(folder) = larum_benches::recordings() else {
        return;
    };
    std::fs::create_dir_all(&arguments.scratch).expect("a scratch folder");
    let scratch = arguments.scratch.canonicalize().expect("a path");
    let rules = input::unpack_rules(&folder, &scratch);
    let ours = Program::larum(arguments.larum.as_deref(), &rules);
    let theirs = Program::rsigma(&scratch, &rules);
    println!(
        "events/s of processor time: median (least to most); [..] of time that went by; beyond loading\n"
    );
    for lane in input::lanes(&folder, &scratch, arguments.events) {
        if lane.name.contains(&arguments.lane) {
            compare(&lane, &[&ours, &theirs], arguments.rounds.max(1));
            if !arguments.no_differences {
                difference::tell(&lane, &ours, &theirs, &rules);
            }
        }
    }
    let rules = correlation::rules(&scratch);
    let mut programs = vec![
        ours.correlating(&rules.sigma),
        theirs.correlating(&rules.sigma),
    ];
    match Program::sec(&rules.sec) {
        Some(sec) => programs.push(sec),
        None => println!("skipped: SEC is not installed (Debian's package sec)\n"),
    }
    let programs: Vec<&Program> = programs.iter().collect();
    for lane in correlation::lanes(&folder, &scratch, arguments.events) {
        if lane.name.contains(&arguments.lane) {
            compare(&lane, &programs, arguments.rounds.max(1));
        }
    }
}

/// Runs all programs in turns over a lane; the first is ours.
fn compare(lane: &Lane, programs: &[&Program], count: usize) {
    let mut rounds: Vec<Vec<Round>> = programs.iter().map(|_| Vec::new()).collect();
    for _ in 0..count {
        for (program, rounds) in programs.iter().zip(&mut rounds) {
            let empty = measure(&mut program.command(lane, &lane.one_line));
            let whole = measure(&mut program.command(lane, &lane.repeated));
            rounds.push(Round {
                beyond: whole.beyond(&empty),
                loading: empty,
            });
        }
    }
    println!("{} ({} events a run)", lane.name, lane.events);
    for (program, rounds) in programs.iter().zip(&rounds) {
        tell(program.name(), rounds, lane.events);
    }
    let Some((ours, others)) = rounds.split_first() else {
        return;
    };
    for (program, theirs) in programs.iter().skip(1).zip(others) {
        let [processor, elapsed] = [
            ratio(ours, theirs, |cost| cost.processor),
            ratio(ours, theirs, |cost| cost.elapsed),
        ];
        println!(
            "  ratio per pair to {} {:.1} ({:.1} to {:.1})  [{:.1} ({:.1} to {:.1})]",
            program.name(),
            processor.median,
            processor.least,
            processor.most,
            elapsed.median,
            elapsed.least,
            elapsed.most
        );
    }
    println!();
}

fn tell(name: &str, rounds: &[Round], events: usize) {
    let rate = |time: fn(&Cost) -> Duration| {
        let seconds = rounds.iter().map(|round| time(&round.beyond).as_secs_f64());
        spread(seconds.map(|it| count_of(events) / it.max(1e-9)).collect())
    };
    let [processor, elapsed] = [rate(|cost| cost.processor), rate(|cost| cost.elapsed)];
    let loading = rounds.iter();
    let loading = spread(
        loading
            .map(|round| round.loading.processor.as_secs_f64())
            .collect(),
    );
    let memory = rounds.iter().map(|round| round.beyond.peak_bytes).max();
    println!(
        "  {name:<8} {:>9.0} ({:.0} to {:.0})  [{:.0}]  loading {:.2} s, peak memory {} MB",
        processor.median,
        processor.least,
        processor.most,
        elapsed.median,
        loading.median,
        memory.unwrap_or_default() / 1_000_000
    );
}

fn ratio(ours: &[Round], theirs: &[Round], time: fn(&Cost) -> Duration) -> Spread {
    let pairs = ours.iter().zip(theirs);
    let seconds = |round: &Round| time(&round.beyond).as_secs_f64();
    spread(
        pairs
            .map(|(ours, theirs)| seconds(theirs) / seconds(ours))
            .collect(),
    )
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    Spread {
        least: at(0),
        median: at(values.len() / 2),
        most: at(values.len().saturating_sub(1)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
fn count_of(events: usize) -> f64 {
    events as f64
}
