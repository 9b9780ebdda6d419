//! What goes into an epoch: events of the log, and items as rules see them.

use larum_event::{EvaluationPlace, Event, EventId, EventOrder, Position, Timestamp};

use crate::raise::may_be_alert_id;

/// One event of the log, as the pipeline takes it.
#[derive(Debug, Clone)]
pub struct EventInput {
    /// Its position in the log.
    pub position: Position,
    /// The event itself.
    pub event: Event,
    /// When it arrived; `None` where that is unknown, as in files.
    pub arrived: Option<Timestamp>,
    /// The number of its record in the input. It orders events of one time that have no sequence.
    pub record: Option<u64>,
}

/// Cuts a stretch of the log where the pipeline must. An event that may name an alert as its cause
/// begins a new piece, so that every alert before it is raised by then. Otherwise its depth would
/// depend on where epochs end.
pub fn split_inputs(inputs: &[EventInput]) -> impl Iterator<Item = &[EventInput]> {
    inputs.chunk_by(|_, next| {
        let cause = next.event.envelope().causation_id.as_ref();
        !cause.is_some_and(may_be_alert_id)
    })
}

/// One event as rules see it: a raw one, or an alert of a lower layer.
#[derive(Debug, Clone)]
pub struct EpochItem {
    /// Its place in the order of evaluation.
    pub place: EvaluationPlace,
    /// The event itself.
    pub event: Event,
    /// Its order among all events.
    pub order: EventOrder,
    /// The number of its source within the tenant; 0 for alerts and the engine's own events.
    pub source: u32,
    /// The front of its tenant before its position.
    pub front: Timestamp,
    /// For an alert its alert id, which all its revisions share.
    pub alert_id: Option<EventId>,
    /// For an alert, the rule that raised it.
    pub raised_by: Option<u32>,
    /// For an alert, the raw event that stands for it when rules ask the trees, if this epoch holds
    /// it.
    pub raw_event: Option<Event>,
}
