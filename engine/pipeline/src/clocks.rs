//! How far event time has come, per source and per tenant.
//!
//! Owns the decision whether an event is late, which clock it runs on and what the watermark is after
//! it. All of it is a function of the events in log order and of the arrival times the log holds:
//! nothing here reads a clock.
//!
//! - A source's progress is the order (time, sequence) of its latest event. What comes behind it is *late*.
//! - A stamp from the future moves the progress no further than the time the event arrived, and not at all when
//!   it is more than `max_lag` ahead of that.
//! - A source more than `max_lag` behind its tenant's front is *lagging* (imported history, a broken
//!   clock): it runs on a clock of its own until it has caught up, so it neither holds back nor
//!   spoils the windows of the others (design §8).
//! - The tenant's watermark is `max_lag` behind its front. So every source that does not lag counts in full,
//!   however its events interleave with those of others, and no match ever lies before the watermark.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{Place, Position, Source, Span, TenantId, Timestamp, Watermark, limits};
use larum_window::ClockMoved;
use serde::{Deserialize, Serialize};

/// The clock of a tenant as a whole. Lagging sources have clocks 1, 2, ..
pub const TENANT_CLOCK: u32 = 0;

/// Event time of one clock has come to `watermark` at `place`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatermarkStep {
    /// The event that moved it.
    pub place: Place,
    /// Whose clock.
    pub tenant: TenantId,
    /// Which of the tenant's clocks.
    pub clock: u32,
    /// How far it has come; `Timestamp::MAX` when the clock is given up.
    pub watermark: Timestamp,
}

impl WatermarkStep {
    /// The same, as windows take it.
    pub fn moved(&self) -> ClockMoved<'_> {
        ClockMoved {
            tenant: &self.tenant,
            clock: self.clock,
            watermark: Watermark::of(self.watermark, None),
            place: self.place,
        }
    }
}

/// What the clocks make of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// It is behind its source's progress and is not evaluated.
    Late,
    /// It is evaluated on this clock.
    OnTime {
        /// [`TENANT_CLOCK`] or a lagging source's own.
        clock: u32,
    },
}

/// What the clocks need to know of an event.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Whose event.
    pub tenant: &'a TenantId,
    /// Who observed it.
    pub source: &'a Source,
    /// When it happened.
    pub time: Timestamp,
    /// Its order among equal times.
    pub sequence: Option<u64>,
    /// When it arrived, where that is known.
    pub arrived: Option<Timestamp>,
    /// Where it stands.
    pub place: Place,
}

/// The clocks of all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    max_lag: Span,
    tenants: BTreeMap<TenantId, TenantClocks>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct TenantClocks {
    sources: BTreeMap<Source, SourceClock>,
    /// Sources by progress, least first: the one to forget when there are too many.
    by_progress: BTreeSet<(Timestamp, Source)>,
    front: Option<Timestamp>,
    last_clock: u32,
    /// Its last event.
    last: Position,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SourceClock {
    time: Timestamp,
    sequence: Option<u64>,
    clock: u32,
}

impl Clocks {
    /// Clocks that have seen nothing.
    pub fn new(max_lag: Span) -> Self {
        Self {
            max_lag,
            tenants: BTreeMap::new(),
        }
    }

    /// Changes how far a source may be behind before it lags.
    pub fn set_max_lag(&mut self, max_lag: Span) {
        self.max_lag = max_lag;
    }

    /// Takes one event in log order; adds what it moves to `steps`.
    pub fn observe(&mut self, event: Sighting<'_>, steps: &mut Vec<WatermarkStep>) -> Stamp {
        if !self.tenants.contains_key(event.tenant) {
            self.forget_idle_tenants(event.place, steps);
            self.tenants
                .insert(event.tenant.clone(), TenantClocks::default());
        }
        match self.tenants.get_mut(event.tenant) {
            Some(clocks) => {
                clocks.last = event.place.position;
                clocks.observe(event, self.max_lag, steps)
            }
            None => Stamp::Late,
        }
    }

    /// Keeps the number of tenants bounded: the tenth part of them that was idle longest goes, with what
    /// their windows hold.
    fn forget_idle_tenants(&mut self, place: Place, steps: &mut Vec<WatermarkStep>) {
        if self.tenants.len() < limits::TENANTS {
            return;
        }
        let mut idle: Vec<(Position, TenantId)> = self
            .tenants
            .iter()
            .map(|(tenant, clocks)| (clocks.last, tenant.clone()))
            .collect();
        idle.sort();
        for (_, tenant) in idle.into_iter().take(limits::TENANTS.div_ceil(10)) {
            let Some(clocks) = self.tenants.remove(&tenant) else {
                continue;
            };
            let own = clocks.sources.values().map(|source| source.clock);
            let clocks: BTreeSet<u32> = own.chain([TENANT_CLOCK]).collect();
            steps.extend(clocks.into_iter().map(|clock| WatermarkStep {
                place,
                tenant: tenant.clone(),
                clock,
                watermark: Timestamp::MAX,
            }));
        }
    }

    /// The least watermark over all tenants: event time has come this far everywhere.
    pub fn watermark(&self) -> Timestamp {
        self.tenants
            .values()
            .filter_map(|clocks| clocks.front)
            .min()
            .map_or(Timestamp::MIN, |front| front.saturating_sub(self.max_lag))
    }
}

impl TenantClocks {
    fn observe(
        &mut self,
        event: Sighting<'_>,
        max_lag: Span,
        steps: &mut Vec<WatermarkStep>,
    ) -> Stamp {
        let known = self.sources.get(event.source);
        if known.is_some_and(|source| source.is_ahead_of(event.time, event.sequence)) {
            return Stamp::Late;
        }
        let previous = known.cloned();
        let Some(progress) = progress_of(event, max_lag) else {
            let clock = previous.map_or(TENANT_CLOCK, |source| source.clock);
            return Stamp::OnTime { clock };
        };
        let progress = previous
            .as_ref()
            .map_or(progress, |source| source.time.max(progress));
        let old_front = self.front;
        let front = old_front.map_or(progress, |front| front.max(progress));
        self.front = Some(front);
        let watermark = front.saturating_sub(max_lag);
        let clock = self.clock_for(previous.as_ref(), progress < watermark, event, steps);
        if let Some(previous) = &previous {
            self.by_progress
                .remove(&(previous.time, event.source.clone()));
        }
        self.by_progress.insert((progress, event.source.clone()));
        let sequence = if progress == event.time {
            event.sequence
        } else {
            None
        };
        self.sources.insert(
            event.source.clone(),
            SourceClock {
                time: progress,
                sequence,
                clock,
            },
        );
        self.forget_most_lagging(event, steps);
        let moved = |clock, watermark| WatermarkStep {
            place: event.place,
            tenant: event.tenant.clone(),
            clock,
            watermark,
        };
        if clock != TENANT_CLOCK {
            steps.push(moved(clock, progress));
        } else if old_front != Some(front) {
            steps.push(moved(TENANT_CLOCK, watermark));
        }
        Stamp::OnTime { clock }
    }

    /// The source's clock from now on; a clock it gives up is run to the end of time.
    fn clock_for(
        &mut self,
        previous: Option<&SourceClock>,
        lags: bool,
        event: Sighting<'_>,
        steps: &mut Vec<WatermarkStep>,
    ) -> u32 {
        let held = previous.map_or(TENANT_CLOCK, |source| source.clock);
        match (lags, held) {
            (false, TENANT_CLOCK) => TENANT_CLOCK,
            (false, own) => {
                steps.push(given_up(event, own));
                TENANT_CLOCK
            }
            (true, TENANT_CLOCK) => {
                self.last_clock += 1;
                self.last_clock
            }
            (true, own) => own,
        }
    }

    /// Keeps the number of sources bounded: the one furthest behind goes.
    fn forget_most_lagging(&mut self, event: Sighting<'_>, steps: &mut Vec<WatermarkStep>) {
        if self.sources.len() <= limits::SOURCES_PER_TENANT {
            return;
        }
        if let Some((_, source)) = self.by_progress.pop_first()
            && let Some(forgotten) = self.sources.remove(&source)
            && forgotten.clock != TENANT_CLOCK
        {
            steps.push(given_up(event, forgotten.clock));
        }
    }
}

/// How far an event brings its source. A stamp from the future cannot push the clock beyond the time the
/// log says it was; one further ahead than clocks differ is a broken clock and moves nothing, so that it
/// does not make late what its source sent before and delivers later.
fn progress_of(event: Sighting<'_>, max_lag: Span) -> Option<Timestamp> {
    match event.arrived {
        Some(arrived) if event.time > arrived.saturating_add(max_lag) => None,
        Some(arrived) => Some(event.time.min(arrived)),
        None => Some(event.time),
    }
}

impl SourceClock {
    fn is_ahead_of(&self, time: Timestamp, sequence: Option<u64>) -> bool {
        if time != self.time {
            return time < self.time;
        }
        matches!((sequence, self.sequence), (Some(new), Some(seen)) if new < seen)
    }
}

fn given_up(event: Sighting<'_>, clock: u32) -> WatermarkStep {
    WatermarkStep {
        place: event.place,
        tenant: event.tenant.clone(),
        clock,
        watermark: Timestamp::MAX,
    }
}

#[cfg(test)]
mod tests;
