//! What a tree is made of, so that it can be grown again from the log.

use std::sync::Arc;

use larum_event::{Position, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// The stable number of a tree, made of the position of the first event that named one of its nodes
/// and of which of the trees named by that event it was. When two trees become one, the smaller
/// number stays.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TreeId(pub u64);

/// Everything needed to find a tree that memory does not hold, and to grow it from the log again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeMembers {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its number.
    pub tree: TreeId,
    /// The id of its root.
    pub root: Arc<str>,
    /// [`key_hash`] of the id of every node, sorted.
    pub keys: Vec<u64>,
    /// The positions of all events and alerts that made it, sorted.
    pub events: Vec<Position>,
    /// Time of its first event.
    pub first: Timestamp,
    /// Time of its last event.
    pub last: Timestamp,
}

/// One tree, in a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSummary {
    /// The id of the node at which it begins.
    pub root: Arc<str>,
    /// Its nodes and what branched off them.
    pub steps: usize,
}

/// A node's id as a number to look trees up by. Two ids may share one, so what is found has to be
/// looked at.
pub fn key_hash(id: &str) -> u64 {
    // FNV-1a: stored, so it must never change; not keyed, so a clash costs a look and nothing else.
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
