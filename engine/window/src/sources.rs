//! Event time of one tenant as a window sees it: the front, and how far its sources have come.
//!
//! Owns the question whether what waits may be decided. How far sources have come and how late they
//! usually are is measured by the pipeline.
//! Invariant: only sources with matches of the rule are followed, so a window's memory does not
//! grow with the sources of the tenant.

use std::collections::BTreeMap;

use larum_event::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How far a source has come, and how late its events usually arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceProgress {
    /// Its greatest event time, or the arrival of that event if its stamp lies in the future.
    pub heard: Timestamp,
    /// The furthest that its events lay behind the front when they arrived, over the last hour.
    pub lag: Span,
    /// The furthest that its events lay behind its own newest event, over the last hour.
    pub disorder: Span,
}

/// What a key waits for while the tenant is held, in the place of a source: none has this number.
pub(crate) const HOLD: u32 = 0;

/// Event time of one tenant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TenantTime {
    /// The greatest event time of the tenant; stamps from the future count as of their arrival.
    pub(crate) front: Timestamp,
    /// How far behind the front an alert becomes final.
    pub(crate) lateness: Span,
    /// Whether nothing is decided that waits for time.
    pub(crate) is_held: bool,
    sources: BTreeMap<u32, SourceProgress>,
}

impl TenantTime {
    pub(crate) fn new(lateness: Span) -> Self {
        Self {
            front: Timestamp::MIN,
            lateness,
            is_held: false,
            sources: BTreeMap::new(),
        }
    }

    /// Takes over what another shard of the same rule knows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.front = self.front.max(other.front);
        self.is_held |= other.is_held;
        for (source, theirs) in &other.sources {
            let own = self.sources.entry(*source).or_default();
            if theirs.heard > own.heard {
                *own = *theirs;
            }
        }
    }

    /// What lies before this is final.
    pub(crate) fn watermark(&self) -> Timestamp {
        self.front.saturating_sub(self.lateness)
    }

    /// Follows a source from now on: its next move, with the event of this match, says how far it
    /// has come.
    pub(crate) fn follow_source(&mut self, source: u32) {
        self.sources.entry(source).or_default();
    }

    /// Takes over how far a source has come, if it is followed.
    pub(crate) fn update_source(&mut self, source: u32, progress: SourceProgress) {
        if let Some(followed) = self.sources.get_mut(&source) {
            *followed = progress;
        }
    }

    /// What a key waits for: the hold, or the first of its `sources` that may still send something
    /// of `due` or before; `None` if all have passed it. Which sources meet in other keys is not
    /// looked at: each shard knows another part of it, and what is decided when must not depend on
    /// shards.
    pub(crate) fn find_blocker(&self, sources: &[u32], due: Timestamp) -> Option<u32> {
        if self.is_held {
            return Some(HOLD);
        }
        let mut sources = sources.iter().copied();
        sources.find(|source| !self.has_passed(*source, due))
    }

    /// Whether nothing of `due` or before is to be expected of `source` any more.
    pub(crate) fn has_passed(&self, source: u32, due: Timestamp) -> bool {
        if source == HOLD {
            return !self.is_held;
        }
        let Some(progress) = self.sources.get(&source) else {
            return true;
        };
        let margin = self.lateness.max(progress.disorder);
        progress.heard.saturating_sub(margin) > due || self.front > self.release_time(source, due)
    }

    /// The front at which `due` is decided even if `source` stays silent.
    pub(crate) fn release_time(&self, source: u32, due: Timestamp) -> Timestamp {
        if source == HOLD {
            return Timestamp::MAX;
        }
        let lag = self.sources.get(&source).map_or(Span::ZERO, |it| it.lag);
        due.saturating_add(self.lateness).saturating_add(lag)
    }
}
