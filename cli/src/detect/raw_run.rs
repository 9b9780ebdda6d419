//! Alerts of records as their systems wrote them, without making events.

use std::sync::Arc;

use larum_event::{EventId, Rejection, RejectionReason, Span};
use larum_file::RecordTally;
use larum_pipeline::{JsonRecord, PipelineSettings, RecordAlert, RecordError, RecordPipeline};
use larum_rule::RuleSet;

use super::alert_list::AlertList;
use super::matches::{report_skipped_rules, to_rejection};
use crate::error::CliError;
use crate::input::{InputFiles, RecordPlace};
use crate::terminal::{count_noun, print_notice};

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
        let settings = PipelineSettings {
            lateness,
            ..PipelineSettings::for_files()
        };
        let pipeline = RecordPipeline::new(set, &layout, &settings);
        report_skipped_rules(pipeline.skipped_rule_count(), rules)?;
        Ok(Self {
            pipeline,
            alerts: Vec::new(),
            number: 0,
        })
    }

    /// Reads the input to its end, which is the end of time if it `closes`.
    pub fn read_input(
        mut self,
        inputs: InputFiles,
        found: &mut AlertList,
        closes: bool,
    ) -> Result<RecordTally, CliError> {
        let tally = inputs.read_records(|place, json| {
            let outcome = self.take_record(place, json);
            self.alerts.drain(..).for_each(|one| found.add_alert(one));
            Ok(outcome)
        })?;
        if closes {
            self.pipeline.close_input(&mut self.alerts);
        } else {
            self.pipeline.finish(&mut self.alerts);
        }
        self.alerts.drain(..).for_each(|one| found.add_alert(one));
        if self.pipeline.late_count() > 0 {
            let late = count_noun(self.pipeline.late_count(), "record");
            print_notice(&format!("{late} too late to count"));
        }
        Ok(tally)
    }

    fn take_record(&mut self, place: &RecordPlace<'_>, json: &str) -> Result<(), Rejection> {
        if !json.starts_with('{') {
            let detail = "the record is no JSON object";
            return Err(Rejection::new(RejectionReason::WrongType, detail));
        }
        self.number += 1;
        let record = JsonRecord {
            json,
            number: self.number,
        };
        // A reader of the evidence finds the line by it.
        let id = || EventId::new(format!("line-{}", place.line)).expect("a word is an id");
        let taken = self.pipeline.push_record(record, id, &mut self.alerts);
        taken.map_err(|error| match error {
            RecordError::Unreadable(error) => to_rejection(error),
            RecordError::NoTime => {
                Rejection::for_member(RejectionReason::MissingMember, "time", error.to_string())
            }
        })
    }
}
