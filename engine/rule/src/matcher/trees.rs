//! Whom rules ask of trees, and about which event.

use std::rc::Rc;
use std::sync::Arc;

use larum_event::{Event, KeyValue, Kinship, Position};

use super::Matcher;
use crate::condition::{Fields, TREE_ROOT};
use crate::error::{FaultKind, RuleFault};
use crate::rule::{Rule, RuleStep, event_key};
use crate::set::RuleSet;
use crate::view::{Asking, Meter};

/// The trees that a matcher asks, and as of when.
#[derive(Default)]
pub(super) struct Trees {
    asked: Option<Arc<dyn Kinship>>,
    at: Position,
    instead: Option<Event>,
    meter: Rc<Meter>,
}

impl Trees {
    /// Counts what climbs cost by `meter`.
    pub(super) fn metered(meter: Rc<Meter>) -> Self {
        Self {
            meter,
            ..Self::default()
        }
    }

    /// What a script gets that runs now.
    pub(super) fn asking(&self) -> Option<Asking> {
        self.meter.reset();
        Some(Asking {
            trees: Arc::clone(self.asked.as_ref()?),
            at: self.at,
            instead: self.instead.clone(),
            meter: Rc::clone(&self.meter),
        })
    }
}

impl Matcher {
    /// From now on rules ask `trees`; `None` where there are none, so that rules that ask fail.
    pub fn ask(&mut self, trees: Option<Arc<dyn Kinship>>) {
        self.trees.asked = trees;
    }

    /// The events that follow are asked about as of the position `at`. What is asked about an alert is asked
    /// about the event that set it off, where that is known: `instead`.
    pub fn stand_at(&mut self, at: Position, instead: Option<&Event>) {
        self.trees.at = at;
        self.trees.instead = instead.cloned();
    }

    /// What keys and measures of rules are made of.
    pub(super) fn fields<'e>(&self, event: &'e Event, set: &RuleSet) -> Fields<'e> {
        let asking = set.asks_trees().then(|| self.trees.asking()).flatten();
        Fields::of(event, &set.paths, asking)
    }

    /// What events are grouped by at a path of a rule's key, those included that trees tell.
    pub fn key_value(&self, path: &str, event: &Event) -> Option<KeyValue> {
        if path == TREE_ROOT {
            let root = self.trees.asking()?.root(event)?;
            return Some(KeyValue::Str(root));
        }
        event_key(event, path)
    }

    /// The fault of a rule whose group key or values are asked of trees where there are none.
    pub(super) fn treeless(
        &self,
        number: u32,
        rule: &Rule,
        step: &RuleStep,
    ) -> Result<(), RuleFault> {
        if self.trees.asked.is_some() || !rule.groups_by_tree(step) {
            return Ok(());
        }
        Err(RuleFault {
            rule: number,
            message: format!("{}: there are no trees to ask here", rule.file),
            kind: FaultKind::Error,
        })
    }
}
