//! How much state a window may keep.

use larum_event::{Span, limits};

/// Limits on the state of one window, and how long it waits for late events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// Most keys per tenant (of this shard). Beyond it, the key that would end first is evicted. A
    /// rule without a window remembers as many alerts of the rules below.
    pub keys: usize,
    /// Most events of one key. Beyond it, the oldest is dropped. Never less than the rule needs.
    pub events_per_key: usize,
    /// Most open partial matches per key of a sequence. Beyond it, the oldest is dropped.
    pub partials_per_key: usize,
    /// How far behind the front an alert becomes final.
    pub lateness: Span,
    /// How far behind the front a match may be and still count; also how long rows are kept. With
    /// no horizon and no lateness none are kept: for matches that come in order.
    pub horizon: Span,
    /// Most rows of one key. Beyond it the older half is dropped, and what is older is too late.
    pub rows_per_key: usize,
}

impl Default for WindowLimits {
    fn default() -> Self {
        Self {
            keys: limits::KEYS_PER_RULE,
            events_per_key: limits::EVENTS_PER_KEY,
            partials_per_key: limits::PARTIALS_PER_KEY,
            lateness: Span::ZERO,
            horizon: limits::AMEND_HORIZON,
            rows_per_key: limits::ROWS_PER_KEY,
        }
    }
}
