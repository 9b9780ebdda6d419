//! Several inputs in one order of time.
//!
//! Looks at the next event of each input and gives the earliest, so that a rule sees the events of
//! two hosts' logs as they happened. Each input is taken to be roughly in order: its own events
//! keep their order, whatever they say.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use larum_event::Timestamp;

use crate::error::FileError;
use crate::event::FileRecord;

/// The records of several inputs by the time of their events. A record that became no event and an
/// error come as soon as they are met.
#[derive(Debug)]
pub struct EventMerge<I> {
    inputs: Vec<I>,
    heads: BinaryHeap<Reverse<InputHead>>,
    /// Inputs whose next record must be read before the next event is known.
    unread: VecDeque<usize>,
}

/// The next event of an input, ordered by time, then by the source's own numbering, then by input.
#[derive(Debug)]
struct InputHead {
    time: Timestamp,
    sequence: Option<u64>,
    input: usize,
    record: FileRecord,
}

impl<I: Iterator<Item = Result<FileRecord, FileError>>> EventMerge<I> {
    /// Merges `inputs`; among events of the same time the earlier input comes first.
    pub fn new(inputs: impl IntoIterator<Item = I>) -> Self {
        let inputs: Vec<I> = inputs.into_iter().collect();
        Self {
            heads: BinaryHeap::with_capacity(inputs.len()),
            unread: (0..inputs.len()).collect(),
            inputs,
        }
    }
}

impl<I: Iterator<Item = Result<FileRecord, FileError>>> Iterator for EventMerge<I> {
    type Item = Result<FileRecord, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(&input) = self.unread.front() {
            let record = match self.inputs.get_mut(input).and_then(Iterator::next) {
                None => {
                    self.unread.pop_front();
                    continue;
                }
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(record)) => record,
            };
            let Ok(event) = &record.outcome else {
                return Some(Ok(record));
            };
            self.unread.pop_front();
            let envelope = event.envelope();
            self.heads.push(Reverse(InputHead {
                time: envelope.time,
                sequence: envelope.sequence,
                input,
                record,
            }));
        }
        let Reverse(head) = self.heads.pop()?;
        self.unread.push_back(head.input);
        Some(Ok(head.record))
    }
}

impl InputHead {
    fn sort_key(&self) -> (Timestamp, Option<u64>, usize) {
        (self.time, self.sequence, self.input)
    }
}

impl PartialEq for InputHead {
    fn eq(&self, other: &Self) -> bool {
        self.sort_key() == other.sort_key()
    }
}

impl Eq for InputHead {}

impl PartialOrd for InputHead {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for InputHead {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.sort_key().cmp(&other.sort_key())
    }
}
