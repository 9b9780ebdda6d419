//! What the matchers report: a rule, the group and the steps that one event satisfies.

use larum_event::{GroupKey, MatchValues};
use serde::{Deserialize, Serialize};

/// One rule that an event satisfies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleMatch {
    /// Number of the rule in its set.
    pub rule: u32,
    /// The rule's group key, read from the event.
    pub key: GroupKey,
    /// Which of its steps the event satisfies, as
    /// [`Match::steps`](larum_event::Match::steps) has them.
    pub steps: u32,
    /// What its window measures or compares.
    pub values: MatchValues,
    /// Whether its window wants the whole event.
    pub wants_event: bool,
}
