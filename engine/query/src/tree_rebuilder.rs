//! Rebuilding trees from the store and the log.
//!
//! Owns the search for everything a tree was ever made of: what memory has of it and what the store
//! has, as long as they share nodes. Its events are read by position and inserted into an empty
//! graph. Blocks, so it never runs on an actor's thread.
//! Invariant: each event is inserted by the links that were in force for it and in log order, so
//! the answer is the one that memory would have given then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{Event, Position, TenantId, limits};
use larum_log::{LogReader, SpilledTree};
use larum_tree::{CorrelationGraph, GraphLimits, MissingPart, TreeMembers, TreeView, key_hash};

use crate::link_history::LinkHistory;
use crate::spilled_trees::SpilledTreeFinder;
use crate::tree_answers::TreeError;
use crate::tree_client::TreeClient;

/// How often the store is asked again because memory let trees go meanwhile.
const STORE_RETRIES_MOST: u32 = 3;

/// What a tree is looked for with.
pub(crate) struct TreeRebuilder {
    pub(crate) tenant: TenantId,
    pub(crate) client: TreeClient,
    pub(crate) finder: SpilledTreeFinder,
    pub(crate) reader: LogReader,
    pub(crate) history: LinkHistory,
    /// Events behind this position are left out.
    pub(crate) upto: Position,
    limits: GraphLimits,
}

/// Everything a tree was made of.
pub(crate) struct TreeInputs {
    rebuilder: TreeRebuilder,
    /// Hashes of the ids of its nodes.
    pub(crate) keys: BTreeSet<u64>,
    /// Its events, as far as there are not too many.
    pub(crate) events: BTreeMap<Position, Event>,
    /// What it lacks.
    why: Vec<MissingPart>,
}

/// A rebuilt tree, alone in its graph.
pub(crate) struct RebuiltTree {
    pub(crate) graph: CorrelationGraph,
    /// What rebuilt it.
    pub(crate) rebuilder: TreeRebuilder,
    /// What it lacks.
    pub(crate) why: Vec<MissingPart>,
    /// The position since which the graph's links are in force.
    links_since: Option<Position>,
}

/// What was found so far.
#[derive(Default)]
struct SearchState {
    /// Hashes of the ids of its nodes.
    keys: BTreeSet<u64>,
    /// Those the store has been asked for.
    asked_keys: BTreeSet<u64>,
    /// Ids that memory has been asked for.
    names: BTreeSet<Arc<str>>,
    /// Positions that members name, within the bounds.
    positions: BTreeSet<Position>,
    events: BTreeMap<Position, Event>,
    /// Whether memory or the store of evicted trees knows it.
    is_known: bool,
}

impl TreeRebuilder {
    /// For a tree of `tenant` as it was at `upto`.
    pub(crate) fn new(tenant: TenantId, live: TreeClient, upto: Position) -> Self {
        let limits = GraphLimits {
            roots_per_tenant: usize::MAX,
            nodes_per_tenant: usize::MAX,
            ..live.limits()
        };
        Self {
            tenant,
            finder: live.spilled_finder(),
            reader: live.open_reader(),
            history: LinkHistory::default(),
            client: live,
            upto,
            limits,
        }
    }

    /// Collects everything that is connected to one of the ids.
    pub(crate) fn gather_inputs(mut self, ids: &[String]) -> Result<TreeInputs, TreeError> {
        self.history = self.client.ask_blocking(|memory| memory.history.clone())?;
        let mut search = SearchState::default();
        let mut reading = CorrelationGraph::new(self.limits);
        let mut links_since = None;
        for id in ids {
            self.seed_search(id, &mut search, &mut reading)?;
        }
        let mut left_out = 0;
        let (mut let_go, mut again) = (
            self.client.spilled_trees().spilled_count(),
            STORE_RETRIES_MOST,
        );
        loop {
            self.search_store(&mut search)?;
            let fresh: Vec<_> = search
                .positions
                .iter()
                .filter(|position| !search.events.contains_key(position))
                .copied()
                .collect();
            let room = limits::REBUILT_TREE_EVENTS.saturating_sub(search.events.len());
            left_out += fresh.len().saturating_sub(room);
            let fresh = fresh.get(..room.min(fresh.len())).unwrap_or_default();
            let mut names = Vec::new();
            for stored in self.reader.events_at(fresh)? {
                self.apply_links_at(stored.position, &mut links_since, &mut reading);
                names.extend(reading.node_names(&stored.event));
                search.events.insert(stored.position, stored.event);
            }
            let is_of_tree = |name: &Arc<str>| search.keys.contains(&key_hash(name));
            let names: Vec<_> = names.into_iter().filter(is_of_tree).collect();
            let is_new = self.search_memory(names, &mut search)?;
            if left_out > 0
                || (!is_new
                    && (again == 0 || self.client.spilled_trees().spilled_count() == let_go))
            {
                break;
            }
            if !is_new {
                // What memory let go after the store was asked, and before memory was, is in the
                // store now.
                search.asked_keys.clear();
                (let_go, again) = (self.client.spilled_trees().spilled_count(), again - 1);
            }
        }
        if !search.is_known {
            return Err(TreeError::NotFound {
                id: ids.first().cloned().unwrap_or_default(),
            });
        }
        Ok(self.into_inputs(search, left_out))
    }

    /// Starts the search: the id itself, and the main node of the event with that id.
    fn seed_search(
        &mut self,
        id: &str,
        search: &mut SearchState,
        reading: &mut CorrelationGraph,
    ) -> Result<(), TreeError> {
        let trace = format!("trace:{id}");
        // Links write ids in lower case that collectors spell in either.
        let lower = id.to_lowercase();
        let mut names: Vec<Arc<str>> = vec![id.into(), lower.as_str().into()];
        search
            .keys
            .extend([key_hash(id), key_hash(&trace), key_hash(&lower)]);
        if let Some(stored) = self.reader.find_event(Some(&self.tenant), id)?
            && stored.position <= self.upto
        {
            let mut since = None;
            self.apply_links_at(stored.position, &mut since, reading);
            let main = reading.node_names(&stored.event).into_iter().next();
            search.keys.extend(main.iter().map(|main| key_hash(main)));
            names.extend(main);
        }
        self.search_memory(names, search)?;
        Ok(())
    }

    /// Gives `graph` the links that were in force at a position.
    fn apply_links_at(
        &self,
        position: Position,
        since: &mut Option<Position>,
        graph: &mut CorrelationGraph,
    ) {
        if let Some((begun, links)) = self.history.links_at(position)
            && *since != Some(*begun)
        {
            *since = Some(*begun);
            graph.use_links(links);
        }
    }

    /// Adds what the store has of the keys that are known by now, until it has nothing more.
    fn search_store(&mut self, search: &mut SearchState) -> Result<(), TreeError> {
        loop {
            let fresh: Vec<u64> = search
                .keys
                .difference(&search.asked_keys)
                .copied()
                .collect();
            if fresh.is_empty() {
                return Ok(());
            }
            for key in fresh {
                search.asked_keys.insert(key);
                let spilled = self.finder.find_trees(&self.tenant, key);
                for tree in self.client.check_damage(self.finder.generation, spilled)? {
                    search.add_spilled_tree(&tree, self.upto);
                }
            }
        }
    }

    /// Adds what memory has of these nodes; tells whether that brought anything.
    fn search_memory(
        &mut self,
        mut names: Vec<Arc<str>>,
        search: &mut SearchState,
    ) -> Result<bool, TreeError> {
        names.retain(|name| search.names.insert(Arc::clone(name)));
        if names.is_empty() {
            return Ok(false);
        }
        let tenant = self.tenant.clone();
        let members = self.client.ask_blocking(move |memory| {
            let mut members: Vec<TreeMembers> = Vec::new();
            for name in names {
                let key = key_hash(&name);
                let holds = |tree: &TreeMembers| tree.keys.binary_search(&key).is_ok();
                if !members.iter().any(holds) {
                    members.extend(memory.graph.tree_members(&tenant, &name));
                }
            }
            members
        })?;
        let before = (search.positions.len(), search.keys.len());
        for tree in members {
            search.add_tree(&tree.keys, &tree.events, self.upto);
        }
        Ok(before != (search.positions.len(), search.keys.len()))
    }

    fn into_inputs(self, search: SearchState, left_out: usize) -> TreeInputs {
        let mut why = Vec::new();
        let first = self.reader.first_position();
        let is_gone = |position: &&Position| **position < first;
        let gone = search.positions.iter().take_while(is_gone).count();
        if gone > 0 {
            why.push(MissingPart::EventsGone {
                count: gone as u64,
                first,
            });
        }
        if left_out > 0 {
            why.push(MissingPart::TooLarge {
                left_out: left_out as u64,
            });
        }
        TreeInputs {
            rebuilder: self,
            keys: search.keys,
            events: search.events,
            why,
        }
    }
}

impl TreeInputs {
    /// The tree.
    pub(crate) fn rebuild(self) -> RebuiltTree {
        self.rebuild_upto(Position(u64::MAX)).0
    }

    /// The tree as it was with the event at a position, and the events behind.
    pub(crate) fn rebuild_upto(
        mut self,
        upto: Position,
    ) -> (RebuiltTree, BTreeMap<Position, Event>) {
        let later = match upto.0.checked_add(1) {
            Some(next) => self.events.split_off(&Position(next)),
            None => BTreeMap::new(),
        };
        let mut rebuilt = RebuiltTree {
            graph: CorrelationGraph::new(self.rebuilder.limits),
            rebuilder: self.rebuilder,
            why: self.why,
            links_since: None,
        };
        for (position, event) in &self.events {
            rebuilt.insert_event(*position, event);
        }
        (rebuilt, later)
    }
}

impl RebuiltTree {
    /// Inserts an event, using the links that were in force for it.
    pub(crate) fn insert_event(&mut self, position: Position, event: &Event) {
        self.rebuilder
            .apply_links_at(position, &mut self.links_since, &mut self.graph);
        // Its problems were reported when the event arrived.
        let mut reports = Vec::new();
        let tenant = &self.rebuilder.tenant;
        self.graph.insert(tenant, event, position, &mut reports);
    }
}

impl SearchState {
    fn add_spilled_tree(&mut self, tree: &SpilledTree, upto: Position) {
        self.add_tree(&tree.keys, &tree.events, upto);
    }

    fn add_tree(&mut self, keys: &[u64], events: &[Position], upto: Position) {
        self.is_known = true;
        self.keys.extend(keys);
        let events = events.iter().copied();
        self.positions
            .extend(events.take_while(|position| *position <= upto));
    }
}

/// The whole tree of a graph that holds an id.
pub(crate) fn find_tree(
    graph: &CorrelationGraph,
    tenant: &TenantId,
    id: &str,
) -> Result<TreeView, TreeError> {
    let view = graph.find_tree(tenant, id);
    view.ok_or_else(|| TreeError::NotFound { id: id.to_owned() })
}
