//! What an engine would have said at once, and amended later: events in the order in which they
//! come, and keys that were out of order amended in between.
//!
//! Owns one run in the order of arrival. Runs over sorted input belong to the parent module.

use std::sync::Arc;

use larum_event::{Position, Span};
use larum_file::FileRecord;
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;

use crate::duplicate_filter::{DuplicateCheck, DuplicateFilter};

/// Events between two amendments. An engine amends within a fifth of a second; files do not say
/// when their events arrived.
const BATCH_EVENTS: usize = 1_024;

/// A run over input as if it arrived now.
pub struct LiveRun {
    pipeline: Pipeline,
    seen: DuplicateFilter,
    batch: Vec<EventInput>,
    records: u64,
    position: Position,
}

impl LiveRun {
    /// A run of `set`, with a lateness for rules that have none of their own.
    pub fn new(set: Arc<RuleSet>, lateness: Span) -> Self {
        let settings = PipelineSettings {
            lateness,
            ..PipelineSettings::default()
        };
        Self {
            pipeline: Pipeline::new(set, settings),
            seen: DuplicateFilter::new(),
            batch: Vec::with_capacity(BATCH_EVENTS),
            records: 0,
            position: Position::START,
        }
    }

    /// Takes the next record; hands the outcome to `keep` when a batch is complete. Returns what
    /// its id said; `None` for one that became no event.
    pub fn take_record(
        &mut self,
        record: FileRecord,
        keep: impl FnOnce(EpochOutcome),
    ) -> Option<DuplicateCheck> {
        let number = self.records;
        self.records += 1;
        let event = record.outcome.ok()?;
        let check = self.seen.check_event(&event);
        if check == DuplicateCheck::First {
            self.position = self.position.next();
            self.batch.push(EventInput {
                position: self.position,
                event,
                arrived: None,
                record: Some(number),
            });
        }
        if self.batch.len() >= BATCH_EVENTS {
            keep(self.evaluate_batch());
        }
        Some(check)
    }

    /// Evaluates what is left. The end of the input is that of time if it `closes`.
    pub fn finish(mut self, closes: bool) -> EpochOutcome {
        let mut outcome = self.evaluate_batch();
        if closes {
            outcome.extend(self.pipeline.close_input());
        }
        outcome
    }

    fn evaluate_batch(&mut self) -> EpochOutcome {
        let mut outcome = self.pipeline.run_inputs(&self.batch);
        self.batch.clear();
        self.position = self.position.next();
        outcome.extend(self.pipeline.amend(self.position, usize::MAX));
        outcome
    }
}
