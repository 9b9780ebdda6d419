//! What one transaction is going to write, and what each caller is told.
//!
//! Owns the checks of a batch against the head and against itself. Writing the rows
//! belongs to `insert`, the transaction to `writer`.
//! Invariant: positions are dense and in the order of the calls, and each piece is done whole or
//! not at all.

use std::collections::HashMap;

use larum_event::{EpochCommit, Event, Position, RecordBody, Timestamp};

use crate::error::LogError;
use crate::identity::EventIdentity;
use crate::memory_index::FirstOccurrence;
use crate::record::RecordKind;

/// Something to write. Each piece is done whole or not at all.
#[derive(Debug, Clone)]
pub enum LogWrite {
    /// Events from outside, each with the time of its arrival.
    Append(Vec<(Event, Timestamp)>),
    /// Control records: rule sets, units detached and attached, cursors.
    Control(Vec<RecordBody>),
    /// The outcome of an epoch.
    Epoch {
        /// What it derived, in canonical order.
        derived: Vec<Event>,
        /// Its end.
        commit: EpochCommit,
        /// Control records that count only together with it.
        controls: Vec<RecordBody>,
    },
}

/// What became of a [`LogWrite`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteReceipt {
    /// One for each event, in order.
    Appended(Vec<AppendOutcome>),
    /// The positions of control records.
    Control(Vec<Position>),
    /// The positions of an epoch's records.
    Epoch(EpochReceipt),
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It is in the log, here.
    Stored(Position),
    /// The same event came before and is here; it was not stored again (1-19).
    Duplicate(Position),
    /// Its id was used before for another content; it was not stored.
    Conflict {
        /// The position of the first event of that id.
        first: Position,
    },
}

/// Where the records of an epoch stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochReceipt {
    /// The derived events, in the order given.
    pub derived: Vec<Position>,
    /// The control records that came along, in the order given.
    pub controls: Vec<Position>,
    /// The commit itself, behind all of them.
    pub commit: Position,
}

/// A record about to be written; its position follows from its place in the batch.
#[derive(Debug)]
pub(crate) enum BatchRow {
    Event {
        event: Event,
        kind: RecordKind,
        arrived: Option<Timestamp>,
        identity: EventIdentity,
    },
    Control(RecordBody),
}

/// The rows of one transaction, behind each other without a gap.
#[derive(Debug)]
pub(crate) struct WriteBatch {
    pub(crate) first: Position,
    pub(crate) rows: Vec<BatchRow>,
    /// Ids that this batch is the first to use.
    new: HashMap<EventIdentity, FirstOccurrence>,
}

impl WriteBatch {
    pub(crate) fn begin_after(head: Position) -> Self {
        Self {
            first: head.next(),
            rows: Vec::new(),
            new: HashMap::new(),
        }
    }

    /// The position of the next row.
    fn next_position(&self) -> Position {
        Position(self.first.0 + self.rows.len() as u64)
    }

    /// The last position, once every row is written.
    pub(crate) fn last_position(&self) -> Position {
        Position(self.next_position().0 - 1)
    }

    /// Adds an event from outside unless its id was used before, in the log or in this batch.
    pub(crate) fn stage_event(
        &mut self,
        event: &Event,
        arrived: Timestamp,
        mut first_in_log: impl FnMut(EventIdentity) -> Result<Option<FirstOccurrence>, LogError>,
    ) -> Result<AppendOutcome, LogError> {
        let identity = EventIdentity::from_envelope(event.envelope());
        let content = event.content_hash();
        // The batch first: what it holds is not in the log yet, and costs no look at the disk.
        let seen = match self.new.get(&identity) {
            Some(seen) => Some(*seen),
            None => first_in_log(identity)?,
        };
        let position = self.next_position();
        Ok(match seen {
            Some(first) if first.content == content => AppendOutcome::Duplicate(first.position),
            Some(first) => AppendOutcome::Conflict {
                first: first.position,
            },
            None => {
                self.new
                    .insert(identity, FirstOccurrence { content, position });
                self.rows.push(BatchRow::Event {
                    event: event.clone(),
                    kind: RecordKind::Event,
                    arrived: Some(arrived),
                    identity,
                });
                AppendOutcome::Stored(position)
            }
        })
    }

    /// Adds an epoch's records, the commit behind all others.
    pub(crate) fn stage_epoch(
        &mut self,
        derived: Vec<Event>,
        commit: EpochCommit,
        also: Vec<RecordBody>,
    ) -> EpochReceipt {
        EpochReceipt {
            derived: derived
                .into_iter()
                .map(|event| self.stage_derived_event(event))
                .collect(),
            controls: self.stage_controls(also),
            commit: self.stage_control(RecordBody::EpochCommit(commit)),
        }
    }

    pub(crate) fn stage_controls(&mut self, bodies: Vec<RecordBody>) -> Vec<Position> {
        bodies
            .into_iter()
            .map(|body| self.stage_control(body))
            .collect()
    }

    fn stage_derived_event(&mut self, event: Event) -> Position {
        let position = self.next_position();
        let identity = EventIdentity::from_envelope(event.envelope());
        let content = event.content_hash();
        self.new
            .entry(identity)
            .or_insert(FirstOccurrence { content, position });
        self.rows.push(BatchRow::Event {
            kind: RecordKind::from_derived(&event),
            event,
            arrived: None,
            identity,
        });
        position
    }

    fn stage_control(&mut self, body: RecordBody) -> Position {
        let position = self.next_position();
        self.rows.push(BatchRow::Control(body));
        position
    }
}

impl LogWrite {
    /// Refuses what may not be written this way, before anything is.
    pub(crate) fn check(&self, head: Position) -> Result<(), LogError> {
        match self {
            Self::Append(_) => Ok(()),
            Self::Control(bodies) => check_control(bodies),
            Self::Epoch {
                derived,
                commit,
                controls: also,
            } => check_epoch(derived, commit, also, head),
        }
    }

    /// When the first of its events arrived.
    pub(crate) fn first_arrival(&self) -> Option<Timestamp> {
        match self {
            Self::Append(events) => events.first().map(|(_, arrived)| *arrived),
            Self::Control(_) | Self::Epoch { .. } => None,
        }
    }
}

/// An epoch ends where the log is committed, and says how many events it derived.
pub(crate) fn check_epoch(
    derived: &[Event],
    commit: &EpochCommit,
    also: &[RecordBody],
    head: Position,
) -> Result<(), LogError> {
    let follows = commit.from <= commit.upto && commit.upto <= head;
    if follows && commit.derived == derived.len() as u64 {
        return check_control(also);
    }
    Err(LogError::Epoch {
        from: commit.from,
        upto: commit.upto,
        derived: commit.derived,
        given: derived.len(),
        head,
    })
}

/// Events and epochs have ways of their own.
pub(crate) fn check_control(bodies: &[RecordBody]) -> Result<(), LogError> {
    for body in bodies {
        match RecordKind::from_body(body) {
            RecordKind::RuleSetActivated
            | RecordKind::UnitDetached
            | RecordKind::UnitAttached
            | RecordKind::GapFilled
            | RecordKind::CursorMoved
            | RecordKind::Tick
            | RecordKind::Amend => {}
            kind @ (RecordKind::Event
            | RecordKind::Alert
            | RecordKind::System
            | RecordKind::Derived
            | RecordKind::EpochCommit) => {
                return Err(LogError::NotControl {
                    kind: kind.as_str(),
                });
            }
        }
    }
    Ok(())
}
