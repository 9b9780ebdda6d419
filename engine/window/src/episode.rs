//! An episode of a rule that fires on the edge: from the match at which its condition comes to hold
//! to the last moment at which it does.

use larum_event::{
    AlertStatus, Cause, Detection, GroupKey, Match, Place, Span, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::held::Held;

/// An episode that is not over.
///
/// To it belong the matches that were in the window when it began, and every match of the key that
/// comes while it lasts and is not older than the beginning of that window.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Episode {
    pub(crate) rule: u32,
    tenant: TenantId,
    clock: u32,
    key: GroupKey,
    pub(crate) trigger: Cause,
    /// Number of the last revision written; 0 before the first.
    revision: u32,
    /// Matches that belong to it.
    count: u64,
    /// What the last revision said of `count`.
    written: u64,
    first: Timestamp,
    last: Timestamp,
    evidence: Evidence,
}

impl Episode {
    pub(crate) fn new(trigger: Match) -> Self {
        Self {
            revision: 0,
            count: 0,
            written: 0,
            first: trigger.time,
            last: trigger.time,
            evidence: Evidence::default(),
            rule: trigger.rule,
            tenant: trigger.tenant.clone(),
            clock: trigger.clock,
            key: trigger.key.clone(),
            trigger: cause(&trigger),
        }
    }

    /// When the window began in which the condition came to hold.
    pub(crate) fn begin(&self, within: Span) -> Timestamp {
        self.trigger.time.saturating_sub(within)
    }

    /// Counts one more match.
    pub(crate) fn take(&mut self, held: Held) {
        self.count += 1;
        self.first = self.first.min(held.time());
        self.last = self.last.max(held.time());
        self.evidence.add(held);
    }

    pub(crate) fn has_doubled(&self) -> bool {
        self.count >= self.written.saturating_mul(2)
    }

    pub(crate) fn has_changed(&self) -> bool {
        self.count != self.written
    }

    /// The next revision.
    pub(crate) fn revise(&mut self, place: Place) -> Detection {
        self.revision += 1;
        self.written = self.count;
        Detection {
            rule: self.rule,
            tenant: self.tenant.clone(),
            clock: self.clock,
            key: self.key.clone(),
            anchor: self.trigger.event_id.clone(),
            time: self.trigger.time,
            trigger: self.trigger.clone(),
            place,
            revision: self.revision,
            // Nothing late is let in, so what was once true stays true.
            status: AlertStatus::Final,
            count: self.count,
            value: None,
            error: None,
            first: self.first,
            last: self.last,
            evidence: self.evidence.ids(),
            words: None,
        }
    }
}

pub(crate) fn cause(matched: &Match) -> Cause {
    Cause {
        event_id: matched.event_id.clone(),
        time: matched.time,
        sequence: matched.sequence,
        place: matched.place,
    }
}
