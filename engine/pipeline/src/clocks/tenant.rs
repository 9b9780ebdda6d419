//! The clocks of one tenant.
//!
//! Owns each source's progress and standing, and the tenant's watermark. When a silent source moves
//! on is the job of `silence`. A step costs the logarithm of the number of sources; none looks at
//! all of them, except the rare one that finds too many.
//! Invariant: the watermark never goes back, and no source that lags or stamps from the future
//! moves it.

use std::collections::BTreeMap;

use larum_event::{Position, Source, Span, Timestamp, Watermark, limits};
use serde::{Deserialize, Serialize};

use super::silence::SourceStatuses;
use super::{ClockStamp, EventSighting, TENANT_CLOCK, WatermarkStep, retire_clock};

/// The clocks of one tenant, and how far each of its sources has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TenantClocks {
    numbers: BTreeMap<Source, u64>,
    sources: BTreeMap<u64, SourceClock>,
    standings: SourceStatuses,
    /// The furthest progress of any source.
    front: Timestamp,
    watermark: Watermark,
    last_number: u64,
    last_clock: u32,
    /// Its last event.
    last: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct SourceClock {
    /// How far it has come; nothing while all its stamps are from the future.
    progress: Option<Watermark>,
    /// The clock it has while it lags.
    lagging: Option<u32>,
    /// The clock of its stamps from the future, and how far that has come; until its progress is
    /// there too.
    ahead: Option<(u32, Watermark)>,
}

impl Default for TenantClocks {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            sources: BTreeMap::new(),
            standings: SourceStatuses::default(),
            front: Timestamp::MIN,
            watermark: Watermark::MIN,
            last_number: 0,
            last_clock: 0,
            last: Position::START,
        }
    }
}

impl TenantClocks {
    /// How far it has come as a whole.
    pub(super) fn watermark(&self) -> Watermark {
        self.watermark
    }

    /// The position of its last event.
    pub(super) fn last_position(&self) -> Position {
        self.last
    }

    /// The clocks of sources that run on their own.
    pub(super) fn own_clocks(&self) -> impl Iterator<Item = u32> {
        let sources = self.sources.values();
        sources.flat_map(SourceClock::own_clocks)
    }

    /// Whether ticks move it.
    pub(super) fn follows_wall_clock(&self) -> bool {
        self.standings.has_silent()
    }

    /// The wall clock shows `now`: silent sources move on.
    pub(super) fn advance_wall_clock(&mut self, now: Timestamp, max_lag: Span) {
        self.standings.advance_wall_clock(now, max_lag);
        self.update_watermark(max_lag);
    }

    /// Takes one event; adds what it moves to `steps`.
    pub(super) fn observe(
        &mut self,
        event: EventSighting<'_>,
        max_lag: Span,
        steps: &mut Vec<WatermarkStep>,
    ) -> ClockStamp {
        self.last = event.place.position;
        let before = self.watermark;
        // As if a tick had come just before: what a silent source missed does not depend on who
        // else was there.
        if let Some(arrived) = event.arrived {
            self.advance_wall_clock(arrived, max_lag);
        }
        let number = self.source_number(&event, steps);
        let is_ahead = |arrived: Timestamp| event.time > arrived.saturating_add(max_lag);
        let mut stamp = if event.arrived.is_some_and(is_ahead) {
            self.observe_ahead(number, event, steps)
        } else {
            self.observe_current(number, event, max_lag, steps)
        };
        if self.watermark > before {
            let (clock, watermark) = (TENANT_CLOCK, self.watermark);
            steps.push(watermark_step(event, clock, before, watermark));
        }
        if stamp.clock == TENANT_CLOCK {
            stamp.before = before;
        }
        stamp
    }

    /// A stamp of a broken clock says nothing about anything else, its source's other events
    /// included.
    fn observe_ahead(
        &mut self,
        number: u64,
        event: EventSighting<'_>,
        steps: &mut Vec<WatermarkStep>,
    ) -> ClockStamp {
        let mut source = self.source_clock(number);
        let (clock, before) = match source.ahead {
            Some(known) => known,
            None => (self.next_clock(), Watermark::MIN),
        };
        let watermark = before.max(Watermark::of_event(event.time, event.sequence));
        source.ahead = Some((clock, watermark));
        self.sources.insert(number, source);
        if watermark > before {
            steps.push(watermark_step(event, clock, before, watermark));
        }
        ClockStamp {
            clock,
            counts_at: event.time,
            before,
            watermark,
        }
    }

    fn observe_current(
        &mut self,
        number: u64,
        event: EventSighting<'_>,
        max_lag: Span,
        steps: &mut Vec<WatermarkStep>,
    ) -> ClockStamp {
        let mut source = self.source_clock(number);
        let before = source.progress.unwrap_or(Watermark::MIN);
        let progress = before.max(event_progress(event));
        source.progress = Some(progress);
        self.front = self.front.max(progress.time);
        if let Some((clock, _)) = source.ahead.take_if(|(_, ahead)| *ahead <= progress) {
            steps.push(retire_clock(event.place, event.tenant, clock));
        }
        // Lagging sources leave the standings first, so that the watermark does not wait for them.
        if progress.time < self.lag_edge(max_lag) {
            self.standings.remove_source(number);
            let (clock, before) = match source.lagging {
                Some(clock) => (clock, before),
                None => (self.next_clock(), Watermark::MIN),
            };
            source.lagging = Some(clock);
            self.sources.insert(number, source);
            if progress > before {
                steps.push(watermark_step(event, clock, before, progress));
            }
            return ClockStamp {
                clock,
                counts_at: event.time,
                before,
                watermark: progress,
            };
        }
        if let Some(clock) = source.lagging.take() {
            steps.push(retire_clock(event.place, event.tenant, clock));
        }
        self.sources.insert(number, source);
        self.standings
            .record_progress(number, progress, event.arrived);
        self.update_watermark(max_lag);
        let watermark = self.watermark;
        // A second event of the same time from one source is late; the first one never is.
        let joins =
            progress < watermark || (event.sequence.is_none() && event.time == watermark.time);
        let counts_at = if joins {
            watermark.clamp_event_time(event.time, event.sequence)
        } else {
            event.time
        };
        ClockStamp {
            clock: TENANT_CLOCK,
            counts_at,
            before,
            watermark,
        }
    }

    fn source_clock(&self, number: u64) -> SourceClock {
        self.sources.get(&number).copied().unwrap_or_default()
    }

    /// What lies before this lags.
    fn lag_edge(&self, max_lag: Span) -> Timestamp {
        let front = self.front.max(self.watermark.time);
        front.saturating_sub(max_lag)
    }

    /// Brings the watermark to the least progress of those that do not lag.
    fn update_watermark(&mut self, max_lag: Span) {
        loop {
            let Some((least, number)) = self.standings.slowest_source() else {
                return;
            };
            if least.time < self.lag_edge(max_lag) {
                self.standings.remove_source(number);
            } else {
                self.watermark = self.watermark.max(least);
                return;
            }
        }
    }

    fn next_clock(&mut self) -> u32 {
        self.last_clock = self.last_clock.wrapping_add(1).max(1);
        self.last_clock
    }

    /// The number of the event's source, a new one where it is new.
    fn source_number(&mut self, event: &EventSighting<'_>, steps: &mut Vec<WatermarkStep>) -> u64 {
        if let Some(number) = self.numbers.get(event.source) {
            return *number;
        }
        if self.numbers.len() >= limits::SOURCES_PER_TENANT {
            self.forget_slowest(event, steps);
        }
        self.last_number += 1;
        let number = self.last_number;
        self.numbers.insert(event.source.clone(), number);
        number
    }

    /// Keeps the number of sources bounded: the tenth part of them that is furthest behind goes.
    fn forget_slowest(&mut self, event: &EventSighting<'_>, steps: &mut Vec<WatermarkStep>) {
        let sources = self.sources.iter();
        let mut hindmost: Vec<(Option<Watermark>, u64)> = sources
            .map(|(number, source)| (source.progress, *number))
            .collect();
        hindmost.sort_unstable();
        hindmost.truncate(limits::SOURCES_PER_TENANT.div_ceil(10));
        for (_, number) in hindmost {
            self.standings.remove_source(number);
            if let Some(source) = self.sources.remove(&number) {
                let clocks = source.own_clocks();
                steps.extend(clocks.map(|clock| retire_clock(event.place, event.tenant, clock)));
            }
        }
        let known = &self.sources;
        self.numbers.retain(|_, number| known.contains_key(number));
    }
}

impl SourceClock {
    fn own_clocks(&self) -> impl Iterator<Item = u32> + use<> {
        let ahead = self.ahead.map(|(clock, _)| clock);
        self.lagging.into_iter().chain(ahead)
    }
}

/// How far an event brings its source: a stamp from the future no further than to the time the log
/// says it was.
fn event_progress(event: EventSighting<'_>) -> Watermark {
    match event.arrived {
        Some(arrived) if event.time > arrived => Watermark::of_event(arrived, None),
        Some(_) | None => Watermark::of_event(event.time, event.sequence),
    }
}

fn watermark_step(
    event: EventSighting<'_>,
    clock: u32,
    before: Watermark,
    watermark: Watermark,
) -> WatermarkStep {
    WatermarkStep {
        place: event.place,
        tenant: event.tenant.clone(),
        clock,
        before,
        watermark,
    }
}
