//! Values that were seen, so that a new one is known to be new.

use std::collections::BTreeMap;

use larum_event::{Extent, FiringPolicy, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::{Firing, Standing};
use super::batch::last_moment;
use super::gauge::Measured;
use super::reading::Reading;
use super::rule::{Measuring, just_before};
use crate::held::Held;
use crate::state::{Content, Taken, Told};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Under which number each value was seen last.
    numbers: BTreeMap<Reading, u64>,
    /// By number, what was seen and when.
    values: BTreeMap<u64, (Reading, Timestamp)>,
    /// Events taken.
    taken: u64,
    /// The first event of the window that lasts, for windows that follow each other.
    opened: Timestamp,
    newest: Timestamp,
    standing: Standing<()>,
}

impl Seen {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.standing == Standing::Free
    }

    /// Values remembered.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.values.first_key_value().map(|(_, (_, time))| *time)
    }

    pub(super) fn take(
        &mut self,
        event: &Taken,
        reading: Reading,
        rule: &Measuring,
        told: &mut Told,
    ) {
        if self.values.is_empty() {
            self.opened = event.time();
        }
        self.newest = event.time();
        self.taken = self.taken.saturating_add(1);
        if let Extent::Last { matches, .. } = rule.extent {
            let oldest = self.taken.saturating_sub(matches.into());
            self.forget_while(|number, _| number < oldest);
        }
        let before = self.numbers.insert(reading, self.taken);
        if let Some(before) = before {
            self.values.remove(&before);
        }
        self.values.insert(self.taken, (reading, event.time()));
        if self.values.len() > rule.events_most {
            told.dropped += 1;
            self.forget_oldest();
        }
        let measured = Measured::whole(before.is_none().into(), None);
        let asks_for_new = rule.bounds.all().is_empty();
        if rule.holds(measured.value) && (before.is_none() || !asks_for_new) {
            self.fire(&event.held, measured, rule, told);
        }
    }

    fn fire(&mut self, event: &Held, measured: Measured, rule: &Measuring, told: &mut Told) {
        let time = event.time();
        if self.standing.is_silent_at(time) {
            return;
        }
        let content = Content {
            count: 1,
            value: Some(measured.value),
            error: None,
            words: None,
            first: time,
            last: time,
            evidence: vec![event.id.clone()],
        };
        let firing = Firing {
            anchor: event.id(),
            trigger: event.clone(),
            time,
            content,
        };
        firing.tell(told);
        match rule.policy {
            FiringPolicy::Edge | FiringPolicy::Every => {}
            FiringPolicy::Reset => self.forget_while(|_, _| true),
            FiringPolicy::Suppress(span) => {
                self.standing = Standing::Silent(time.saturating_add(span));
            }
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, (reading, _))) = self.values.pop_first() {
            self.numbers.remove(&reading);
        }
    }

    fn forget_while(&mut self, is_out: impl Fn(u64, Timestamp) -> bool) {
        while let Some((number, (_, time))) = self.values.first_key_value() {
            if !is_out(*number, *time) {
                return;
            }
            self.forget_oldest();
        }
    }

    pub(super) fn pass(&mut self, before: Timestamp, rule: &Measuring) {
        match rule.extent {
            Extent::Sliding { within: size } | Extent::Hopping { size, .. } => {
                self.forget_while(|_, time| time.saturating_add(size) < before);
            }
            Extent::Last { .. } | Extent::Tumbling { .. } | Extent::Session { .. } => {
                if self.lasts_until(rule).is_some_and(|until| until < before) {
                    self.forget_while(|_, _| true);
                }
            }
        }
        self.standing.pass(before);
    }

    /// The last moment at which something is still remembered.
    fn lasts_until(&self, rule: &Measuring) -> Option<Timestamp> {
        if self.values.is_empty() {
            return None;
        }
        match rule.extent {
            Extent::Sliding { within: size } | Extent::Hopping { size, .. } => {
                Some(self.newest.saturating_add(size))
            }
            Extent::Last { keep, .. } => Some(self.newest.saturating_add(keep)),
            Extent::Tumbling { .. } | Extent::Session { .. } => {
                last_moment(self.opened, self.newest, rule)
            }
        }
    }

    pub(super) fn due(&self, rule: &Measuring) -> Option<Timestamp> {
        let silent = match self.standing {
            Standing::Silent(until) => Some(just_before(until)),
            Standing::Free | Standing::Open(()) => None,
        };
        self.lasts_until(rule).max(silent)
    }

    pub(super) fn is_sound(&self, rule: &Measuring) -> bool {
        let is_indexed = self.numbers.len() == self.values.len()
            && self
                .values
                .iter()
                .all(|(number, (reading, _))| self.numbers.get(reading) == Some(number));
        let numbers = self.values.last_key_value();
        let times = self.values.values().map(|(_, time)| time);
        is_indexed
            && numbers.is_none_or(|(number, _)| *number <= self.taken)
            && times.chain([&self.newest]).is_sorted()
            && self.values.len() <= rule.events_most
            && !matches!(self.standing, Standing::Open(()))
    }
}
