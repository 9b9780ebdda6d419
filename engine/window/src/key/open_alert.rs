//! What was said of a key's alerts that may still change.

use std::collections::{HashMap, HashSet, VecDeque};

use larum_event::{AlertStatus, Detection, DetectionTrigger, EventId, GroupKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::detection_sink::DetectionSink;
use crate::event_ref::{EventOrder, EventRef};
use crate::state::{AlertReport, AlertSummary, FiredAlert};

/// An alert that was said and may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenAlert {
    anchor: EventId,
    trigger: EventRef,
    time: Timestamp,
    content: AlertSummary,
    /// Number of the last revision; 0 before the first.
    revision: u32,
    /// What the last revision said of the count.
    emitted_count: u64,
    status: AlertStatus,
    /// More may come of it.
    open: bool,
}

impl OpenAlert {
    /// One that the settled state has just fired.
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

    /// Writes the next revision.
    pub(crate) fn emit_revision(&mut self, key: &[u8], clock: u32, emit: &mut DetectionSink<'_>) {
        self.revision += 1;
        self.emitted_count = self.content.count;
        let order = &self.trigger.order;
        emit.out.push(Detection {
            rule: emit.rule,
            tenant: emit.tenant.clone(),
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
            place: emit.place,
            revision: self.revision,
            status: self.status,
            count: self.content.count,
            value: self.content.value,
            error: self.content.error,
            first: self.content.first,
            last: self.content.last,
            evidence: self.content.evidence.clone(),
            script_json: self.content.words.clone(),
        });
    }

    /// The key goes: what was said stands.
    pub(crate) fn finalize(&mut self, key: &[u8], clock: u32, emit: &mut DetectionSink<'_>) {
        let news = match self.status {
            AlertStatus::Early => true,
            AlertStatus::Final => self.content.count != self.emitted_count,
            AlertStatus::Retracted => false,
        };
        if news {
            self.status = AlertStatus::Final;
            self.emit_revision(key, clock, emit);
        }
    }
}

/// The alerts of one key that may change.
pub(crate) struct OpenAlerts<'a> {
    key: &'a [u8],
    clock: u32,
    alerts: &'a mut VecDeque<OpenAlert>,
}

impl<'a> OpenAlerts<'a> {
    pub(crate) fn new(key: &'a [u8], clock: u32, said: &'a mut VecDeque<OpenAlert>) -> Self {
        Self {
            key,
            clock,
            alerts: said,
        }
    }

    /// The settled state says something; with an ahead state, only what that changes about finality is news.
    pub(crate) fn apply_settled(
        &mut self,
        report: AlertReport,
        is_ahead: bool,
        emit: &mut DetectionSink<'_>,
    ) {
        match report {
            AlertReport::Fired(fired) => {
                let known = self.alerts.iter().position(|it| it.anchor == fired.anchor);
                let index = known.unwrap_or_else(|| {
                    self.alerts.push_back(OpenAlert::from_settled(&fired));
                    self.alerts.len() - 1
                });
                let Some(standing) = self.alerts.get_mut(index) else {
                    return;
                };
                // What was seen ahead of an open alert is more than what is settled of it.
                if !(is_ahead && fired.open) {
                    standing.content = fired.content;
                }
                standing.trigger = fired.trigger;
                standing.time = fired.time;
                standing.open = fired.open;
                standing.status = AlertStatus::Final;
                standing.emit_revision(self.key, self.clock, emit);
                if !fired.open {
                    self.alerts.remove(index);
                }
            }
            AlertReport::Grew(content) => {
                let open = self.alerts.iter_mut().find(|it| it.is_open());
                if let Some(standing) = open.filter(|_| !is_ahead) {
                    standing.content = *content;
                    if standing.has_doubled() {
                        standing.emit_revision(self.key, self.clock, emit);
                    }
                }
            }
            AlertReport::Ended(content) => {
                let Some(index) = self.alerts.iter().position(OpenAlert::is_open) else {
                    return;
                };
                let Some(mut standing) = self.alerts.remove(index) else {
                    return;
                };
                standing.content = *content;
                if standing.content.count != standing.emitted_count {
                    standing.emit_revision(self.key, self.clock, emit);
                }
            }
        }
    }

    /// The ahead state says something about the newest event.
    pub(crate) fn apply_ahead(&mut self, report: AlertReport, emit: &mut DetectionSink<'_>) {
        match report {
            AlertReport::Fired(fired) => self.open_ahead(&fired, emit),
            AlertReport::Grew(content) => {
                if let Some(standing) = self.alerts.iter_mut().rfind(|it| it.open) {
                    standing.content = *content;
                    if standing.has_doubled() {
                        standing.emit_revision(self.key, self.clock, emit);
                    }
                }
            }
            // It is over when that is settled.
            AlertReport::Ended(content) => {
                if let Some(standing) = self.alerts.iter_mut().rfind(|it| it.open) {
                    standing.content = *content;
                }
            }
        }
    }

    fn open_ahead(&mut self, fired: &FiredAlert, emit: &mut DetectionSink<'_>) {
        // Only what was taken back can come again with a newer event.
        let known = match self.alerts.back() {
            Some(last) if last.status == AlertStatus::Retracted => {
                self.alerts.iter().position(|it| it.anchor == fired.anchor)
            }
            Some(_) | None => None,
        };
        let known = known.and_then(|index| self.alerts.remove(index));
        let standing = self.revise_alert(known, fired, emit);
        let behind = self
            .alerts
            .iter()
            .rposition(|it| it.status != AlertStatus::Retracted);
        self.alerts
            .insert(behind.map_or(0, |index| index + 1), standing);
    }

    /// An alert that is fired ahead, as the next revision of what was said of it.
    fn revise_alert(
        &self,
        known: Option<OpenAlert>,
        fired: &FiredAlert,
        emit: &mut DetectionSink<'_>,
    ) -> OpenAlert {
        let mut standing = known.unwrap_or_else(|| OpenAlert::new(fired, AlertStatus::Early));
        let same = standing.status == AlertStatus::Early && standing.revision > 0;
        standing.trigger = fired.trigger.clone();
        standing.time = fired.time;
        standing.content = fired.content.clone();
        standing.open = fired.open;
        standing.status = AlertStatus::Early;
        if !same || standing.has_doubled() {
            standing.emit_revision(self.key, self.clock, emit);
        }
        standing
    }

    /// Compares what was said with what a new look at all pending events says.
    pub(crate) fn reconcile_ahead(
        &mut self,
        reports: Vec<AlertReport>,
        emit: &mut DetectionSink<'_>,
    ) {
        let fires: HashSet<EventId> = reports
            .iter()
            .filter_map(|report| match report {
                AlertReport::Fired(fired) => Some(fired.anchor.clone()),
                AlertReport::Grew(_) | AlertReport::Ended(_) => None,
            })
            .collect();
        let mut known: HashMap<EventId, OpenAlert> = HashMap::new();
        let mut taken_back = Vec::new();
        for mut standing in std::mem::take(self.alerts) {
            if standing.status == AlertStatus::Final {
                self.alerts.push_back(standing);
                continue;
            }
            standing.open = false;
            if fires.contains(&standing.anchor) {
                known.insert(standing.anchor.clone(), standing);
                continue;
            }
            if standing.status == AlertStatus::Early {
                standing.status = AlertStatus::Retracted;
                standing.emit_revision(self.key, self.clock, emit);
            }
            taken_back.push(standing);
        }
        for report in reports {
            match report {
                AlertReport::Fired(fired) => {
                    let known = known.remove(&fired.anchor);
                    let standing = self.revise_alert(known, &fired, emit);
                    self.alerts.push_back(standing);
                }
                AlertReport::Grew(_) | AlertReport::Ended(_) => self.apply_ahead(report, emit),
            }
        }
        self.alerts.extend(taken_back);
    }

    /// Everything before `order` is settled: what was said of it ahead and did not come to be does not stand, and
    /// what was taken back is forgotten.
    pub(crate) fn retract_unconfirmed(
        &mut self,
        order: Option<EventOrder>,
        emit: &mut DetectionSink<'_>,
    ) {
        let is_settled = |it: &OpenAlert| order.is_none_or(|order| it.trigger.order < order);
        for standing in self.alerts.iter_mut() {
            if standing.status == AlertStatus::Early {
                if !is_settled(standing) {
                    break;
                }
                standing.status = AlertStatus::Retracted;
                standing.emit_revision(self.key, self.clock, emit);
            }
        }
        let gone = |it: &OpenAlert| it.status == AlertStatus::Retracted && is_settled(it);
        // They stand behind all others.
        if self
            .alerts
            .back()
            .is_some_and(|it| it.status == AlertStatus::Retracted)
            || self.alerts.front().is_some_and(gone)
        {
            self.alerts.retain(|it| !gone(it));
        }
    }
}
