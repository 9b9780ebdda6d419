//! Larum and rsigma 0.23.0 on the same files: all SigmaHQ rules, log source routing on both sides, one thread each,
//! in turns. What loading costs is measured by a run over one line and taken off.
//!
//! Rates are of processor time, as the system counts it for each process, since machines are shared; those of
//! time that went by stand beside them. Rules and events come from the folder that `LARUM_DATA` names (or
//! `../shared/data` beside the project), since their licences keep them out of it.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

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

/// One round: what each cost beyond loading.
struct Round {
    ours: Cost,
    theirs: Cost,
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
            compare(&lane, &ours, &theirs, arguments.rounds.max(1));
            if !arguments.no_differences {
                difference::tell(&lane, &ours, &theirs, &rules);
            }
        }
    }
}

fn compare(lane: &Lane, ours: &Program, theirs: &Program, count: usize) {
    let mut rounds = Vec::new();
    let mut loading = Vec::new();
    for _ in 0..count {
        let empty = Round {
            ours: measure(&mut ours.command(lane, &lane.one_line)),
            theirs: measure(&mut theirs.command(lane, &lane.one_line)),
        };
        let whole = Round {
            ours: measure(&mut ours.command(lane, &lane.repeated)),
            theirs: measure(&mut theirs.command(lane, &lane.repeated)),
        };
        rounds.push(Round {
            ours: whole.ours.beyond(&empty.ours),
            theirs: whole.theirs.beyond(&empty.theirs),
        });
        loading.push(empty);
    }
    println!("{} ({} events a run)", lane.name, lane.events);
    let side = |name: &str, of: fn(&Round) -> &Cost| {
        let rate = |time: fn(&Cost) -> Duration| {
            let rates = rounds.iter().map(|round| {
                let seconds = time(of(round)).as_secs_f64().max(1e-9);
                count_of(lane.events) / seconds
            });
            spread(rates.collect())
        };
        let [processor, elapsed] = [rate(|cost| cost.processor), rate(|cost| cost.elapsed)];
        let load = spread(
            loading
                .iter()
                .map(|round| of(round).processor.as_secs_f64())
                .collect(),
        );
        let memory = rounds.iter().map(|round| of(round).peak_bytes).max();
        println!(
            "  {name:<8} {:>9.0} ({:.0} to {:.0})  [{:.0}]  loading {:.2} s, peak memory {} MB",
            processor.median,
            processor.least,
            processor.most,
            elapsed.median,
            load.median,
            memory.unwrap_or_default() / 1_000_000
        );
    };
    side("larum", |round| &round.ours);
    side("rsigma", |round| &round.theirs);
    let ratio = |time: fn(&Cost) -> Duration| {
        let ratios = rounds
            .iter()
            .map(|round| time(&round.theirs).as_secs_f64() / time(&round.ours).as_secs_f64());
        spread(ratios.collect())
    };
    let [processor, elapsed] = [ratio(|cost| cost.processor), ratio(|cost| cost.elapsed)];
    println!(
        "  ratio per pair {:.1} ({:.1} to {:.1})  [{:.1} ({:.1} to {:.1})]\n",
        processor.median,
        processor.least,
        processor.most,
        elapsed.median,
        elapsed.least,
        elapsed.most
    );
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
