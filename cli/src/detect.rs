//! `larum detect`: which alerts would these events have raised?
//!
//! The pure pipeline over files, without actors, store or clock: the same files and rules give the
//! same bytes.

mod found;
mod matches;
mod raw;
mod summary;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use larum_engine::clock::Clock;
use larum_event::{Position, Span};
use larum_file::{FileRecord, Tally};
use larum_pipeline::{Input, Monotonic, Outcome, Pipeline, Settings};
use larum_rule::RuleSet;

use crate::decode;
use crate::error::{CliError, Exit};
use crate::input::Inputs;
use crate::rules;
use crate::seen::{Seen, Sight};
use crate::severities;
use crate::terminal::stdout;

use matches::Hunt;
use raw::RawRun;

pub use found::{Found, Shown, key_text};
use summary::{ByRule, Summary};

/// Events evaluated together; any number gives the same alerts.
const BATCH_EVENTS: usize = 1_024;

/// Tell which alerts events in files would have raised
#[derive(Debug, Args)]
#[command(after_help = "\
Alerts go to standard output as NDJSON, one line per alert as it stands at the end, in the order of the \
events that set them off. Bad records and the summary go to standard error. Files may be NDJSON, JSON \
arrays or text lines, each plain or gzip; several are merged by event time.

Examples:
  larum detect --rules rules events.ndjson
  larum detect --rules rules --decoder auth-log.toml /var/log/auth.log --output table
  larum detect --rules sigma/rules --decoder windows recording.ndjson.gz --output table
  zcat old.gz | larum detect --rules rules --decoder ssh.toml --lateness 30s - | jq .message
  larum detect --rules sigma --output matches --raw recording.json.gz")]
pub struct Detect {
    /// The folder of the rules
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// The decoder file, or `windows`; without one records are Larum's own JSON or CloudEvents
    #[arg(long, value_name = "FILE")]
    decoder: Option<PathBuf>,
    /// The severity policy, for events that do not say how bad they are
    #[arg(long, value_name = "FILE")]
    severities: Option<PathBuf>,
    /// What is written: alerts as one JSON object per line or as a table, or each match of a record and a rule
    #[arg(long, value_enum, default_value_t = Output::Ndjson)]
    output: Output,
    /// Match records as their systems wrote them, without making events. Only rules in Sigma that read no
    /// alerts can be asked
    #[arg(long, conflicts_with_all = ["decoder", "severities"])]
    raw: bool,
    /// Write NDJSON (the default)
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// Exit with 1 when any record is bad
    #[arg(long)]
    strict: bool,
    /// Write every revision of every alert, also early ones and those that no longer stand
    #[arg(long)]
    revisions: bool,
    /// How far events may be out of order, such as 30s, for rules that do not say; windows leave out what is later
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
enum Output {
    Ndjson,
    Table,
    Matches,
}

impl Detect {
    /// What the argument parser cannot see.
    fn check(&self) -> Result<(), CliError> {
        let matches = self.output == Output::Matches;
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
    pub fn run(self) -> Result<Exit, CliError> {
        self.check()?;
        let set = Arc::new(rules::load(&self.rules)?);
        let decoder = self.decoder.as_deref().map(decode::load).transpose()?;
        let severities = severities::load(self.severities.as_deref())?;
        let inputs = Inputs::open(&self.inputs)?;
        if self.output == Output::Matches {
            let hunt = Hunt { set, inputs };
            let tally = if self.raw {
                hunt.over_records()?
            } else {
                hunt.over_events(decoder.as_ref(), &severities)?
            };
            let failed = self.strict && tally.rejected() > 0;
            return Ok(if failed { Exit::Problems } else { Exit::Done });
        }
        let clock = Clock::system();
        let begun = clock.monotonic();
        if self.raw {
            let mut found = self.found();
            let run = RawRun::new(Arc::clone(&set), self.lateness)?;
            let tally = run.read(inputs, &mut found, self.close)?;
            let mut summary = Summary::default();
            summary.count_early(found.early());
            return self.told(&found, &summary, (&tally, &set), (&clock, begun));
        }

        let mut run = Run {
            pipeline: Pipeline::new(
                set,
                Settings {
                    lateness: self.lateness,
                    ..Settings::default()
                },
            ),
            batch: Vec::with_capacity(BATCH_EVENTS),
            records: 0,
            seen: Seen::new(),
            found: self.found(),
            summary: Summary::default(),
        };
        let tally = inputs.read(decoder.as_ref(), &severities, |record| {
            run.take(record);
            Ok(())
        })?;
        run.finish(self.close);

        let set = Arc::clone(run.pipeline.rule_set());
        run.summary.count_early(run.found.early());
        self.told(&run.found, &run.summary, (&tally, &set), (&clock, begun))
    }

    fn found(&self) -> Found {
        Found::new(if self.revisions {
            Shown::EveryRevision
        } else {
            Shown::Standing
        })
    }

    /// Writes the alerts, and says how the run went.
    fn told(
        &self,
        found: &Found,
        summary: &Summary,
        (tally, set): (&Tally, &RuleSet),
        (clock, begun): (&Clock, Monotonic),
    ) -> Result<Exit, CliError> {
        let mut out = stdout();
        match self.output {
            Output::Ndjson => found.write_ndjson(&mut out)?,
            Output::Table => found.write_table(&mut out)?,
            Output::Matches => {}
        }
        out.flush()?;
        let alerts = ByRule {
            what: "alerts",
            counts: found.by_rule(),
        };
        let took = clock.monotonic().since(begun);
        summary.tell(tally, &alerts, set, took);
        let failed = self.strict && (tally.rejected() > 0 || summary.faults() > 0);
        Ok(if failed { Exit::Problems } else { Exit::Done })
    }
}

/// One run over the input.
struct Run {
    pipeline: Pipeline,
    batch: Vec<Input>,
    records: u64,
    seen: Seen,
    found: Found,
    summary: Summary,
}

impl Run {
    fn take(&mut self, record: FileRecord) {
        // Counted over all inputs and not per file, since it also orders equal times of one source.
        let number = self.records;
        self.records += 1;
        let Ok(event) = record.outcome else {
            return;
        };
        match self.seen.sight(&event) {
            Sight::First => {}
            Sight::Duplicate => return self.summary.count_duplicate(),
            Sight::Conflict => return self.summary.count_conflict(),
        }
        let input = Input {
            position: Position(number + 1),
            event,
            arrived: None,
            record: Some(number),
        };
        self.batch.push(input);
        if self.batch.len() >= BATCH_EVENTS {
            self.evaluate();
        }
    }

    fn evaluate(&mut self) {
        let outcome = self.pipeline.run(&self.batch);
        self.keep(outcome);
        self.batch.clear();
    }

    fn finish(&mut self, close: bool) {
        self.evaluate();
        if close {
            let outcome = self.pipeline.close();
            self.keep(outcome);
        }
    }

    fn keep(&mut self, outcome: Outcome) {
        self.summary.count(&outcome);
        for raised in outcome.alerts {
            self.found.keep(raised);
        }
    }
}
