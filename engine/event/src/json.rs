//! The canonical JSON of an event: reading, checking, writing.
//!
//! Bytes from outside go through `check` (is it JSON an event may be made of), become a `draft`
//! (which member is where), and `read` makes the event of it, whose line `write` writes. Other JSON
//! forms, such as CloudEvents, make a draft of their own and share the rest.

pub(crate) mod check;
pub(crate) mod draft;
pub(crate) mod member;
mod nested;
mod read;
pub(crate) mod split;
pub(crate) mod write;

use self::draft::EventDraft;
use crate::event::Event;
use crate::names::{Channel, EventId, Source, TenantId};
use crate::rejection::{Rejection, RejectionReason};
use crate::severity::Severity;
use crate::time::Timestamp;

/// What a door fills in where a producer left it out, and the tenant of events that name none.
pub struct EventDefaults<'a> {
    /// When the input arrived; becomes the time of an event without one.
    pub arrived: Timestamp,
    /// Makes the id of an event without one.
    pub new_id: &'a dyn Fn() -> EventId,
    /// The source of events without one; `None` makes the member required.
    pub source: Option<&'a Source>,
    /// The channel of events without one.
    pub channel: &'a Channel,
    /// The tenant of events without one.
    pub tenant: &'a TenantId,
    /// The severity of an event type, for events without one.
    pub severity: &'a dyn Fn(&str) -> Severity,
}

impl Event {
    /// Reads one event from outside, filling in what `fill` allows.
    ///
    /// A member that is null counts as left out, except for `data`.
    ///
    /// # Errors
    /// The input is rejected for the first of the reasons of [`crate::RejectionReason`] that
    /// applies.
    pub fn parse(bytes: &[u8], fill: &EventDefaults<'_>) -> Result<Self, Rejection> {
        let text = check::check_bytes(bytes)?;
        check::check_object(text)?;
        read::build_event(&EventDraft::from_json(text)?, Some(fill))
    }

    /// Makes the event of a draft that another JSON form was brought into.
    pub(crate) fn from_draft(
        draft: &EventDraft<'_>,
        fill: &EventDefaults<'_>,
    ) -> Result<Self, Rejection> {
        read::build_event(draft, Some(fill))
    }

    /// Reads one event that was written by [`Event::json`].
    ///
    /// # Errors
    /// Anything else is rejected, whatever is wrong with it, and an event in another form too.
    pub fn from_canonical(json: &str) -> Result<Self, Rejection> {
        check::check_object(json)?;
        let event = read::build_event(&EventDraft::from_json(json)?, None)?;
        if event.json() == json {
            Ok(event)
        } else {
            Err(Rejection::new(
                RejectionReason::Syntax,
                "it is an event but not its canonical form",
            ))
        }
    }
}
