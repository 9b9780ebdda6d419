//! The members of an event as they came, before anybody asked what they mean.
//!
//! A draft is what every JSON form of an event is brought into: [`super::read`] makes the event of
//! it.

use super::split::{RawMember, split_members};
use crate::rejection::Rejection;

/// The JSON texts of the members that an event knows, and the others.
#[derive(Default)]
pub(crate) struct EventDraft<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) source: Option<&'a str>,
    pub(crate) time: Option<&'a str>,
    pub(crate) sequence: Option<&'a str>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) data_version: Option<&'a str>,
    pub(crate) severity: Option<&'a str>,
    pub(crate) priority: Option<&'a str>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) correlation: Option<&'a str>,
    pub(crate) causation_id: Option<&'a str>,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) filled: Option<&'a str>,
    pub(crate) metadata: Option<&'a str>,
    pub(crate) data: Option<&'a str>,
    /// Members that nobody here knows, in their order.
    pub(crate) others: Vec<RawMember<'a>>,
}

impl<'a> EventDraft<'a> {
    /// The draft of the canonical object `text`, which was checked.
    pub(crate) fn from_json(text: &'a str) -> Result<Self, Rejection> {
        let mut draft = Self::default();
        for (name, value) in split_members(text)? {
            match draft.member_mut(&name) {
                Some(place) => *place = Some(value),
                None => draft.others.push((name, value)),
            }
        }
        Ok(draft)
    }

    /// Where the member `name` belongs, if events know it.
    pub(crate) fn member_mut(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        Some(match name {
            "id" => &mut self.id,
            "type" => &mut self.event_type,
            "source" => &mut self.source,
            "time" => &mut self.time,
            "sequence" => &mut self.sequence,
            "channel" => &mut self.channel,
            "dataVersion" => &mut self.data_version,
            "severity" => &mut self.severity,
            "priority" => &mut self.priority,
            "correlationId" => &mut self.correlation_id,
            "correlation" => &mut self.correlation,
            "causationId" => &mut self.causation_id,
            "traceparent" => &mut self.traceparent,
            "filled" => &mut self.filled,
            "metadata" => &mut self.metadata,
            "data" => &mut self.data,
            _ => return None,
        })
    }
}
