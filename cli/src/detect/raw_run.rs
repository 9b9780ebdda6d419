//! Alerts of records as their systems wrote them, without making events.
//!
//! Owns one run over one input. Records are matched as they are read; what matched is sorted and
//! counted by the pure pipeline, so a recording of which little matches takes little memory.

use std::sync::Arc;

use larum_event::{EventId, EventOrder, Rejection, RejectionReason};
use larum_file::{EventSorter, RecordTally, SpillRecord};
use larum_pipeline::{JsonRecord, PipelineSettings, RecordError, RecordMatches, RecordPipeline};
use larum_rule::RuleSet;

use super::alert_list::AlertList;
use super::matches::{report_skipped_rules, to_rejection};
use super::summary::DetectSummary;
use crate::error::CliError;
use crate::finite_input::sort_error;
use crate::input::{InputFiles, RecordPlace};

/// A run over one input.
pub struct RawRun {
    pipeline: RecordPipeline,
    sorter: EventSorter<MatchedRecord>,
    number: u64,
}

/// The matches of a record, and where it is.
#[derive(Debug)]
struct MatchedRecord {
    line: u64,
    matches: RecordMatches,
}

impl RawRun {
    /// A run of those rules that can be asked of records.
    pub fn new(set: Arc<RuleSet>) -> Result<Self, CliError> {
        let rules = set.rules().len();
        let layout = larum_sigma::default_layout();
        let settings = PipelineSettings::for_sorted_input();
        let pipeline = RecordPipeline::new(set, &layout, &settings);
        report_skipped_rules(pipeline.skipped_rule_count(), rules)?;
        Ok(Self {
            pipeline,
            sorter: EventSorter::new(),
            number: 0,
        })
    }

    /// Reads the input to its end, which is the end of time if it `closes`.
    pub fn read_input(
        mut self,
        inputs: InputFiles,
        found: &mut AlertList,
        summary: &mut DetectSummary,
        closes: bool,
    ) -> Result<RecordTally, CliError> {
        let tally = inputs.read_records(|place, json| match self.match_record(place, json) {
            Ok(Some(matched)) => self.sorter.push(matched).map(Ok).map_err(sort_error),
            Ok(None) => Ok(Ok(())),
            Err(rejection) => Ok(Err(rejection)),
        })?;
        let mut alerts = Vec::new();
        for matched in self.sorter.finish().map_err(sort_error)? {
            let MatchedRecord { line, matches } = matched.map_err(sort_error)?;
            // A reader of the evidence finds the line by it.
            let id = EventId::new(format!("line-{line}")).expect("a word is an id");
            self.pipeline.add_matches(matches, &id, &mut alerts);
            alerts.drain(..).for_each(|one| found.add_alert(one));
        }
        if closes {
            self.pipeline.close_input(&mut alerts);
        } else {
            self.pipeline.finish(&mut alerts);
        }
        alerts.drain(..).for_each(|one| found.add_alert(one));
        summary.count_dropped(&self.pipeline.dropped_state());
        Ok(tally)
    }

    fn match_record(
        &mut self,
        place: &RecordPlace<'_>,
        json: &str,
    ) -> Result<Option<MatchedRecord>, Rejection> {
        if !json.starts_with('{') {
            let detail = "the record is no JSON object";
            return Err(Rejection::new(RejectionReason::WrongType, detail));
        }
        self.number += 1;
        let record = JsonRecord {
            json,
            number: self.number,
        };
        let matched = self.pipeline.match_record(record);
        let matches = matched.map_err(|error| match error {
            RecordError::Unreadable(error) => to_rejection(error),
            RecordError::NoTime => {
                Rejection::for_member(RejectionReason::MissingMember, "time", error.to_string())
            }
        })?;
        let line = place.line;
        Ok(matches.map(|matches| MatchedRecord { line, matches }))
    }
}

impl SpillRecord for MatchedRecord {
    fn order(&self) -> EventOrder {
        self.matches.order()
    }

    fn heap_bytes(&self) -> usize {
        /// A match with its key and a value or two.
        const MATCH_BYTES: usize = 200;
        self.matches.match_count() * MATCH_BYTES
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.line.to_le_bytes());
        out.extend(self.matches.to_bytes());
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let read = || {
            let (line, matches) = bytes.split_first_chunk()?;
            Some(Self {
                line: u64::from_le_bytes(*line),
                matches: RecordMatches::from_bytes(matches)?,
            })
        };
        read().ok_or_else(|| "it is cut short".to_owned())
    }
}
