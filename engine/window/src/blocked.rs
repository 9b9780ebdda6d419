//! Keys that cannot decide yet, by the source that each waits for.
//!
//! Owns which of them may try again. Whether a source has passed a moment is known to `sources`.
//! Invariant: `releases` holds the front at which the first key of each source need not wait for it
//! any more, so a front that moves finds those keys without looking at the others.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::Timestamp;

use crate::key::Blocker;
use crate::slots::KeySlot;
use crate::sources::TenantTime;

/// Keys by the source they wait for and what it has to pass.
#[derive(Debug, Default)]
pub(crate) struct BlockedKeys {
    by_source: BTreeSet<(u32, Timestamp, KeySlot)>,
    releases: BTreeSet<(Timestamp, u32)>,
    release_of: BTreeMap<u32, Timestamp>,
}

impl BlockedKeys {
    pub(crate) fn insert(&mut self, slot: KeySlot, blocker: Blocker, time: &TenantTime) {
        self.by_source.insert((blocker.source, blocker.due, slot));
        self.update_release(blocker.source, time);
    }

    pub(crate) fn remove(&mut self, slot: KeySlot, blocker: Blocker, time: &TenantTime) {
        self.by_source.remove(&(blocker.source, blocker.due, slot));
        self.update_release(blocker.source, time);
    }

    /// Computes again when the first key of `source` is released by the front; the lag of the
    /// source may have changed.
    pub(crate) fn update_release(&mut self, source: u32, time: &TenantTime) {
        let release = self
            .first_of(source)
            .map(|(due, _)| time.release_time(source, due));
        let before = match release {
            Some(release) => self.release_of.insert(source, release),
            None => self.release_of.remove(&source),
        };
        if before == release {
            return;
        }
        if let Some(before) = before {
            self.releases.remove(&(before, source));
        }
        if let Some(release) = release {
            self.releases.insert((release, source));
        }
    }

    /// The first key that waited for `source` and need not any more.
    pub(crate) fn released_by(&self, source: u32, time: &TenantTime) -> Option<KeySlot> {
        let (due, slot) = self.first_of(source)?;
        time.has_passed(source, due).then_some(slot)
    }

    /// The first key that need not wait any more because the front has come far enough.
    pub(crate) fn released_by_front(&self, front: Timestamp) -> Option<KeySlot> {
        let (release, source) = self.releases.first()?;
        let (_, slot) = self.first_of(*source)?;
        (*release < front).then_some(slot)
    }

    fn first_of(&self, source: u32) -> Option<(Timestamp, KeySlot)> {
        let mut waiting = self
            .by_source
            .range((source, Timestamp::MIN, KeySlot::FIRST)..);
        let (first, due, slot) = waiting.next()?;
        (*first == source).then_some((*due, *slot))
    }
}
