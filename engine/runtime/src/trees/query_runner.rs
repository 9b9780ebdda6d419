//! From a question to its answer: memory first, else the log.

use std::sync::Arc;

use larum_event::{EventId, Position, TenantId, limits};
use larum_tree::{CorrelationGraph, TreeCounts, TreeView};
use larum_view::{
    TimelineEntry, TreeDiff, TreeQuery, TreeQueryError, build_timeline, fold_repeats, query_tree,
};
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::trees::answers::{AsOf, TimelinePage, TimelineQuery, TreeError};
use crate::trees::live_graph::LiveGraph;
use crate::trees::tree_client::TreeClient;
use crate::trees::tree_rebuilder::{RebuiltTree, TreeRebuilder};

/// Trees that are grown again at the same time.
const REBUILDS_MOST: usize = 4;
/// Events that alerts name and that are looked up in the log for one answer.
const LOOKED_UP_MOST: usize = 1_000;

/// Asks for one tenant.
pub(super) struct TreeQueryRunner {
    pub(super) tenant: TenantId,
    pub(super) client: TreeClient,
    rebuild_slots: Arc<Semaphore>,
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

impl Engine {
    pub(crate) fn tree_client(&self) -> TreeClient {
        self.0.tree_client.clone()
    }

    pub(super) fn query_runner(&self, tenant: TenantId) -> TreeQueryRunner {
        TreeQueryRunner {
            tenant,
            client: self.tree_client(),
            rebuild_slots: Arc::clone(&self.0.rebuild_slots),
        }
    }
}

/// Turns for growing trees again.
pub(crate) fn new_rebuild_slots() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(REBUILDS_MOST))
}

impl TreeQueryRunner {
    /// A page of a tree.
    pub(super) async fn tree_page(
        &self,
        query: TreeQuery,
        as_of: AsOf,
    ) -> Result<TreeView, TreeError> {
        let upto = self.resolve_position(as_of).await?;
        let id = query.id.clone();
        let read = move |forest: &CorrelationGraph, tenant: &TenantId| {
            Ok(query_tree(forest, tenant, &query)?)
        };
        let page = self.read_tree(&id, upto, read).await?;
        self.describe_events(page).await
    }

    /// What changed in a tree between two moments.
    pub(super) async fn compare_trees(
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
        self.run_blocking(move || Ok(TreeDiff::between(&before, &after)))
            .await
    }

    /// What happened in a tree or an incident.
    pub(super) async fn timeline_page(
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
        self.run_blocking(move || {
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

    /// The roots of an incident of this name, else the id itself.
    pub(super) async fn root_ids(&self, id: &str) -> Result<Vec<String>, TreeError> {
        if !id.starts_with("inc-") {
            return Ok(vec![id.to_owned()]);
        }
        let (tenant, asked) = (self.tenant.clone(), id.to_owned());
        let incident = self
            .client
            .ask_async(move |grown| grown.graph.find_incident(&tenant, &asked));
        let incident = incident.await?;
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
                let found = self.run_blocking(move || Ok(reader.position_at(time)?));
                found.await.map(Some)
            }
        }
    }

    /// The whole tree that holds an id, as it is or as it was at a position.
    async fn whole_tree(&self, id: &str, upto: Option<Position>) -> Result<TreeView, TreeError> {
        let asked = id.to_owned();
        self.read_tree(id, upto, move |forest, tenant| {
            find_tree(forest, tenant, &asked)
        })
        .await
    }

    /// What `read` says of a forest that holds the tree of an id, as it is or as it was at a position.
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
        let known = self
            .client
            .ask_async(move |grown| look_in_memory(grown, &tenant, (&asked, upto), from_memory));
        let (at, root) = match known.await?? {
            MemoryAnswer::Answer(view) => return Ok(view),
            MemoryAnswer::Elsewhere { at, root } => (at, root),
        };
        let upto = upto.unwrap_or(at);
        let root = root.map(|root| root.to_string());
        let ids: Vec<String> = std::iter::once(id.to_owned()).chain(root).collect();
        let gatherer = TreeRebuilder::new(self.tenant.clone(), self.client.clone(), upto);
        self.run_blocking(move || {
            let mut regrown = gatherer.gather_inputs(&ids)?.rebuild();
            let mut view = read(&regrown.graph, &regrown.rebuilder.tenant)?;
            if regrown.insert_evidence(view.unknown_events())? {
                view = read(&regrown.graph, &regrown.rebuilder.tenant)?;
            }
            view.as_of = upto;
            view.partial |= !regrown.why.is_empty();
            view.why.append(&mut regrown.why);
            regrown.set_incident(&mut view)?;
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
    pub(super) async fn describe_events(&self, mut view: TreeView) -> Result<TreeView, TreeError> {
        let mut unknown = view.unknown_events();
        if unknown.is_empty() {
            return Ok(view);
        }
        unknown.truncate(LOOKED_UP_MOST);
        let (mut reader, tenant) = (self.client.open_reader(), self.tenant.clone());
        self.run_blocking(move || {
            for id in unknown {
                if let Some(stored) = reader.find_event(Some(&tenant), id.as_str())? {
                    view.fill_event(&stored.event, stored.position);
                }
            }
            Ok(view)
        })
        .await
    }

    /// Does work that takes a while, a few at a time.
    pub(super) async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TreeError> + Send + 'static,
    ) -> Result<T, TreeError> {
        let turn = Arc::clone(&self.rebuild_slots).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| TreeError::Rebuilding)?
    }
}

/// What memory has of the tree that holds an id.
fn look_in_memory(
    grown: &LiveGraph,
    tenant: &TenantId,
    (id, upto): (&str, Option<Position>),
    read: impl Fn(&CorrelationGraph, &TenantId) -> Result<TreeView, TreeError>,
) -> Result<MemoryAnswer, TreeError> {
    let elsewhere = |root| Ok(MemoryAnswer::Elsewhere { at: grown.at, root });
    let (forest, spiller) = (&grown.graph, grown.store_writer());
    if upto.is_none() && spiller.is_empty() {
        return read(forest, tenant).map(MemoryAnswer::Answer);
    }
    let Some(members) = forest.tree_members(tenant, id) else {
        return elsewhere(None);
    };
    let is_behind = |upto| members.events.last().is_some_and(|last| *last > upto);
    if upto.is_some_and(is_behind) || spiller.may_hold_any(tenant, &members.keys) {
        return elsewhere(Some(members.root));
    }
    let view = read(forest, tenant)?;
    Ok(MemoryAnswer::Answer(TreeView {
        as_of: upto.unwrap_or(view.as_of),
        ..view
    }))
}

/// The whole tree of a forest that holds an id.
pub(super) fn find_tree(
    forest: &CorrelationGraph,
    tenant: &TenantId,
    id: &str,
) -> Result<TreeView, TreeError> {
    let view = forest.find_tree(tenant, id);
    view.ok_or_else(|| TreeError::NotFound { id: id.to_owned() })
}

impl From<TreeQueryError> for TreeError {
    fn from(error: TreeQueryError) -> Self {
        match error {
            TreeQueryError::NoTree { id } => Self::NotFound { id },
            TreeQueryError::NotInTree { id, root } => Self::NotInTree { id, root },
            TreeQueryError::Cursor => Self::Cursor,
        }
    }
}

impl RebuiltTree {
    /// Puts in what is known by its id alone, so that it hangs where it hangs; tells whether there was any.
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
        let name = self.rebuilder.client.ask_blocking(move |grown| {
            let mut ids = ids.iter();
            let incident = ids.find_map(|id| grown.graph.find_incident(&tenant, id));
            incident.map(|incident| incident.id.0)
        })?;
        view.incident = name.or(view.incident.take());
        Ok(())
    }
}
