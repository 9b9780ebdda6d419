//! The settings of evaluation.

use larum_event::{RuleSetActivation, Span, limits};
use larum_tree::GraphLimits;

/// The order in which events are given to the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InputOrder {
    /// As they arrived: any event may still be followed by an earlier one.
    #[default]
    Arrival,
    /// Sorted by [`EventOrder`](larum_event::EventOrder), with positions that count up.
    Sorted,
}

/// Every setting that evaluation reads; written into the log with the rules, except for the order,
/// which is that of arrival wherever there is a log to write.
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
    /// In which order events come.
    pub order: InputOrder,
}

impl Default for PipelineSettings {
    fn default() -> Self {
        Self {
            amend_horizon: limits::AMEND_HORIZON,
            lateness: Span::ZERO,
            keys_per_rule: limits::KEYS_PER_RULE,
            shards: 1,
            trees: GraphLimits::default(),
            order: InputOrder::Arrival,
        }
    }
}

impl PipelineSettings {
    /// For input that is read to its end and sorted before it is evaluated.
    pub fn for_sorted_input() -> Self {
        Self {
            order: InputOrder::Sorted,
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
            order: InputOrder::Arrival,
        }
    }
}
