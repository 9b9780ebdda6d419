//! The clock of one tenant.
//!
//! Owns its front and the progress of each of its sources. A step costs the same whatever the
//! number of sources, except the rare one that finds too many of them.
//! Invariant: the front never goes back, except when the engine's own clock was set back.

use std::collections::BTreeMap;

use larum_event::{Position, Source, Span, Timestamp, limits};
use larum_window::SourceProgress;
use serde::{Deserialize, Serialize};

use super::{ClockStamp, ClockStep, EventSighting, event_order};

/// How long lag and disorder of a source are remembered, in minutes of the front.
const MEMORY_MINUTES: i64 = 60;

const MINUTE: i64 = 60_000_000_000;

/// Longest lag that is waited for: 30 minutes.
const WAIT_MOST: Span = Span::from_seconds(30 * 60);

/// The most that one tick moves time. More can only mean that the engine was not running, and time
/// in which nothing could arrive does not count.
const TICK_MOST: Span = Span::from_seconds(60);

/// Arrival times that go back by more than this say that the engine's clock was set back.
const SET_BACK_LEAST: Span = Span::from_seconds(60);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TenantClock {
    front: Timestamp,
    /// The last time of arrival, or tick; `None` while no arrival is known.
    wall: Option<Timestamp>,
    sources: BTreeMap<Source, TrackedSource>,
    last_number: u32,
    /// The position of its last event.
    last: Position,
}

/// What is known of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TrackedSource {
    number: u32,
    rank: u64,
    progress: SourceProgress,
    /// By minute of the front, oldest first: the greatest lag and disorder of its events.
    minutes: Vec<MinuteMaxima>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct MinuteMaxima {
    minute: i64,
    lag: Span,
    disorder: Span,
}

impl Default for TenantClock {
    fn default() -> Self {
        Self {
            front: Timestamp::MIN,
            wall: None,
            sources: BTreeMap::new(),
            last_number: 0,
            last: Position::START,
        }
    }
}

impl TenantClock {
    pub(super) fn front(&self) -> Timestamp {
        self.front
    }

    pub(super) fn last_position(&self) -> Position {
        self.last
    }

    pub(super) fn follows_wall_clock(&self) -> bool {
        self.wall.is_some()
    }

    pub(super) fn observe(
        &mut self,
        event: &EventSighting<'_>,
        steps: &mut Vec<ClockStep>,
    ) -> ClockStamp {
        self.last = event.position;
        if let Some(arrived) = event.arrived {
            self.note_arrival(arrived);
        }
        let before = self.front;
        // A stamp from the future says nothing about what has happened by now.
        let happened = event
            .arrived
            .map_or(event.time, |arrived| arrived.min(event.time));
        self.front = self.front.max(happened);
        self.make_room_for(event.source);
        let (front, next_number) = (self.front, self.last_number + 1);
        let source = match self.sources.get_mut(event.source) {
            Some(source) => source,
            None => {
                self.last_number = next_number;
                let new = TrackedSource::new(next_number, event.source.rank(), happened);
                self.sources.entry(event.source.clone()).or_insert(new)
            }
        };
        source.record_event(happened, front);
        // For each event: a window that begins to follow a source with it needs to know.
        steps.push(ClockStep {
            place: larum_event::EvaluationPlace::for_raw_event(event.position),
            tenant: event.tenant.clone(),
            front,
            source: Some((source.number, source.progress)),
            is_held: false,
        });
        ClockStamp {
            source: source.number,
            order: event_order(event, source.rank),
            front: before,
        }
    }

    /// The wall clock of its last event or tick.
    pub(super) fn wall(&self) -> Option<Timestamp> {
        self.wall
    }

    /// It is `at` after a stretch in which the engine did not run: that moves no time.
    pub(super) fn resume(&mut self, at: Timestamp) {
        self.wall = self.wall.map(|wall| wall.max(at));
    }

    /// It is `at`; true if that moves the front.
    pub(super) fn tick(&mut self, at: Timestamp) -> bool {
        let Some(wall) = self.wall.filter(|wall| *wall < at) else {
            return false;
        };
        self.wall = Some(at);
        let passed = at.duration_since(wall).min(TICK_MOST);
        self.front = self.front.saturating_add(passed);
        true
    }

    /// Takes note of the time at which an event arrived.
    fn note_arrival(&mut self, arrived: Timestamp) {
        let Some(wall) = self.wall else {
            self.wall = Some(arrived);
            return;
        };
        if arrived < wall.saturating_sub(SET_BACK_LEAST) {
            self.front = self.front.min(arrived);
            for source in self.sources.values_mut() {
                source.progress.heard = source.progress.heard.min(arrived);
                source.minutes.clear();
            }
            self.wall = Some(arrived);
        } else {
            self.wall = Some(wall.max(arrived));
        }
    }

    /// Keeps the number of sources bounded: forgets the tenth part of them that is furthest behind.
    fn make_room_for(&mut self, source: &Source) {
        if self.sources.len() < limits::SOURCES_PER_TENANT || self.sources.contains_key(source) {
            return;
        }
        let sources = self.sources.values();
        let mut hindmost: Vec<(Timestamp, u32)> = sources
            .map(|source| (source.progress.heard, source.number))
            .collect();
        hindmost.sort_unstable();
        hindmost.truncate(limits::SOURCES_PER_TENANT.div_ceil(10));
        let forgotten: std::collections::BTreeSet<u32> =
            hindmost.into_iter().map(|(_, number)| number).collect();
        self.sources
            .retain(|_, source| !forgotten.contains(&source.number));
    }
}

impl TrackedSource {
    fn new(number: u32, rank: u64, heard: Timestamp) -> Self {
        let progress = SourceProgress {
            heard,
            ..SourceProgress::default()
        };
        Self {
            number,
            rank,
            progress,
            minutes: Vec::new(),
        }
    }

    /// Takes note of an event of `time` that arrived when the front, with it, was `front`.
    fn record_event(&mut self, time: Timestamp, front: Timestamp) {
        self.progress.heard = self.progress.heard.max(time);
        let lag = front.duration_since(time).min(WAIT_MOST);
        let disorder = self.progress.heard.duration_since(time);
        let minute = front.as_nanos().div_euclid(MINUTE);
        match self.minutes.last_mut() {
            Some(last) if last.minute == minute => {
                last.lag = last.lag.max(lag);
                last.disorder = last.disorder.max(disorder);
            }
            Some(_) | None => {
                self.minutes
                    .retain(|maxima| maxima.minute > minute - MEMORY_MINUTES);
                self.minutes.push(MinuteMaxima {
                    minute,
                    lag,
                    disorder,
                });
            }
        }
        let lags = self.minutes.iter().map(|maxima| maxima.lag);
        self.progress.lag = lags.max().unwrap_or(Span::ZERO);
        let disorders = self.minutes.iter().map(|maxima| maxima.disorder);
        self.progress.disorder = disorders.max().unwrap_or(Span::ZERO);
    }
}
