//! Finds the first event of an id, wherever in the log it stands.
//!
//! Ids of partitions that are not sealed are in memory. A sealed partition is asked by its filter
//! first, which nearly always says no, and then by its index. So a repetition is found however old
//! it is, as long as its first event is kept, and memory is bounded by the size of a partition.

use larum_event::Position;

use crate::connections::ConnectionCache;
use crate::error::LogError;
use crate::identity::EventIdentity;
use crate::memory_index::FirstOccurrence;
use crate::partition::{self, Partition, PartitionState, RowDigest, Seal, SharedLog};

/// The first event with this identity that the log holds.
pub(crate) fn find_first(
    partitions: &[Partition],
    connections: &mut ConnectionCache,
    identity: EventIdentity,
) -> Result<Option<FirstOccurrence>, LogError> {
    // Newest first: a repetition mostly follows soon.
    for partition in partitions.iter().rev() {
        let seen = match &partition.state {
            PartitionState::Unsealed(tail) => partition::lock_read(tail).first_occurrence(identity),
            PartitionState::Sealed(seal) => find_in_sealed(partition, seal, connections, identity)?,
        };
        if seen.is_some() {
            return Ok(seen);
        }
    }
    Ok(None)
}

fn find_in_sealed(
    partition: &Partition,
    seal: &Seal,
    connections: &mut ConnectionCache,
    identity: EventIdentity,
) -> Result<Option<FirstOccurrence>, LogError> {
    if !seal.ids.may_contain(identity.index_key()) {
        return Ok(None);
    }
    let connection = connections.get(partition)?;
    let look = || -> Result<Option<FirstOccurrence>, rusqlite::Error> {
        let mut statement = connection.prepare_cached(
            "SELECT position, digest FROM records INDEXED BY records_identity
                WHERE identity = ?1 ORDER BY position",
        )?;
        let mut rows = statement.query([identity.index_key()])?;
        while let Some(row) = rows.next()? {
            let (content, found) = partition::split_digest(row.get::<_, RowDigest>(1)?);
            if found == identity {
                let position = Position(row.get::<_, i64>(0)?.cast_unsigned());
                return Ok(Some(FirstOccurrence { content, position }));
            }
        }
        Ok(None)
    };
    look().map_err(LogError::sqlite("look for an id in", &partition.path))
}

/// Drops connections to partitions that are gone.
pub(crate) fn close_dropped(shared: &SharedLog, connections: &mut ConnectionCache) {
    if let Some(oldest) = shared.partitions().first() {
        connections.close_before(oldest.first);
    }
}
