//! What the trees hear of the sequencer: events that have a place in one, and links that come into force.

use std::sync::Arc;

use larum_actor::{CreditBatch, send_batch, send_control};
use larum_event::{Event, LinkSet, Position, TopicPattern};

use crate::actors::tree::UseLinks;
use crate::sequencing::evaluation_core::EvaluationCore;

/// Which events may have a place in a tree.
#[derive(Debug, Default)]
pub(super) struct TreeFilter {
    /// Topics that links read.
    topics: Vec<TopicPattern>,
    /// A link reads every topic.
    everything: bool,
}

impl TreeFilter {
    /// By links; workflows and traces need none.
    pub(super) fn from_links(links: &LinkSet) -> Self {
        let mut filter = Self::default();
        for link in &links.links {
            filter.everything |= link.on.is_empty();
            let patterns = link.on.iter().map(|text| TopicPattern::new(text));
            for pattern in patterns {
                match pattern {
                    Ok(pattern) if !filter.topics.contains(&pattern) => filter.topics.push(pattern),
                    Ok(_) => {}
                    // What it reads is not known here, so the trees decide.
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
            // A search of the text costs less than a look at the member, which few events have.
            || event.json().contains("\"traceparent\":")
    }
}

impl EvaluationCore {
    /// Hands events to the trees. Only those that say who caused them, or that links read, have a place in one.
    pub(super) async fn send_events(&self, events: impl Iterator<Item = (Position, &Event)>) {
        let items: Vec<(Position, Event)> = events
            .filter(|(_, event)| self.tree_filter.matches_event(event))
            .map(|(position, event)| (position, event.clone()))
            .collect();
        if items.is_empty() {
            return;
        }
        let permit = self
            .tree_credits
            .acquire(u32::try_from(items.len()).unwrap_or(u32::MAX))
            .await;
        let batch = CreditBatch {
            head: (),
            items: items.into(),
            permit,
        };
        // Trees that are gone are rebuilt from the log, which holds these events.
        if let Some(trees) = self.parts.trees.address() {
            drop(send_batch(&trees.recipient(), batch));
        }
    }

    /// Has the trees go by the links of the rules that came into force at a position.
    pub(super) fn send_links(&mut self, at: Position, links: &Arc<LinkSet>) {
        self.tree_filter = TreeFilter::from_links(links);
        let new = UseLinks {
            at,
            links: Arc::clone(links),
        };
        // Trees that are gone are rebuilt from the log, which holds these rules.
        if let Some(trees) = self.parts.trees.address() {
            drop(send_control(&trees.recipient(), new));
        }
    }
}
