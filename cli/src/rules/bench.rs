//! `larum rules bench`: what each rule costs on a recording.
//!
//! Owns the measuring; matching itself is the rule crate's job, and counting or storing are no
//! part of it. Every rule is measured alone, and all of them together: that is less than the sum,
//! since reading an event and deciding what several rules ask is done once. Other programs make a
//! machine slower at times, so each figure is the median of several rounds, with the fastest and
//! the slowest beside it.
//! Invariant: a round is measured only after one that is not, so that no figure includes the
//! filling of caches.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use larum_engine::RuntimeClock;
use larum_event::{Event, RuleFile};
use larum_pipeline::StandaloneTrees;
use larum_rule::{RuleMatcher, RuleSet};
use serde_json::{Value, json};

use super::condition_text::WIDTH;
use super::findings_text;
use crate::decode;
use crate::duplicate_filter::DuplicateCheck;
use crate::error::{CliError, CommandExit};
use crate::finite_input::FiniteInput;
use crate::input::InputFiles;
use crate::rule_files;
use crate::severities;
use crate::table::{self, TableCell};
use crate::terminal::{
    BAD, DIM, HEADING, count_noun, group_digits, print_notice, stdout, style_text,
};

/// Evaluations of all rules in one round, alone, when there are many.
const EVALUATIONS: usize = 1_000_000;
/// Fewest and most evaluations of one rule in one round.
const EACH: (usize, usize) = (300, 20_000);
/// A machine whose slowest round takes so much longer than its fastest does something else too.
const BUSY: f64 = 1.5;

/// Measure what each rule costs on a recording, most expensive first
#[derive(Debug, Args)]
#[command(after_help = "\
Matching only, without counting, alerts and the store. The column asked is the number of events a rule was evaluated \
for, matches the number it matched. A rule alone also pays for reading its fields, which rules share when they run \
together.

Exits with 0, or with 2 when the rules do not load.

Examples:
  larum rules bench events.ndjson
  larum rules bench --rounds 15 --json events.ndjson.gz | jq -r '.rules[0].rule'")]
pub struct BenchCommand {
    /// The folder of the rules
    #[arg(long, value_name = "DIR", default_value = "rules")]
    rules: PathBuf,
    /// The decoder; without one records are Larum's own JSON or CloudEvents
    #[arg(long, value_name = "FILE")]
    decoder: Option<PathBuf>,
    /// Read at most this many events from the recordings
    #[arg(long, value_name = "NUMBER", default_value_t = 20_000)]
    events: usize,
    /// Rounds to take the median of
    #[arg(long, value_name = "NUMBER", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Show this many rules; --json writes all
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    top: usize,
    /// Write JSON: one object with every rule
    #[arg(long)]
    json: bool,
    /// Files of events; - is standard input
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<String>,
}

/// Nanoseconds for one event, over several rounds.
#[derive(Debug, Clone, Copy)]
struct EventCost {
    median: f64,
    fastest: f64,
    slowest: f64,
}

/// What a rule, or all of them, did and cost.
#[derive(Debug)]
struct RuleMeasurement {
    name: String,
    /// How many rules the figures are about: all those of one file.
    rules: usize,
    cost: EventCost,
    events: u64,
    asked: u64,
    matches: u64,
    faults: u64,
}

impl BenchCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let files = rule_files::read_files(&self.rules)?;
        let set = super::compile_files(&self.rules, &files)?;
        let events = self.read_recordings()?;
        if events.is_empty() {
            return Err(CliError::Usage("the recordings hold no event".to_owned()));
        }
        // Together first: should the machine become busy later, the one figure that is about the
        // whole set is sound.
        let all = self.measure_set("all rules together", set, &events, events.len());
        let sources: Vec<&RuleFile> = files
            .iter()
            .filter(|file| rule_files::holds_rules(&file.path))
            .collect();
        let each = (EVALUATIONS / sources.len().max(1)).clamp(EACH.0, EACH.1);
        let mut rules = Vec::with_capacity(sources.len());
        for source in sources {
            let own_files = select_files(&files, source);
            let alone = rule_files::rule_loader()
                .load(&own_files)
                .map_err(|findings| CliError::Rules(findings_text(&self.rules, &findings)))?;
            let Some(first) = alone.rules().first() else {
                continue;
            };
            let name = first.id.to_string();
            rules.push(self.measure_set(&name, alone, &events, each));
        }
        rules.sort_by(|one, other| other.cost.median.total_cmp(&one.cost.median));
        let mut out = stdout();
        if self.json {
            let rules: Vec<Value> = rules.iter().map(measurement_json).collect();
            let report = json!({
                "events": events.len(),
                "rounds": self.rounds,
                "together": measurement_json(&all),
                "rules": rules,
            });
            writeln!(out, "{report}")?;
        } else {
            self.write_report(&mut out, events.len(), &all, &rules)?;
        }
        out.flush()?;
        Ok(CommandExit::Done)
    }

    fn read_recordings(&self) -> Result<Vec<Event>, CliError> {
        let decoder = self
            .decoder
            .as_deref()
            .map(decode::load_decoder)
            .transpose()?;
        let inputs = InputFiles::open(&self.recordings)?;
        let mut input = FiniteInput::new();
        let (mut taken, mut repeated) = (0, 0);
        inputs.read_events(
            decoder.as_ref(),
            &severities::load_policy(None)?,
            |record| {
                if taken < self.events {
                    match input.take_record(record)? {
                        None => {}
                        Some(DuplicateCheck::First) => taken += 1,
                        Some(DuplicateCheck::Duplicate | DuplicateCheck::Conflict) => repeated += 1,
                    }
                }
                Ok(())
            },
        )?;
        if repeated > 0 {
            let events = count_noun(repeated, "event");
            print_notice(&format!("{events} left out: their ids were there before"));
        }
        let sorted = input.sort()?;
        sorted.map(|admitted| Ok(admitted?.event)).collect()
    }

    /// Matches events from all over the recording, `most` in each round.
    fn measure_set(
        &self,
        name: &str,
        set: RuleSet,
        events: &[Event],
        most: usize,
    ) -> RuleMeasurement {
        let set = Arc::new(set);
        let step = events.len().div_ceil(most.max(1)).max(1);
        let chosen: Vec<&Event> = events.iter().step_by(step).collect();
        // Short recordings are played several times, for a clock to have something to measure.
        let times = EACH.0.div_ceil(chosen.len().max(1));
        let clock = RuntimeClock::system();
        let mut measured = RuleMeasurement {
            name: name.to_owned(),
            rules: set.rules().len(),
            cost: EventCost {
                median: 0.0,
                fastest: 0.0,
                slowest: 0.0,
            },
            events: chosen.len() as u64,
            asked: 0,
            matches: 0,
            faults: 0,
        };
        let mut matcher = RuleMatcher::new(Arc::clone(&set));
        let mut trees = StandaloneTrees::for_rules(&set);
        // What is remembered from event to event is there before the first round is measured.
        measured.play_events(&mut matcher, &mut trees, &chosen);
        let mut rounds = Vec::with_capacity(usize::from(self.rounds));
        for _ in 0..self.rounds {
            let begun = clock.monotonic();
            for _ in 0..times {
                measured.play_events(&mut matcher, &mut trees, &chosen);
            }
            let took = clock.monotonic().since(begun).as_nanos() as f64;
            rounds.push(took / (times * chosen.len().max(1)) as f64);
        }
        measured.cost = EventCost::from_rounds(rounds);
        measured
    }

    fn write_report(
        &self,
        out: &mut impl Write,
        events: usize,
        all: &RuleMeasurement,
        rules: &[RuleMeasurement],
    ) -> io::Result<()> {
        let EventCost {
            median,
            fastest,
            slowest,
        } = all.cost;
        writeln!(
            out,
            "{} and {}, median of {}",
            count_noun(events as u64, "event"),
            count_noun(all.rules as u64, "rule"),
            count_noun(u64::from(self.rounds), "round"),
        )?;
        let rate = (1e9 / median.max(1.0)) as u64;
        writeln!(
            out,
            "{}: {} ns per event ({} to {}), {} events/s on one thread\n",
            style_text(HEADING, "all together"),
            format_nanos(median),
            format_nanos(fastest),
            format_nanos(slowest),
            group_digits(rate)
        )?;
        let heading = ["ns/event", "from", "to", "asked", "matches", "rule, alone"];
        let shown = rules.iter().take(self.top);
        let rows: Vec<Vec<TableCell>> = shown.map(measurement_row).collect();
        table::write_table(out, &heading, &rows)?;
        if rules.len() > self.top {
            let more = rules.len() - self.top;
            writeln!(out, "and {} more; see --top", group_digits(more as u64))?;
        }
        let failed: u64 = rules.iter().map(|rule| rule.faults).sum();
        if failed > 0 {
            let text = format!("rules failed on {}", count_noun(failed, "event"));
            writeln!(out, "{}", style_text(BAD, text))?;
        }
        if slowest > fastest * BUSY {
            let times = slowest / fastest.max(1.0);
            let text = format!(
                "the slowest round took {times:.1} times as long as the fastest: the machine is busy"
            );
            writeln!(out, "{}", style_text(DIM, text))?;
        }
        Ok(())
    }
}

/// The files that a set of the rules of one file needs.
fn select_files(files: &[RuleFile], source: &RuleFile) -> Vec<RuleFile> {
    let needed = files.iter().filter(|file| {
        let is_beside = !rule_files::holds_rules(&file.path);
        let exceptions = file.path.ends_with("except.toml");
        **file == *source || (is_beside && !exceptions)
    });
    needed.cloned().collect()
}

impl RuleMeasurement {
    /// Matches each event once, and counts what came of it.
    fn play_events(
        &mut self,
        matcher: &mut RuleMatcher,
        trees: &mut StandaloneTrees,
        events: &[&Event],
    ) {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        let before = matcher.match_cost().candidates;
        let layers = matcher.set().layers();
        let (mut matches, mut failures) = (0, 0);
        for event in events {
            // Of trees that have taken the event in already this is a look-up.
            trees.insert_event(matcher, event);
            for layer in 0..layers {
                found.clear();
                faults.clear();
                matcher.match_event(layer, event, &mut found, &mut faults);
                matches += found.len() as u64;
                failures += faults.len() as u64;
            }
        }
        self.asked = matcher.match_cost().candidates - before;
        self.matches = matches;
        self.faults = failures;
    }
}

impl EventCost {
    fn from_rounds(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let at = |index: usize| rounds.get(index).copied().unwrap_or_default();
        Self {
            median: at(rounds.len() / 2),
            fastest: at(0),
            slowest: at(rounds.len().saturating_sub(1)),
        }
    }
}

fn measurement_row(measured: &RuleMeasurement) -> Vec<TableCell> {
    let right = |text: String| format!("{text:>8}");
    let name = match measured.rules {
        1 => measured.name.clone(),
        rules => format!("{} and {} more of its file", measured.name, rules - 1),
    };
    let room = WIDTH.saturating_sub(54);
    vec![
        TableCell::new(right(format_nanos(measured.cost.median))),
        TableCell::with_style(format_nanos(measured.cost.fastest), DIM),
        TableCell::with_style(format_nanos(measured.cost.slowest), DIM),
        TableCell::new(group_digits(measured.asked)),
        TableCell::new(group_digits(measured.matches)),
        TableCell::new(super::condition_text::fit_text(&name, room)),
    ]
}

fn format_nanos(value: f64) -> String {
    group_digits(value.round() as u64)
}

fn measurement_json(measured: &RuleMeasurement) -> Value {
    json!({
        "rule": measured.name,
        "rules": measured.rules,
        "ns_per_event": measured.cost.median,
        "fastest": measured.cost.fastest,
        "slowest": measured.cost.slowest,
        "events": measured.events,
        "asked": measured.asked,
        "matches": measured.matches,
        "faults": measured.faults,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_between_the_fastest_and_the_slowest() {
        let cost = EventCost::from_rounds(vec![5.0, 1.0, 9.0]);
        assert_eq!((cost.median, cost.fastest, cost.slowest), (5.0, 1.0, 9.0));
        let cost = EventCost::from_rounds(vec![7.0]);
        assert_eq!((cost.median, cost.fastest, cost.slowest), (7.0, 7.0, 7.0));
    }
}
