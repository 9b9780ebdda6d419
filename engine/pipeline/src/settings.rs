//! The settings of evaluation.

use larum_event::{RuleSetActivation, Span, limits};
use larum_tree::GraphLimits;

/// Every setting that evaluation reads; written into the log with the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineSettings {
    /// How far behind the front an event may arrive and still count in windows. Matches are kept
    /// for as long.
    pub amend_horizon: Span,
    /// How far behind the front alerts become final, for rules that say nothing themselves.
    pub lateness: Span,
    /// Most live keys of one rule and tenant. Each shard has an equal share and evicts beyond it,
    /// even while other shards have room.
    pub keys_per_rule: usize,
    /// Shards of each window. Does not change any answer.
    pub shards: usize,
    /// How much the trees that rules ask may hold.
    pub trees: GraphLimits,
}

impl Default for PipelineSettings {
    fn default() -> Self {
        Self {
            amend_horizon: limits::AMEND_HORIZON,
            lateness: Span::ZERO,
            keys_per_rule: limits::KEYS_PER_RULE,
            shards: 1,
            trees: GraphLimits::default(),
        }
    }
}

impl PipelineSettings {
    /// For input that is read to its end: events count however far out of order they are, up to a
    /// week.
    pub fn for_files() -> Self {
        Self {
            amend_horizon: limits::FILE_HORIZON,
            ..Self::default()
        }
    }

    /// The settings a log record holds, with `shards` of this process.
    pub fn from_activated(activated: &RuleSetActivation, shards: usize) -> Self {
        Self {
            amend_horizon: activated.amend_horizon,
            lateness: activated.lateness,
            keys_per_rule: usize::try_from(activated.keys_per_rule).unwrap_or(usize::MAX),
            shards,
            trees: GraphLimits::default(),
        }
    }
}
