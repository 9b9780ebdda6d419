//! Input that ends, as every command over files evaluates it.
//!
//! Owns the way from records to the order of evaluation: repeated ids and conflicts are settled in
//! the order of arrival, as an engine does, then the events are sorted by
//! [`EventOrder`](larum_event::EventOrder). Reading files is `input`'s job, sorting that of
//! the file door, evaluating that of the pipeline.
//! Invariant: what comes out depends on the events alone. The order of arrival decides only which
//! of two events of one id counts, and which of two comes first that nothing else tells apart.

use larum_event::{Event, EventOrder, Position};
use larum_file::{EventSorter, FileRecord, SortedRecords, SpillRecord};
use larum_pipeline::{EpochOutcome, EventInput, Pipeline};

use crate::duplicate_filter::{DuplicateCheck, DuplicateFilter};
use crate::error::{CliError, format_causes};

/// Events evaluated together; any number gives the same alerts.
const BATCH_EVENTS: usize = 1_024;

/// An event that counts, with what is known of it besides.
#[derive(Debug, Clone)]
pub struct AdmittedEvent {
    /// The event.
    pub event: Event,
    /// The number of its record over all inputs, from 0.
    pub record: u64,
    /// The line of its input on which it begins, from 1.
    pub line: u64,
}

/// Events so far, in the order of arrival.
pub struct FiniteInput {
    seen: DuplicateFilter,
    sorter: EventSorter<AdmittedEvent>,
    records: u64,
}

impl FiniteInput {
    /// Nothing has come yet.
    pub fn new() -> Self {
        Self::with_sorter(EventSorter::new())
    }

    /// Sorts with `sorter`.
    pub fn with_sorter(sorter: EventSorter<AdmittedEvent>) -> Self {
        Self {
            seen: DuplicateFilter::new(),
            sorter,
            records: 0,
        }
    }

    /// Takes the next record; `None` for one that became no event. Records are counted over all
    /// inputs, so that their numbers order events of one source and time.
    ///
    /// # Errors
    /// What does not fit in memory cannot be written.
    pub fn take_record(&mut self, record: FileRecord) -> Result<Option<DuplicateCheck>, CliError> {
        let number = self.records;
        self.records += 1;
        let Ok(event) = record.outcome else {
            return Ok(None);
        };
        let admitted = AdmittedEvent {
            event,
            record: number,
            line: record.line,
        };
        self.take_event(admitted).map(Some)
    }

    /// Takes an event unless its id was there before.
    ///
    /// # Errors
    /// What does not fit in memory cannot be written.
    pub fn take_event(&mut self, admitted: AdmittedEvent) -> Result<DuplicateCheck, CliError> {
        let check = self.seen.check_event(&admitted.event);
        if check == DuplicateCheck::First {
            self.sorter.push(admitted).map_err(sort_error)?;
        }
        Ok(check)
    }

    /// The events that count, in the order of time.
    ///
    /// # Errors
    /// What was written to temporary files cannot be read.
    pub fn sort(self) -> Result<SortedEvents, CliError> {
        let records = self.sorter.finish().map_err(sort_error)?;
        Ok(SortedEvents { records })
    }
}

/// Events in the order of time.
pub struct SortedEvents {
    records: SortedRecords<AdmittedEvent>,
}

impl SortedEvents {
    /// Evaluates all of them with `pipeline`, whose settings are those for sorted input.
    ///
    /// # Errors
    /// The events cannot be read back.
    pub fn evaluate(
        self,
        pipeline: &mut Pipeline,
        mut keep: impl FnMut(EpochOutcome),
    ) -> Result<(), CliError> {
        let mut batch: Vec<EventInput> = Vec::with_capacity(BATCH_EVENTS);
        for input in self.into_inputs() {
            batch.push(input?);
            if batch.len() >= BATCH_EVENTS {
                keep(pipeline.run_sorted_inputs(&batch));
                batch.clear();
            }
        }
        // The last batch too, or its alerts would be lost.
        keep(pipeline.run_sorted_inputs(&batch));
        Ok(())
    }

    /// The same as the pipeline takes them. Positions are given after sorting because they must
    /// grow from one input to the next: trees and the places of alerts follow them. Between equal
    /// times the number of the record decides, which stays as it was.
    pub fn into_inputs(self) -> impl Iterator<Item = Result<EventInput, CliError>> {
        self.zip(1..)
            .map(|(admitted, position)| Ok(admitted?.into_input(Position(position))))
    }
}

impl Iterator for SortedEvents {
    type Item = Result<AdmittedEvent, CliError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        Some(record.map_err(sort_error))
    }
}

impl AdmittedEvent {
    /// The event as the pipeline takes it.
    pub fn into_input(self, position: Position) -> EventInput {
        EventInput {
            position,
            event: self.event,
            // Unknown in files, so an event counts at its own time, even one in the future.
            arrived: None,
            record: Some(self.record),
        }
    }
}

impl SpillRecord for AdmittedEvent {
    fn order(&self) -> EventOrder {
        let envelope = self.event.envelope();
        // Exactly as the pipeline orders it, or it would take events for late that are sorted.
        EventOrder::of_event(
            envelope.time,
            envelope.source.rank(),
            envelope.sequence.or(Some(self.record)),
            Position(self.record),
        )
    }

    fn heap_bytes(&self) -> usize {
        /// The envelope and its names.
        const ENVELOPE_BYTES: usize = 700;
        self.event.json().len() + ENVELOPE_BYTES
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.record.to_le_bytes());
        out.extend(self.line.to_le_bytes());
        out.extend(self.event.json().as_bytes());
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let read_number = |bytes| <[u8]>::split_first_chunk::<8>(bytes).ok_or("it is cut short");
        let (record, rest) = read_number(bytes)?;
        let (line, rest) = read_number(rest)?;
        let json = std::str::from_utf8(rest).map_err(|error| error.to_string())?;
        Ok(Self {
            event: Event::from_canonical(json).map_err(|error| error.to_string())?,
            record: u64::from_le_bytes(*record),
            line: u64::from_le_bytes(*line),
        })
    }
}

/// The error of a sorter, as commands report it.
pub fn sort_error(error: larum_file::FileError) -> CliError {
    CliError::Read {
        cause: format_causes(&error),
    }
}

#[cfg(test)]
mod tests;
