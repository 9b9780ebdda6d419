//! Whether evaluation needs ticks, as the sequencer says it to the ticker.

use std::sync::atomic::{AtomicU8, Ordering};

/// Whether evaluation has use for ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum TickNeed {
    /// Nothing waits for time.
    Never = 0,
    /// One tenant does, for which the arrival of its events is as good.
    WhenQuiet = 1,
    /// Several tenants have clocks, and the events of one say nothing of the time of another.
    Always = 2,
}

/// Which [`TickNeed`] there is now.
#[derive(Debug, Default)]
pub(crate) struct SharedTickNeed(AtomicU8);

impl SharedTickNeed {
    /// From now on, evaluation needs these.
    pub(crate) fn set(&self, needs: TickNeed) {
        self.0.store(needs as u8, Ordering::Relaxed);
    }

    /// What evaluation needs.
    pub(crate) fn get(&self) -> TickNeed {
        match self.0.load(Ordering::Relaxed) {
            0 => TickNeed::Never,
            1 => TickNeed::WhenQuiet,
            _ => TickNeed::Always,
        }
    }
}
