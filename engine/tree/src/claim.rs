//! What events claim about steps, and whose claim holds.
//!
//! Events of one step may contradict each other. The claim of the earliest event holds, by time and
//! then by id: so the answer does not depend on the order in which they arrive.

use larum_event::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

/// Which event claims something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) time: Timestamp,
    pub(crate) event: EventId,
}

/// Something claimed, by the earliest event that does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Claimed<T> {
    pub(crate) by: Claim,
    pub(crate) what: T,
}

/// Lets `claim` hold if it is earlier than what holds. Of two claims of one event, as of two
/// sources that share an id, the smaller holds.
pub(crate) fn settle<T: Clone + Ord>(held: &mut Option<Claimed<T>>, by: &Claim, what: &T) {
    let earlier = match held {
        Some(held) => (by, what) < (&held.by, &held.what),
        None => true,
    };
    if earlier {
        *held = Some(Claimed {
            by: by.clone(),
            what: what.clone(),
        });
    }
}
