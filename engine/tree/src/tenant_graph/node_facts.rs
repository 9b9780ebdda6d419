//! What an event says of its own node besides where it is: stage, tags, label, fields that it
//! keeps, the alert it is.
//!
//! Owns which of several events is believed, and keeps the events that are in the event table for
//! as long. It does not move nodes, except where a fact decides what may be above one.
//! Invariant: before a rule may see a fact change, the history has what was known before, so that
//! rules read a node as it was with an earlier event of the batch.

use std::cmp::Ordering;
use std::sync::Arc;

use larum_event::{Alert, Correlation, limits};
use petgraph::stable_graph::NodeIndex;

use super::insertion::Insertion;
use crate::event_facts::NodeClaims;
use crate::graph_node::{AttributedText, GraphNode, NodeAlert, NodeDetails, NodeExtras};

impl Insertion<'_, '_> {
    /// Records what is known of a node before the event changes it.
    fn record_attributes(&mut self, node: NodeIndex) {
        let nodes = &self.graph.nodes;
        let known = || {
            nodes
                .get(node)
                .map(GraphNode::attributes)
                .unwrap_or_default()
        };
        let at = self.facts.position;
        self.graph.history.record_attributes(node, at, known);
    }

    pub(super) fn apply_stage_and_tags(&mut self, own: NodeIndex, correlation: &Correlation) {
        if correlation.stage.is_none() && correlation.tags.is_empty() {
            return;
        }
        self.record_attributes(own);
        if let Some(stage) = &correlation.stage {
            self.apply_text(
                own,
                stage,
                |extras| extras.stage.as_ref(),
                |extras, text| extras.stage.replace(text),
            );
        }
        for (name, value) in &correlation.tags {
            self.apply_text(
                own,
                value,
                |extras| extras.tags.get(name),
                |extras, text| extras.tags.insert(name.clone(), text),
            );
        }
        // Cut after all tags are in: which ones stay depends on their names and not on their order.
        loop {
            let extras = self.graph.nodes.get_mut(own).map(GraphNode::extras_mut);
            let Some(extras) = extras.filter(|extras| extras.tags.len() > limits::TAGS) else {
                break;
            };
            if let Some((_, last)) = extras.tags.pop_last() {
                self.graph.events.release(last.by);
            }
        }
    }

    /// Puts a text in place of the one that is known, if the event is earlier than that one's; of
    /// two texts of one event, the smaller one.
    fn apply_text(
        &mut self,
        own: NodeIndex,
        text: &Arc<str>,
        current: impl FnOnce(&NodeExtras) -> Option<&AttributedText>,
        replace: impl FnOnce(&mut NodeExtras, AttributedText) -> Option<AttributedText>,
    ) {
        let (by, events) = (self.entry, &mut self.graph.events);
        let known = self.graph.nodes.extras(own).and_then(current);
        let is_better = known.is_none_or(|known| {
            let order = events.compare(by, known.by);
            order.then_with(|| text.cmp(&known.text)) == Ordering::Less
        });
        let Some(node) = self.graph.nodes.get_mut(own).filter(|_| is_better) else {
            return;
        };
        events.retain(by);
        let text = text.clone();
        if let Some(old) = replace(node.extras_mut(), AttributedText { by, text }) {
            events.release(old.by);
        }
    }

    /// Applies what a link's event says of its node.
    pub(super) fn apply_link_facts(&mut self, own: NodeIndex, group: &NodeClaims<'_>) {
        let was_begun = self.graph.nodes.get(own).is_some_and(|node| node.begun);
        if group.begins && !was_begun {
            self.record_attributes(own);
            if let Some(node) = self.graph.nodes.get_mut(own) {
                node.begun = true;
            }
            // Update after it has begun: what stood in for its parent by alias no longer does.
            self.update_parent(own, true);
        }
        if group.label.is_some() || !group.kept_fields.is_empty() {
            let details = NodeDetails {
                begun: group.begins,
                by: self.entry,
                label: group.label.clone(),
                kept: group.kept_fields.clone(),
            };
            self.apply_details(own, details);
        }
        if let Some(alias) = &group.alias {
            self.apply_alias(own, alias, group.class);
        }
    }

    fn apply_details(&mut self, own: NodeIndex, new: NodeDetails) {
        let events = &self.graph.events;
        let extras = self.graph.nodes.extras(own);
        let current = extras.and_then(|extras| extras.details.as_ref());
        let is_better = current.is_none_or(|current| match (new.begun, current.begun) {
            (true, false) => true,
            (false, true) => false,
            _ => events.compare(new.by, current.by) == Ordering::Less,
        });
        if !is_better {
            return;
        }
        self.record_attributes(own);
        self.graph.events.retain(new.by);
        let node = self.graph.nodes.get_mut(own);
        if let Some(old) = node.and_then(|node| node.extras_mut().details.replace(new)) {
            self.graph.events.release(old.by);
        }
    }

    /// Applies a revision of the alert that the node is; an earlier one than the known changes
    /// nothing.
    pub(super) fn apply_alert(&mut self, own: NodeIndex, alert: &Alert) {
        let facts = self.facts;
        let node = self.graph.nodes.get_mut(own);
        let known = node.and_then(|node| node.extras.as_mut()?.alert.as_mut());
        match known {
            Some(known) if known.revision == alert.revision => {
                known.position = known.position.min(facts.position);
            }
            Some(known) if known.revision > alert.revision => {}
            Some(_) | None => {
                // Unlink while the old revision is still there: it knows which causes it named.
                self.graph.unlink_causes(own);
                let raised = NodeAlert::from_alert(alert, facts.event, facts.position);
                if let Some(node) = self.graph.nodes.get_mut(own) {
                    node.extras_mut().alert = Some(Box::new(raised.clone()));
                }
                self.graph.link_causes(own, &raised);
                // Attach before incidents hear of it: they file the alert under the tree that it is
                // in then.
                self.attach_to_trigger(own, &raised);
                self.graph.forward_alert(own, &raised);
            }
        }
    }
}
