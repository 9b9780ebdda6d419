//! What was said of a key's alerts that may still change.

use larum_event::{AlertStatus, Cause, Detection, EventId, GroupKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::emit::Emit;
use crate::held::Held;
use crate::state::{Content, Fired, Report};

/// An alert that was said and may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    anchor: EventId,
    trigger: Held,
    time: Timestamp,
    content: Content,
    /// Number of the last revision; 0 before the first.
    revision: u32,
    /// What the last revision said of the count.
    written: u64,
    status: AlertStatus,
    /// More may come of it.
    open: bool,
}

impl Standing {
    /// One that the settled state has just fired.
    pub(crate) fn settled(fired: &Fired) -> Self {
        Self::new(fired, AlertStatus::Final)
    }

    fn new(fired: &Fired, status: AlertStatus) -> Self {
        Self {
            anchor: fired.anchor.clone(),
            trigger: fired.trigger.clone(),
            time: fired.time,
            content: fired.content.clone(),
            revision: 0,
            written: 0,
            status,
            open: fired.open,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open && self.status == AlertStatus::Final
    }

    fn has_doubled(&self) -> bool {
        self.content.count >= self.written.saturating_mul(2)
    }

    /// Writes the next revision.
    pub(crate) fn emit(&mut self, key: &[u8], clock: u32, emit: &mut Emit<'_>) {
        self.revision += 1;
        self.written = self.content.count;
        let order = &self.trigger.order;
        emit.out.push(Detection {
            rule: emit.rule,
            tenant: emit.tenant.clone(),
            clock,
            key: GroupKey::from_bytes(key).unwrap_or_else(GroupKey::everything),
            anchor: self.anchor.clone(),
            trigger: Cause {
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
            words: self.content.words.clone(),
        });
    }

    /// The key goes: what was said stands.
    pub(crate) fn leave(&mut self, key: &[u8], clock: u32, emit: &mut Emit<'_>) {
        let news = match self.status {
            AlertStatus::Early => true,
            AlertStatus::Final => self.content.count != self.written,
            AlertStatus::Retracted => false,
        };
        if news {
            self.status = AlertStatus::Final;
            self.emit(key, clock, emit);
        }
    }
}

/// The alerts of one key that may change.
pub(crate) struct Stands<'a> {
    key: &'a [u8],
    clock: u32,
    said: &'a mut Vec<Standing>,
}

impl<'a> Stands<'a> {
    pub(crate) fn of(key: &'a [u8], clock: u32, said: &'a mut Vec<Standing>) -> Self {
        Self { key, clock, said }
    }

    /// The settled state says something; with an ahead state, only what that changes about finality is news.
    pub(crate) fn settled(&mut self, report: Report, is_ahead: bool, emit: &mut Emit<'_>) {
        match report {
            Report::Fired(fired) => {
                let known = self.said.iter().position(|it| it.anchor == fired.anchor);
                let index = known.unwrap_or_else(|| {
                    self.said.push(Standing::settled(&fired));
                    self.said.len() - 1
                });
                let Some(standing) = self.said.get_mut(index) else {
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
                standing.emit(self.key, self.clock, emit);
                if !fired.open {
                    self.said.remove(index);
                }
            }
            Report::Grew(content) => {
                let open = self.said.iter_mut().find(|it| it.is_open());
                if let Some(standing) = open.filter(|_| !is_ahead) {
                    standing.content = *content;
                    if standing.has_doubled() {
                        standing.emit(self.key, self.clock, emit);
                    }
                }
            }
            Report::Ended(content) => {
                let Some(index) = self.said.iter().position(Standing::is_open) else {
                    return;
                };
                let mut standing = self.said.remove(index);
                standing.content = *content;
                if standing.content.count != standing.written {
                    standing.emit(self.key, self.clock, emit);
                }
            }
        }
    }

    /// The ahead state says something about the newest event.
    pub(crate) fn ahead(&mut self, report: Report, emit: &mut Emit<'_>) {
        match report {
            Report::Fired(fired) => self.fired_ahead(&fired, emit),
            Report::Grew(content) => {
                if let Some(standing) = self.said.iter_mut().rfind(|it| it.open) {
                    standing.content = *content;
                    if standing.has_doubled() {
                        standing.emit(self.key, self.clock, emit);
                    }
                }
            }
            // It is over when that is settled.
            Report::Ended(content) => {
                if let Some(standing) = self.said.iter_mut().rfind(|it| it.open) {
                    standing.content = *content;
                }
            }
        }
    }

    fn fired_ahead(&mut self, fired: &Fired, emit: &mut Emit<'_>) {
        let known = self.said.iter().position(|it| it.anchor == fired.anchor);
        let mut standing = match known {
            // It was taken back before, and stands again.
            Some(index) => self.said.remove(index),
            None => Standing::new(fired, AlertStatus::Early),
        };
        let same = standing.status == AlertStatus::Early && standing.revision > 0;
        standing.trigger = fired.trigger.clone();
        standing.time = fired.time;
        standing.content = fired.content.clone();
        standing.open = fired.open;
        standing.status = AlertStatus::Early;
        if !same || standing.has_doubled() {
            standing.emit(self.key, self.clock, emit);
        }
        self.said.push(standing);
    }

    /// Compares what was said with what a new look at all pending events says.
    pub(crate) fn compare(&mut self, reports: Vec<Report>, emit: &mut Emit<'_>) {
        let fires = |anchor: &EventId| {
            reports.iter().any(|report| match report {
                Report::Fired(fired) => fired.anchor == *anchor,
                Report::Grew(_) | Report::Ended(_) => false,
            })
        };
        for standing in self.said.iter_mut() {
            if standing.status == AlertStatus::Early {
                // It is open again when it is fired again.
                standing.open = false;
                if !fires(&standing.anchor) {
                    standing.status = AlertStatus::Retracted;
                    standing.emit(self.key, self.clock, emit);
                }
            }
        }
        for report in reports {
            self.ahead(report, emit);
        }
    }

    /// Nothing is pending any more: what was said ahead and did not come to be does not stand.
    pub(crate) fn all_settled(&mut self, emit: &mut Emit<'_>) {
        for standing in self.said.iter_mut() {
            if standing.status == AlertStatus::Early {
                standing.status = AlertStatus::Retracted;
                standing.emit(self.key, self.clock, emit);
            }
        }
        self.said.retain(Standing::is_open);
    }
}
