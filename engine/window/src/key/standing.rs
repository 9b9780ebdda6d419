//! What was said of a key's alerts that may still change.

use std::collections::{HashMap, HashSet, VecDeque};

use larum_event::{AlertStatus, Cause, Detection, EventId, GroupKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::emit::Emit;
use crate::held::{Held, Order};
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
    said: &'a mut VecDeque<Standing>,
}

impl<'a> Stands<'a> {
    pub(crate) fn of(key: &'a [u8], clock: u32, said: &'a mut VecDeque<Standing>) -> Self {
        Self { key, clock, said }
    }

    /// The settled state says something; with an ahead state, only what that changes about finality is news.
    pub(crate) fn settled(&mut self, report: Report, is_ahead: bool, emit: &mut Emit<'_>) {
        match report {
            Report::Fired(fired) => {
                let known = self.said.iter().position(|it| it.anchor == fired.anchor);
                let index = known.unwrap_or_else(|| {
                    self.said.push_back(Standing::settled(&fired));
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
                let Some(mut standing) = self.said.remove(index) else {
                    return;
                };
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
        // Only what was taken back can come again with a newer event.
        let known = match self.said.back() {
            Some(last) if last.status == AlertStatus::Retracted => {
                self.said.iter().position(|it| it.anchor == fired.anchor)
            }
            Some(_) | None => None,
        };
        let known = known.and_then(|index| self.said.remove(index));
        let standing = self.stands_again(known, fired, emit);
        let behind = self
            .said
            .iter()
            .rposition(|it| it.status != AlertStatus::Retracted);
        self.said
            .insert(behind.map_or(0, |index| index + 1), standing);
    }

    /// An alert that is fired ahead, as the next revision of what was said of it.
    fn stands_again(
        &self,
        known: Option<Standing>,
        fired: &Fired,
        emit: &mut Emit<'_>,
    ) -> Standing {
        let mut standing = known.unwrap_or_else(|| Standing::new(fired, AlertStatus::Early));
        let same = standing.status == AlertStatus::Early && standing.revision > 0;
        standing.trigger = fired.trigger.clone();
        standing.time = fired.time;
        standing.content = fired.content.clone();
        standing.open = fired.open;
        standing.status = AlertStatus::Early;
        if !same || standing.has_doubled() {
            standing.emit(self.key, self.clock, emit);
        }
        standing
    }

    /// Compares what was said with what a new look at all pending events says.
    pub(crate) fn compare(&mut self, reports: Vec<Report>, emit: &mut Emit<'_>) {
        let fires: HashSet<EventId> = reports
            .iter()
            .filter_map(|report| match report {
                Report::Fired(fired) => Some(fired.anchor.clone()),
                Report::Grew(_) | Report::Ended(_) => None,
            })
            .collect();
        let mut known: HashMap<EventId, Standing> = HashMap::new();
        let mut taken_back = Vec::new();
        for mut standing in std::mem::take(self.said) {
            if standing.status == AlertStatus::Final {
                self.said.push_back(standing);
                continue;
            }
            standing.open = false;
            if fires.contains(&standing.anchor) {
                known.insert(standing.anchor.clone(), standing);
                continue;
            }
            if standing.status == AlertStatus::Early {
                standing.status = AlertStatus::Retracted;
                standing.emit(self.key, self.clock, emit);
            }
            taken_back.push(standing);
        }
        for report in reports {
            match report {
                Report::Fired(fired) => {
                    let known = known.remove(&fired.anchor);
                    let standing = self.stands_again(known, &fired, emit);
                    self.said.push_back(standing);
                }
                Report::Grew(_) | Report::Ended(_) => self.ahead(report, emit),
            }
        }
        self.said.extend(taken_back);
    }

    /// Everything before `order` is settled: what was said of it ahead and did not come to be does not stand, and
    /// what was taken back is forgotten.
    pub(crate) fn settled_before(&mut self, order: Option<Order>, emit: &mut Emit<'_>) {
        let is_settled = |it: &Standing| order.is_none_or(|order| it.trigger.order < order);
        for standing in self.said.iter_mut() {
            if standing.status == AlertStatus::Early {
                if !is_settled(standing) {
                    break;
                }
                standing.status = AlertStatus::Retracted;
                standing.emit(self.key, self.clock, emit);
            }
        }
        let gone = |it: &Standing| it.status == AlertStatus::Retracted && is_settled(it);
        // They stand behind all others.
        if self
            .said
            .back()
            .is_some_and(|it| it.status == AlertStatus::Retracted)
            || self.said.front().is_some_and(gone)
        {
            self.said.retain(|it| !gone(it));
        }
    }
}
