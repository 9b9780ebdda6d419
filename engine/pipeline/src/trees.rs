//! The trees that rules read.
//!
//! Owns a graph of raw events alone. It receives a piece of the log before rules are evaluated on
//! it, and answers as of each event's position, so what rules see does not depend on where the log
//! is cut. It leaves out alerts: their positions depend on where the log is cut, and so would the
//! choice of trees to evict.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use larum_event::{Event, LinkSet, Position, TreeLookup, TreeNodeView, VisitControl, VisitOutcome};
use larum_rule::{RuleMatcher, RuleSet};
use larum_tree::{CorrelationGraph, GraphLimits};

use crate::error::CheckpointError;

/// The name of these trees' part of a checkpoint.
pub const KINSHIP_PART: &str = "kinship";

/// The trees of raw events that rules read.
#[derive(Debug)]
pub struct RuleTrees {
    shared: Arc<SharedRuleTrees>,
    links: Arc<LinkSet>,
}

/// What rules read, on any thread, while it does not change.
struct SharedRuleTrees(RwLock<CorrelationGraph>);

impl fmt::Debug for SharedRuleTrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl TreeLookup for SharedRuleTrees {
    fn root_id(&self, event: &Event, at: Position) -> Option<Arc<str>> {
        let forest = self.0.read().unwrap_or_else(PoisonError::into_inner);
        forest.root_id(event, at)
    }

    fn visit_ancestors(
        &self,
        event: &Event,
        at: Position,
        visit: &mut dyn FnMut(&TreeNodeView) -> VisitControl,
    ) -> VisitOutcome {
        let forest = self.0.read().unwrap_or_else(PoisonError::into_inner);
        forest.visit_ancestors(event, at, visit)
    }
}

impl RuleTrees {
    /// Trees of nothing, made by `links`.
    pub fn new(links: &Arc<LinkSet>, limits: GraphLimits) -> Self {
        let mut forest = CorrelationGraph::new(limits);
        forest.use_links(links);
        Self::from_forest(forest, links)
    }

    fn from_forest(forest: CorrelationGraph, links: &Arc<LinkSet>) -> Self {
        Self {
            shared: Arc::new(SharedRuleTrees(RwLock::new(forest))),
            links: Arc::clone(links),
        }
    }

    /// The links that they are made by.
    pub fn links(&self) -> &Arc<LinkSet> {
        &self.links
    }

    /// Whom rules ask. It sees every piece that is taken in from now on.
    pub fn tree_lookup(&self) -> Arc<dyn TreeLookup> {
        Arc::clone(&self.shared) as Arc<dyn TreeLookup>
    }

    /// Takes in the next piece of the log, of raw events; rules may be asked about its events
    /// afterwards.
    pub fn insert_events<'e>(&self, events: impl Iterator<Item = (Position, &'e Event)>) {
        let mut forest = self
            .shared
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        forest.begin_batch();
        // Those that people read tell what was wrong with an event.
        let mut reports = Vec::new();
        for (position, event) in events {
            forest.insert(&event.envelope().tenant, event, position, &mut reports);
            reports.clear();
        }
        drop(forest.take_evicted_trees());
    }

    /// Their part of a checkpoint.
    pub fn checkpoint(&self) -> Vec<u8> {
        let forest = self.shared.0.read().unwrap_or_else(PoisonError::into_inner);
        forest.checkpoint()
    }

    /// The trees that a checkpoint's part holds, made by `links`.
    ///
    /// # Errors
    /// The bytes are not those of [`RuleTrees::checkpoint`].
    pub fn restore(bytes: &[u8], links: &Arc<LinkSet>) -> Result<Self, CheckpointError> {
        let mut forest =
            CorrelationGraph::restore(bytes).map_err(|cause| CheckpointError::Unreadable {
                part: KINSHIP_PART.to_owned(),
                cause: cause.to_string(),
            })?;
        forest.use_links(links);
        Ok(Self::from_forest(forest, links))
    }
}

/// The trees of events that matchers outside of a pipeline are asked about one after the other.
#[derive(Debug)]
pub struct StandaloneTrees {
    trees: Option<RuleTrees>,
    at: Position,
}

impl StandaloneTrees {
    /// Those that the rules of `set` ask; nothing is kept if they ask none.
    pub fn for_rules(set: &RuleSet) -> Self {
        let trees = set.asks_trees();
        Self {
            trees: trees.then(|| RuleTrees::new(set.links(), GraphLimits::default())),
            at: Position::START,
        }
    }

    /// Takes in the next event, which `matcher` is asked about from now on.
    pub fn insert_event(&mut self, matcher: &mut RuleMatcher, event: &Event) {
        let Some(trees) = &self.trees else {
            return;
        };
        self.at = self.at.next();
        trees.insert_events(std::iter::once((self.at, event)));
        matcher.set_trees(Some(trees.tree_lookup()));
        matcher.set_position(self.at, None);
    }
}
