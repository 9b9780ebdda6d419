//! Growing trees again from the log.
//!
//! Owns the search for everything a tree was ever made of: what memory has of it and what the store has, as long as
//! they share nodes. Its events are read by position and put into an empty forest, by the links that held for each
//! of them, so that the answer is what it was. Blocks, so it has a thread of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{Event, Position, TenantId, limits};
use larum_log::{LogReader, SpilledTree};
use larum_tree::{Forest, ForestLimits, Partial, TreeMembers, key_hash};

use crate::trees::TreeError;
use crate::trees::history::LinkHistory;
use crate::trees::live::LiveTrees;
use crate::trees::spill::Spilled;

/// How often the store is asked again because memory let trees go meanwhile.
const AGAIN_MOST: u32 = 3;

/// What a tree is looked for with.
pub(super) struct Gatherer {
    pub(super) tenant: TenantId,
    pub(super) live: LiveTrees,
    pub(super) spilled: Spilled,
    pub(super) reader: LogReader,
    pub(super) history: LinkHistory,
    /// Events behind this position are left out.
    pub(super) upto: Position,
    limits: ForestLimits,
}

/// Everything a tree was made of.
pub(super) struct Gathered {
    gatherer: Gatherer,
    /// Hashes of the ids of its nodes.
    pub(super) keys: BTreeSet<u64>,
    /// Its events, as far as there are not too many.
    pub(super) events: BTreeMap<Position, Event>,
    /// What it lacks.
    why: Vec<Partial>,
}

/// A tree that was grown again, alone in a forest.
pub(super) struct Regrown {
    pub(super) forest: Forest,
    /// Who grew it.
    pub(super) gatherer: Gatherer,
    /// What it lacks.
    pub(super) why: Vec<Partial>,
    /// Since where the links hold by which the forest goes.
    links_since: Option<Position>,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    /// Hashes of the ids of its nodes.
    keys: BTreeSet<u64>,
    /// Those the store has been asked for.
    asked: BTreeSet<u64>,
    /// Ids that memory has been asked for.
    names: BTreeSet<Arc<str>>,
    /// Positions that members name, within the bounds.
    positions: BTreeSet<Position>,
    events: BTreeMap<Position, Event>,
    /// Whether anybody knows of it.
    is_known: bool,
}

impl Gatherer {
    /// For a tree of `tenant` as it was at `upto`.
    pub(super) fn new(tenant: TenantId, live: LiveTrees, upto: Position) -> Self {
        let limits = ForestLimits {
            roots_per_tenant: usize::MAX,
            nodes_per_tenant: usize::MAX,
            ..live.limits()
        };
        Self {
            tenant,
            spilled: live.spilled(),
            reader: live.reader(),
            history: LinkHistory::default(),
            live,
            upto,
            limits,
        }
    }

    /// Finds what the ids are of, everything that hangs together with one of them.
    pub(super) fn gather(mut self, ids: &[String]) -> Result<Gathered, TreeError> {
        self.history = self.live.ask(|grown| grown.history.clone())?;
        let mut found = Found::default();
        let mut reading = Forest::new(self.limits);
        let mut links_since = None;
        for id in ids {
            self.seed(id, &mut found, &mut reading)?;
        }
        let mut left_out = 0;
        let (mut let_go, mut again) = (self.live.let_go(), AGAIN_MOST);
        loop {
            self.ask_store(&mut found)?;
            let fresh: Vec<_> = found
                .positions
                .iter()
                .filter(|position| !found.events.contains_key(position))
                .copied()
                .collect();
            let room = limits::REGROWN_EVENTS.saturating_sub(found.events.len());
            left_out += fresh.len().saturating_sub(room);
            let fresh = fresh.get(..room.min(fresh.len())).unwrap_or_default();
            let mut names = Vec::new();
            for stored in self.reader.at_positions(fresh)? {
                self.follow(stored.position, &mut links_since, &mut reading);
                names.extend(reading.names(&stored.event));
                found.events.insert(stored.position, stored.event);
            }
            let is_of_tree = |name: &Arc<str>| found.keys.contains(&key_hash(name));
            let names: Vec<_> = names.into_iter().filter(is_of_tree).collect();
            let is_new = self.ask_memory(names, &mut found)?;
            if left_out > 0 || (!is_new && (again == 0 || self.live.let_go() == let_go)) {
                break;
            }
            if !is_new {
                // What memory let go after the store was asked, and before memory was, is in the store now.
                found.asked.clear();
                (let_go, again) = (self.live.let_go(), again - 1);
            }
        }
        if !found.is_known {
            return Err(TreeError::NotFound {
                id: ids.first().cloned().unwrap_or_default(),
            });
        }
        Ok(self.gathered(found, left_out))
    }

    /// Where to begin: the id itself, and the node on which the event with that id hangs.
    fn seed(&mut self, id: &str, found: &mut Found, reading: &mut Forest) -> Result<(), TreeError> {
        let trace = format!("trace:{id}");
        // Links write ids in lower case that collectors spell in either.
        let lower = id.to_lowercase();
        let mut names: Vec<Arc<str>> = vec![id.into(), lower.as_str().into()];
        found
            .keys
            .extend([key_hash(id), key_hash(&trace), key_hash(&lower)]);
        if let Some(stored) = self.reader.find(Some(&self.tenant), id)?
            && stored.position <= self.upto
        {
            let mut since = None;
            self.follow(stored.position, &mut since, reading);
            let main = reading.names(&stored.event).into_iter().next();
            found.keys.extend(main.iter().map(|main| key_hash(main)));
            names.extend(main);
        }
        self.ask_memory(names, found)?;
        Ok(())
    }

    /// Has `forest` go by the links that hold for a position.
    fn follow(&self, position: Position, since: &mut Option<Position>, forest: &mut Forest) {
        if let Some((begun, links)) = self.history.at(position)
            && *since != Some(*begun)
        {
            *since = Some(*begun);
            forest.use_links(links);
        }
    }

    /// Adds what the store has of the keys that are known by now, until it has nothing more.
    fn ask_store(&mut self, found: &mut Found) -> Result<(), TreeError> {
        loop {
            let fresh: Vec<u64> = found.keys.difference(&found.asked).copied().collect();
            if fresh.is_empty() {
                return Ok(());
            }
            for key in fresh {
                found.asked.insert(key);
                let spilled = self.spilled.find(&self.tenant, key);
                for tree in self.live.checked(self.spilled.generation, spilled)? {
                    found.add_spilled(&tree, self.upto);
                }
            }
        }
    }

    /// Adds what memory has of these nodes; tells whether that brought anything.
    fn ask_memory(
        &mut self,
        mut names: Vec<Arc<str>>,
        found: &mut Found,
    ) -> Result<bool, TreeError> {
        names.retain(|name| found.names.insert(Arc::clone(name)));
        if names.is_empty() {
            return Ok(false);
        }
        let tenant = self.tenant.clone();
        let members = self.live.ask(move |grown| {
            let mut members: Vec<TreeMembers> = Vec::new();
            for name in names {
                let key = key_hash(&name);
                let holds = |tree: &TreeMembers| tree.keys.binary_search(&key).is_ok();
                if !members.iter().any(holds) {
                    members.extend(grown.forest.members(&tenant, &name));
                }
            }
            members
        })?;
        let before = (found.positions.len(), found.keys.len());
        for tree in members {
            found.add(&tree.keys, &tree.events, self.upto);
        }
        Ok(before != (found.positions.len(), found.keys.len()))
    }

    fn gathered(self, found: Found, left_out: usize) -> Gathered {
        let mut why = Vec::new();
        let first = self.reader.first();
        let is_gone = |position: &&Position| **position < first;
        let gone = found.positions.iter().take_while(is_gone).count();
        if gone > 0 {
            why.push(Partial::EventsGone {
                count: gone as u64,
                first,
            });
        }
        if left_out > 0 {
            why.push(Partial::TooLarge {
                left_out: left_out as u64,
            });
        }
        Gathered {
            gatherer: self,
            keys: found.keys,
            events: found.events,
            why,
        }
    }
}

impl Gathered {
    /// The tree.
    pub(super) fn grown(self) -> Regrown {
        self.grown_upto(Position(u64::MAX)).0
    }

    /// The tree as it was with the event at a position, and the events behind.
    pub(super) fn grown_upto(mut self, upto: Position) -> (Regrown, BTreeMap<Position, Event>) {
        let later = match upto.0.checked_add(1) {
            Some(next) => self.events.split_off(&Position(next)),
            None => BTreeMap::new(),
        };
        let mut regrown = Regrown {
            forest: Forest::new(self.gatherer.limits),
            gatherer: self.gatherer,
            why: self.why,
            links_since: None,
        };
        for (position, event) in &self.events {
            regrown.insert(*position, event);
        }
        (regrown, later)
    }
}

impl Regrown {
    /// Puts an event in, by the links that held for it.
    pub(super) fn insert(&mut self, position: Position, event: &Event) {
        self.gatherer
            .follow(position, &mut self.links_since, &mut self.forest);
        // What it reports was told when the event came.
        let mut reports = Vec::new();
        let tenant = &self.gatherer.tenant;
        self.forest.insert(tenant, event, position, &mut reports);
    }
}

impl Found {
    fn add_spilled(&mut self, tree: &SpilledTree, upto: Position) {
        self.add(&tree.keys, &tree.events, upto);
    }

    fn add(&mut self, keys: &[u64], events: &[Position], upto: Position) {
        self.is_known = true;
        self.keys.extend(keys);
        let events = events.iter().copied();
        self.positions
            .extend(events.take_while(|position| *position <= upto));
    }
}
