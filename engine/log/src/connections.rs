//! Connections to partitions, kept open while they are in use.

use larum_event::Position;
use rusqlite::Connection;

use crate::error::LogError;
use crate::partition::Partition;
use crate::schema;

/// Most files that one reader keeps open.
const OPEN_MOST: usize = 16;

/// Read-only connections, the one used last at the end.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCache {
    open: Vec<(Position, Connection)>,
}

impl ConnectionCache {
    /// The connection to a partition, opened if need be; the one not used for longest gives way.
    pub(crate) fn get(&mut self, partition: &Partition) -> Result<&Connection, LogError> {
        let found = self
            .open
            .iter()
            .position(|(first, _)| *first == partition.first);
        let entry = match found {
            Some(index) => self.open.remove(index),
            None => (partition.first, schema::open_reader(&partition.path)?),
        };
        if self.open.len() >= OPEN_MOST {
            self.open.remove(0);
        }
        self.open.push(entry);
        let (_, connection) = self.open.last().expect("it was just added");
        Ok(connection)
    }

    /// Lets go of partitions that were dropped, so that their room on the disk is freed.
    pub(crate) fn close_before(&mut self, first: Position) {
        self.open.retain(|(open, _)| *open >= first);
    }
}
