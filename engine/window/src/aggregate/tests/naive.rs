//! The rules by their words: the whole list of events is looked through at every moment there is.

use std::collections::BTreeSet;

use larum_event::limits::EVIDENCE_EACH_END;
use larum_event::{
    Aggregate, Amount, DecisionTime, EventId, FiringPolicy, ScalarValue, Timestamp, WindowExtent,
    WindowMeasure,
};

use super::at;
use crate::state::{AlertReport, AlertSummary, FiredAlert, WindowEvent};

pub(super) struct NaiveWindow<'a> {
    rule: &'a Aggregate,
    /// Those that are counted, in order.
    events: Vec<&'a WindowEvent>,
    /// Events before this are forgotten.
    forgotten: usize,
    /// Events up to but not including this have come.
    come: usize,
    silent_until: Option<i64>,
    open: Option<NaiveEpisode<'a>>,
    reports: Vec<AlertReport>,
}

struct NaiveEpisode<'a> {
    members: Vec<&'a WindowEvent>,
    reported: usize,
    value: Amount,
}

fn time(event: &WindowEvent) -> i64 {
    event.time().as_nanos()
}

fn number(event: &WindowEvent) -> Option<i128> {
    match event.values.get(0)? {
        ScalarValue::Int(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// All that a rule says of events in order, to the end of time.
pub(super) fn reports(rule: &Aggregate, events: &[WindowEvent]) -> Vec<AlertReport> {
    let needs_value = !matches!(
        rule.measure,
        WindowMeasure::Count | WindowMeasure::Steps(_) | WindowMeasure::Rate { .. }
    );
    let counted = |event: &&WindowEvent| !needs_value || number(event).is_some();
    let mut naive = NaiveWindow {
        rule,
        events: events.iter().filter(counted).collect(),
        forgotten: 0,
        come: 0,
        silent_until: None,
        open: None,
        reports: Vec::new(),
    };
    let Some((first, last)) = naive.events.first().zip(naive.events.last()) else {
        return Vec::new();
    };
    // Long enough for every window in these tests to end.
    for now in time(first)..time(last) + 200 {
        naive.before_events(now);
        while naive
            .events
            .get(naive.come)
            .is_some_and(|event| time(event) == now)
        {
            naive.come += 1;
            naive.at_event(now);
        }
    }
    naive.reports
}

impl<'a> NaiveWindow<'a> {
    fn is_batch(&self) -> bool {
        let closes = self.rule.decision_time() == DecisionTime::AtClose;
        match self.rule.extent {
            WindowExtent::Tumbling { .. } | WindowExtent::Session { .. } => true,
            WindowExtent::Sliding { .. } => closes,
            WindowExtent::Hopping { .. } | WindowExtent::Last { .. } => false,
        }
    }

    fn is_first_seen(&self) -> bool {
        self.rule.measure == WindowMeasure::FirstSeen
    }

    /// What comes to pass at `now` before any event of that moment.
    fn before_events(&mut self, now: i64) {
        if self.is_first_seen() {
            return;
        }
        if let WindowExtent::Hopping { hop, .. } = self.rule.extent {
            if now.rem_euclid(hop.as_nanos()) == 0 {
                self.at_end_of_hop(now);
            }
            return;
        }
        let before = self.window(now - 1);
        let is_over = self.is_batch() && !before.is_empty() && self.window(now).is_empty();
        if is_over && self.rule.decision_time() == DecisionTime::AtClose {
            self.at_end_of_batch(&before);
        }
        let event_ref = self
            .value(&self.window(now), now)
            .is_some_and(|value| self.rule.bounds.contains(value));
        if self.open.is_some() && (is_over || !event_ref) {
            self.end_episode();
        }
    }

    /// The events that are in the window at `now`, of those that have come.
    fn window(&self, now: i64) -> Vec<&'a WindowEvent> {
        let come = self
            .events
            .get(self.forgotten..self.come)
            .unwrap_or_default();
        match self.rule.extent {
            WindowExtent::Sliding { within } if !self.is_batch() => {
                let is_in = |event: &&&WindowEvent| time(event) >= now - within.as_nanos();
                come.iter().filter(is_in).copied().collect()
            }
            WindowExtent::Hopping { size, .. } => {
                let is_in =
                    |event: &&&WindowEvent| (now - size.as_nanos()..now).contains(&time(event));
                come.iter().filter(is_in).copied().collect()
            }
            WindowExtent::Last { matches, keep } => {
                let mut last = batch(come, now, |_, last, now| now - last <= keep.as_nanos());
                let most = matches as usize;
                last.drain(..last.len().saturating_sub(most));
                last
            }
            WindowExtent::Sliding { within } => {
                batch(come, now, |first, _, now| now - first <= within.as_nanos())
            }
            WindowExtent::Tumbling { size } => {
                let of = |time: i64| time.div_euclid(size.as_nanos());
                batch(come, now, |first, _, now| of(first) == of(now))
            }
            WindowExtent::Session { gap, cap } => batch(come, now, |first, last, now| {
                let in_cap = cap.is_none_or(|cap| now - first <= cap.as_nanos());
                now - last <= gap.as_nanos() && in_cap
            }),
        }
    }

    fn at_event(&mut self, now: i64) {
        let newest = self.events[self.come - 1];
        if self.is_first_seen() {
            self.at_event_of_seen(newest);
            return;
        }
        if self.rule.decision_time() == DecisionTime::AtClose {
            return;
        }
        let window = self.window(now);
        match self.value(&window, now) {
            Some(value) if self.rule.bounds.contains(value) => {
                self.holds(&window, &[newest], now, value)
            }
            Some(_) | None => self.end_episode(),
        }
    }

    fn at_event_of_seen(&mut self, newest: &'a WindowEvent) {
        let now = time(newest);
        self.come -= 1;
        let seen = match self.rule.extent {
            WindowExtent::Hopping { size, .. } => {
                let come = &self.events[self.forgotten..self.come];
                let is_in = |event: &&&WindowEvent| time(event) >= now - size.as_nanos();
                come.iter().filter(is_in).copied().collect()
            }
            _ => self.window(now),
        };
        self.come += 1;
        let is_new = !seen.iter().any(|event| number(event) == number(newest));
        let value = Amount::from_int(is_new.into());
        let asks = !self.rule.bounds.as_slice().is_empty();
        if self.rule.bounds.contains(value) && (is_new || asks) {
            if self.rule.policy == FiringPolicy::Edge {
                self.fire(&[newest], newest, now, value);
            } else {
                self.holds(&[newest], &[newest], now, value);
            }
        }
    }

    fn at_end_of_hop(&mut self, now: i64) {
        let WindowExtent::Hopping { hop, .. } = self.rule.extent else {
            return;
        };
        let window = self.window(now);
        match self.value(&window, now) {
            Some(value) if self.rule.bounds.contains(value) => {
                let is_fresh = |event: &&&WindowEvent| time(event) >= now - hop.as_nanos();
                let fresh: Vec<_> = window.iter().filter(is_fresh).copied().collect();
                self.holds(&window, &fresh, now, value);
            }
            Some(_) | None => self.end_episode(),
        }
    }

    fn at_end_of_batch(&mut self, window: &[&'a WindowEvent]) {
        let (first, last) = (window[0], window[window.len() - 1]);
        let end = match self.rule.extent {
            WindowExtent::Tumbling { size } => {
                (time(first).div_euclid(size.as_nanos()) + 1) * size.as_nanos()
            }
            WindowExtent::Sliding { within } => time(first) + within.as_nanos(),
            _ => time(last),
        };
        let value = self.value(window, end);
        let silent = self.silent_until.is_some_and(|until| end < until);
        if let Some(value) = value.filter(|value| self.rule.bounds.contains(*value) && !silent) {
            self.fire(window, first, end, value);
            if let FiringPolicy::Suppress(span) = self.rule.policy {
                self.silent_until = Some(end + span.as_nanos());
            }
        }
    }

    /// The condition holds of `window`, in which `fresh` are new.
    fn holds(
        &mut self,
        window: &[&'a WindowEvent],
        fresh: &[&'a WindowEvent],
        now: i64,
        value: Amount,
    ) {
        let newest = window[window.len() - 1];
        match self.rule.policy {
            FiringPolicy::Edge => {
                if let Some(mut open) = self.open.take() {
                    open.value = value;
                    open.members.extend(fresh);
                    if open.members.len() >= 2 * open.reported {
                        open.reported = open.members.len();
                        let content = Box::new(self.content(&open.members, value));
                        self.reports.push(AlertReport::Grew(content));
                    }
                    self.open = Some(open);
                } else {
                    let is_session = matches!(self.rule.extent, WindowExtent::Session { .. });
                    let anchor = if is_session { window[0] } else { newest };
                    self.fire(window, anchor, now, value);
                    self.open = Some(NaiveEpisode {
                        members: window.to_vec(),
                        reported: window.len(),
                        value,
                    });
                }
            }
            FiringPolicy::Every => self.fire(window, newest, now, value),
            FiringPolicy::Reset => {
                self.fire(window, newest, now, value);
                self.forgotten = self.come;
            }
            FiringPolicy::Suppress(span) => {
                if self.silent_until.is_none_or(|until| now >= until) {
                    self.fire(window, newest, now, value);
                    self.silent_until = Some(now + span.as_nanos());
                }
            }
        }
    }

    fn end_episode(&mut self) {
        if let Some(open) = self.open.take() {
            let content = Box::new(self.content(&open.members, open.value));
            self.reports.push(AlertReport::Ended(content));
        }
    }

    fn fire(&mut self, window: &[&WindowEvent], anchor: &WindowEvent, now: i64, value: Amount) {
        let trigger = window[window.len() - 1];
        let closes = self.is_batch() && self.rule.decision_time() == DecisionTime::AtClose;
        let open = self.rule.policy == FiringPolicy::Edge && !closes && !self.is_first_seen();
        self.reports.push(AlertReport::Fired(Box::new(FiredAlert {
            anchor: match self.rule.extent {
                WindowExtent::Hopping { .. } if !self.is_first_seen() => {
                    EventId::new(format!("{}@{}", anchor.event_ref.id, at(now))).unwrap()
                }
                _ => anchor.event_ref.id.clone(),
            },
            trigger: trigger.event_ref.clone(),
            time: at(now),
            content: self.content(window, value),
            open,
        })));
    }

    fn content(&self, members: &[&WindowEvent], value: Amount) -> AlertSummary {
        let ids = members.iter().map(|event| event.event_ref.id.clone());
        let tail = members.len().saturating_sub(EVIDENCE_EACH_END);
        let is_end = |index: &usize| *index < EVIDENCE_EACH_END || *index >= tail;
        AlertSummary {
            count: members.len() as u64,
            value: (self.rule.measure != WindowMeasure::Count).then_some(value),
            error: None,
            script_json: None,
            first: members.first().map_or(Timestamp::MIN, |event| event.time()),
            last: members.last().map_or(Timestamp::MIN, |event| event.time()),
            evidence: ids
                .enumerate()
                .filter(|(index, _)| is_end(index))
                .map(|(_, id)| id)
                .collect(),
        }
    }

    fn value(&self, window: &[&WindowEvent], now: i64) -> Option<Amount> {
        if window.is_empty() {
            return None;
        }
        let numbers: Vec<i128> = window.iter().filter_map(|event| number(event)).collect();
        let count = window.len() as i128;
        let billionths = match &self.rule.measure {
            WindowMeasure::Count => count * 1_000_000_000,
            WindowMeasure::Distinct => {
                numbers.iter().collect::<BTreeSet<_>>().len() as i128 * 1_000_000_000
            }
            WindowMeasure::Steps(needs) => {
                let is_complete = |(step, need): &(usize, &u32)| {
                    let of = window.iter().filter(|event| event.steps >> step & 1 == 1);
                    of.count() as u32 >= **need
                };
                needs.iter().enumerate().filter(is_complete).count() as i128 * 1_000_000_000
            }
            WindowMeasure::Sum => numbers.iter().sum::<i128>() * 1_000_000_000,
            WindowMeasure::Average => {
                (numbers.iter().sum::<i128>() * 1_000_000_000).div_euclid(count)
            }
            WindowMeasure::Min => numbers.iter().min()? * 1_000_000_000,
            WindowMeasure::Max => numbers.iter().max()? * 1_000_000_000,
            WindowMeasure::Percentile(thousandths) => {
                let mut sorted = numbers;
                sorted.sort();
                let rank = (sorted.len() * *thousandths as usize)
                    .div_ceil(100_000)
                    .max(1);
                sorted.get(rank - 1)? * 1_000_000_000
            }
            WindowMeasure::Change => (numbers.last()? - numbers.first()?) * 1_000_000_000,
            WindowMeasure::FirstSeen => return None,
            WindowMeasure::Rate { baseline } => {
                return self.rate(count, baseline.as_nanos(), now);
            }
        };
        Some(Amount::from_billionths(billionths))
    }

    fn rate(&self, count: i128, baseline: i64, now: i64) -> Option<Amount> {
        let (size, pane, window) = match self.rule.extent {
            WindowExtent::Sliding { within: size } => (size, size, now - size.as_nanos()),
            WindowExtent::Hopping { size, hop } => (size, hop, now - size.as_nanos()),
            // The window that just ended; its end is not in it.
            WindowExtent::Tumbling { size } => (size, size, now - size.as_nanos()),
            WindowExtent::Session { .. } | WindowExtent::Last { .. } => return None,
        };
        let stretches = (baseline / size.as_nanos()).max(1);
        let end = window.div_euclid(pane.as_nanos()) * pane.as_nanos();
        let begin = end - stretches * size.as_nanos();
        let come = &self.events[..self.come];
        let usual = come
            .iter()
            .filter(|event| (begin..end).contains(&time(event)));
        let usual = usual.count() as i128;
        // Known since the first event after the last silence that is longer than all of this.
        let mut known: Option<i64> = None;
        let mut last = i64::MIN;
        for event in come {
            let forgotten = |last: i64| {
                let pane = pane.as_nanos();
                let past = stretches * (size.as_nanos() / pane) + 1;
                let offset = if matches!(self.rule.extent, WindowExtent::Tumbling { .. }) {
                    0
                } else {
                    size.as_nanos()
                };
                (last.div_euclid(pane) + past) * pane + offset
            };
            if known.is_none() || time(event) >= forgotten(last) {
                known = Some(time(event));
            }
            last = time(event);
        }
        (known? <= begin && usual > 0)
            .then(|| Amount::from_billionths(count * i128::from(stretches) * 1_000_000_000 / usual))
    }
}

/// The last of the windows that follow each other, if it still lasts at `now`; `lasts` is told the
/// times of its first and last event and the one to be added.
fn batch<'a>(
    come: &[&'a WindowEvent],
    now: i64,
    lasts: impl Fn(i64, i64, i64) -> bool,
) -> Vec<&'a WindowEvent> {
    let mut batch: Vec<&WindowEvent> = Vec::new();
    let still = |batch: &[&WindowEvent], now: i64| match (batch.first(), batch.last()) {
        (Some(first), Some(last)) => lasts(time(first), time(last), now),
        _ => false,
    };
    for event in come {
        if !still(&batch, time(event)) {
            batch.clear();
        }
        batch.push(event);
    }
    if !still(&batch, now) {
        batch.clear();
    }
    batch
}
