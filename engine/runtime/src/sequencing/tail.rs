//! What the sequencer reads: the newest records from memory, everything else from the log.
//!
//! Owns the decision where the next stretch comes from. Records arrive by message while there is
//! credit for them; when the sequencer is further behind than that, it reads the log. Evaluating a
//! stretch is the core's job.
//! Invariant: stretches follow on one another without a gap, and memory is bounded by the credit.

use std::collections::VecDeque;

use larum_event::{ClockTick, Position, Record, RecordBody, RuleSetActivation};
use larum_log::{LogError, LogReader};
use larum_pipeline::EventInput;
use larum_query::ReaderFactory;

use crate::messages::CommittedBatch;
use crate::sequencing::epoch_error::EpochError;

/// Most bytes read from the log at once.
const READ_BYTES: usize = 8 * 1024 * 1024;

/// A stretch of the log that is evaluated as one.
#[derive(Debug, Default)]
pub(crate) struct LogStretch {
    /// The events in it.
    pub(crate) inputs: Vec<EventInput>,
    /// Time that has passed behind them, and where the log says so; such a stretch ends there.
    pub(crate) tick: Option<(Position, ClockTick)>,
    /// A record behind the events that asks to amend keys, and how many rows that may read.
    pub(crate) amend: Option<(Position, u64)>,
    /// The last position in it.
    pub(crate) upto: Position,
    /// Rules that hold from `upto` on; such a stretch ends there.
    pub(crate) activated: Option<RuleSetActivation>,
}

/// The end of the log, as far as it is in memory, and a reader for the rest.
pub(crate) struct RecordTail {
    batches: VecDeque<CommittedBatch>,
    head: Position,
    readers: ReaderFactory,
    reader: Option<LogReader>,
}

impl RecordTail {
    /// Of a log that ends at `head`.
    pub(crate) fn new(readers: ReaderFactory, head: Position) -> Self {
        Self {
            batches: VecDeque::new(),
            head,
            readers,
            reader: None,
        }
    }

    /// Records came by message.
    pub(crate) fn push_batch(&mut self, batch: CommittedBatch) {
        if let Some(last) = batch.items.last() {
            self.head = self.head.max(last.position);
            self.batches.push_back(batch);
        }
    }

    /// Word came that the log has grown.
    pub(crate) fn advance_head(&mut self, head: Position) {
        self.head = self.head.max(head);
    }

    /// Whether there is anything behind `after`.
    pub(crate) fn has_more(&self, after: Position) -> bool {
        self.head > after
    }

    /// What to do for the next stretch behind `after`, of at most `most` records.
    pub(crate) fn next_stretch(&mut self, after: Position, most: usize) -> NextStretch {
        if !self.has_more(after) {
            return NextStretch::Nothing;
        }
        self.drop_batches(after);
        let in_memory = self.batches.front().and_then(|batch| batch.items.first());
        if in_memory.is_some_and(|first| first.position <= after.next()) {
            let records = self.batches.iter().flat_map(|batch| batch.items.iter());
            let wanted = records
                .skip_while(|record| record.position <= after)
                .take(most);
            return NextStretch::Ready(collect_stretch(after, take_contiguous(after, wanted)));
        }
        // A reader of a log that was opened again since knows nothing of what came then.
        let reader = self
            .reader
            .take()
            .filter(|reader| reader.head() >= self.head);
        NextStretch::Read(StretchRead {
            reader: reader.unwrap_or_else(|| self.readers.open_reader()),
            after,
            most,
        })
    }

    /// Takes the reader back after [`StretchRead::read`].
    pub(crate) fn return_reader(&mut self, reader: LogReader) {
        self.reader = Some(reader);
    }

    /// Drops what lies before; its credit goes back.
    fn drop_batches(&mut self, after: Position) {
        while let Some(batch) = self.batches.front() {
            match batch.items.last() {
                Some(last) if last.position > after => return,
                _ => drop(self.batches.pop_front()),
            }
        }
    }
}

/// Where the next stretch comes from.
pub(crate) enum NextStretch {
    /// Everything is evaluated.
    Nothing,
    /// From memory.
    Ready(LogStretch),
    /// From the log.
    Read(StretchRead),
}

/// A stretch that has to be read.
pub(crate) struct StretchRead {
    reader: LogReader,
    after: Position,
    most: usize,
}

impl StretchRead {
    /// Reads it, on a thread that may block.
    pub(crate) async fn read_stretch(self) -> Result<(LogReader, LogStretch), EpochError> {
        let Self {
            mut reader,
            after,
            most,
        } = self;
        let task = tokio::task::spawn_blocking(move || {
            let records = reader.read_after(after, most, READ_BYTES)?;
            Ok::<_, LogError>((reader, records))
        });
        let (reader, records) = task.await.map_err(|_| EpochError::LogGone)??;
        Ok((reader, collect_stretch(after, records.iter())))
    }
}

/// The records up to the first gap.
fn take_contiguous<'a>(
    after: Position,
    records: impl Iterator<Item = &'a Record>,
) -> impl Iterator<Item = &'a Record> {
    let mut expected = after.next();
    records.take_while(move |record| {
        let follows = record.position == expected;
        expected = expected.next();
        follows
    })
}

/// Gathers events until rules change.
fn collect_stretch<'a>(after: Position, records: impl Iterator<Item = &'a Record>) -> LogStretch {
    let mut stretch = LogStretch {
        upto: after,
        ..LogStretch::default()
    };
    for record in records {
        match &record.body {
            RecordBody::Event { event, arrived } => stretch.inputs.push(EventInput {
                position: record.position,
                event: event.clone(),
                arrived: Some(*arrived),
                record: None,
            }),
            RecordBody::RuleSetActivated(activated) => {
                // Events before the change are evaluated first, by the rules that held for them.
                if stretch.inputs.is_empty() {
                    stretch.upto = record.position;
                    stretch.activated = Some(activated.clone());
                }
                return stretch;
            }
            RecordBody::Tick(tick) => {
                stretch.upto = record.position;
                stretch.tick = Some((record.position, *tick));
                return stretch;
            }
            RecordBody::Amend { most_rows } => {
                stretch.upto = record.position;
                stretch.amend = Some((record.position, *most_rows));
                return stretch;
            }
            // What evaluation itself put out.
            RecordBody::Derived { .. }
            | RecordBody::EpochCommit(_)
            | RecordBody::UnitDetached(_)
            | RecordBody::UnitAttached(_)
            | RecordBody::GapFilled(_)
            | RecordBody::CursorMoved(_) => {}
        }
        stretch.upto = record.position;
    }
    stretch
}
