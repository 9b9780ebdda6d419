//! Feeds the trees that people look at: events that may have a place in one, and links in force.
//!
//! Owns the filter and the credit for events on their way. Trees that are gone miss nothing: they
//! are rebuilt from the log, which holds the same events and rules.

use std::sync::Arc;

use larum_actor::{ActorSlot, CreditBatch, Credits, send_batch, send_control};
use larum_event::{Event, LinkSet, Position, TopicPattern};

use crate::actors::TreeActor;
use crate::actors::tree::UseLinks;

/// Which events may have a place in a tree.
#[derive(Debug, Default)]
struct TreeFilter {
    /// Topics that links read.
    topics: Vec<TopicPattern>,
    /// A link reads every topic.
    everything: bool,
}

impl TreeFilter {
    /// The events that `links` read; workflows and traces need no link.
    fn from_links(links: &LinkSet) -> Self {
        let mut filter = Self::default();
        for link in &links.links {
            filter.everything |= link.on.is_empty();
            let patterns = link.on.iter().map(|text| TopicPattern::new(text));
            for pattern in patterns {
                match pattern {
                    Ok(pattern) if !filter.topics.contains(&pattern) => filter.topics.push(pattern),
                    Ok(_) => {}
                    // What it reads is unknown here, so the trees decide.
                    Err(_) => filter.everything = true,
                }
            }
        }
        filter
    }

    fn matches_event(&self, event: &Event) -> bool {
        let envelope = event.envelope();
        self.everything
            || envelope.correlation_id.is_some()
            || envelope.correlation.is_some()
            || envelope.causation_id.is_some()
            || self
                .topics
                .iter()
                .any(|pattern| pattern.matches(&envelope.topic))
            // Searching the text costs less than parsing the member, which few events have.
            || event.json().contains("\"traceparent\":")
    }
}

/// Sends to the actor of the trees.
pub(super) struct TreeFeed {
    trees: ActorSlot<TreeActor>,
    credits: Credits,
    filter: TreeFilter,
}

impl TreeFeed {
    /// A feed to `trees` with at most `events` on their way.
    pub(super) fn new(trees: ActorSlot<TreeActor>, events: u32) -> Self {
        Self {
            trees,
            credits: Credits::new(events),
            filter: TreeFilter::default(),
        }
    }

    /// Sends the events that may have a place in a tree: those that name a cause, or that links
    /// read.
    pub(super) async fn send_events(&self, events: impl Iterator<Item = (Position, &Event)>) {
        let items: Vec<(Position, Event)> = events
            .filter(|(_, event)| self.filter.matches_event(event))
            .map(|(position, event)| (position, event.clone()))
            .collect();
        if items.is_empty() {
            return;
        }
        let number = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let batch = CreditBatch {
            head: (),
            items: items.into(),
            permit: self.credits.acquire(number).await,
        };
        if let Some(trees) = self.trees.address() {
            drop(send_batch(&trees.recipient(), batch));
        }
    }

    /// Puts the links of the rules activated at `at` in force.
    pub(super) fn send_links(&mut self, at: Position, links: &Arc<LinkSet>) {
        self.filter = TreeFilter::from_links(links);
        let new = UseLinks {
            at,
            links: Arc::clone(links),
        };
        if let Some(trees) = self.trees.address() {
            drop(send_control(&trees.recipient(), new));
        }
    }
}
