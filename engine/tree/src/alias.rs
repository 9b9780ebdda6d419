//! Aliases: names that nodes go by for a while, such as a process id on a host.
//!
//! A node has its alias from the time at which it begins until another one begins with it. Who names a parent
//! by alias means the one that had it at that time.

use larum_event::Timestamp;
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::hashing::Hashing;
use crate::node::Class;
use crate::table::Table;

/// Most nodes that had, and most that name, one alias; beyond it the alias says nothing of the others.
const MOST: usize = 10_000;

/// The place of an alias in [`Aliases`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct AliasIndex(pub(crate) u32);

/// One alias.
#[derive(Debug)]
pub(crate) struct Alias {
    pub(crate) class: Class,
    pub(crate) text: Box<str>,
    /// Who had it from when on, sorted.
    begun: Vec<(Timestamp, NodeIndex)>,
    /// Who names it and as of when, sorted.
    named: Vec<(Timestamp, NodeIndex)>,
}

impl Alias {
    pub(crate) fn begun(&self) -> &[(Timestamp, NodeIndex)] {
        &self.begun
    }

    pub(crate) fn named(&self) -> &[(Timestamp, NodeIndex)] {
        &self.named
    }
}

/// The aliases of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    slots: Vec<Option<Alias>>,
    free: Vec<AliasIndex>,
    by_text: Table<AliasIndex>,
    hashing: Hashing,
}

impl Aliases {
    pub(crate) fn get(&self, index: AliasIndex) -> Option<&Alias> {
        self.slots.get(index.0 as usize)?.as_ref()
    }

    /// All of them, in no particular order.
    pub(crate) fn all(&self) -> impl Iterator<Item = AliasIndex> {
        self.by_text.all()
    }

    fn get_mut(&mut self, index: AliasIndex) -> Option<&mut Alias> {
        self.slots.get_mut(index.0 as usize)?.as_mut()
    }

    /// The alias with a text, made if it is new.
    pub(crate) fn named(&mut self, class: Class, text: &str) -> AliasIndex {
        let hash = self.hashing.of_pair(class.0, text);
        let found = self.by_text.find(hash, |index| {
            self.get(index)
                .is_some_and(|alias| alias.class == class && *alias.text == *text)
        });
        if let Some(found) = found {
            return found;
        }
        let alias = Alias {
            class,
            text: text.into(),
            begun: Vec::new(),
            named: Vec::new(),
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            AliasIndex(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        if let Some(slot) = self.slots.get_mut(index.0 as usize) {
            *slot = Some(alias);
        }
        self.by_text.add(hash, index);
        index
    }

    /// Who had the alias at `time`, other than `asker`.
    pub(crate) fn holder(
        &self,
        index: AliasIndex,
        time: Timestamp,
        asker: NodeIndex,
    ) -> Option<NodeIndex> {
        let begun = &self.get(index)?.begun;
        let end = begun.partition_point(|(from, _)| *from <= time);
        let before = begun.get(..end)?.iter().rev();
        before.map(|(_, node)| *node).find(|node| *node != asker)
    }

    /// `node` has the alias from `time` on. Gives those who may mean it now.
    pub(crate) fn begin(
        &mut self,
        index: AliasIndex,
        time: Timestamp,
        node: NodeIndex,
    ) -> Vec<NodeIndex> {
        let Some(alias) = self.get_mut(index) else {
            return Vec::new();
        };
        insert(&mut alias.begun, (time, node));
        // Those that name it as of a time before the next one has it; one more for the nodes that are
        // themselves the next one.
        let next = alias.begun.iter().filter(|(from, _)| *from > time).nth(1);
        let until = next.map_or(Timestamp::MAX, |(from, _)| *from);
        let from = alias.named.partition_point(|(as_of, _)| *as_of < time);
        let meant = alias.named.get(from..).unwrap_or_default().iter();
        meant
            .take_while(|(as_of, _)| *as_of <= until)
            .map(|(_, node)| *node)
            .collect()
    }

    /// `node` names the alias as of `time`.
    pub(crate) fn name(&mut self, index: AliasIndex, time: Timestamp, node: NodeIndex) {
        if let Some(alias) = self.get_mut(index) {
            insert(&mut alias.named, (time, node));
        }
    }

    /// `node` no longer names the alias.
    pub(crate) fn unname(&mut self, index: AliasIndex, node: NodeIndex) {
        if let Some(alias) = self.get_mut(index) {
            alias.named.retain(|(_, named)| *named != node);
        }
        self.drop_unused(index);
    }

    /// `node` has the alias no longer. Gives those who may have meant it.
    pub(crate) fn end(&mut self, index: AliasIndex, node: NodeIndex) -> Vec<NodeIndex> {
        let mut meant = Vec::new();
        if let Some(alias) = self.get_mut(index) {
            let own = alias.begun.iter().position(|(_, begun)| *begun == node);
            if let Some((since, _)) = own.map(|place| alias.begun.remove(place)) {
                let from = alias.named.partition_point(|(as_of, _)| *as_of < since);
                let named = alias.named.get(from..).unwrap_or_default().iter();
                meant.extend(named.map(|(_, node)| *node));
            }
        }
        self.drop_unused(index);
        meant
    }

    fn drop_unused(&mut self, index: AliasIndex) {
        let Some(alias) = self.get(index) else { return };
        if !alias.begun.is_empty() || !alias.named.is_empty() {
            return;
        }
        let hash = self.hashing.of_pair(alias.class.0, &alias.text);
        self.by_text.remove(hash, index);
        if let Some(slot) = self.slots.get_mut(index.0 as usize) {
            *slot = None;
            self.free.push(index);
        }
    }
}

fn insert(list: &mut Vec<(Timestamp, NodeIndex)>, item: (Timestamp, NodeIndex)) {
    if list.len() >= MOST {
        return;
    }
    let place = list.partition_point(|known| known.0 <= item.0);
    list.insert(place, item);
}
