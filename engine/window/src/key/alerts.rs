//! The alerts of a key, in the order in which its state reported them.
//!
//! Owns how far from the front they are settled, so that a key with very many alerts does not look
//! at all of them for every match. When an alert is decided belongs to the key.
//! Invariant: what is counted as settled is decided and over; only an amendment changes it.

use std::collections::VecDeque;

use larum_event::{EventId, EventOrder};
use serde::{Deserialize, Serialize};

use super::alert::KeyAlert;

/// Alerts that the rows give.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct KeyAlerts {
    all: VecDeque<KeyAlert>,
    /// At least so many at the front are settled.
    #[serde(skip)]
    settled: usize,
}

impl KeyAlerts {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Those that may not be settled: at least every one that is open or undecided.
    pub(super) fn active_alerts(&self) -> impl DoubleEndedIterator<Item = &KeyAlert> {
        self.all.range(self.settled.min(self.all.len())..)
    }

    /// The same, to be changed.
    pub(super) fn active_alerts_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut KeyAlert> {
        let first = self.settled.min(self.all.len());
        self.all.range_mut(first..)
    }

    /// The one that is open.
    pub(super) fn open_alert(&self) -> Option<&KeyAlert> {
        self.active_alerts().rfind(|alert| alert.is_open)
    }

    /// The same, to be changed.
    pub(super) fn open_alert_mut(&mut self) -> Option<&mut KeyAlert> {
        self.active_alerts_mut().rfind(|alert| alert.is_open)
    }

    /// The last one with this anchor, to be changed.
    pub(super) fn find_mut(&mut self, anchor: &EventId) -> Option<&mut KeyAlert> {
        let index = self.all.iter().rposition(|it| it.anchor == *anchor)?;
        self.settled = self.settled.min(index);
        self.all.get_mut(index)
    }

    /// Adds one behind all others.
    pub(super) fn push(&mut self, alert: KeyAlert) {
        self.all.push_back(alert);
        self.skip_settled();
    }

    /// Adds some behind all others.
    pub(super) fn extend(&mut self, alerts: impl IntoIterator<Item = KeyAlert>) {
        self.all.extend(alerts);
    }

    /// Takes out those that were reported behind `place`.
    pub(super) fn split_behind(&mut self, place: EventOrder) -> VecDeque<KeyAlert> {
        let index = self.all.partition_point(|it| it.reported_at <= place);
        self.settled = self.settled.min(index);
        self.all.split_off(index)
    }

    /// Takes note of how far from the front they are settled by now.
    pub(super) fn skip_settled(&mut self) {
        let mut rest = self.all.range(self.settled.min(self.all.len())..);
        self.settled += rest.by_ref().take_while(|it| it.is_settled()).count();
    }

    /// Drops those up to `floor` that are settled, unless `keeps` says otherwise.
    pub(super) fn drop_until(&mut self, floor: EventOrder, keeps: impl Fn(&KeyAlert) -> bool) {
        let end = self.all.partition_point(|it| it.reported_at <= floor);
        let mut kept: Vec<KeyAlert> = self
            .all
            .drain(..end)
            .filter(|alert| keeps(alert) || !alert.is_settled())
            .collect();
        self.settled = if kept.is_empty() {
            self.settled.saturating_sub(end)
        } else {
            0
        };
        while let Some(alert) = kept.pop() {
            self.all.push_front(alert);
        }
    }
}

#[cfg(test)]
mod tests {
    use larum_event::Timestamp;

    use super::*;
    use crate::event_ref::EventRef;
    use crate::state::{AlertSummary, FiredAlert};

    /// An alert of nanosecond `number`, which is settled unless it is open.
    fn alert(number: i64, open: bool) -> KeyAlert {
        let time = Timestamp::from_nanos(number);
        let order = EventOrder::end_of(time);
        let id = EventId::new(format!("e{number}")).unwrap();
        let content = AlertSummary {
            count: 1,
            value: None,
            error: None,
            first: time,
            last: time,
            evidence: Vec::new(),
            script_json: None,
        };
        let fired = FiredAlert {
            anchor: id.clone(),
            trigger: EventRef { order, id },
            time,
            content,
            open,
        };
        KeyAlert::new(fired, order, None, None)
    }

    fn alerts(all: impl IntoIterator<Item = KeyAlert>) -> KeyAlerts {
        let mut alerts = KeyAlerts::default();
        all.into_iter().for_each(|one| alerts.push(one));
        alerts
    }

    #[test]
    fn settled_alerts_are_not_looked_at() {
        let mut many = alerts((0..1_000).map(|number| alert(number, false)));
        assert_eq!(many.active_alerts().count(), 0);
        many.push(alert(1_000, true));
        many.push(alert(1_001, false));
        assert_eq!(many.active_alerts().count(), 2);
        assert_eq!(many.open_alert().unwrap().time.as_nanos(), 1_000);
    }

    #[test]
    fn what_an_amendment_changes_is_looked_at_again() {
        let mut many = alerts((0..10).map(|number| alert(number, false)));
        let anchor = EventId::new("e3").unwrap();
        many.find_mut(&anchor).unwrap().is_open = true;
        assert_eq!(many.open_alert().unwrap().anchor, anchor);
        let place = EventOrder::end_of(Timestamp::from_nanos(1));
        let behind = many.split_behind(place);
        assert_eq!((many.len(), behind.len()), (2, 8));
        many.extend(behind);
        assert_eq!(many.open_alert().unwrap().anchor, anchor);
    }

    #[test]
    fn of_the_past_only_what_is_open_or_kept_stays() {
        let open = |number| number == 4;
        let mut many = alerts((0..10).map(|number| alert(number, open(number))));
        let floor = EventOrder::end_of(Timestamp::from_nanos(6));
        many.drop_until(floor, |it| it.time.as_nanos() == 2);
        let left: Vec<i64> = many.all.iter().map(|it| it.time.as_nanos()).collect();
        assert_eq!(left, [2, 4, 7, 8, 9]);
        assert_eq!(many.open_alert().unwrap().time.as_nanos(), 4);
    }
}
