//! Answers queries about trees, from memory if possible, else from the log.
//!
//! Owns where an answer comes from; selection and layout of a tree belong to `larum-tree`.
//! Invariant: an answer is whole or says that it is partial. Memory answers alone only if no part
//! of the tree was ever evicted; else the tree is rebuilt.

use std::sync::Arc;

use larum_event::{EventId, Position, TenantId, limits};
use larum_tree::{
    CorrelationGraph, IncidentQuery, IncidentSummary, RootSummary, TreeCounts, TreeView,
};
use larum_view::{TimelineEntry, TreeDiff, TreeQuery, build_timeline, fold_repeats, query_tree};

use crate::spilled_trees::SpilledTrees;
use crate::tree_answers::{AsOf, TimelinePage, TimelineQuery, TreeError};
use crate::tree_client::TreeClient;
use crate::tree_memory::TreeMemory;
use crate::tree_rebuilder::{RebuiltTree, TreeRebuilder, find_tree};

/// Events that alerts name and that are looked up in the log for one answer.
const LOOKED_UP_MOST: usize = 1_000;

/// The queries of one tenant.
pub struct TreeQueries {
    pub(crate) tenant: TenantId,
    pub(crate) client: TreeClient,
}

/// What memory has of a tree.
enum MemoryAnswer {
    /// What was asked.
    Answer(TreeView),
    /// A part, or nothing: so much is known, and where to begin to look for the rest.
    Elsewhere {
        at: Position,
        root: Option<Arc<str>>,
    },
}

impl TreeClient {
    /// Queries of one tenant.
    pub fn for_tenant(&self, tenant: TenantId) -> TreeQueries {
        TreeQueries {
            tenant,
            client: self.clone(),
        }
    }
}

impl TreeQueries {
    /// A page of a tree.
    pub async fn tree_page(&self, query: TreeQuery, as_of: AsOf) -> Result<TreeView, TreeError> {
        let upto = self.resolve_position(as_of).await?;
        let id = query.id.clone();
        let read = move |graph: &CorrelationGraph, tenant: &TenantId| {
            Ok(query_tree(graph, tenant, &query)?)
        };
        let page = self.read_tree(&id, upto, read).await?;
        self.describe_events(page).await
    }

    /// What changed in a tree between two moments.
    pub async fn compare_trees(
        &self,
        id: &str,
        before: AsOf,
        after: AsOf,
    ) -> Result<TreeDiff, TreeError> {
        let (before, after) = (
            self.resolve_position(before).await?,
            self.resolve_position(after).await?,
        );
        let (before, after) = (
            self.whole_tree(id, before).await,
            self.whole_tree(id, after).await,
        );
        // It need not have been there at both moments.
        let nothing = || self.empty_view();
        let (before, after) = match (before, after) {
            (Err(TreeError::NotFound { .. }), Ok(after)) => (nothing(), after),
            (Ok(before), Err(TreeError::NotFound { .. })) => (before, nothing()),
            (before, after) => (before?, after?),
        };
        self.client
            .run_blocking(move || Ok(TreeDiff::between(&before, &after)))
            .await
    }

    /// What happened in a tree or an incident.
    pub async fn timeline_page(
        &self,
        query: TimelineQuery,
        as_of: AsOf,
    ) -> Result<TimelinePage, TreeError> {
        let upto = self.resolve_position(as_of).await?;
        let mut views = Vec::new();
        for id in self.root_ids(&query.id).await? {
            match self.whole_tree(&id, upto).await {
                Ok(whole) => views.push(self.describe_events(whole).await?),
                // A tree of an incident need not have been there then.
                Err(TreeError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let Some(as_of) = views.iter().map(|view| view.as_of).max() else {
            return Err(TreeError::NotFound { id: query.id });
        };
        self.client
            .run_blocking(move || {
                let mut entries = build_timeline(&views);
                if query.fold {
                    entries = fold_repeats(entries);
                }
                let total = entries.len() as u64;
                let page = entries.into_iter().skip(query.offset);
                let entries: Vec<TimelineEntry> =
                    page.take(query.limit.min(limits::TREE_PAGE_MOST)).collect();
                let why: Vec<_> = views.into_iter().flat_map(|view| view.why).collect();
                Ok(TimelinePage {
                    entries,
                    total,
                    partial: !why.is_empty(),
                    why,
                    as_of,
                })
            })
            .await
    }

    /// Incidents, those changed last first, and how many there are on all pages.
    ///
    /// # Errors
    /// The trees are being rebuilt.
    pub async fn incidents(
        self,
        query: IncidentQuery,
    ) -> Result<(Vec<IncidentSummary>, u64), TreeError> {
        let Self { tenant, client } = self;
        let asked = client.ask_async(move |memory| memory.graph.list_incidents(&tenant, &query));
        asked.await
    }

    /// The incident with an id, one that it goes by as well included, or the one that holds an
    /// alert, a tree or an entity; with its alerts.
    ///
    /// # Errors
    /// There is none; the trees are being rebuilt.
    pub async fn incident(self, id: String) -> Result<IncidentSummary, TreeError> {
        let incident = self.find_incident(&id).await?;
        incident.ok_or(TreeError::NotFound { id })
    }

    async fn find_incident(&self, id: &str) -> Result<Option<IncidentSummary>, TreeError> {
        let (tenant, id) = (self.tenant.clone(), id.to_owned());
        let asked = self
            .client
            .ask_async(move |memory| memory.graph.find_incident(&tenant, &id));
        asked.await
    }

    /// The trees in memory whose events name an entity, such as `user` `eve`, the most recent one
    /// first.
    ///
    /// # Errors
    /// The trees are being rebuilt.
    pub async fn trees_with_entity(
        self,
        kind: String,
        value: String,
    ) -> Result<Vec<RootSummary>, TreeError> {
        let Self { tenant, client } = self;
        let asked =
            client.ask_async(move |memory| memory.graph.trees_of_entity(&tenant, &kind, &value));
        asked.await
    }

    /// The roots of an incident of this name, else the id itself.
    pub(crate) async fn root_ids(&self, id: &str) -> Result<Vec<String>, TreeError> {
        if !id.starts_with("inc-") {
            return Ok(vec![id.to_owned()]);
        }
        let incident = self.find_incident(id).await?;
        Ok(incident.map_or_else(
            || vec![id.to_owned()],
            |incident| incident.trees.iter().map(ToString::to_string).collect(),
        ))
    }

    /// The position of a moment; `None` for now.
    async fn resolve_position(&self, as_of: AsOf) -> Result<Option<Position>, TreeError> {
        match as_of {
            AsOf::Now => Ok(None),
            AsOf::Position(position) => Ok(Some(position)),
            AsOf::Time(time) => {
                let mut reader = self.client.open_reader();
                let found = self
                    .client
                    .run_blocking(move || Ok(reader.position_at(time)?));
                found.await.map(Some)
            }
        }
    }

    /// The whole tree that holds an id, as it is or as it was at a position.
    async fn whole_tree(&self, id: &str, upto: Option<Position>) -> Result<TreeView, TreeError> {
        let asked = id.to_owned();
        self.read_tree(id, upto, move |graph, tenant| {
            find_tree(graph, tenant, &asked)
        })
        .await
    }

    /// Calls `read` on a graph that holds the tree of an id, as it is or as it was at a position.
    async fn read_tree<R>(
        &self,
        id: &str,
        upto: Option<Position>,
        read: R,
    ) -> Result<TreeView, TreeError>
    where
        R: Fn(&CorrelationGraph, &TenantId) -> Result<TreeView, TreeError> + Clone + Send + 'static,
    {
        let (tenant, asked, from_memory) = (self.tenant.clone(), id.to_owned(), read.clone());
        let spilled = self.client.spilled_trees().clone();
        let known = self.client.ask_async(move |memory| {
            let wanted = WantedTree {
                tenant: &tenant,
                id: &asked,
                upto,
            };
            look_in_memory(memory, &spilled, &wanted, from_memory)
        });
        let (at, root) = match known.await?? {
            MemoryAnswer::Answer(view) => return Ok(view),
            MemoryAnswer::Elsewhere { at, root } => (at, root),
        };
        // Memory answered as of `at`: what the log holds behind it belongs to a later answer.
        let upto = upto.unwrap_or(at);
        let root = root.map(|root| root.to_string());
        let ids: Vec<String> = std::iter::once(id.to_owned()).chain(root).collect();
        let rebuilder = TreeRebuilder::new(self.tenant.clone(), self.client.clone(), upto);
        self.client
            .run_blocking(move || {
                let mut rebuilt = rebuilder.gather_inputs(&ids)?.rebuild();
                // Read, then insert the events that alerts name, then read again: only a tree says
                // which
                // events it knows by their ids alone.
                let mut view = read(&rebuilt.graph, &rebuilt.rebuilder.tenant)?;
                if rebuilt.insert_evidence(view.unknown_events())? {
                    view = read(&rebuilt.graph, &rebuilt.rebuilder.tenant)?;
                }
                view.as_of = upto;
                view.partial |= !rebuilt.why.is_empty();
                view.why.append(&mut rebuilt.why);
                rebuilt.set_incident(&mut view)?;
                Ok(view)
            })
            .await
    }

    /// A tree before anything of it came.
    fn empty_view(&self) -> TreeView {
        TreeView {
            root: "".into(),
            tenant: self.tenant.clone(),
            incident: None,
            as_of: Position::START,
            counts: TreeCounts::default(),
            partial: false,
            why: Vec::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            next: None,
        }
    }

    /// Fills in events that belong to no tree, which trees know by their ids alone.
    pub(crate) async fn describe_events(&self, mut view: TreeView) -> Result<TreeView, TreeError> {
        let mut unknown = view.unknown_events();
        if unknown.is_empty() {
            return Ok(view);
        }
        unknown.truncate(LOOKED_UP_MOST);
        let (mut reader, tenant) = (self.client.open_reader(), self.tenant.clone());
        self.client
            .run_blocking(move || {
                for id in unknown {
                    if let Some(stored) = reader.find_event(Some(&tenant), id.as_str())? {
                        view.fill_event(&stored.event, stored.position);
                    }
                }
                Ok(view)
            })
            .await
    }
}

/// What memory has of the tree that holds an id.
fn look_in_memory(
    memory: &TreeMemory,
    spilled: &SpilledTrees,
    wanted: &WantedTree<'_>,
    read: impl Fn(&CorrelationGraph, &TenantId) -> Result<TreeView, TreeError>,
) -> Result<MemoryAnswer, TreeError> {
    let WantedTree { tenant, id, upto } = *wanted;
    let elsewhere = |root| {
        Ok(MemoryAnswer::Elsewhere {
            at: memory.at,
            root,
        })
    };
    let graph = &memory.graph;
    // Memory never let a tree go, so it has all of every tree.
    if upto.is_none() && spilled.is_empty() {
        return read(graph, tenant).map(MemoryAnswer::Answer);
    }
    let Some(members) = graph.tree_members(tenant, id) else {
        return elsewhere(None);
    };
    let is_behind = |upto| members.events.last().is_some_and(|last| *last > upto);
    if upto.is_some_and(is_behind) || spilled.may_hold_any(tenant, &members.keys) {
        return elsewhere(Some(members.root));
    }
    let view = read(graph, tenant)?;
    Ok(MemoryAnswer::Answer(TreeView {
        as_of: upto.unwrap_or(view.as_of),
        ..view
    }))
}

/// The tree that holds an id, as it is or as it was at a position.
struct WantedTree<'a> {
    tenant: &'a TenantId,
    id: &'a str,
    upto: Option<Position>,
}

impl RebuiltTree {
    /// Adds events that are known only by their ids, so that they are in their places. Returns
    /// whether there were any.
    fn insert_evidence(&mut self, mut unknown: Vec<EventId>) -> Result<bool, TreeError> {
        unknown.truncate(LOOKED_UP_MOST);
        for id in &unknown {
            let tenant = self.rebuilder.tenant.clone();
            if let Some(stored) = self
                .rebuilder
                .reader
                .find_event(Some(&tenant), id.as_str())?
            {
                self.insert_event(stored.position, &stored.event);
            }
        }
        Ok(!unknown.is_empty())
    }

    /// Says to which incident it belongs now, which memory knows.
    fn set_incident(&self, view: &mut TreeView) -> Result<(), TreeError> {
        let mut alerts = view.nodes.iter().filter(|node| node.alert.is_some());
        let mut ids: Vec<Arc<str>> = view.incident.iter().cloned().collect();
        ids.extend(alerts.next().map(|alert| Arc::clone(&alert.id)));
        if ids.is_empty() {
            return Ok(());
        }
        let tenant = self.rebuilder.tenant.clone();
        let name = self.rebuilder.client.ask_blocking(move |memory| {
            let mut ids = ids.iter();
            let incident = ids.find_map(|id| memory.graph.find_incident(&tenant, id));
            incident.map(|incident| incident.id.0)
        })?;
        view.incident = name.or(view.incident.take());
        Ok(())
    }
}
