//! A row of a key in 64 bytes.
//!
//! Keys keep every row of the horizon, so most of a window's memory is rows.

use larum_event::{Event, EventId, EventOrder, MatchValues};
use serde::{Deserialize, Serialize};

use crate::packed_event_ref::PackedEventRef;
use crate::state::{WindowEvent, stored_event};

/// A match as a key keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredRow {
    event_ref: PackedEventRef,
    steps: u32,
    source: u32,
    /// What most rules need not know.
    content: Option<Box<RowContent>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RowContent {
    values: MatchValues,
    #[serde(with = "stored_event")]
    event: Option<Event>,
}

impl StoredRow {
    pub(super) fn pack(row: WindowEvent) -> Self {
        let has_content = row.event.is_some() || !row.values.as_slice().is_empty();
        let content = RowContent {
            values: row.values,
            event: row.event,
        };
        Self {
            event_ref: PackedEventRef::pack(&row.event_ref),
            steps: row.steps,
            source: row.source,
            content: has_content.then(|| Box::new(content)),
        }
    }

    pub(super) fn unpack(&self) -> WindowEvent {
        let content = self.content.as_ref();
        WindowEvent {
            event_ref: self.event_ref.unpack(),
            steps: self.steps,
            source: self.source,
            values: content.map_or(MatchValues::empty(), |content| content.values.clone()),
            event: content.and_then(|content| content.event.clone()),
        }
    }

    pub(super) fn order(&self) -> EventOrder {
        self.event_ref.order()
    }

    pub(super) fn id(&self) -> EventId {
        self.event_ref.id()
    }

    /// Whether it is an alert, which may be taken back.
    pub(super) fn is_alert(&self) -> bool {
        self.order().place.layer > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_sixty_four_bytes() {
        assert_eq!(size_of::<StoredRow>(), 64);
    }
}
