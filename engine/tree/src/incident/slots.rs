//! The numbers by which the tables of incidents refer to each other.

use serde::{Deserialize, Serialize};

/// The number of an incident, never reused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(super) struct CaseSlot(pub(super) u64);

/// The number of a tree, never reused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(super) struct TreeSlot(pub(super) u64);

/// The number of a shared node: the caller always gives the same number to the same node, and never
/// to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SharedNodeId(pub(crate) u64);
