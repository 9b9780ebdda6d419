//! The canonical JSON of an event: reading, checking, writing.

use crate::alert::Alert;
use crate::event::Event;
use crate::names::{Channel, EventId, Source, TenantId};
use crate::rejection::{Reason, Rejection};
use crate::severity::Severity;
use crate::time::Timestamp;

/// What a door fills in where a producer left it out, and the tenant of events that name none.
pub struct Fill<'a> {
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
    /// # Errors
    /// The input is rejected for the first of the reasons of [`Reason`] that applies.
    pub fn parse(bytes: &[u8], fill: &Fill<'_>) -> Result<Self, Rejection> {
        let _ = (bytes, fill);
        Err(Rejection::new(Reason::Syntax, "not yet"))
    }

    /// Reads one event that was written by [`Event::json`]; anything else is an error.
    pub fn from_canonical(json: &str) -> Result<Self, Rejection> {
        let _ = json;
        Err(Rejection::new(Reason::Syntax, "not yet"))
    }

    /// The event, on topic `alerts.<rule id>`, that carries one revision of an alert.
    ///
    /// The first revision's id is the alert's id, later ones add `.2`, `.3`, .. Its time is
    /// the trigger's, its `causationId` the trigger's id; `correlation` is what it inherits.
    pub fn from_alert(
        alert: &Alert,
        time: Timestamp,
        tenant: &TenantId,
        correlation: Option<&crate::Correlation>,
    ) -> Result<Self, Rejection> {
        let _ = (alert, time, tenant, correlation);
        Err(Rejection::new(Reason::Syntax, "not yet"))
    }
}
