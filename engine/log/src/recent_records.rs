//! The last records that were committed, in memory.
//!
//! Evaluation reads what was written a moment before. Parsing an event again takes several
//! microseconds, handing it on takes none.

use std::collections::VecDeque;

use larum_event::{Position, Record, RecordBody};

/// Most bytes of event bodies held.
const BYTES_MOST: usize = 16 * 1024 * 1024;

/// What a record counts for besides its body.
const RECORD_BYTES: usize = 256;

/// Records that follow each other up to the head of the log.
#[derive(Debug, Default)]
pub(crate) struct RecentRecords {
    records: VecDeque<Record>,
    bytes: usize,
}

impl RecentRecords {
    /// Adds the record behind the last one.
    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += record_bytes(&record);
        self.records.push_back(record);
        while self.bytes > BYTES_MOST
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes -= record_bytes(&oldest);
        }
    }

    /// The records behind `after`, if the first of them is held.
    pub(crate) fn iter_after(&self, after: Position) -> Option<impl Iterator<Item = &Record>> {
        let first = self.records.front()?.position;
        let skipped = after.next().0.checked_sub(first.0)?;
        Some(self.records.iter().skip(usize::try_from(skipped).ok()?))
    }

    /// The record at a position, if it is held.
    pub(crate) fn get(&self, position: Position) -> Option<&Record> {
        let first = self.records.front()?.position;
        let place = position.0.checked_sub(first.0)?;
        self.records.get(usize::try_from(place).ok()?)
    }
}

fn record_bytes(record: &Record) -> usize {
    RECORD_BYTES + body_bytes(&record.body)
}

/// The length of an event's body. Control records are few, and rule texts are shared with the
/// pinned facts.
pub(crate) fn body_bytes(body: &RecordBody) -> usize {
    match body {
        RecordBody::Event { event, .. } | RecordBody::Derived { event } => event.json().len(),
        RecordBody::RuleSetActivated(rules) => rules.files.iter().map(|file| file.text.len()).sum(),
        RecordBody::EpochCommit(_)
        | RecordBody::UnitDetached(_)
        | RecordBody::UnitAttached(_)
        | RecordBody::GapFilled(_)
        | RecordBody::CursorMoved(_)
        | RecordBody::Tick(_)
        | RecordBody::Amend { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use larum_event::{RuleFile, RuleSetActivation, Span};

    use super::*;

    fn record(position: u64, bytes: usize) -> Record {
        let file = RuleFile {
            path: String::new(),
            text: "x".repeat(bytes),
        };
        Record {
            position: Position(position),
            body: RecordBody::RuleSetActivated(RuleSetActivation {
                files: vec![file],
                amend_horizon: Span::ZERO,
                lateness: Span::ZERO,
                keys_per_rule: 0,
            }),
        }
    }

    #[test]
    fn the_oldest_give_way_and_are_no_longer_claimed() {
        let mut recent = RecentRecords::default();
        let held = |recent: &RecentRecords, after| {
            let behind = recent.iter_after(Position(after));
            behind.map(|records| records.map(|one| one.position.0).collect::<Vec<_>>())
        };
        assert_eq!(held(&recent, 0), None);
        let third = BYTES_MOST / 3 - RECORD_BYTES;
        (5..8).for_each(|position| recent.push(record(position, third)));
        assert_eq!(held(&recent, 3), None);
        assert_eq!(held(&recent, 4), Some(vec![5, 6, 7]));
        recent.push(record(8, third));
        assert_eq!(held(&recent, 4), None);
        assert_eq!(held(&recent, 5), Some(vec![6, 7, 8]));
        assert_eq!(held(&recent, 8), Some(vec![]));
        recent.push(record(9, BYTES_MOST));
        assert_eq!(held(&recent, 8), None);
    }
}
