//! How much state a window may keep.

use larum_event::{Span, limits};

/// Limits on the state of one window, and how long it waits for late events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// Most keys per tenant (of this shard). Beyond it, the key that would end first is evicted.
    pub keys: usize,
    /// Most events of one key. Beyond it, the oldest is dropped. Never less than the rule needs.
    pub events_per_key: usize,
    /// Most open partial matches per key of a sequence. Beyond it, the oldest is dropped.
    pub partials_per_key: usize,
    /// How far behind its clock a match may be and still count.
    pub lateness: Span,
}

impl Default for WindowLimits {
    fn default() -> Self {
        Self {
            keys: limits::KEYS_PER_RULE,
            events_per_key: limits::EVENTS_PER_KEY,
            partials_per_key: limits::PARTIALS_PER_KEY,
            lateness: Span::ZERO,
        }
    }
}
