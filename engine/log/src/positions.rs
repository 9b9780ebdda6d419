//! Events by their positions, and positions by the time of arrival.
//!
//! Owns these two lookups; searching by content is `search`'s job.
//! Invariant: events arrive in the order of the log, so the position of a time is found by halving.

use larum_event::{Position, RecordBody, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{LogError, PathlessError};
use crate::partition::{self, Partition, PartitionState};
use crate::query::StoredEvent;
use crate::reader::LogReader;
use crate::record::{self, RecordKind};
use crate::schema::select_record;
use crate::search;

impl LogReader {
    /// The events at these positions, which are given in order. Positions that hold no event, or
    /// that retention has dropped, are left out.
    ///
    /// # Errors
    /// A damaged record; the disk fails.
    pub fn events_at(&mut self, positions: &[Position]) -> Result<Vec<StoredEvent>, LogError> {
        let head = self.head();
        let partitions = self.partitions();
        let mut events = Vec::with_capacity(positions.len());
        let mut left = positions;
        for (index, partition) in partitions.iter().enumerate() {
            let next = partitions.get(index + 1).map(|next| next.first);
            let end = next.unwrap_or(head.next());
            let before = left.partition_point(|position| *position < partition.first);
            let upto = left.partition_point(|position| *position < end);
            let (here, behind) = left.split_at(upto);
            left = behind;
            let here = here.get(before..).unwrap_or_default();
            self.read_positions(partition, here, &mut events)?;
        }
        Ok(events)
    }

    fn read_positions(
        &mut self,
        partition: &Partition,
        positions: &[Position],
        events: &mut Vec<StoredEvent>,
    ) -> Result<(), LogError> {
        let mut on_disk = positions;
        let mut in_memory = Vec::new();
        {
            let recent = partition::lock_read(&self.shared.recent);
            while let Some((last, others)) = on_disk.split_last()
                && let Some(record) = recent.get(*last)
            {
                in_memory.extend(StoredEvent::from_record(record.clone()));
                on_disk = others;
            }
        }
        if !on_disk.is_empty() {
            // `None`: the partition was dropped just now.
            self.with_partition(partition, |connection| {
                for position in on_disk {
                    events.extend(search::fetch_event(connection, *position)?);
                }
                Ok(())
            })?;
        }
        events.extend(in_memory.into_iter().rev());
        Ok(())
    }

    /// The last position that stood in the log at a time: everything behind it arrived later. The
    /// position before the log's first one when that was so for everything that is kept.
    ///
    /// # Errors
    /// A damaged record; the disk fails.
    pub fn position_at(&mut self, time: Timestamp) -> Result<Position, LogError> {
        let head = self.head();
        let partitions = self.partitions();
        // What is behind the last event that had arrived may have come later, without having
        // arrived.
        let begun = partitions.iter().rposition(|one| has_arrived_by(one, time));
        for (index, partition) in partitions.iter().enumerate().skip(begun.unwrap_or(0)) {
            let next = partitions.get(index + 1).map(|next| next.first);
            let end = next.unwrap_or(head.next());
            let later = self.with_partition(partition, |connection| {
                find_first_after(connection, partition.first, end, time)
            })?;
            if let Some(Some(later)) = later {
                return Ok(Position(later.0 - 1));
            }
        }
        Ok(head)
    }
}

/// Whether all of a partition is known to have arrived by then.
fn has_arrived_by(partition: &Partition, time: Timestamp) -> bool {
    match &partition.state {
        PartitionState::Sealed(seal) => seal.arrived.is_some_and(|arrived| arrived < time),
        PartitionState::Unsealed(_) => false,
    }
}

/// The first position from `first` on, and before `end`, that came after `time`.
fn find_first_after(
    connection: &Connection,
    first: Position,
    end: Position,
    time: Timestamp,
) -> Result<Option<Position>, PathlessError> {
    let mut next = connection.prepare_cached(
        "SELECT position, arrived FROM records
            WHERE position >= ?1 AND position < ?2 AND arrived IS NOT NULL ORDER BY position LIMIT 1",
    )?;
    // Events arrive in the order of the log: everything before `low` had come by then, the event at
    // `high` had not.
    let (mut low, mut high) = (first.0, end.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let found = next
            .query_row((middle.cast_signed(), high.cast_signed()), |row| {
                let position = row.get::<_, i64>(0)?.cast_unsigned();
                Ok((position, Timestamp::from_nanos(row.get(1)?)))
            })
            .optional()?;
        match found {
            Some((position, arrived)) if arrived <= time => low = position + 1,
            // Up to there nothing had arrived before.
            Some(_) | None => high = middle,
        }
    }
    let (low, end) = (low.cast_signed(), end.0.cast_signed());
    let event = next
        .query_row((low, end), |row| row.get::<_, i64>(0))
        .optional()?;
    // A tick may tell sooner than the next event that the time was over.
    let tick = find_tick_after(connection, low, event.unwrap_or(end), time)?;
    let later = tick.or(event);
    Ok(later.map(|position| Position(position.cast_unsigned())))
}

/// The first tick in a range that says of a time behind `time`.
fn find_tick_after(
    connection: &Connection,
    first: i64,
    end: i64,
    time: Timestamp,
) -> Result<Option<i64>, PathlessError> {
    let mut ticks = connection.prepare_cached(select_record!(
            "FROM records
                WHERE kind = ?3 AND kind > 0 AND position >= ?1 AND position < ?2 ORDER BY position"
        ))?;
    let mut rows = ticks.query((first, end, RecordKind::Tick.number()))?;
    while let Some(row) = rows.next()? {
        let (record, _) = record::read_record(row)??;
        if matches!(record.body, RecordBody::Tick(tick) if tick.at > time) {
            return Ok(Some(record.position.0.cast_signed()));
        }
    }
    Ok(None)
}
