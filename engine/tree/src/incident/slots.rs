//! The numbers by which the tables of incidents refer to each other.

use serde::{Deserialize, Serialize};

/// The number of an incident, given once.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(super) struct CaseSlot(pub(super) u64);

/// The number of a tree, given once.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(super) struct TreeSlot(pub(super) u64);

/// The number of a shared node: the caller gives the same one to the same node for ever, and no
/// other node has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SharedNodeId(pub(crate) u64);
