//! The trees that rules ask.
//!
//! Owns a forest of raw events alone. It takes a piece of the log before rules are asked about it, and answers as of
//! each event's position, so what rules see does not depend on where the log is cut. Alerts are not in it: when they
//! come to the log depends on the cutting, and with it which trees would be let go.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use larum_event::{Climbed, Enough, Event, Kin, Kinship, LinkSet, Position};
use larum_rule::{Matcher, RuleSet};
use larum_tree::{Forest, ForestLimits};

use crate::epoch::Input;
use crate::error::CheckpointError;

/// The name of these trees' part of a checkpoint.
pub const KINSHIP_PART: &str = "kinship";

/// See the module's words.
#[derive(Debug)]
pub struct RuleTrees {
    shared: Arc<Shared>,
    links: Arc<LinkSet>,
}

/// What rules ask while it stands still, on whatever thread.
struct Shared(RwLock<Forest>);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Kinship for Shared {
    fn root(&self, event: &Event, at: Position) -> Option<Arc<str>> {
        let forest = self.0.read().unwrap_or_else(PoisonError::into_inner);
        forest.root(event, at)
    }

    fn climb(&self, event: &Event, at: Position, visit: &mut dyn FnMut(&Kin) -> Enough) -> Climbed {
        let forest = self.0.read().unwrap_or_else(PoisonError::into_inner);
        forest.climb(event, at, visit)
    }
}

impl RuleTrees {
    /// Trees of nothing, made by `links`.
    pub fn new(links: &Arc<LinkSet>, limits: ForestLimits) -> Self {
        let mut forest = Forest::new(limits);
        forest.use_links(links);
        Self::of(forest, links)
    }

    fn of(forest: Forest, links: &Arc<LinkSet>) -> Self {
        Self {
            shared: Arc::new(Shared(RwLock::new(forest))),
            links: Arc::clone(links),
        }
    }

    /// The links that they are made by.
    pub fn links(&self) -> &Arc<LinkSet> {
        &self.links
    }

    /// Whom rules ask. It sees every piece that is taken in from now on.
    pub fn asked(&self) -> Arc<dyn Kinship> {
        Arc::clone(&self.shared) as Arc<dyn Kinship>
    }

    /// Takes in the next piece of the log, of raw events; rules may be asked about its events afterwards.
    pub fn grow<'e>(&self, events: impl Iterator<Item = (Position, &'e Event)>) {
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
        drop(forest.take_evicted());
    }

    /// Their part of a checkpoint.
    pub fn checkpoint(&self) -> Vec<u8> {
        let forest = self.shared.0.read().unwrap_or_else(PoisonError::into_inner);
        forest.checkpoint()
    }

    /// The trees that a checkpoint's part tells of, made by `links`.
    ///
    /// # Errors
    /// The bytes are not those of [`RuleTrees::checkpoint`].
    pub fn restored(bytes: &[u8], links: &Arc<LinkSet>) -> Result<Self, CheckpointError> {
        let mut forest = Forest::restore(bytes).map_err(|cause| CheckpointError::Unreadable {
            part: KINSHIP_PART.to_owned(),
            cause: cause.to_string(),
        })?;
        forest.use_links(links);
        Ok(Self::of(forest, links))
    }
}

/// The pieces of a stretch as trees take them.
pub(crate) fn raw(inputs: &[Input]) -> impl Iterator<Item = (Position, &Event)> {
    inputs.iter().map(|input| (input.position, &input.event))
}

/// The trees of events that matchers outside of a pipeline are asked about one after the other.
#[derive(Debug)]
pub struct TreesBeside {
    trees: Option<RuleTrees>,
    at: Position,
}

impl TreesBeside {
    /// Those that the rules of `set` ask; nothing is kept if they ask none.
    pub fn of(set: &RuleSet) -> Self {
        let trees = set.asks_trees();
        Self {
            trees: trees.then(|| RuleTrees::new(set.links(), ForestLimits::default())),
            at: Position::START,
        }
    }

    /// Takes in the next event, which `matcher` is asked about from now on.
    pub fn show(&mut self, matcher: &mut Matcher, event: &Event) {
        let Some(trees) = &self.trees else {
            return;
        };
        self.at = self.at.next();
        trees.grow(std::iter::once((self.at, event)));
        matcher.ask(Some(trees.asked()));
        matcher.stand_at(self.at, None);
    }
}
