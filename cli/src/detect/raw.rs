//! Alerts of records as their systems wrote them, without making events.

use std::sync::Arc;

use larum_event::{EventId, Reason, Rejection, Span};
use larum_file::Tally;
use larum_pipeline::{RawRecord, RecordAlert, RecordError, RecordPipeline, Settings};
use larum_rule::RuleSet;

use super::found::Found;
use super::matches::{rejection, tell_left_out};
use crate::error::CliError;
use crate::input::{Inputs, RecordPlace};
use crate::terminal::{counted, say};

/// A run over one input.
pub struct RawRun {
    pipeline: RecordPipeline,
    alerts: Vec<RecordAlert>,
    number: u64,
}

impl RawRun {
    /// A run of those rules that can be asked of records.
    pub fn new(set: Arc<RuleSet>, lateness: Span) -> Result<Self, CliError> {
        let rules = set.rules().len();
        let layout = larum_sigma::default_layout();
        let settings = Settings {
            lateness,
            ..Settings::default()
        };
        let pipeline = RecordPipeline::new(set, &layout, &settings);
        tell_left_out(pipeline.rules_left_out(), rules)?;
        Ok(Self {
            pipeline,
            alerts: Vec::new(),
            number: 0,
        })
    }

    /// Reads the input to its end, which is the end of time if it `closes`.
    pub fn read(
        mut self,
        inputs: Inputs,
        found: &mut Found,
        closes: bool,
    ) -> Result<Tally, CliError> {
        let tally = inputs.read_records(|place, json| {
            let outcome = self.take(place, json);
            self.alerts.drain(..).for_each(|one| found.keep_alert(one));
            Ok(outcome)
        })?;
        if closes {
            self.pipeline.close(&mut self.alerts);
        } else {
            self.pipeline.finish(&mut self.alerts);
        }
        self.alerts.drain(..).for_each(|one| found.keep_alert(one));
        if self.pipeline.late() > 0 {
            let late = counted(self.pipeline.late(), "record");
            say(&format!("{late} too late to count; see --lateness"));
        }
        Ok(tally)
    }

    fn take(&mut self, place: &RecordPlace<'_>, json: &str) -> Result<(), Rejection> {
        if !json.starts_with('{') {
            let detail = "the record is no JSON object";
            return Err(Rejection::new(Reason::WrongType, detail));
        }
        self.number += 1;
        let record = RawRecord {
            json,
            number: self.number,
        };
        // Whoever reads the evidence finds the line by it.
        let id = || EventId::new(format!("line-{}", place.line)).expect("a word is an id");
        let taken = self.pipeline.take(record, id, &mut self.alerts);
        taken.map_err(|error| match error {
            RecordError::Unreadable(error) => rejection(error),
            RecordError::NoTime => {
                Rejection::of_member(Reason::MissingMember, "time", error.to_string())
            }
        })
    }
}
