//! What still holds although its record may lie far back: the active rules, the last epoch,
//! consumers' cursors, detached units.
//!
//! Every partition begins with a copy of it. So the newest partition alone answers for all before
//! it, and dropping old ones loses no fact.

use std::collections::BTreeMap;

use larum_event::{
    Channel, CursorMove, EpochCommit, Position, RecordBody, RuleSetActivation, UnitChange,
};
use rusqlite::Connection;

use crate::error::PathlessError;
use crate::record::{self, RecordKind};
use crate::schema::select_record;

/// The facts that stand at some position, each with the position of its record.
#[derive(Debug, Clone, Default)]
pub(crate) struct PinnedFacts {
    pub(crate) rule_set: Option<(Position, RuleSetActivation)>,
    pub(crate) epoch: Option<(Position, EpochCommit)>,
    pub(crate) cursors: BTreeMap<(Channel, String), (Position, CursorMove)>,
    pub(crate) detached: BTreeMap<String, (Position, UnitChange)>,
}

impl PinnedFacts {
    /// Takes in the record at `position`; call it in the order of the log.
    pub(crate) fn apply_record(&mut self, position: Position, body: RecordBody) {
        match body {
            RecordBody::Event { .. }
            | RecordBody::Derived { .. }
            | RecordBody::GapFilled(_)
            | RecordBody::Tick(_)
            | RecordBody::Amend { .. } => {}
            RecordBody::RuleSetActivated(rule_set) => self.rule_set = Some((position, rule_set)),
            RecordBody::EpochCommit(epoch) => self.epoch = Some((position, epoch)),
            RecordBody::UnitDetached(change) => {
                self.detached
                    .insert(change.unit.clone(), (position, change));
            }
            RecordBody::UnitAttached(change) => {
                self.detached.remove(&change.unit);
            }
            RecordBody::CursorMoved(cursor) => {
                let consumer = (cursor.channel.clone(), cursor.consumer.clone());
                self.cursors.insert(consumer, (position, cursor));
            }
        }
    }

    /// Writes it into a new partition.
    pub(crate) fn write_to(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let rule_set = self
            .rule_set
            .iter()
            .map(|(at, body)| (at, RecordBody::RuleSetActivated(body.clone())));
        let epoch = self
            .epoch
            .iter()
            .map(|(at, body)| (at, RecordBody::EpochCommit(body.clone())));
        let cursors = self
            .cursors
            .values()
            .map(|(at, body)| (at, RecordBody::CursorMoved(body.clone())));
        let detached = self
            .detached
            .values()
            .map(|(at, body)| (at, RecordBody::UnitDetached(body.clone())));
        let mut statement = connection
            .prepare("INSERT INTO standing (position, kind, body) VALUES (?1, ?2, ?3)")?;
        for (position, body) in rule_set.chain(epoch).chain(cursors).chain(detached) {
            let kind = RecordKind::from_body(&body).number();
            statement.execute((position.0.cast_signed(), kind, record::encode_body(&body)))?;
        }
        Ok(())
    }

    /// The facts at `at`, which is a position of this partition or the one before its first.
    pub(crate) fn read_at(connection: &Connection, at: Position) -> Result<Self, PathlessError> {
        let mut standing = Self::default();
        let mut apply = |sql: &str, kinds: &[RecordKind]| -> Result<(), PathlessError> {
            let mut statement = connection.prepare(sql)?;
            let numbers = kinds.iter().map(|kind| kind.number());
            let values = [at.0.cast_signed()].into_iter().chain(numbers);
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                let (record, _) = record::read_record(row)??;
                standing.apply_record(record.position, record.body);
            }
            Ok(())
        };
        // What the partition began with comes first: its records change it.
        let pinned = select_record!("FROM standing WHERE position <= ?1 ORDER BY position");
        apply(pinned, &[])?;
        // Epochs are many and only the last one counts, so it is looked up and the others are not
        // read.
        let last_epoch = select_record!(
            "FROM records INDEXED BY records_made
                WHERE kind > 0 AND kind = ?2 AND position <= ?1 ORDER BY position DESC LIMIT 1"
        );
        apply(last_epoch, &[RecordKind::EpochCommit])?;
        let others = select_record!(
            "FROM records INDEXED BY records_made
                WHERE kind > 0 AND kind IN (?2, ?3, ?4, ?5) AND position <= ?1 ORDER BY position"
        );
        let kinds = [
            RecordKind::RuleSetActivated,
            RecordKind::UnitDetached,
            RecordKind::UnitAttached,
            RecordKind::CursorMoved,
        ];
        apply(others, &kinds)?;
        Ok(standing)
    }
}
