//! Whose word holds about a node.

use std::cmp::Ordering;
use std::sync::Arc;

use larum_event::{Alert, Correlation, limits};
use petgraph::stable_graph::NodeIndex;

use crate::claim::UpClaim;
use crate::entry::EntryIndex;
use crate::facts::{Group, Named, Naming};
use crate::grove::{Grove, Taking};
use crate::node::{Class, Details, Node, OwnAlias, Raised, Said, UpperAlias};
use crate::tie::{Tie, TieKind};

/// Which claim of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Parent,
    Root,
    Inferred,
    Trace,
    Cause,
}

impl Grove {
    /// Takes in what an event says of its own node. A node is never its own parent.
    pub(crate) fn settle(&mut self, named: &Named, group: &Group<'_>, taking: &mut Taking<'_, '_>) {
        let own = named.own;
        let claim = |node: Option<NodeIndex>, naming: &Option<Naming<'_>>| {
            let way = naming.as_ref()?.way;
            Some(UpClaim::new(taking.entry, node?, way))
        };
        let parent = claim(named.parent, &group.parent);
        let root = claim(named.root, &group.root);
        if taking.facts.alert.is_some() {
            // What the engine says of itself never counts against what events say.
            let cause = parent.or(root.filter(|up| up.node() != Some(own)));
            if let Some(cause) = cause {
                self.claim(own, Slot::Cause, cause);
            }
        } else {
            if let Some(parent) = parent {
                self.claim(own, Slot::Parent, parent);
            }
            if let Some(root) = root {
                self.claim(own, Slot::Root, root);
            }
        }
        if group.class == Class::STEP {
            if let Some(correlation) = &taking.facts.event.envelope().correlation {
                self.settle_words(own, correlation, taking);
            }
        } else {
            self.settle_linked(own, group, taking);
        }
        if let Some(alert) = taking.facts.alert.filter(|_| group.class == Class::STEP) {
            self.settle_alert(own, alert, taking);
        }
    }

    /// Takes in what an event says of the nodes above its own.
    pub(crate) fn settle_above(
        &mut self,
        named: &Named,
        group: &Group<'_>,
        together: bool,
        taking: &mut Taking<'_, '_>,
    ) {
        if taking.facts.alert.is_some() {
            return;
        }
        let by = taking.entry;
        let Named { own, parent, root } = *named;
        if let (Some(parent), Some(root)) = (parent, root) {
            let way = group.root.as_ref().map_or(0, |root| root.way);
            self.claim(parent, Slot::Inferred, UpClaim::new(by, root, way));
        }
        if let (Some(parent), Some(alias)) = (parent, &group.upper_alias) {
            self.go_by_alias((parent, false), alias, group.class, taking);
        } else if let Some(alias) = &group.upper_alias {
            self.go_by_alias((own, true), alias, group.class, taking);
        }
        let mut above = [parent, root, Some(own)];
        if let Some(trace) = taking
            .facts
            .trace
            .clone()
            .filter(|_| group.class == Class::STEP)
        {
            let known = self.named(Class::TRACE, &trace.name);
            let node = known.unwrap_or_else(|| {
                let tree = self.next_tree(taking.facts.position);
                let family = self.families.found(tree);
                self.node_named(Class::TRACE, &trace, family, taking.facts.position)
            });
            let tie = Tie {
                kind: TieKind::Trace,
                way: trace.way,
                position: taking.facts.position,
            };
            self.tie(own, node, tie);
            // A claim holds on to its node only within a family.
            if self.hang_together(own, node, taking) {
                for claimed in above.iter().flatten() {
                    self.claim(*claimed, Slot::Trace, UpClaim::new(by, node, trace.way));
                }
            }
        } else if group.upper_alias.is_none() {
            above[2] = None;
        }
        for node in above.into_iter().flatten() {
            self.follow_claims(node, together, taking);
        }
    }

    /// Lets a claim hold if it is earlier than what holds. Of two claims of one event, that with the smaller name holds.
    pub(crate) fn claim(&mut self, node: NodeIndex, slot: Slot, new: UpClaim) {
        let Some(found) = self.node(node) else { return };
        let held = match slot {
            Slot::Parent => found.parent,
            Slot::Root if found.root_inferred => UpClaim::NONE,
            // What others say counts only while the node says nothing itself.
            Slot::Inferred if found.root.node().is_some() && !found.root_inferred => return,
            Slot::Root | Slot::Inferred => found.root,
            Slot::Trace => found.more.as_ref().map_or(UpClaim::NONE, |more| more.trace),
            Slot::Cause => found.more.as_ref().map_or(UpClaim::NONE, |more| more.cause),
        };
        let earlier = held.node().is_none_or(|above| {
            let names = || {
                let name = |node| self.node(node).map(|node| &node.name);
                new.node().map(name).cmp(&Some(name(above)))
            };
            self.entries.compare(new.by, held.by).then_with(names) == Ordering::Less
        });
        if !earlier {
            return;
        }
        self.pin(new.by);
        let Some(found) = self.node_mut(node) else {
            return;
        };
        let old = match slot {
            Slot::Parent => std::mem::replace(&mut found.parent, new),
            Slot::Root | Slot::Inferred => {
                found.root_inferred = slot == Slot::Inferred;
                std::mem::replace(&mut found.root, new)
            }
            Slot::Trace => std::mem::replace(&mut found.more().trace, new),
            Slot::Cause => std::mem::replace(&mut found.more().cause, new),
        };
        if old.node().is_some() {
            self.unpin(old.by);
        }
    }

    pub(crate) fn pin(&mut self, entry: EntryIndex) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.claims += 1;
        }
    }

    pub(crate) fn unpin(&mut self, entry: EntryIndex) {
        if let Some(found) = self.entries.get_mut(entry) {
            found.claims = found.claims.saturating_sub(1);
        }
        self.entries.drop_unused(entry);
    }

    fn settle_words(
        &mut self,
        own: NodeIndex,
        correlation: &Correlation,
        taking: &mut Taking<'_, '_>,
    ) {
        if correlation.stage.is_none() && correlation.tags.is_empty() {
            return;
        }
        self.remember(own, taking.facts.position);
        let by = taking.entry;
        if let Some(stage) = &correlation.stage {
            let held = self.words(own).and_then(|more| more.stage.as_ref());
            if self.holds(held, by, stage) {
                let said = self.said(by, stage);
                let old = self
                    .node_mut(own)
                    .and_then(|node| node.more().stage.replace(said));
                self.unsay(old);
            }
        }
        for (name, value) in &correlation.tags {
            let held = self.words(own).and_then(|more| more.tags.get(name));
            if self.holds(held, by, value) {
                let said = self.said(by, value);
                let old = self
                    .node_mut(own)
                    .and_then(|node| node.more().tags.insert(name.clone(), said));
                self.unsay(old);
            }
        }
        while self
            .words(own)
            .is_some_and(|more| more.tags.len() > limits::TAGS)
        {
            let last = self
                .node_mut(own)
                .and_then(|node| node.more().tags.pop_last());
            self.unsay(last.map(|(_, said)| said));
        }
    }

    fn words(&self, node: NodeIndex) -> Option<&crate::node::More> {
        self.node(node)?.more.as_deref()
    }

    fn holds(&self, held: Option<&Said>, by: EntryIndex, what: &Arc<str>) -> bool {
        held.is_none_or(|held| {
            let order = self.entries.compare(by, held.by);
            order.then_with(|| what.cmp(&held.what)) == Ordering::Less
        })
    }

    fn said(&mut self, by: EntryIndex, what: &Arc<str>) -> Said {
        self.pin(by);
        Said {
            by,
            what: what.clone(),
        }
    }

    fn unsay(&mut self, said: Option<Said>) {
        if let Some(said) = said {
            self.unpin(said.by);
        }
    }

    fn settle_linked(&mut self, own: NodeIndex, group: &Group<'_>, taking: &mut Taking<'_, '_>) {
        let (by, position) = (taking.entry, taking.facts.position);
        let was_begun = self.node(own).is_some_and(|node| node.begun);
        if group.begins && !was_begun {
            self.remember(own, position);
            if let Some(node) = self.node_mut(own) {
                node.begun = true;
            }
            // Whoever stood in for it does so no more.
            self.follow_claims(own, true, taking);
        }
        if group.label.is_some() || !group.kept.is_empty() {
            let details = Details {
                begun: group.begins,
                by,
                label: group.label.clone(),
                kept: group.kept.clone(),
            };
            self.settle_details(own, details, taking);
        }
        if let Some(alias) = &group.alias {
            self.begin_alias(own, alias, group.class, taking);
        }
    }

    fn settle_details(&mut self, own: NodeIndex, new: Details, taking: &Taking<'_, '_>) {
        let held = self.words(own).and_then(|more| more.details.as_ref());
        let better = held.is_none_or(|held| match (new.begun, held.begun) {
            (true, false) => true,
            (false, true) => false,
            _ => self.entries.compare(new.by, held.by) == Ordering::Less,
        });
        if !better {
            return;
        }
        self.remember(own, taking.facts.position);
        self.pin(new.by);
        let old = self
            .node_mut(own)
            .and_then(|node| node.more().details.replace(new));
        if let Some(old) = old {
            self.unpin(old.by);
        }
    }

    fn begin_alias(
        &mut self,
        own: NodeIndex,
        text: &str,
        class: Class,
        taking: &mut Taking<'_, '_>,
    ) {
        let by = taking.entry;
        let held = self.words(own).and_then(|more| more.alias);
        if held.is_some_and(|held| self.entries.compare(by, held.by) != Ordering::Less) {
            return;
        }
        self.pin(by);
        let mut meant = Vec::new();
        if let Some(held) = held {
            meant = self.aliases.end(held.alias, own);
            self.unpin(held.by);
        }
        let alias = self.aliases.named(class, text);
        if let Some(node) = self.node_mut(own) {
            node.more().alias = Some(OwnAlias { by, alias });
        }
        let time = taking.facts.event.envelope().time;
        meant.extend(self.aliases.begin(alias, time, own));
        for node in meant {
            self.follow_claims(node, true, taking);
        }
    }

    /// The node that `text` is the alias of stands in for `node`, or above it.
    fn go_by_alias(
        &mut self,
        (node, own): (NodeIndex, bool),
        naming: &Naming<'_>,
        class: Class,
        taking: &mut Taking<'_, '_>,
    ) {
        let by = taking.entry;
        let held = self.words(node).and_then(|more| more.upper_alias);
        let better = held.is_none_or(|held| match (own, held.own) {
            (true, false) => true,
            (false, true) => false,
            _ => self.entries.compare(by, held.by) == Ordering::Less,
        });
        if !better {
            return;
        }
        let alias = self.aliases.named(class, &naming.name);
        let time = taking.facts.event.envelope().time;
        self.pin(by);
        let upper = UpperAlias {
            own,
            by,
            way: naming.way,
            alias,
        };
        if let Some(found) = self.node_mut(node) {
            found.more().upper_alias = Some(upper);
        }
        self.aliases.name(alias, time, node);
        if let Some(held) = held {
            self.unpin(held.by);
            if held.alias != alias {
                self.aliases.unname(held.alias, node);
            }
        }
    }

    fn settle_alert(&mut self, own: NodeIndex, alert: &Alert, taking: &mut Taking<'_, '_>) {
        let facts = taking.facts;
        let known = self.node(own).and_then(Node::alert);
        let known = known.map(|known| (known.revision, known.position));
        match known {
            Some((revision, position)) if revision == alert.revision => {
                let least = position.min(facts.position);
                let more = self.node_mut(own).and_then(|node| node.more.as_mut());
                if let Some(raised) = more.and_then(|more| more.alert.as_mut()) {
                    raised.position = least;
                }
            }
            Some((revision, _)) if revision > alert.revision => {}
            Some(_) | None => {
                self.forget_causes(own);
                let raised = Raised::of(alert, facts.event, facts.position);
                if let Some(node) = self.node_mut(own) {
                    node.more().alert = Some(Box::new(raised.clone()));
                }
                self.point_at_causes(own, &raised);
                self.place_under_trigger(own, &raised, taking);
                self.tell_alert(own, &raised);
            }
        }
    }
}
