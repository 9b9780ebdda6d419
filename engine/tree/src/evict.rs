//! Trees that have to make room.

use larum_event::{TenantId, Timestamp};
use petgraph::Direction::Incoming;
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::EdgeRef;

use crate::facts::Facts;
use crate::family;
use crate::grove::Grove;
use crate::hung;
use crate::members::{TreeMembers, key_hash};
use crate::node::{Node, Raised};
use crate::report::TreeReport;
use crate::tie::TieKind;

impl Grove {
    /// Lets the tree go that was added to longest ago.
    pub(crate) fn evict_oldest(&mut self, facts: &Facts<'_>, out: &mut Vec<TreeReport>) {
        let Some(number) = self.families.oldest() else {
            return;
        };
        if let Some(members) = self.members_of(facts.tenant, number) {
            out.push(TreeReport::RootEvicted {
                tenant: facts.tenant.clone(),
                root: members.root.clone(),
                steps: members.keys.len(),
            });
            let facts = self.tree_facts(number);
            if let Some(facts) = facts {
                self.incidents.forgotten(members.tree, &facts);
            }
            self.evicted.push(members);
        }
        let nodes: Vec<_> = self.members(number).collect();
        self.families.remove(number);
        for node in nodes {
            self.fell(node);
        }
    }

    /// What the family of a number is made of.
    pub(crate) fn members_of(&self, tenant: &TenantId, number: u32) -> Option<TreeMembers> {
        let family = self.families.get(number)?;
        let top = self.top_of(number)?;
        let mut keys = Vec::with_capacity(family.size);
        let mut events = Vec::new();
        let (mut first, mut last) = (Timestamp::MAX, Timestamp::MIN);
        for node in self.members(number) {
            let Some(found) = self.node(node) else {
                continue;
            };
            keys.push(key_hash(&found.name));
            for entry in self.hung.list(found.hung) {
                if let Some(entry) = self.entries.get(entry) {
                    events.push(entry.position);
                    (first, last) = (first.min(entry.time), last.max(entry.time));
                }
            }
        }
        keys.sort_unstable();
        events.sort_unstable();
        events.dedup();
        Some(TreeMembers {
            tenant: tenant.clone(),
            tree: family.tree,
            root: self.name_of(top),
            keys,
            events,
            first,
            last,
        })
    }

    /// The top over the node that a family began with.
    pub(crate) fn top_of(&self, number: u32) -> Option<NodeIndex> {
        let anchor = self.families.get(number)?.anchor;
        Some(self.summit(anchor)?.top)
    }

    /// Takes a node out of everything that finds it. While a batch goes on it stays in the graph, for those who ask
    /// how things stood with an earlier event.
    fn fell(&mut self, node: NodeIndex) {
        self.forget_causes(node);
        self.forget_name(node);
        let raised = self.ties(node, TieKind::Causation, Incoming);
        let raised: Vec<_> = raised.map(|(alert, _)| alert).collect();
        let ties = self.graph.edges_directed(node, Incoming);
        let ties: Vec<_> = ties.map(|edge| edge.id()).collect();
        let out: Vec<_> = self.graph.edges(node).map(|edge| edge.id()).collect();
        for tie in ties.into_iter().chain(out) {
            self.graph.remove_edge(tie);
        }
        let Some(found) = self.graph.node_weight_mut(node) else {
            return;
        };
        let head = std::mem::replace(&mut found.hung, hung::END);
        // The number of its family is another one's soon.
        found.family = family::NONE;
        let aliases = found
            .more
            .as_deref()
            .map(|more| (more.alias, more.upper_alias));
        let entries: Vec<_> = self.hung.list(head).collect();
        self.hung.clear(head);
        for entry in entries {
            self.remember_event(entry);
            self.unhang(entry, node);
        }
        // What raised them may come again.
        for alert in raised {
            let causes = self.node(alert).and_then(Node::alert).map(Raised::causes);
            let causes: Vec<_> = causes.into_iter().flatten().cloned().collect();
            for cause in causes {
                self.await_again(alert, &cause);
            }
        }
        if let Some((own, upper)) = aliases {
            if let Some(own) = own {
                // Who meant it goes with it: they are of one family.
                drop(self.aliases.end(own.alias, node));
            }
            if let Some(upper) = upper {
                self.aliases.unname(upper.alias, node);
            }
        }
        if self.overlay.on {
            self.overlay.buried.push(node);
        } else {
            self.remove(node);
        }
    }

    /// Takes a node out of the graph, and lets go of the events that only its claims held.
    pub(crate) fn remove(&mut self, node: NodeIndex) {
        let Some(gone) = self.graph.remove_node(node) else {
            return;
        };
        let mut ups = vec![gone.parent, gone.root];
        let mut claims = Vec::new();
        if let Some(more) = &gone.more {
            ups.extend([more.trace, more.cause]);
            let said = more.stage.iter().chain(more.tags.values());
            claims.extend(said.map(|said| said.by));
            claims.extend(more.details.iter().map(|details| details.by));
            claims.extend(more.alias.iter().map(|alias| alias.by));
            claims.extend(more.upper_alias.iter().map(|upper| upper.by));
        }
        let ups = ups.iter().filter(|up| up.node().is_some());
        claims.extend(ups.map(|up| up.by));
        for claim in claims {
            self.unpin(claim);
        }
    }
}
