//! From a question to its answer: memory first, else the log.

use std::sync::Arc;

use larum_event::{EventId, Position, TenantId, limits};
use larum_tree::{
    AskError, Counts, Forest, TimelineEntry, TreeDiff, TreeQuery, TreeView, fold_repeats, timeline,
};
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::trees::answers::{AsOf, TimelinePage, TimelineQuery, TreeError};
use crate::trees::gather::{Gatherer, Regrown};
use crate::trees::grown::Grown;
use crate::trees::live::LiveTrees;

/// Trees that are grown again at the same time.
const GROWING_MOST: usize = 4;
/// Events that alerts name and that are looked up in the log for one answer.
const LOOKED_UP_MOST: usize = 1_000;

/// Asks for one tenant.
pub(super) struct Asker {
    pub(super) tenant: TenantId,
    pub(super) live: LiveTrees,
    turns: Arc<Semaphore>,
}

/// What memory has of a tree.
enum Known {
    /// What was asked.
    Answer(TreeView),
    /// A part, or nothing: so much is known, and where to begin to look for the rest.
    Elsewhere {
        at: Position,
        root: Option<Arc<str>>,
    },
}

impl Engine {
    pub(crate) fn live_trees(&self) -> LiveTrees {
        self.0.live_trees.clone()
    }

    pub(super) fn asker(&self, tenant: TenantId) -> Asker {
        Asker {
            tenant,
            live: self.live_trees(),
            turns: Arc::clone(&self.0.growing),
        }
    }
}

/// Turns for growing trees again.
pub(crate) fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(GROWING_MOST))
}

impl Asker {
    /// A page of a tree.
    pub(super) async fn page(&self, query: TreeQuery, as_of: AsOf) -> Result<TreeView, TreeError> {
        let upto = self.position(as_of).await?;
        let id = query.id.clone();
        let read = move |forest: &Forest, tenant: &TenantId| Ok(forest.query(tenant, &query)?);
        let page = self.answer(&id, upto, read).await?;
        self.describe(page).await
    }

    /// What changed in a tree between two moments.
    pub(super) async fn difference(
        &self,
        id: &str,
        before: AsOf,
        after: AsOf,
    ) -> Result<TreeDiff, TreeError> {
        let (before, after) = (self.position(before).await?, self.position(after).await?);
        let (before, after) = (self.whole(id, before).await, self.whole(id, after).await);
        // It need not have been there at both moments.
        let nothing = || self.nothing();
        let (before, after) = match (before, after) {
            (Err(TreeError::NotFound { .. }), Ok(after)) => (nothing(), after),
            (Ok(before), Err(TreeError::NotFound { .. })) => (before, nothing()),
            (before, after) => (before?, after?),
        };
        self.blocking(move || Ok(TreeDiff::between(&before, &after)))
            .await
    }

    /// What happened in a tree or an incident.
    pub(super) async fn timeline(
        &self,
        query: TimelineQuery,
        as_of: AsOf,
    ) -> Result<TimelinePage, TreeError> {
        let upto = self.position(as_of).await?;
        let mut views = Vec::new();
        for id in self.trees_behind(&query.id).await? {
            match self.whole(&id, upto).await {
                Ok(whole) => views.push(self.describe(whole).await?),
                // A tree of an incident need not have been there then.
                Err(TreeError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let Some(as_of) = views.iter().map(|view| view.as_of).max() else {
            return Err(TreeError::NotFound { id: query.id });
        };
        self.blocking(move || {
            let mut entries = timeline(&views);
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
    pub(super) async fn trees_behind(&self, id: &str) -> Result<Vec<String>, TreeError> {
        if !id.starts_with("inc-") {
            return Ok(vec![id.to_owned()]);
        }
        let (tenant, asked) = (self.tenant.clone(), id.to_owned());
        let incident = self
            .live
            .ask_later(move |grown| grown.forest.incident(&tenant, &asked));
        let incident = incident.await?;
        Ok(incident.map_or_else(
            || vec![id.to_owned()],
            |incident| incident.trees.iter().map(ToString::to_string).collect(),
        ))
    }

    /// The position of a moment; `None` for now.
    async fn position(&self, as_of: AsOf) -> Result<Option<Position>, TreeError> {
        match as_of {
            AsOf::Now => Ok(None),
            AsOf::Position(position) => Ok(Some(position)),
            AsOf::Time(time) => {
                let mut reader = self.live.reader();
                let found = self.blocking(move || Ok(reader.position_at(time)?));
                found.await.map(Some)
            }
        }
    }

    /// The whole tree that holds an id, as it is or as it was at a position.
    async fn whole(&self, id: &str, upto: Option<Position>) -> Result<TreeView, TreeError> {
        let asked = id.to_owned();
        self.answer(id, upto, move |forest, tenant| {
            whole(forest, tenant, &asked)
        })
        .await
    }

    /// What `read` says of a forest that holds the tree of an id, as it is or as it was at a position.
    async fn answer<R>(
        &self,
        id: &str,
        upto: Option<Position>,
        read: R,
    ) -> Result<TreeView, TreeError>
    where
        R: Fn(&Forest, &TenantId) -> Result<TreeView, TreeError> + Clone + Send + 'static,
    {
        let (tenant, asked, from_memory) = (self.tenant.clone(), id.to_owned(), read.clone());
        let known = self
            .live
            .ask_later(move |grown| known(grown, &tenant, (&asked, upto), from_memory));
        let (at, root) = match known.await?? {
            Known::Answer(view) => return Ok(view),
            Known::Elsewhere { at, root } => (at, root),
        };
        let upto = upto.unwrap_or(at);
        let root = root.map(|root| root.to_string());
        let ids: Vec<String> = std::iter::once(id.to_owned()).chain(root).collect();
        let gatherer = Gatherer::new(self.tenant.clone(), self.live.clone(), upto);
        self.blocking(move || {
            let mut regrown = gatherer.gather(&ids)?.grown();
            let mut view = read(&regrown.forest, &regrown.gatherer.tenant)?;
            if regrown.insert_evidence(view.unknown_events())? {
                view = read(&regrown.forest, &regrown.gatherer.tenant)?;
            }
            view.as_of = upto;
            view.partial |= !regrown.why.is_empty();
            view.why.append(&mut regrown.why);
            regrown.name_incident(&mut view)?;
            Ok(view)
        })
        .await
    }

    /// A tree before anything of it came.
    fn nothing(&self) -> TreeView {
        TreeView {
            root: "".into(),
            tenant: self.tenant.clone(),
            incident: None,
            as_of: Position::START,
            counts: Counts::default(),
            partial: false,
            why: Vec::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            next: None,
        }
    }

    /// Fills in events that belong to no tree, which trees know by their ids alone.
    pub(super) async fn describe(&self, mut view: TreeView) -> Result<TreeView, TreeError> {
        let mut unknown = view.unknown_events();
        if unknown.is_empty() {
            return Ok(view);
        }
        unknown.truncate(LOOKED_UP_MOST);
        let (mut reader, tenant) = (self.live.reader(), self.tenant.clone());
        self.blocking(move || {
            for id in unknown {
                if let Some(stored) = reader.find(Some(&tenant), id.as_str())? {
                    view.describe(&stored.event, stored.position);
                }
            }
            Ok(view)
        })
        .await
    }

    /// Does work that takes a while, a few at a time.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TreeError> + Send + 'static,
    ) -> Result<T, TreeError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| TreeError::NotNow)?
    }
}

/// What memory has of the tree that holds an id.
fn known(
    grown: &Grown,
    tenant: &TenantId,
    (id, upto): (&str, Option<Position>),
    read: impl Fn(&Forest, &TenantId) -> Result<TreeView, TreeError>,
) -> Result<Known, TreeError> {
    let elsewhere = |root| Ok(Known::Elsewhere { at: grown.at, root });
    let (forest, spiller) = (&grown.forest, grown.spiller());
    if upto.is_none() && spiller.is_empty() {
        return read(forest, tenant).map(Known::Answer);
    }
    let Some(members) = forest.members(tenant, id) else {
        return elsewhere(None);
    };
    let is_behind = |upto| members.events.last().is_some_and(|last| *last > upto);
    if upto.is_some_and(is_behind) || spiller.may_hold_any(tenant, &members.keys) {
        return elsewhere(Some(members.root));
    }
    let view = read(forest, tenant)?;
    Ok(Known::Answer(TreeView {
        as_of: upto.unwrap_or(view.as_of),
        ..view
    }))
}

/// The whole tree of a forest that holds an id.
pub(super) fn whole(forest: &Forest, tenant: &TenantId, id: &str) -> Result<TreeView, TreeError> {
    let view = forest.tree(tenant, id);
    view.ok_or_else(|| TreeError::NotFound { id: id.to_owned() })
}

impl From<AskError> for TreeError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoTree { id } => Self::NotFound { id },
            AskError::NotInTree { id, root } => Self::NotInTree { id, root },
            AskError::Cursor => Self::Cursor,
        }
    }
}

impl Regrown {
    /// Puts in what is known by its id alone, so that it hangs where it hangs; tells whether there was any.
    fn insert_evidence(&mut self, mut unknown: Vec<EventId>) -> Result<bool, TreeError> {
        unknown.truncate(LOOKED_UP_MOST);
        for id in &unknown {
            let tenant = self.gatherer.tenant.clone();
            if let Some(stored) = self.gatherer.reader.find(Some(&tenant), id.as_str())? {
                self.insert(stored.position, &stored.event);
            }
        }
        Ok(!unknown.is_empty())
    }

    /// Says to which incident it belongs now, which memory knows.
    fn name_incident(&self, view: &mut TreeView) -> Result<(), TreeError> {
        let mut alerts = view.nodes.iter().filter(|node| node.alert.is_some());
        let mut ids: Vec<Arc<str>> = view.incident.iter().cloned().collect();
        ids.extend(alerts.next().map(|alert| Arc::clone(&alert.id)));
        if ids.is_empty() {
            return Ok(());
        }
        let tenant = self.gatherer.tenant.clone();
        let name = self.gatherer.live.ask(move |grown| {
            let mut ids = ids.iter();
            let incident = ids.find_map(|id| grown.forest.incident(&tenant, id));
            incident.map(|incident| incident.id.0)
        })?;
        view.incident = name.or(view.incident.take());
        Ok(())
    }
}
