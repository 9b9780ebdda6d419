//! How far event time has come, per tenant, and how far and how late each source is.
//!
//! Owns the front of each tenant and what is known of its sources. What that decides is each
//! window's business; nothing here ever makes an event late or moves it in time, except that a
//! stamp from the far future counts as of its arrival.
//! Invariant: all of it is a function of the events in log order, of the arrival times the log
//! holds and of its ticks: nothing here reads a clock.
//!
//! - The *front* is the greatest event time of the tenant, stamps from the future counting as of
//!   their arrival. A tick moves it by the time that has passed since the last record.
//! - A source's *lag* is the furthest that its events lay behind the front when they arrived, its
//!   *disorder* the furthest that they lay behind its own newest, both over the last hour.
//! - When arrival times go back, the engine's clock was corrected: fronts go back with it.
//! - After a stretch in which the engine did not run, a tick *holds* back for a while what waits
//!   for time: what sources kept meanwhile may still come. Such a stretch moves no front.

use std::collections::BTreeMap;

use larum_event::{
    Channel, ClockTick, EvaluationPlace, Event, EventOrder, Position, Source, Span, TenantId,
    Timestamp, limits,
};
use larum_window::ClockMove;
use serde::{Deserialize, Serialize};

use self::tenant::TenantClock;

mod tenant;

#[cfg(test)]
mod tests;

/// A stamp further than this beyond its arrival counts as of the arrival: 5 minutes.
const AHEAD_MOST: Span = Span::from_seconds(5 * 60);

/// Event time of a tenant has moved, or a source of it has been heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockStep {
    /// The event, or tick, that moved it.
    pub place: EvaluationPlace,
    /// Whose time.
    pub tenant: TenantId,
    /// The front.
    pub front: Timestamp,
    /// The source of the event, by number, and how far it has come.
    pub source: Option<(u32, larum_window::SourceProgress)>,
    /// Whether nothing is decided that waits for time.
    pub is_held: bool,
}

impl ClockStep {
    /// The same, as windows of rules of `layer` take it. Above the first layer, time moves after
    /// the alerts that come at the same position.
    pub fn for_layer(&self, layer: u8) -> ClockMove<'_> {
        let place = match layer {
            0 => self.place,
            _ => EvaluationPlace {
                position: self.place.position,
                layer,
                ordinal: u32::MAX,
            },
        };
        ClockMove {
            tenant: &self.tenant,
            front: self.front,
            source: self.source,
            is_held: self.is_held,
            place,
        }
    }
}

/// What the clocks make of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStamp {
    /// The number of its source within the tenant; 0 for the engine's own events.
    pub source: u32,
    /// Its order among all events.
    pub order: EventOrder,
    /// The front before it.
    pub front: Timestamp,
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
    /// Its order among equal times of its source.
    pub sequence: Option<u64>,
    /// When it arrived, where that is known.
    pub arrived: Option<Timestamp>,
    /// Its position in the log.
    pub position: Position,
}

impl<'a> EventSighting<'a> {
    /// What is to be known of `event`.
    pub fn from_event(
        event: &'a Event,
        sequence: Option<u64>,
        arrived: Option<Timestamp>,
        position: Position,
    ) -> Self {
        let envelope = event.envelope();
        Self {
            tenant: &envelope.tenant,
            source: &envelope.source,
            is_own: is_own_channel(&envelope.channel),
            time: envelope.time,
            sequence,
            arrived,
            position,
        }
    }

    /// When it counts: its own time, or its arrival if its stamp lies in the far future.
    fn counts_at(&self) -> Timestamp {
        match self.arrived {
            Some(arrived) if self.time > arrived.saturating_add(AHEAD_MOST) => arrived,
            Some(_) | None => self.time,
        }
    }
}

fn is_own_channel(channel: &Channel) -> bool {
    channel.as_str().starts_with('$')
}

/// The clocks of all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventClocks {
    tenants: BTreeMap<TenantId, TenantClock>,
    /// The wall clock until which what waits for time is held back, and for how long in all.
    held_until: Timestamp,
    hold: Span,
}

impl EventClocks {
    /// Takes one event in log order; adds what it moves to `steps`.
    pub fn observe(&mut self, event: EventSighting<'_>, steps: &mut Vec<ClockStep>) -> ClockStamp {
        let first = steps.len();
        let stamp = self.observe_event(&event, steps);
        // Where no arrival is known, nothing says that the engine did not run.
        if let Some(arrived) = event.arrived {
            self.limit_hold(arrived);
            let is_held = arrived < self.held_until;
            for step in steps.iter_mut().skip(first) {
                step.is_held = is_held;
            }
        }
        stamp
    }

    fn observe_event(
        &mut self,
        event: &EventSighting<'_>,
        steps: &mut Vec<ClockStep>,
    ) -> ClockStamp {
        if event.is_own {
            let front = self.tenants.get(event.tenant).map(TenantClock::front);
            return ClockStamp {
                source: 0,
                order: event_order(event, event.source.rank()),
                front: front.unwrap_or(Timestamp::MIN),
            };
        }
        if let Some(clock) = self.tenants.get_mut(event.tenant) {
            return clock.observe(event, steps);
        }
        self.forget_idle_tenants();
        let clock = self.tenants.entry(event.tenant.clone()).or_default();
        clock.observe(event, steps)
    }

    /// The engine's clock says so: the fronts move by the time that has passed, or what waits is
    /// held back. Adds what that moves to `steps`.
    pub fn tick(&mut self, tick: ClockTick, place: EvaluationPlace, steps: &mut Vec<ClockStep>) {
        let has_run = tick.hold.is_zero();
        if !has_run {
            self.held_until = tick.at.saturating_add(tick.hold);
            self.hold = tick.hold;
        }
        self.limit_hold(tick.at);
        for (tenant, clock) in &mut self.tenants {
            if has_run && !clock.tick(tick.at) {
                continue;
            }
            if !has_run {
                clock.resume(tick.at);
            }
            steps.push(ClockStep {
                place,
                tenant: tenant.clone(),
                front: clock.front(),
                source: None,
                is_held: clock.wall().is_some_and(|wall| wall < self.held_until),
            });
        }
    }

    /// It is `now`: a clock that was set back must not make the hold longer.
    fn limit_hold(&mut self, now: Timestamp) {
        self.held_until = self.held_until.min(now.saturating_add(self.hold));
    }

    /// Keeps the number of tenants bounded: forgets the tenth part of them that was idle longest.
    fn forget_idle_tenants(&mut self) {
        if self.tenants.len() < limits::TENANTS {
            return;
        }
        let tenants = self.tenants.iter();
        let mut idle: Vec<(Position, TenantId)> = tenants
            .map(|(tenant, clock)| (clock.last_position(), tenant.clone()))
            .collect();
        idle.sort();
        for (_, tenant) in idle.into_iter().take(limits::TENANTS.div_ceil(10)) {
            self.tenants.remove(&tenant);
        }
    }

    /// Tenants that are followed.
    pub fn tenant_count(&self) -> usize {
        self.tenants.len()
    }

    /// Whether ticks move the clock of any tenant.
    pub fn follows_wall_clock(&self) -> bool {
        self.tenants.values().any(TenantClock::follows_wall_clock)
    }

    /// How far event time of `tenant` has come.
    pub fn tenant_front(&self, tenant: &TenantId) -> Timestamp {
        let clock = self.tenants.get(tenant);
        clock.map_or(Timestamp::MIN, TenantClock::front)
    }

    /// The least front over all tenants: event time has come this far everywhere.
    pub fn front(&self) -> Timestamp {
        let all = self.tenants.values().map(TenantClock::front);
        all.min().unwrap_or(Timestamp::MIN)
    }
}

fn event_order(event: &EventSighting<'_>, source_rank: u64) -> EventOrder {
    EventOrder::of_event(
        event.counts_at(),
        source_rank,
        event.sequence,
        event.position,
    )
}
