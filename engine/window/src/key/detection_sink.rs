//! Where the detections of one call go, with what they have in common.

use larum_event::{Detection, EvaluationPlace, TenantId};

/// Collects the detections of one call.
pub(crate) struct DetectionSink<'a> {
    pub(crate) rule: u32,
    pub(crate) tenant: &'a TenantId,
    /// The place of the event that is being evaluated.
    pub(crate) place: EvaluationPlace,
    /// Most pending events of a key.
    pub(crate) pending_most: usize,
    /// Events dropped early.
    pub(crate) dropped: u64,
    pub(crate) out: &'a mut Vec<Detection>,
}
