//! Finds the first event of an id, wherever in the log it stands.
//!
//! Ids of partitions that are not sealed are in memory. A sealed partition is asked by its filter first,
//! which nearly always says no, and then by its index. So a repetition is found however old it is, as
//! long as its first event is kept, and memory is bounded by the size of a partition.

use larum_event::Position;

use crate::connections::Connections;
use crate::error::LogError;
use crate::identity::Identity;
use crate::partition::{self, Digest, Partition, Seal, Shared, State};
use crate::tail::Seen;

/// The first event with this identity that the log holds.
pub(crate) fn first_of(
    partitions: &[Partition],
    connections: &mut Connections,
    identity: Identity,
) -> Result<Option<Seen>, LogError> {
    // Newest first: a repetition mostly follows soon.
    for partition in partitions.iter().rev() {
        let seen = match &partition.state {
            State::Unsealed(tail) => partition::read(tail).seen(identity),
            State::Sealed(seal) => look_up(partition, seal, connections, identity)?,
        };
        if seen.is_some() {
            return Ok(seen);
        }
    }
    Ok(None)
}

fn look_up(
    partition: &Partition,
    seal: &Seal,
    connections: &mut Connections,
    identity: Identity,
) -> Result<Option<Seen>, LogError> {
    if !seal.ids.may_hold(identity.indexed()) {
        return Ok(None);
    }
    let connection = connections.get(partition)?;
    let look = || -> Result<Option<Seen>, rusqlite::Error> {
        let mut statement = connection.prepare_cached(
            "SELECT position, digest FROM records INDEXED BY records_identity
                WHERE identity = ?1 ORDER BY position",
        )?;
        let mut rows = statement.query([identity.indexed()])?;
        while let Some(row) = rows.next()? {
            let (content, found) = partition::split_digest(row.get::<_, Digest>(1)?);
            if found == identity {
                let position = Position(row.get::<_, i64>(0)?.cast_unsigned());
                return Ok(Some(Seen { content, position }));
            }
        }
        Ok(None)
    };
    look().map_err(LogError::sqlite("look for an id in", &partition.path))
}

/// Drops connections to partitions that are gone.
pub(crate) fn forget_dropped(shared: &Shared, connections: &mut Connections) {
    if let Some(oldest) = shared.partitions().first() {
        connections.forget_before(oldest.first);
    }
}
