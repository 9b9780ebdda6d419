//! STUB
use crate::evidence::ids_of_ends;
use crate::held::Held;
use crate::state::*;
use larum_event::{Aggregate, Extent, FiringPolicy, Span, Timestamp};
use serde::{Deserialize, Serialize};
#[derive(Debug, Clone)]
pub(crate) struct Measuring {
    within: Span,
    threshold: usize,
    policy: FiringPolicy,
    most: usize,
}
impl Measuring {
    pub(crate) fn new(a: &Aggregate, most: usize) -> Self {
        let Extent::Sliding { within } = a.extent else {
            panic!()
        };
        Self {
            within,
            threshold: a.bounds.threshold() as usize,
            policy: a.policy,
            most,
        }
    }
}
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct AggregateState {
    events: Vec<Held>,
    open: Option<(Timestamp, Vec<Held>, u64)>,
    silent: Option<Timestamp>,
}
impl AggregateState {
    fn content(v: &[Held]) -> Content {
        Content {
            count: v.len() as u64,
            value: None,
            error: None,
            first: v[0].time(),
            last: v[v.len() - 1].time(),
            evidence: ids_of_ends(v.iter(), v.len()),
            words: None,
        }
    }
    fn end(&self, r: &Measuring) -> Timestamp {
        self.events[self.events.len() - r.threshold]
            .time()
            .saturating_add(r.within)
    }
    pub(crate) fn pass(&mut self, before: Timestamp, r: &Measuring, told: &mut Told) {
        if self.open.is_some() && self.end(r) < before {
            let (_, v, _) = self.open.take().unwrap();
            told.reports
                .push(Report::Ended(Box::new(Self::content(&v))));
        }
        self.events
            .retain(|e| e.time().saturating_add(r.within) >= before);
        if self.silent.is_some_and(|s| s < before) {
            self.silent = None
        }
    }
    pub(crate) fn take(&mut self, e: &Taken, r: &Measuring, told: &mut Told) {
        self.events.push(e.held.clone());
        if self.events.len() > r.most.max(r.threshold) {
            self.events.remove(0);
            told.dropped += 1;
        }
        if let Some((_, v, t)) = &mut self.open {
            v.push(e.held.clone());
            if v.len() as u64 >= *t * 2 {
                *t = v.len() as u64;
                told.reports.push(Report::Grew(Box::new(Self::content(v))))
            }
            return;
        }
        if self.events.len() < r.threshold || self.silent.is_some_and(|s| e.time() < s) {
            return;
        }
        let open = r.policy == FiringPolicy::Edge;
        told.reports.push(Report::Fired(Box::new(Fired {
            anchor: e.held.id(),
            trigger: e.held.clone(),
            time: e.time(),
            content: Self::content(&self.events),
            open,
        })));
        match r.policy {
            FiringPolicy::Edge => {
                self.open = Some((e.time(), self.events.clone(), self.events.len() as u64))
            }
            FiringPolicy::Every => {}
            FiringPolicy::Reset => self.events.clear(),
            FiringPolicy::Suppress(s) => self.silent = Some(e.time().saturating_add(s)),
        }
    }
    pub(crate) fn due(&self, r: &Measuring) -> Option<Timestamp> {
        if self.open.is_some() {
            return Some(self.end(r));
        }
        self.events
            .last()
            .map(|e| e.time().saturating_add(r.within))
            .max(self.silent)
    }
    pub(crate) fn leave(&mut self, _r: &Measuring, told: &mut Told) {
        if let Some((_, v, _)) = self.open.take() {
            told.reports
                .push(Report::Ended(Box::new(Self::content(&v))));
        }
    }
    pub(crate) fn close(&mut self, _r: &Measuring, _told: &mut Told) {}
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }
    pub(crate) fn view(&self, _r: &Measuring) -> StateView {
        StateView {
            events: self.events.len() as u64,
            ..StateView::default()
        }
    }
    pub(crate) fn is_sound(&self, _r: &Measuring) -> bool {
        true
    }
}
