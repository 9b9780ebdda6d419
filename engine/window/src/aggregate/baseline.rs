//! How many events there usually are: counts of stretches of time before the window.
//!
//! Stretches begin at multiples of their length since 1970. The baseline of a window is that of the whole
//! stretches before the one in which the window begins.

use std::collections::VecDeque;

use larum_event::{Amount, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::rule::{Stretches, multiple};

/// Counts per pane, an even part of a stretch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Baseline {
    /// The first event since the key was forgotten last.
    known: Option<Timestamp>,
    /// Numbers of panes and their counts, ascending.
    panes: VecDeque<(i64, u64)>,
    /// How many of the panes, from the first on, are in the baseline.
    within: usize,
    /// The sum of their counts.
    sum: u64,
    /// The pane in which the window begins.
    window: i64,
}

impl Baseline {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_none()
    }

    /// Counts an event, which is not before any other.
    pub(super) fn add(&mut self, time: Timestamp, stretches: &Stretches) {
        self.known.get_or_insert(time);
        let pane = stretches.pane_of(time);
        match self.panes.back_mut() {
            Some((last, count)) if *last >= pane => *count = count.saturating_add(1),
            Some(_) | None => self.panes.push_back((pane, 1)),
        }
    }

    /// The window begins in pane `window` from now on, which is not before the last one.
    pub(super) fn move_to(&mut self, window: i64, stretches: &Stretches) {
        self.window = window;
        while let Some((_, count)) = self
            .panes
            .get(self.within)
            .filter(|(pane, _)| *pane < window)
        {
            self.sum = self.sum.saturating_add(*count);
            self.within += 1;
        }
        let first = window.saturating_sub(stretches.panes);
        while let Some((_, count)) = self.panes.front().filter(|(pane, _)| *pane < first) {
            self.sum = self.sum.saturating_sub(*count);
            self.within = self.within.saturating_sub(1);
            self.panes.pop_front();
        }
        if self.panes.is_empty() {
            self.known = None;
        }
    }

    /// How many times as many as usual `count` is; `None` as long as that is not known.
    pub(super) fn ratio(&self, count: u64, stretches: &Stretches) -> Option<Amount> {
        let first = multiple(self.window.saturating_sub(stretches.panes), stretches.pane);
        if self.known? > first || self.sum == 0 {
            return None;
        }
        let total = i128::from(count) * i128::from(stretches.number) * 1_000_000_000;
        Some(Amount::from_billionths(total / i128::from(self.sum)))
    }

    /// The last moment at which it is of use to a window of length `size`.
    pub(super) fn lasts_until(&self, size: Span, stretches: &Stretches) -> Option<Timestamp> {
        let (newest, _) = self.panes.back()?;
        let over = newest.saturating_add(stretches.panes).saturating_add(1);
        let end = multiple(over, stretches.pane).saturating_add(size);
        Some(end.saturating_sub(Span::from_nanos(1)))
    }

    /// The last moment at which a window of length `size` that ends now still begins in the same pane.
    pub(super) fn stays_until(&self, size: Span, stretches: &Stretches) -> Timestamp {
        let next = multiple(self.window.saturating_add(1), stretches.pane);
        next.saturating_add(size)
            .saturating_sub(Span::from_nanos(1))
    }

    pub(super) fn is_sound(&self) -> bool {
        let within = self.panes.iter().take(self.within);
        let sum = within.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        self.panes.iter().is_sorted_by(|(a, _), (b, _)| a < b)
            && self.within <= self.panes.len()
            && sum == self.sum
            && self.known.is_some() != self.panes.is_empty()
    }
}
