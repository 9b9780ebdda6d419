//! Where detections go, and what all of one call have in common.

use larum_event::{Detection, EvaluationPlace, TenantId};

/// What the detections of one call have in common.
pub(crate) struct DetectionSink<'a> {
    pub(crate) rule: u32,
    pub(crate) tenant: &'a TenantId,
    /// What is being done.
    pub(crate) place: EvaluationPlace,
    /// Most pending events of a key.
    pub(crate) pending_most: usize,
    /// What went before its time.
    pub(crate) dropped: u64,
    pub(crate) out: &'a mut Vec<Detection>,
}
