//! Aliases: names that nodes have for a while, such as a process id on a host.
//!
//! Owns who had an alias when, and who means it; where a node goes because of it is decided
//! elsewhere.
//! Invariant: a node has its alias from the time at which it begins until another one begins with
//! it, so who names a parent by alias means the one that had it at that time, in whatever order the
//! events come.

use larum_event::Timestamp;
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::graph_node::NodeClass;
use crate::hashing::TextHasher;
use crate::name_index::NameIndex;

/// Most nodes that had, and most that name, one alias; beyond it the alias says nothing of the
/// others.
const USES_PER_ALIAS: usize = 10_000;

/// The place of an alias in [`AliasTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct AliasIndex(pub(crate) u32);

/// One alias.
#[derive(Debug)]
pub(crate) struct NodeAlias {
    pub(crate) class: NodeClass,
    pub(crate) text: Box<str>,
    /// Who had it from when on, sorted.
    owners: Vec<(Timestamp, NodeIndex)>,
    /// Who names it and as of when, sorted.
    mentions: Vec<(Timestamp, NodeIndex)>,
}

impl NodeAlias {
    pub(crate) fn owners(&self) -> &[(Timestamp, NodeIndex)] {
        &self.owners
    }

    pub(crate) fn mentions(&self) -> &[(Timestamp, NodeIndex)] {
        &self.mentions
    }
}

/// The aliases of one tenant.
#[derive(Debug, Default)]
pub(crate) struct AliasTable {
    slots: Vec<Option<NodeAlias>>,
    free: Vec<AliasIndex>,
    by_text: NameIndex<AliasIndex>,
    hashing: TextHasher,
}

impl AliasTable {
    pub(crate) fn get(&self, index: AliasIndex) -> Option<&NodeAlias> {
        self.slots.get(index.0 as usize)?.as_ref()
    }

    /// All of them, in no particular order.
    pub(crate) fn iter_all(&self) -> impl Iterator<Item = AliasIndex> {
        self.by_text.iter_all()
    }

    fn get_mut(&mut self, index: AliasIndex) -> Option<&mut NodeAlias> {
        self.slots.get_mut(index.0 as usize)?.as_mut()
    }

    /// The alias with a text, made if it is new.
    pub(crate) fn find_or_insert(&mut self, class: NodeClass, text: &str) -> AliasIndex {
        let hash = self.hashing.hash_pair(class.0, text);
        let found = self.by_text.find(hash, |index| {
            self.get(index)
                .is_some_and(|alias| alias.class == class && *alias.text == *text)
        });
        if let Some(found) = found {
            return found;
        }
        let alias = NodeAlias {
            class,
            text: text.into(),
            owners: Vec::new(),
            mentions: Vec::new(),
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            AliasIndex(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        if let Some(slot) = self.slots.get_mut(index.0 as usize) {
            *slot = Some(alias);
        }
        self.by_text.insert(hash, index);
        index
    }

    /// Who had the alias at `time`, other than `asker`.
    pub(crate) fn owner_at(
        &self,
        index: AliasIndex,
        time: Timestamp,
        asker: NodeIndex,
    ) -> Option<NodeIndex> {
        let begun = &self.get(index)?.owners;
        let end = begun.partition_point(|(from, _)| *from <= time);
        let before = begun.get(..end)?.iter().rev();
        before.map(|(_, node)| *node).find(|node| *node != asker)
    }

    /// `node` has the alias from `time` on. Gives those who may mean it now.
    pub(crate) fn add_owner(
        &mut self,
        index: AliasIndex,
        time: Timestamp,
        node: NodeIndex,
    ) -> Vec<NodeIndex> {
        let Some(alias) = self.get_mut(index) else {
            return Vec::new();
        };
        insert_sorted(&mut alias.owners, (time, node));
        // Those that name it as of a time before the next one has it; one more for the nodes that
        // are themselves the next one.
        let next = alias.owners.iter().filter(|(from, _)| *from > time).nth(1);
        let until = next.map_or(Timestamp::MAX, |(from, _)| *from);
        let from = alias.mentions.partition_point(|(as_of, _)| *as_of < time);
        let meant = alias.mentions.get(from..).unwrap_or_default().iter();
        meant
            .take_while(|(as_of, _)| *as_of <= until)
            .map(|(_, node)| *node)
            .collect()
    }

    /// `node` names the alias as of `time`.
    pub(crate) fn add_mention(&mut self, index: AliasIndex, time: Timestamp, node: NodeIndex) {
        if let Some(alias) = self.get_mut(index) {
            insert_sorted(&mut alias.mentions, (time, node));
        }
    }

    /// `node` no longer names the alias.
    pub(crate) fn remove_mention(&mut self, index: AliasIndex, node: NodeIndex) {
        if let Some(alias) = self.get_mut(index) {
            alias.mentions.retain(|(_, named)| *named != node);
        }
        self.drop_unused(index);
    }

    /// `node` has the alias no longer. Gives those who may have meant it.
    pub(crate) fn remove_owner(&mut self, index: AliasIndex, node: NodeIndex) -> Vec<NodeIndex> {
        let mut meant = Vec::new();
        if let Some(alias) = self.get_mut(index) {
            let own = alias.owners.iter().position(|(_, begun)| *begun == node);
            if let Some((since, _)) = own.map(|place| alias.owners.remove(place)) {
                let from = alias.mentions.partition_point(|(as_of, _)| *as_of < since);
                let named = alias.mentions.get(from..).unwrap_or_default().iter();
                meant.extend(named.map(|(_, node)| *node));
            }
        }
        self.drop_unused(index);
        meant
    }

    fn drop_unused(&mut self, index: AliasIndex) {
        let Some(alias) = self.get(index) else { return };
        if !alias.owners.is_empty() || !alias.mentions.is_empty() {
            return;
        }
        let hash = self.hashing.hash_pair(alias.class.0, &alias.text);
        self.by_text.remove(hash, index);
        if let Some(slot) = self.slots.get_mut(index.0 as usize) {
            *slot = None;
            self.free.push(index);
        }
    }
}

fn insert_sorted(list: &mut Vec<(Timestamp, NodeIndex)>, item: (Timestamp, NodeIndex)) {
    if list.len() >= USES_PER_ALIAS {
        return;
    }
    let place = list.partition_point(|known| known.0 <= item.0);
    list.insert(place, item);
}
