//! How far event time has come, per source and per tenant.
//!
//! Owns the decision which clock an event runs on, at which time it counts, and what the watermark
//! is after it. Whether it is too late is each window's decision.
//! Invariant: all of it is a function of the events in log order, of the arrival times the log
//! holds and of its ticks: nothing here reads a clock
//! ([0011](../../../docs/decisions/0011-the-watermark-is-that-of-the-slowest-source.md)).
//!
//! - A source's progress is the furthest (time, sequence) of its events. A stamp from the future
//!   moves it no further than the time the event arrived.
//! - The tenant's watermark is the least progress of all its sources, and never goes back. A source
//!   that is first seen behind it, or comes back there, *joins*: its events count at the watermark
//!   until it has caught up, so that nothing of a new source is lost.
//! - A source more than `max_lag` behind the front is *lagging* (imported history, a slow clock):
//!   it runs on a clock of its own until it has caught up. So do the events that a source stamps
//!   more than `max_lag` ahead of their arrival (a broken clock). Neither holds back nor spoils the
//!   windows of the others.
//! - A source that is silent moves on with the time of arrival of what else comes, and with ticks.

use std::collections::BTreeMap;

use larum_event::{
    Channel, EvaluationPlace, Event, Position, Source, Span, TenantId, Timestamp, Watermark, limits,
};
use larum_window::ClockMove;
use serde::{Deserialize, Serialize};

use tenant::TenantClocks;

mod silence;
mod tenant;

/// The clock of a tenant as a whole. Sources that run on their own have clocks 1, 2, ..
pub const TENANT_CLOCK: u32 = 0;

/// Event time of one clock has come to `watermark` at `place`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatermarkStep {
    /// The event, or tick, that moved it.
    pub place: EvaluationPlace,
    /// Whose clock.
    pub tenant: TenantId,
    /// Which of the tenant's clocks.
    pub clock: u32,
    /// How far it had come before.
    pub before: Watermark,
    /// How far it has come; [`Watermark::MAX`] when the clock is given up.
    pub watermark: Watermark,
}

impl WatermarkStep {
    /// The same, as windows of rules of `layer` take it. Above the first layer, time moves after
    /// the alerts that become final by it.
    pub fn for_layer(&self, layer: u8) -> ClockMove<'_> {
        let place = match layer {
            0 => self.place,
            _ => place_after(self.place, layer),
        };
        ClockMove {
            tenant: &self.tenant,
            clock: self.clock,
            watermark: self.watermark,
            place,
        }
    }
}

/// Behind everything that rules of `layer` see at the same position.
fn place_after(place: EvaluationPlace, layer: u8) -> EvaluationPlace {
    EvaluationPlace {
        position: place.position,
        layer,
        ordinal: u32::MAX,
    }
}

/// What the clocks make of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStamp {
    /// [`TENANT_CLOCK`], or one of its source's own.
    pub clock: u32,
    /// When it counts in windows: its own time, or later where its source joins.
    pub counts_at: Timestamp,
    /// How far its clock had come before it.
    pub before: Watermark,
    /// How far its clock has come with it.
    pub watermark: Watermark,
}

impl ClockStamp {
    /// How far behind its clock it counts.
    pub fn lag(&self) -> Span {
        self.watermark.time.duration_since(self.counts_at)
    }
}

/// What the clocks need to know of an event.
#[derive(Debug, Clone, Copy)]
pub struct EventSighting<'a> {
    /// Whose event.
    pub tenant: &'a TenantId,
    /// Who observed it.
    pub source: &'a Source,
    /// Whether it is one of the engine's own, which say nothing about the time of a source.
    pub is_own: bool,
    /// When it happened.
    pub time: Timestamp,
    /// Its order among equal times.
    pub sequence: Option<u64>,
    /// When it arrived, where that is known.
    pub arrived: Option<Timestamp>,
    /// Its place.
    pub place: EvaluationPlace,
}

impl<'a> EventSighting<'a> {
    /// What is to be known of `event`.
    pub fn from_event(
        event: &'a Event,
        sequence: Option<u64>,
        arrived: Option<Timestamp>,
        place: EvaluationPlace,
    ) -> Self {
        let envelope = event.envelope();
        Self {
            tenant: &envelope.tenant,
            source: &envelope.source,
            is_own: is_own_channel(&envelope.channel),
            time: envelope.time,
            sequence,
            arrived,
            place,
        }
    }
}

fn is_own_channel(channel: &Channel) -> bool {
    channel.as_str().starts_with('$')
}

/// The clocks of all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventClocks {
    max_lag: Span,
    tenants: BTreeMap<TenantId, TenantClocks>,
}

impl EventClocks {
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
    pub fn observe(
        &mut self,
        event: EventSighting<'_>,
        steps: &mut Vec<WatermarkStep>,
    ) -> ClockStamp {
        if event.is_own {
            return self.stamp_own_event(event);
        }
        if let Some(clocks) = self.tenants.get_mut(event.tenant) {
            return clocks.observe(event, self.max_lag, steps);
        }
        self.forget_idle_tenants(event.place, steps);
        let clocks = self.tenants.entry(event.tenant.clone()).or_default();
        clocks.observe(event, self.max_lag, steps)
    }

    /// It is `at` everywhere: silent sources move on. Adds what that moves to `steps`.
    pub fn tick(&mut self, at: Timestamp, place: EvaluationPlace, steps: &mut Vec<WatermarkStep>) {
        for (tenant, clocks) in &mut self.tenants {
            let before = clocks.watermark();
            clocks.advance_wall_clock(at, self.max_lag);
            let watermark = clocks.watermark();
            if watermark > before {
                steps.push(WatermarkStep {
                    place,
                    tenant: tenant.clone(),
                    clock: TENANT_CLOCK,
                    before,
                    watermark,
                });
            }
        }
    }

    /// An event that counts wherever its tenant has come to, and moves nothing.
    fn stamp_own_event(&self, event: EventSighting<'_>) -> ClockStamp {
        let clocks = self.tenants.get(event.tenant);
        let watermark = clocks.map_or(Watermark::MIN, TenantClocks::watermark);
        ClockStamp {
            clock: TENANT_CLOCK,
            counts_at: watermark.clamp_event_time(event.time, event.sequence),
            before: watermark,
            watermark,
        }
    }

    /// Keeps the number of tenants bounded: the tenth part of them that was idle longest goes, with
    /// what their windows hold.
    fn forget_idle_tenants(&mut self, place: EvaluationPlace, steps: &mut Vec<WatermarkStep>) {
        if self.tenants.len() < limits::TENANTS {
            return;
        }
        let tenants = self.tenants.iter();
        let mut idle: Vec<(Position, TenantId)> = tenants
            .map(|(tenant, clocks)| (clocks.last_position(), tenant.clone()))
            .collect();
        idle.sort();
        for (_, tenant) in idle.into_iter().take(limits::TENANTS.div_ceil(10)) {
            let Some(clocks) = self.tenants.remove(&tenant) else {
                continue;
            };
            let numbers = [TENANT_CLOCK].into_iter().chain(clocks.own_clocks());
            steps.extend(numbers.map(|clock| retire_clock(place, &tenant, clock)));
        }
    }

    /// Tenants that are followed.
    pub fn tenant_count(&self) -> usize {
        self.tenants.len()
    }

    /// Whether ticks move the clock of any tenant.
    pub fn follows_wall_clock(&self) -> bool {
        self.tenants.values().any(TenantClocks::follows_wall_clock)
    }

    /// The least watermark over all tenants: event time has come this far everywhere.
    pub fn watermark(&self) -> Timestamp {
        let all = self.tenants.values().map(|clocks| clocks.watermark().time);
        all.min().unwrap_or(Timestamp::MIN)
    }
}

/// Nothing comes on a clock any more.
fn retire_clock(place: EvaluationPlace, tenant: &TenantId, clock: u32) -> WatermarkStep {
    WatermarkStep {
        place,
        tenant: tenant.clone(),
        clock,
        // An epoch that needs it has seen its steps.
        before: Watermark::MIN,
        watermark: Watermark::MAX,
    }
}

#[cfg(test)]
mod tests;
