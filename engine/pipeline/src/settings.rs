//! The settings of evaluation.

use larum_event::{RuleSetActivation, Span, limits};
use larum_tree::GraphLimits;

/// Every setting that evaluation reads; written into the log with the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineSettings {
    /// A source further than this behind its tenant runs on a clock of its own.
    pub max_lag: Span,
    /// How far behind the watermark an event may come and still count, for rules that say nothing
    /// themselves.
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
            max_lag: Span::from_seconds(60),
            lateness: Span::ZERO,
            keys_per_rule: limits::KEYS_PER_RULE,
            shards: 1,
            trees: GraphLimits::default(),
        }
    }
}

impl PipelineSettings {
    /// The settings a log record holds, with `shards` of this process.
    pub fn from_activated(activated: &RuleSetActivation, shards: usize) -> Self {
        Self {
            max_lag: activated.max_lag,
            lateness: activated.lateness,
            keys_per_rule: usize::try_from(activated.keys_per_rule).unwrap_or(usize::MAX),
            shards,
            trees: GraphLimits::default(),
        }
    }
}
