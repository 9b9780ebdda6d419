//! A reference to an event: its id and its place in the order of events.

use larum_event::{EventId, EventOrder, Match, Timestamp};
use serde::{Deserialize, Serialize};

/// What a window stores of an event: its order, and its id for the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventRef {
    pub(crate) order: EventOrder,
    pub(crate) id: EventId,
}

impl EventRef {
    pub(crate) fn from_match(matched: &Match) -> Self {
        Self {
            order: matched.order,
            id: matched.event_id.clone(),
        }
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.order.time
    }

    pub(crate) fn id(&self) -> EventId {
        self.id.clone()
    }

    /// Its id with `time` added, to distinguish several alerts that one event raises.
    pub(crate) fn id_with_time(&self, time: Timestamp) -> EventId {
        let name = format!("{}@{time}", self.id);
        let hashed = || EventId::new(blake3::hash(name.as_bytes()).to_hex().as_str());
        EventId::new(&*name)
            .or_else(|_| hashed())
            .unwrap_or_else(|_| self.id())
    }
}
