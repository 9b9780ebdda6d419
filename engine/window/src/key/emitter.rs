//! What a key needs from outside for one call, and where its detections go.
//!
//! Owns the first status of a detection. When an alert is emitted is the key's decision.

use larum_event::{
    AlertStatus, Detection, DetectionEffect, DetectionTrigger, EvaluationPlace, GroupKey, TenantId,
    Timestamp,
};

use super::alert::KeyAlert;
use crate::condition::WindowCondition;
use crate::sources::TenantTime;
use crate::state::AlertSummary;

/// What every key of a window needs for one call, and what comes out of it.
pub(crate) struct KeyContext<'a> {
    pub(crate) rule: u32,
    pub(crate) tenant: &'a TenantId,
    pub(crate) condition: &'a mut WindowCondition,
    pub(crate) time: &'a TenantTime,
    /// The place of the event that is being evaluated.
    pub(crate) place: EvaluationPlace,
    /// Most rows that a key keeps; 0 if matches come in order, so that none is needed again.
    pub(crate) rows_most: usize,
    /// Events and partial matches dropped early because there were too many.
    pub(crate) dropped: u64,
    pub(crate) out: &'a mut Vec<Detection>,
}

impl KeyContext<'_> {
    /// Emits the next revision of `alert`, with `content` in it.
    pub(super) fn emit(
        &mut self,
        key: &[u8],
        alert: &mut KeyAlert,
        content: &AlertSummary,
        effect: DetectionEffect,
    ) {
        let status = match effect {
            DetectionEffect::Retract => AlertStatus::Retracted,
            DetectionEffect::Raise | DetectionEffect::Revise | DetectionEffect::Replace => {
                self.standing_status(alert.time)
            }
        };
        let revision = alert.note_emitted(content, status, effect);
        self.out.push(Detection {
            rule: self.rule,
            tenant: self.tenant.clone(),
            key: GroupKey::from_bytes(key).unwrap_or_else(GroupKey::empty),
            anchor: alert.anchor.clone(),
            trigger: DetectionTrigger {
                event_id: alert.trigger.id(),
                order: alert.trigger.order,
            },
            time: alert.time,
            place: self.place,
            revision,
            status,
            effect,
            count: content.count,
            value: content.value,
            error: content.error,
            first: content.first,
            last: content.last,
            evidence: content.evidence.clone(),
            script_json: content.script_json.clone(),
        });
    }

    /// Final as soon as no event within the lateness can come before it; without any lateness at
    /// once.
    pub(super) fn standing_status(&self, time: Timestamp) -> AlertStatus {
        if self.time.lateness.is_zero() || time < self.time.watermark() {
            AlertStatus::Final
        } else {
            AlertStatus::Early
        }
    }
}
