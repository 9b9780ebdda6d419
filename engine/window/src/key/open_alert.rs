//! The emitted alerts of a key that may still change, and the revisions they need.
//!
//! Owns the comparison of new reports with what was already emitted. When an alert fires is decided
//! by the states; how a detection becomes an alert event belongs to the pipeline.
//! Invariant: an alert that was emitted as final is never retracted or made early again, because
//! rules that read alerts have already seen it.

use std::collections::{HashMap, HashSet, VecDeque};

use larum_event::{AlertStatus, Detection, DetectionTrigger, EventId, GroupKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::detection_sink::DetectionSink;
use crate::event_ref::{EventOrder, EventRef};
use crate::state::{AlertReport, AlertSummary, FiredAlert};

/// An emitted alert that may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenAlert {
    anchor: EventId,
    trigger: EventRef,
    time: Timestamp,
    content: AlertSummary,
    /// Number of the last revision; 0 before the first one.
    revision: u32,
    /// The count in the last revision.
    emitted_count: u64,
    status: AlertStatus,
    /// Whether its state may still report growth or its end.
    open: bool,
}

impl OpenAlert {
    /// An alert that the settled state has just fired.
    pub(crate) fn from_settled(fired: &FiredAlert) -> Self {
        Self::new(fired, AlertStatus::Final)
    }

    fn new(fired: &FiredAlert, status: AlertStatus) -> Self {
        Self {
            anchor: fired.anchor.clone(),
            trigger: fired.trigger.clone(),
            time: fired.time,
            content: fired.content.clone(),
            revision: 0,
            emitted_count: 0,
            status,
            open: fired.open,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open && self.status == AlertStatus::Final
    }

    fn has_doubled(&self) -> bool {
        self.content.count >= self.emitted_count.saturating_mul(2)
    }

    /// Emits the next revision.
    pub(crate) fn emit_revision(&mut self, key: &[u8], clock: u32, sink: &mut DetectionSink<'_>) {
        self.revision += 1;
        self.emitted_count = self.content.count;
        let order = &self.trigger.order;
        sink.out.push(Detection {
            rule: sink.rule,
            tenant: sink.tenant.clone(),
            clock,
            key: GroupKey::from_bytes(key).unwrap_or_else(GroupKey::empty),
            anchor: self.anchor.clone(),
            trigger: DetectionTrigger {
                event_id: self.trigger.id(),
                time: order.time,
                sequence: order.sequence(),
                place: order.place(),
            },
            time: self.time,
            place: sink.place,
            revision: self.revision,
            status: self.status,
            count: self.content.count,
            value: self.content.value,
            error: self.content.error,
            first: self.content.first,
            last: self.content.last,
            evidence: self.content.evidence.clone(),
            script_json: self.content.script_json.clone(),
        });
    }

    /// Makes the alert final as it is, because its key is removed.
    pub(crate) fn finalize(&mut self, key: &[u8], clock: u32, sink: &mut DetectionSink<'_>) {
        let has_changed = match self.status {
            AlertStatus::Early => true,
            AlertStatus::Final => self.content.count != self.emitted_count,
            AlertStatus::Retracted => false,
        };
        if has_changed {
            self.status = AlertStatus::Final;
            self.emit_revision(key, clock, sink);
        }
    }
}

/// The alerts of one key that may change: the open one of the settled state first, then those of
/// the ahead state.
pub(crate) struct OpenAlerts<'a> {
    key: &'a [u8],
    clock: u32,
    alerts: &'a mut VecDeque<OpenAlert>,
}

impl<'a> OpenAlerts<'a> {
    pub(crate) fn new(key: &'a [u8], clock: u32, alerts: &'a mut VecDeque<OpenAlert>) -> Self {
        Self { key, clock, alerts }
    }

    /// Applies a report of the settled state. With an ahead state the content was already emitted,
    /// and the report only makes it final.
    pub(crate) fn apply_settled(
        &mut self,
        report: AlertReport,
        is_ahead: bool,
        sink: &mut DetectionSink<'_>,
    ) {
        match report {
            AlertReport::Fired(fired) => {
                let known = self.alerts.iter().position(|it| it.anchor == fired.anchor);
                let index = known.unwrap_or_else(|| {
                    self.alerts.push_back(OpenAlert::from_settled(&fired));
                    self.alerts.len() - 1
                });
                let Some(alert) = self.alerts.get_mut(index) else {
                    return;
                };
                // The ahead state has already counted more of an open alert than is settled.
                if !(is_ahead && fired.open) {
                    alert.content = fired.content;
                }
                alert.trigger = fired.trigger;
                alert.time = fired.time;
                alert.open = fired.open;
                alert.status = AlertStatus::Final;
                alert.emit_revision(self.key, self.clock, sink);
                if !fired.open {
                    self.alerts.remove(index);
                }
            }
            AlertReport::Grew(content) => {
                let open = self.alerts.iter_mut().find(|it| it.is_open());
                if let Some(alert) = open.filter(|_| !is_ahead) {
                    alert.content = *content;
                    if alert.has_doubled() {
                        alert.emit_revision(self.key, self.clock, sink);
                    }
                }
            }
            AlertReport::Ended(content) => {
                let Some(index) = self.alerts.iter().position(OpenAlert::is_open) else {
                    return;
                };
                let Some(mut alert) = self.alerts.remove(index) else {
                    return;
                };
                alert.content = *content;
                if alert.content.count != alert.emitted_count {
                    alert.emit_revision(self.key, self.clock, sink);
                }
            }
        }
    }

    /// Applies a report of the ahead state about the newest event.
    pub(crate) fn apply_ahead(&mut self, report: AlertReport, sink: &mut DetectionSink<'_>) {
        match report {
            AlertReport::Fired(fired) => self.open_ahead(&fired, sink),
            AlertReport::Grew(content) => {
                if let Some(alert) = self.alerts.iter_mut().rfind(|it| it.open) {
                    alert.content = *content;
                    if alert.has_doubled() {
                        alert.emit_revision(self.key, self.clock, sink);
                    }
                }
            }
            // No revision yet: the episode ends for good only when its end is settled.
            AlertReport::Ended(content) => {
                if let Some(alert) = self.alerts.iter_mut().rfind(|it| it.open) {
                    alert.content = *content;
                }
            }
        }
    }

    fn open_ahead(&mut self, fired: &FiredAlert, sink: &mut DetectionSink<'_>) {
        // Only a retracted alert can fire again with a newer event.
        let known = match self.alerts.back() {
            Some(last) if last.status == AlertStatus::Retracted => {
                self.alerts.iter().position(|it| it.anchor == fired.anchor)
            }
            Some(_) | None => None,
        };
        let retracted = known.and_then(|index| self.alerts.remove(index));
        let alert = self.revise_alert(retracted, fired, sink);
        let behind = self
            .alerts
            .iter()
            .rposition(|it| it.status != AlertStatus::Retracted);
        self.alerts
            .insert(behind.map_or(0, |index| index + 1), alert);
    }

    /// The alert that the ahead state fired, as the next revision of `known` if it was emitted
    /// before.
    fn revise_alert(
        &self,
        known: Option<OpenAlert>,
        fired: &FiredAlert,
        sink: &mut DetectionSink<'_>,
    ) -> OpenAlert {
        let mut alert = known.unwrap_or_else(|| OpenAlert::new(fired, AlertStatus::Early));
        let same = alert.status == AlertStatus::Early && alert.revision > 0;
        alert.trigger = fired.trigger.clone();
        alert.time = fired.time;
        alert.content = fired.content.clone();
        alert.open = fired.open;
        alert.status = AlertStatus::Early;
        if !same || alert.has_doubled() {
            alert.emit_revision(self.key, self.clock, sink);
        }
        alert
    }

    /// Compares the emitted alerts with the reports of a rebuilt ahead state: retracts those that
    /// no longer fire, and revises or opens the others.
    pub(crate) fn reconcile_ahead(
        &mut self,
        reports: Vec<AlertReport>,
        sink: &mut DetectionSink<'_>,
    ) {
        let fires: HashSet<EventId> = reports
            .iter()
            .filter_map(|report| match report {
                AlertReport::Fired(fired) => Some(fired.anchor.clone()),
                AlertReport::Grew(_) | AlertReport::Ended(_) => None,
            })
            .collect();
        let mut known: HashMap<EventId, OpenAlert> = HashMap::new();
        let mut retracted = Vec::new();
        // Retract before firing: consumers see an alert disappear before the one that replaces it.
        for mut alert in std::mem::take(self.alerts) {
            if alert.status == AlertStatus::Final {
                self.alerts.push_back(alert);
                continue;
            }
            alert.open = false;
            if fires.contains(&alert.anchor) {
                known.insert(alert.anchor.clone(), alert);
                continue;
            }
            if alert.status == AlertStatus::Early {
                alert.status = AlertStatus::Retracted;
                alert.emit_revision(self.key, self.clock, sink);
            }
            retracted.push(alert);
        }
        for report in reports {
            match report {
                AlertReport::Fired(fired) => {
                    let known = known.remove(&fired.anchor);
                    let alert = self.revise_alert(known, &fired, sink);
                    self.alerts.push_back(alert);
                }
                AlertReport::Grew(_) | AlertReport::Ended(_) => self.apply_ahead(report, sink),
            }
        }
        self.alerts.extend(retracted);
    }

    /// Everything before `order` is settled: early alerts before it that were not confirmed are
    /// retracted, and retracted ones are dropped.
    pub(crate) fn retract_unconfirmed(
        &mut self,
        order: Option<EventOrder>,
        sink: &mut DetectionSink<'_>,
    ) {
        let is_settled = |it: &OpenAlert| order.is_none_or(|order| it.trigger.order < order);
        for alert in self.alerts.iter_mut() {
            if alert.status == AlertStatus::Early {
                if !is_settled(alert) {
                    break;
                }
                alert.status = AlertStatus::Retracted;
                alert.emit_revision(self.key, self.clock, sink);
            }
        }
        let is_forgotten = |it: &OpenAlert| it.status == AlertStatus::Retracted && is_settled(it);
        // Retracted alerts are at the back.
        if self
            .alerts
            .back()
            .is_some_and(|it| it.status == AlertStatus::Retracted)
            || self.alerts.front().is_some_and(is_forgotten)
        {
            self.alerts.retain(|it| !is_forgotten(it));
        }
    }
}
