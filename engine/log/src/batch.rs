//! What one transaction is going to write, and what each caller is told.

use std::collections::HashMap;

use larum_event::{EpochCommit, Event, Position, RecordBody, Timestamp};

use crate::error::LogError;
use crate::identity::Identity;
use crate::record::Kind;
use crate::tail::Seen;

/// Something to write. Each piece is done whole or not at all.
#[derive(Debug, Clone)]
pub enum LogWork {
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
        also: Vec<RecordBody>,
    },
}

/// What became of a [`LogWork`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogDone {
    /// One for each event, in order.
    Appended(Vec<Appended>),
    /// The positions of control records.
    Control(Vec<Position>),
    /// The positions of an epoch's records.
    Epoch(EpochReceipt),
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log, here.
    Stored(Position),
    /// The same event came before and stands here; it was not stored again (1-19).
    Duplicate(Position),
    /// Its id was used before for another content; it was not stored.
    Conflict {
        /// Where the first event of that id stands.
        first: Position,
    },
}

/// Where the records of an epoch stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochReceipt {
    /// The derived events, in the order given.
    pub derived: Vec<Position>,
    /// The control records that came along, in the order given.
    pub also: Vec<Position>,
    /// The commit itself, behind all of them.
    pub commit: Position,
}

/// A record about to be written; its position follows from its place in the batch.
#[derive(Debug)]
pub(crate) enum Row {
    Event {
        event: Event,
        kind: Kind,
        arrived: Option<Timestamp>,
        identity: Identity,
    },
    Control(RecordBody),
}

/// The rows of one transaction, behind each other without a gap.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) first: Position,
    pub(crate) rows: Vec<Row>,
    /// Ids that this batch is the first to use.
    new: HashMap<Identity, Seen>,
}

impl Batch {
    pub(crate) fn after(head: Position) -> Self {
        Self {
            first: head.next(),
            rows: Vec::new(),
            new: HashMap::new(),
        }
    }

    /// The position of the next row.
    fn next(&self) -> Position {
        Position(self.first.0 + self.rows.len() as u64)
    }

    /// The last position, once every row is written.
    pub(crate) fn last(&self) -> Position {
        Position(self.next().0 - 1)
    }

    /// Adds an event from outside unless its id was used before, in the log or in this batch.
    pub(crate) fn append(
        &mut self,
        event: &Event,
        arrived: Timestamp,
        mut first_in_log: impl FnMut(Identity) -> Result<Option<Seen>, LogError>,
    ) -> Result<Appended, LogError> {
        let identity = Identity::of(event.envelope());
        let content = event.content_hash();
        let seen = match self.new.get(&identity) {
            Some(seen) => Some(*seen),
            None => first_in_log(identity)?,
        };
        let position = self.next();
        Ok(match seen {
            Some(first) if first.content == content => Appended::Duplicate(first.position),
            Some(first) => Appended::Conflict {
                first: first.position,
            },
            None => {
                self.new.insert(identity, Seen { content, position });
                self.rows.push(Row::Event {
                    event: event.clone(),
                    kind: Kind::Event,
                    arrived: Some(arrived),
                    identity,
                });
                Appended::Stored(position)
            }
        })
    }

    /// Adds an epoch's records, the commit behind all others.
    pub(crate) fn epoch(
        &mut self,
        derived: Vec<Event>,
        commit: EpochCommit,
        also: Vec<RecordBody>,
    ) -> EpochReceipt {
        EpochReceipt {
            derived: derived
                .into_iter()
                .map(|event| self.derive(event))
                .collect(),
            also: self.control_all(also),
            commit: self.control(RecordBody::EpochCommit(commit)),
        }
    }

    pub(crate) fn control_all(&mut self, bodies: Vec<RecordBody>) -> Vec<Position> {
        bodies.into_iter().map(|body| self.control(body)).collect()
    }

    fn derive(&mut self, event: Event) -> Position {
        let position = self.next();
        let identity = Identity::of(event.envelope());
        let content = event.content_hash();
        self.new
            .entry(identity)
            .or_insert(Seen { content, position });
        self.rows.push(Row::Event {
            kind: Kind::of_derived(&event),
            event,
            arrived: None,
            identity,
        });
        position
    }

    fn control(&mut self, body: RecordBody) -> Position {
        let position = self.next();
        self.rows.push(Row::Control(body));
        position
    }
}

impl LogWork {
    /// Refuses what may not be written this way, before anything is.
    pub(crate) fn check(&self, head: Position) -> Result<(), LogError> {
        match self {
            Self::Append(_) => Ok(()),
            Self::Control(bodies) => check_control(bodies),
            Self::Epoch {
                derived,
                commit,
                also,
            } => check_epoch(derived, commit, also, head),
        }
    }

    /// When the first of its events arrived.
    pub(crate) fn arrived(&self) -> Option<Timestamp> {
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
        match Kind::of_body(body) {
            Kind::RuleSetActivated
            | Kind::UnitDetached
            | Kind::UnitAttached
            | Kind::CursorMoved
            | Kind::Tick => {}
            kind @ (Kind::Event
            | Kind::Alert
            | Kind::System
            | Kind::Derived
            | Kind::EpochCommit) => {
                return Err(LogError::NotControl {
                    kind: kind.as_str(),
                });
            }
        }
    }
    Ok(())
}
