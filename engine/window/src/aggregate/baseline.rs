//! The usual rate of events: counts over stretches of time before the window.
//!
//! Stretches begin at multiples of their length since 1970. The baseline of a window covers the
//! whole stretches before the one in which the window begins.

use std::collections::VecDeque;

use larum_event::{Amount, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::rule::{BaselineLayout, moment_before, stretch_start};

/// Counts per pane, an even part of a stretch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct RateBaseline {
    /// The first event since the baseline was last empty.
    first_event: Option<Timestamp>,
    /// Numbers of panes and their counts, ascending.
    panes: VecDeque<(i64, u64)>,
    /// How many panes, from the first on, are in the baseline.
    included_panes: usize,
    /// The sum of their counts.
    sum: u64,
    /// The pane in which the window begins.
    window_pane: i64,
}

impl RateBaseline {
    pub(super) fn is_empty(&self) -> bool {
        self.first_event.is_none()
    }

    /// Counts an event, which must not be before any other.
    pub(super) fn count_event(&mut self, time: Timestamp, stretches: &BaselineLayout) {
        self.first_event.get_or_insert(time);
        let pane = stretches.pane_number(time);
        match self.panes.back_mut() {
            Some((last, count)) if *last >= pane => *count = count.saturating_add(1),
            Some(_) | None => self.panes.push_back((pane, 1)),
        }
    }

    /// Moves the beginning of the window to pane `window`, which must not be before the last one.
    pub(super) fn move_window(&mut self, window: i64, stretches: &BaselineLayout) {
        self.window_pane = window;
        while let Some((_, count)) = self
            .panes
            .get(self.included_panes)
            .filter(|(pane, _)| *pane < window)
        {
            self.sum = self.sum.saturating_add(*count);
            self.included_panes += 1;
        }
        let first = window.saturating_sub(stretches.panes);
        while let Some((_, count)) = self.panes.front().filter(|(pane, _)| *pane < first) {
            self.sum = self.sum.saturating_sub(*count);
            self.included_panes = self.included_panes.saturating_sub(1);
            self.panes.pop_front();
        }
        if self.panes.is_empty() {
            self.first_event = None;
        }
    }

    /// The ratio of `count` to the usual count; `None` as long as that is unknown.
    pub(super) fn ratio(&self, count: u64, stretches: &BaselineLayout) -> Option<Amount> {
        let first = stretch_start(
            self.window_pane.saturating_sub(stretches.panes),
            stretches.pane,
        );
        if self.first_event? > first || self.sum == 0 {
            return None;
        }
        let total = i128::from(count) * i128::from(stretches.stretches) * 1_000_000_000;
        Some(Amount::from_billionths(total / i128::from(self.sum)))
    }

    /// The last moment at which a window of length `size` needs the baseline.
    pub(super) fn expiry(&self, size: Span, stretches: &BaselineLayout) -> Option<Timestamp> {
        let (newest, _) = self.panes.back()?;
        let over = newest.saturating_add(stretches.panes).saturating_add(1);
        let end = stretch_start(over, stretches.pane).saturating_add(size);
        Some(moment_before(end))
    }

    /// The last moment at which a window of length `size` that ends now still begins in the same
    /// pane.
    pub(super) fn unchanged_until(&self, size: Span, stretches: &BaselineLayout) -> Timestamp {
        let next = stretch_start(self.window_pane.saturating_add(1), stretches.pane);
        moment_before(next.saturating_add(size))
    }

    pub(super) fn is_sound(&self) -> bool {
        let within = self.panes.iter().take(self.included_panes);
        let sum = within.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        self.panes.iter().is_sorted_by(|(a, _), (b, _)| a < b)
            && self.included_panes <= self.panes.len()
            && sum == self.sum
            && self.first_event.is_some() != self.panes.is_empty()
    }
}
