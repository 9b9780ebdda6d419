//! Which sources time waits for, and those that are silent.
//!
//! Owns the order of the sources of one tenant that do not lag. One that has said nothing for
//! [`SILENT_SECONDS`](larum_event::window_limits::SILENT_SECONDS) moves with the wall clock, as far
//! behind it as its last event was and that long; unless its time has nothing to do with the wall
//! clock, as that of imported history.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{Span, Timestamp, Watermark, limits};
use serde::{Deserialize, Serialize};

const SILENCE_SPAN: Span = Span::from_seconds(limits::SILENT_SECONDS);

/// The sources of one tenant that do not lag, in the order of their progress.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct SourceStatuses {
    sources: BTreeMap<u64, SourceStatus>,
    /// Those that are not silent, by progress.
    told: BTreeSet<(Watermark, u64)>,
    /// Those that are silent, by how far they were behind.
    silent: BTreeSet<(Span, u64)>,
    /// When to look at each next that may fall silent; never later than it does.
    due: BTreeSet<(Timestamp, u64)>,
    /// What the wall clock shows; never goes back.
    now: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct SourceStatus {
    progress: Watermark,
    /// When its last event arrived.
    arrived: Option<Timestamp>,
    /// How far behind the wall clock it is, once it is silent.
    silent: Option<Span>,
    /// When it is looked at next.
    due: Option<Timestamp>,
}

impl SourceStatuses {
    /// A source says that it has come to `progress`.
    pub(super) fn record_progress(
        &mut self,
        number: u64,
        progress: Watermark,
        arrived: Option<Timestamp>,
    ) {
        let known = self.sources.get(&number).copied();
        // In before out: with a single source the order never becomes empty.
        if self.told.insert((progress, number))
            && let Some(known) = known
        {
            self.remove_from_order(number, known);
        }
        let due = known.and_then(|known| known.due);
        let mut standing = SourceStatus {
            progress,
            arrived: arrived.max(known.and_then(|known| known.arrived)),
            silent: None,
            due,
        };
        if due.is_none() {
            standing.due = standing.silent_after();
            self.due.extend(standing.due.map(|due| (due, number)));
        }
        self.sources.insert(number, standing);
    }

    /// A source is not waited for any more.
    pub(super) fn remove_source(&mut self, number: u64) {
        if let Some(known) = self.sources.remove(&number) {
            self.remove_from_order(number, known);
            if let Some(due) = known.due {
                self.due.remove(&(due, number));
            }
        }
    }

    fn remove_from_order(&mut self, number: u64, known: SourceStatus) {
        match known.silent {
            Some(behind) => self.silent.remove(&(behind, number)),
            None => self.told.remove(&(known.progress, number)),
        };
    }

    /// The wall clock shows `now`.
    pub(super) fn advance_wall_clock(&mut self, now: Timestamp, max_lag: Span) {
        if self.now.is_some_and(|known| known >= now) {
            return;
        }
        self.now = Some(now);
        while let Some((due, number)) = self.due.first().copied()
            && due < now
        {
            self.due.pop_first();
            self.check_silence(number, now, max_lag);
        }
    }

    fn check_silence(&mut self, number: u64, now: Timestamp, max_lag: Span) {
        let Some(standing) = self.sources.get_mut(&number) else {
            return;
        };
        standing.due = standing.silent_after().filter(|due| *due >= now);
        if let Some(due) = standing.due {
            self.due.insert((due, number));
            return;
        }
        let behind = standing
            .arrived
            .map(|arrived| arrived.duration_since(standing.progress.time));
        if let Some(behind) = behind.filter(|behind| *behind <= max_lag) {
            standing.silent = Some(behind);
            self.told.remove(&(standing.progress, number));
            self.silent.insert((behind, number));
        }
    }

    /// Whether any source is silent or may fall silent.
    pub(super) fn has_silent(&self) -> bool {
        !self.silent.is_empty() || !self.due.is_empty()
    }

    /// The source that has come least far, and how far that is.
    pub(super) fn slowest_source(&self) -> Option<(Watermark, u64)> {
        let told = self.told.first().copied();
        let silent = self
            .silent
            .last()
            .zip(self.now)
            .map(|((behind, number), now)| {
                let time = now.saturating_sub(SILENCE_SPAN).saturating_sub(*behind);
                (Watermark::of_event(time, None), *number)
            });
        told.into_iter().chain(silent).min()
    }
}

impl SourceStatus {
    /// The last moment at which it is not silent.
    fn silent_after(&self) -> Option<Timestamp> {
        self.arrived
            .map(|arrived| arrived.saturating_add(SILENCE_SPAN))
    }
}
