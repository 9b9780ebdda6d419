//! What an epoch puts out, and the hash by which a recovery compares it.

use larum_event::{Alert, EvaluationPlace, Event, Position, TenantId};
use larum_rule::ExceptionCount;

use crate::breakers::BreakerEvent;
use crate::late_events::LateEvent;
use crate::matching::PlacedFault;

/// One revision of an alert, ready for the log.
#[derive(Debug, Clone)]
pub struct AlertRevision {
    /// The alert as data.
    pub alert: Alert,
    /// The same alert as an event of the bus.
    pub event: Event,
    /// The tenant whose alert it is.
    pub tenant: TenantId,
    /// Its place in the order of evaluation.
    pub place: EvaluationPlace,
    /// The log position of the event that set the alert off.
    pub trigger: Position,
}

/// What an epoch puts out.
#[derive(Debug, Clone, Default)]
pub struct EpochOutcome {
    /// Revisions of alerts, in canonical order.
    pub alerts: Vec<AlertRevision>,
    /// Events of `$sys`, each with the place of what caused it, in order.
    pub system: Vec<(EvaluationPlace, Event)>,
    /// Events that came too late for the windows of some rules, in order.
    pub late: Vec<LateEvent>,
    /// Rules that failed on an event.
    pub faults: Vec<PlacedFault>,
    /// Rules that were broken out, failed their probe, or are back, in order.
    pub breaks: Vec<BreakerEvent>,
    /// How often exceptions kept an event from being a match.
    pub excepted: Vec<ExceptionCount>,
}

impl EpochOutcome {
    /// The derived events in the order in which they go into the log.
    pub fn derived_events(&self) -> impl Iterator<Item = &Event> {
        let revisions = self.alerts.iter();
        let mut alerts = revisions
            .map(|raised| (raised.place, &raised.event))
            .peekable();
        let system_events = self.system.iter();
        let mut system = system_events
            .map(|(place, event)| (*place, event))
            .peekable();
        std::iter::from_fn(move || {
            let before = system.peek().map(|(place, _)| *place);
            let alert = alerts.next_if(|(place, _)| before.is_none_or(|before| *place <= before));
            alert.or_else(|| system.next()).map(|(_, event)| event)
        })
    }

    /// Adds the outcome of the next epoch.
    pub fn extend(&mut self, other: Self) {
        self.alerts.extend(other.alerts);
        self.system.extend(other.system);
        self.late.extend(other.late);
        self.faults.extend(other.faults);
        self.breaks.extend(other.breaks);
        self.excepted.extend(other.excepted);
    }
}

/// The hash that an epoch's commit carries: blake3 over the canonical bytes of its derived
/// events, each followed by a line feed.
pub fn hash_epoch<'a>(derived: impl Iterator<Item = &'a Event>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for event in derived {
        hasher.update(event.json().as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().into()
}
