//! What goes into an epoch: events of the log, and items as rules see them.

use larum_event::{EvaluationPlace, Event, Position, Timestamp, Watermark};

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
    /// When it counts in windows.
    pub time: Timestamp,
    /// The clock it runs on.
    pub clock: u32,
    /// How far that clock had come before its position.
    pub before: Watermark,
    /// How far that clock has come with it.
    pub watermark: Watermark,
    /// Its order among equal times.
    pub sequence: Option<u64>,
    /// For an alert, the rule that raised it.
    pub raised_by: Option<u32>,
    /// For an alert, the raw event that stands for it when rules ask the trees, if this epoch holds
    /// it.
    pub raw_event: Option<Event>,
}
