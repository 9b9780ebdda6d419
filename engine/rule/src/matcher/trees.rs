//! Whom rules ask of trees, and about which event.

use std::rc::Rc;
use std::sync::Arc;

use larum_event::{Event, Position, ScalarValue, TreeLookup};

use super::RuleMatcher;
use crate::condition::{KeyFields, TREE_ROOT};
use crate::error::{FaultKind, RuleFault};
use crate::rule::{Rule, RuleStep, read_event_key};
use crate::set::RuleSet;
use crate::view::{TreeAccess, TreeMeter};

/// The trees that a matcher asks, and as of when.
#[derive(Default)]
pub(super) struct MatcherTrees {
    lookup: Option<Arc<dyn TreeLookup>>,
    at: Position,
    subject: Option<Event>,
    meter: Rc<TreeMeter>,
}

impl MatcherTrees {
    /// Counts what climbs cost by `meter`.
    pub(super) fn with_meter(meter: Rc<TreeMeter>) -> Self {
        Self {
            meter,
            ..Self::default()
        }
    }

    /// What a script gets that runs now.
    pub(super) fn tree_access(&self) -> Option<TreeAccess> {
        self.meter.reset();
        Some(TreeAccess {
            trees: Arc::clone(self.lookup.as_ref()?),
            at: self.at,
            subject: self.subject.clone(),
            meter: Rc::clone(&self.meter),
        })
    }
}

impl RuleMatcher {
    /// From now on rules ask `trees`; with `None`, rules that ask fail.
    pub fn set_trees(&mut self, trees: Option<Arc<dyn TreeLookup>>) {
        self.trees.lookup = trees;
    }

    /// The events that follow are asked about as of the position `at`. What is asked about an alert
    /// is asked about the event that set it off, where that is known: `instead`.
    pub fn set_position(&mut self, at: Position, instead: Option<&Event>) {
        self.trees.at = at;
        self.trees.subject = instead.cloned();
    }

    /// What keys and measures of rules are made of.
    pub(super) fn key_fields<'e>(&self, event: &'e Event, set: &RuleSet) -> KeyFields<'e> {
        let asking = set.asks_trees().then(|| self.trees.tree_access()).flatten();
        KeyFields::read_event(event, &set.paths, asking)
    }

    /// What events are grouped by at a path of a rule's key, those included that trees tell.
    pub fn key_value(&self, path: &str, event: &Event) -> Option<ScalarValue> {
        if path == TREE_ROOT {
            let root = self.trees.tree_access()?.root(event)?;
            return Some(ScalarValue::Str(root));
        }
        read_event_key(event, path)
    }

    /// Fails a rule whose group key or values come from trees if there are no trees.
    pub(super) fn check_trees(
        &self,
        number: u32,
        rule: &Rule,
        step: &RuleStep,
    ) -> Result<(), RuleFault> {
        if self.trees.lookup.is_some() || !rule.groups_by_tree(step) {
            return Ok(());
        }
        Err(RuleFault {
            rule: number,
            message: format!("{}: there are no trees to ask here", rule.file),
            kind: FaultKind::Error,
        })
    }
}
