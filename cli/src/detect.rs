//! `larum detect`: which alerts would these events have raised?
//!
//! Owns one run of the pure pipeline over files; reading them is `input`'s job, sorting what was
//! read `finite_input`'s, writing alerts `alert_list`'s. There are no actors and no store, and the
//! clock is read for the summary only.
//! Invariant: the same events and rules give the same bytes on standard output, in whatever order
//! the events come.

mod alert_list;
mod live_run;
mod matches;
mod raw_run;
mod summary;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use larum_engine::RuntimeClock;
use larum_event::Span;
use larum_file::RecordTally;
use larum_pipeline::{EpochOutcome, Pipeline, PipelineSettings};
use larum_rule::RuleSet;

use crate::decode;
use crate::error::{CliError, CommandExit};
use crate::finite_input::FiniteInput;
use crate::input::InputFiles;
use crate::rules;
use crate::severities;
use crate::terminal::stdout;

use live_run::LiveRun;
use matches::MatchRun;
use raw_run::RawRun;

pub use alert_list::{AlertList, RevisionFilter, key_text};
use summary::{DetectSummary, RuleTotals};

/// Find the alerts that events in files would have raised
#[derive(Debug, Args)]
#[command(after_help = "\
All input is read first, also standard input, and evaluated in the order of event time: in which order the events \
come changes nothing. Alerts go to standard output as NDJSON, one line per alert as it is at the end, in the order of \
their times. Bad records and the summary go to standard error. Files may be NDJSON, JSON arrays or text lines, each \
plain or gzip.

Examples:
  larum detect --rules rules events.ndjson
  larum detect --rules rules --decoder auth-log.toml /var/log/auth.log --output table
  larum detect --rules sigma/rules --decoder windows recording.ndjson.gz --output table
  zcat old.gz | larum detect --rules rules --decoder ssh.toml - | jq .message
  larum detect --rules sigma --output matches --raw recording.json.gz")]
pub struct DetectCommand {
    /// The folder of the rules
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// The decoder file, or `windows`; without one records are Larum's own JSON or CloudEvents
    #[arg(long, value_name = "FILE")]
    decoder: Option<PathBuf>,
    /// The severity policy, for events that do not give their severity
    #[arg(long, value_name = "FILE")]
    severities: Option<PathBuf>,
    /// What is written: alerts as one JSON object per line or as a table, or each match of a record
    /// and a rule
    #[arg(long, value_enum, default_value_t = DetectOutput::Ndjson)]
    output: DetectOutput,
    /// Match records as their systems wrote them, without making events. Only rules in Sigma that
    /// read no alerts can be asked
    #[arg(long, conflicts_with_all = ["decoder", "severities"])]
    raw: bool,
    /// Write NDJSON (the default)
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// Exit with 1 when any record is bad
    #[arg(long)]
    strict: bool,
    /// Write every revision of every alert, also early ones and retracted ones
    #[arg(long)]
    revisions: bool,
    /// Show what an engine would have said at once and amended later: evaluates the events in the
    /// order in which they come, and writes every revision
    #[arg(long, conflicts_with = "raw")]
    as_live: bool,
    /// With --as-live, how long alerts are early, for rules that do not say. Otherwise it changes
    /// nothing: events are sorted, so none is late
    #[arg(long, value_name = "DURATION", default_value_t = Span::ZERO)]
    lateness: Span,
    /// Take the end of the input for the end of time: what is open ends
    #[arg(long)]
    close: bool,
    /// Files to read; - is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DetectOutput {
    Ndjson,
    Table,
    Matches,
}

impl DetectCommand {
    /// What the argument parser cannot see.
    fn check_flags(&self) -> Result<(), CliError> {
        let matches = self.output == DetectOutput::Matches;
        let wrong = if self.raw && !matches && self.inputs.len() > 1 {
            "alerts of raw records are of one input: their events are named after its lines"
        } else if matches && self.shapes_alerts() {
            "--output matches writes matches and no alerts: --revisions, --close, --as-live and --lateness mean nothing there"
        } else {
            return Ok(());
        };
        Err(CliError::Usage(wrong.to_owned()))
    }

    /// Whether a flag says what becomes of alerts.
    fn shapes_alerts(&self) -> bool {
        self.revisions || self.close || self.as_live || self.lateness != Span::ZERO
    }

    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        self.check_flags()?;
        // Rules, decoder and policy before any input is opened: a mistake in them must not cost the
        // reading of a large file.
        let set = Arc::new(rules::load_rules(&self.rules)?);
        let decoder = self
            .decoder
            .as_deref()
            .map(decode::load_decoder)
            .transpose()?;
        let severities = severities::load_policy(self.severities.as_deref())?;
        let inputs = InputFiles::open(&self.inputs)?;
        if self.output == DetectOutput::Matches {
            let hunt = MatchRun { set, inputs };
            let tally = if self.raw {
                hunt.match_records()?
            } else {
                hunt.match_events(decoder.as_ref(), &severities)?
            };
            let failed = self.strict && tally.rejected_count() > 0;
            return Ok(if failed {
                CommandExit::Problems
            } else {
                CommandExit::Done
            });
        }
        let clock = RuntimeClock::system();
        let begun = clock.monotonic();
        let mut run = DetectRun {
            found: self.new_alert_list(),
            summary: DetectSummary::default(),
        };
        let tally = if self.raw {
            let raw = RawRun::new(Arc::clone(&set))?;
            raw.read_input(inputs, &mut run.found, &mut run.summary, self.close)?
        } else if self.as_live {
            let mut live = LiveRun::new(Arc::clone(&set), self.lateness);
            let tally = inputs.read_events(decoder.as_ref(), &severities, |record| {
                let check = live.take_record(record, |outcome| run.keep_outcome(outcome));
                run.summary.count_admission(check);
                Ok(())
            })?;
            run.keep_outcome(live.finish(self.close));
            tally
        } else {
            let mut input = FiniteInput::new();
            let tally = inputs.read_events(decoder.as_ref(), &severities, |record| {
                run.summary.count_admission(input.take_record(record)?);
                Ok(())
            })?;
            run.evaluate(&set, input, self.close)?;
            tally
        };
        run.summary.count_early(run.found.count_early());
        let totals = RunTotals {
            tally,
            took: clock.monotonic().since(begun),
        };
        self.write_results(&run.found, &run.summary, &set, totals)
    }

    fn new_alert_list(&self) -> AlertList {
        AlertList::new(if self.revisions || self.as_live {
            RevisionFilter::EveryRevision
        } else {
            RevisionFilter::LastRevision
        })
    }

    /// Writes the alerts, and says how the run went.
    fn write_results(
        &self,
        found: &AlertList,
        summary: &DetectSummary,
        set: &RuleSet,
        totals: RunTotals,
    ) -> Result<CommandExit, CliError> {
        let mut out = stdout();
        match self.output {
            DetectOutput::Ndjson => found.write_ndjson(&mut out)?,
            DetectOutput::Table => found.write_table(&mut out)?,
            DetectOutput::Matches => {}
        }
        out.flush()?;
        let alerts = RuleTotals {
            what: "alerts",
            counts: found.count_by_rule(),
        };
        let RunTotals { tally, took } = totals;
        summary.print_totals(&tally, &alerts, set, took);
        let failed = self.strict && (tally.rejected_count() > 0 || summary.faults() > 0);
        Ok(if failed {
            CommandExit::Problems
        } else {
            CommandExit::Done
        })
    }
}

/// What was read, and how long it took.
struct RunTotals {
    tally: RecordTally,
    took: Span,
}

/// What one run over the input finds.
struct DetectRun {
    found: AlertList,
    summary: DetectSummary,
}

impl DetectRun {
    /// Evaluates all of the input; its end is that of time if it `closes`.
    fn evaluate(
        &mut self,
        set: &Arc<RuleSet>,
        input: FiniteInput,
        closes: bool,
    ) -> Result<(), CliError> {
        let settings = PipelineSettings::for_sorted_input();
        let mut pipeline = Pipeline::new(Arc::clone(set), settings);
        let sorted = input.sort()?;
        sorted.evaluate(&mut pipeline, |outcome| self.keep_outcome(outcome))?;
        if closes {
            let outcome = pipeline.close_input();
            self.keep_outcome(outcome);
        }
        self.summary.count_dropped(&pipeline.dropped_state());
        Ok(())
    }

    fn keep_outcome(&mut self, outcome: EpochOutcome) {
        self.summary.count_outcome(&outcome);
        for raised in outcome.alerts {
            self.found.add_raised(raised);
        }
    }
}
