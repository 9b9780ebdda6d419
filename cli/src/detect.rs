//! `larum detect`: which alerts would these events have raised?
//!
//! Owns one run of the pure pipeline over files; reading them is `input`'s job, writing alerts
//! `alert_list`'s. There are no actors and no store, and the clock is read for the summary only.
//! Invariant: the same files and rules give the same bytes on standard output, however the input
//! is cut into batches.

mod alert_list;
mod matches;
mod raw_run;
mod summary;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use larum_engine::RuntimeClock;
use larum_event::{Position, Span};
use larum_file::{FileRecord, RecordTally};
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;

use crate::decode;
use crate::duplicate_filter::{DuplicateCheck, DuplicateFilter};
use crate::error::{CliError, CommandExit};
use crate::input::InputFiles;
use crate::rules;
use crate::severities;
use crate::terminal::stdout;

use matches::MatchRun;
use raw_run::RawRun;

pub use alert_list::{AlertList, RevisionFilter, key_text};
use summary::{DetectSummary, RuleTotals};

/// Events evaluated together; any number gives the same alerts.
const BATCH_EVENTS: usize = 1_024;

/// Find the alerts that events in files would have raised
#[derive(Debug, Args)]
#[command(after_help = "\
Alerts go to standard output as NDJSON, one line per alert as it is at the end, in the order of the \
events that set them off. Bad records and the summary go to standard error. Files may be NDJSON, JSON \
arrays or text lines, each plain or gzip; several are merged by event time.

Examples:
  larum detect --rules rules events.ndjson
  larum detect --rules rules --decoder auth-log.toml /var/log/auth.log --output table
  larum detect --rules sigma/rules --decoder windows recording.ndjson.gz --output table
  zcat old.gz | larum detect --rules rules --decoder ssh.toml --lateness 30s - | jq .message
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
    /// How far events may be out of order, such as 30s, for rules that do not say; windows leave
    /// out what is later
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
            "alerts of raw records are of one input: several have no order"
        } else if matches && (self.revisions || self.close || self.lateness != Span::ZERO) {
            "--output matches writes matches and no alerts: --revisions, --close and --lateness mean nothing there"
        } else {
            return Ok(());
        };
        Err(CliError::Usage(wrong.to_owned()))
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
        if self.raw {
            let mut found = self.new_alert_list();
            let run = RawRun::new(Arc::clone(&set), self.lateness)?;
            let tally = run.read_input(inputs, &mut found, self.close)?;
            let mut summary = DetectSummary::default();
            summary.count_early(found.count_early());
            return self.write_results(
                &found,
                &summary,
                &set,
                RunTotals {
                    tally,
                    took: clock.monotonic().since(begun),
                },
            );
        }

        let mut run = DetectRun {
            pipeline: Pipeline::new(
                set,
                PipelineSettings {
                    lateness: self.lateness,
                    ..PipelineSettings::for_files()
                },
            ),
            batch: Vec::with_capacity(BATCH_EVENTS),
            records: 0,
            seen: DuplicateFilter::new(),
            found: self.new_alert_list(),
            summary: DetectSummary::default(),
        };
        let tally = inputs.read_events(decoder.as_ref(), &severities, |record| {
            run.take_record(record);
            Ok(())
        })?;
        // The last batch is evaluated before alerts are counted; otherwise its alerts would be
        // lost.
        run.finish(self.close);

        let set = Arc::clone(run.pipeline.rule_set());
        run.summary.count_early(run.found.count_early());
        self.write_results(
            &run.found,
            &run.summary,
            &set,
            RunTotals {
                tally,
                took: clock.monotonic().since(begun),
            },
        )
    }

    fn new_alert_list(&self) -> AlertList {
        AlertList::new(if self.revisions {
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

/// One run over the input.
struct DetectRun {
    pipeline: Pipeline,
    batch: Vec<EventInput>,
    records: u64,
    seen: DuplicateFilter,
    found: AlertList,
    summary: DetectSummary,
}

impl DetectRun {
    fn take_record(&mut self, record: FileRecord) {
        // Counted over all inputs and not per file, since it also orders equal times of one source.
        let number = self.records;
        self.records += 1;
        let Ok(event) = record.outcome else {
            return;
        };
        match self.seen.check_event(&event) {
            DuplicateCheck::First => {}
            DuplicateCheck::Duplicate => return self.summary.count_duplicate(),
            DuplicateCheck::Conflict => return self.summary.count_conflict(),
        }
        let input = EventInput {
            position: Position(number + 1),
            event,
            arrived: None,
            record: Some(number),
        };
        self.batch.push(input);
        if self.batch.len() >= BATCH_EVENTS {
            self.evaluate_batch();
        }
    }

    fn evaluate_batch(&mut self) {
        let outcome = self.pipeline.run_inputs(&self.batch);
        self.keep_outcome(outcome);
        self.batch.clear();
    }

    fn finish(&mut self, close: bool) {
        self.evaluate_batch();
        let outcome = match close {
            true => self.pipeline.close_input(),
            false => self.pipeline.finish_input(),
        };
        self.keep_outcome(outcome);
    }

    fn keep_outcome(&mut self, outcome: EpochOutcome) {
        self.summary.count_outcome(&outcome);
        for raised in outcome.alerts {
            self.found.add_raised(raised);
        }
    }
}
