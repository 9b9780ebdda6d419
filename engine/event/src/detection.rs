//! What rules make of events and windows make of matches.

use serde::{Deserialize, Serialize};

use crate::alert::AlertStatus;
use crate::key::GroupKey;
use crate::names::{EventId, TenantId};
use crate::record::Position;
use crate::time::Timestamp;

/// Where an event stands in the one order in which it is evaluated: by the log position that
/// caused it, then by the layer of rules it comes from, then by its number among those.
///
/// A raw event has layer 0 and ordinal 0. An alert raised by a rule of layer `n` while the event at
/// `position` was evaluated has layer `n + 1`. So the order, and with it every answer, does not
/// depend on where a batch was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Log position of the event that was being evaluated.
    pub position: Position,
    /// 0 for that event itself, `n + 1` for alerts of rules of layer `n`.
    pub layer: u8,
    /// Number among those of the same position and layer.
    pub ordinal: u32,
}

impl Place {
    /// The place of a raw event.
    pub const fn raw(position: Position) -> Self {
        Self {
            position,
            layer: 0,
            ordinal: 0,
        }
    }
}

/// One event that satisfies one rule's condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Number of the rule in its set.
    pub rule: u32,
    /// Whose event it is.
    pub tenant: TenantId,
    /// The clock the event runs on: 0 is the tenant's, a lagging source has its own (design §8).
    pub clock: u32,
    /// The rule's group key, read from the event.
    pub key: GroupKey,
    /// The event's time.
    pub time: Timestamp,
    /// The event's order among equal times, where a decoder maps one.
    pub sequence: Option<u64>,
    /// Where the event stands.
    pub place: Place,
    /// The event.
    pub event_id: EventId,
}

/// A window's condition came to hold, or something changed about a detection made before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// Number of the rule in its set.
    pub rule: u32,
    /// Whose it is.
    pub tenant: TenantId,
    /// The clock it was made on.
    pub clock: u32,
    /// The group.
    pub key: GroupKey,
    /// What set it off; stays the same over all revisions. Alert ids are made of its event id.
    pub trigger: Match,
    /// Where the event stands that made this revision; orders what a layer puts out.
    pub place: Place,
    /// 1 for the detection itself, then 2, 3, ..
    pub revision: u32,
    /// Whether more may come.
    pub status: AlertStatus,
    /// Matches that count towards it so far.
    pub count: u64,
    /// Time of the first match that counts.
    pub first: Timestamp,
    /// Time of the last match that counts.
    pub last: Timestamp,
    /// The first and last matches that count, in window order, at most
    /// [`crate::limits::EVIDENCE_EACH_END`] from each end.
    pub evidence: Vec<EventId>,
}
