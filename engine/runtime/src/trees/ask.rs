//! From a question to its answer: memory first, else the log.

use std::sync::Arc;

use larum_event::{Position, TenantId};
use larum_log::StoredEvent;
use larum_tree::{AskError, Forest, TreeDiff, TreeQuery, TreeView};
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::trees::difference::{Whole, difference};
use crate::trees::gather::{Gatherer, Regrown};
use crate::trees::grown::Grown;
use crate::trees::live::LiveTrees;
use crate::trees::{AsOf, TreeError};

/// Trees that are grown again at the same time.
const GROWING_MOST: usize = 4;

/// Asks for one tenant.
pub(super) struct Asker {
    tenant: TenantId,
    live: LiveTrees,
    turns: Arc<Semaphore>,
}

/// What memory says.
enum Known {
    /// The answer.
    View(TreeView),
    /// Not all of it is in memory, or none; the ids of what is.
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
    /// The position of a moment; `None` for now.
    pub(super) async fn position(&self, as_of: AsOf) -> Result<Option<Position>, TreeError> {
        match as_of {
            AsOf::Now => Ok(None),
            AsOf::Position(position) => Ok(Some(position)),
            AsOf::Time(time) => {
                let mut reader = self.live.reader();
                let found = self.blocking(move || Ok(reader.position_at(time)?)).await?;
                Ok(Some(found))
            }
        }
    }

    /// A tree as it is.
    pub(super) async fn now(&self, query: TreeQuery) -> Result<TreeView, TreeError> {
        let (tenant, asked) = (self.tenant.clone(), query.clone());
        let known = self
            .live
            .ask_later(move |grown| known(grown, &tenant, &asked));
        match known.await?? {
            Known::View(view) => self.described(view).await,
            Known::Elsewhere { at, root } => self.grown(query, at, root).await,
        }
    }

    /// A tree as it was.
    pub(super) async fn as_of(
        &self,
        query: TreeQuery,
        upto: Position,
    ) -> Result<TreeView, TreeError> {
        let (tenant, id) = (self.tenant.clone(), query.id.clone());
        let root = self.live.ask_later(move |grown| {
            let members = grown.forest.members(&tenant, &id);
            members.map(|members| members.root)
        });
        let root = root.await?;
        self.grown(query, upto, root).await
    }

    async fn grown(
        &self,
        query: TreeQuery,
        upto: Position,
        root: Option<Arc<str>>,
    ) -> Result<TreeView, TreeError> {
        let ids = seeds(&query.id, root);
        let gatherer = Gatherer::new(self.tenant.clone(), self.live.clone(), upto);
        let tenant = self.tenant.clone();
        let view = self.blocking(move || {
            let mut regrown = gatherer.grow(&ids)?;
            let mut view = ask(&regrown.forest, &tenant, &query)?;
            if regrown.insert_evidence(&view)? {
                view = ask(&regrown.forest, &tenant, &query)?;
            }
            view.as_of = upto;
            view.partial |= !regrown.why.is_empty();
            view.why.append(&mut regrown.why);
            regrown.name_incident(&mut view)?;
            Ok(view)
        });
        self.described(view.await?).await
    }

    /// What changed in a tree between two moments.
    pub(super) async fn difference(
        &self,
        id: String,
        before: Option<Position>,
        after: Option<Position>,
    ) -> Result<TreeDiff, TreeError> {
        let (tenant, asked) = (self.tenant.clone(), id.clone());
        let known = self.live.ask_later(move |grown| {
            let members = grown.forest.members(&tenant, &asked);
            (grown.at, members.map(|members| members.root))
        });
        let (now, root) = known.await?;
        let ids = seeds(&id, root);
        let (before, after) = (before.unwrap_or(now), after.unwrap_or(now));
        let gatherer = |upto| Gatherer::new(self.tenant.clone(), self.live.clone(), upto);
        let (first, second) = (gatherer(before), gatherer(after));
        let tenant = self.tenant.clone();
        self.blocking(move || {
            let whole = |gatherer: Gatherer| {
                let regrown = gatherer.grow(&ids)?;
                Whole::of(&regrown.forest, &tenant, &id)
            };
            // It need not have been there at both moments.
            let (before, after) = match (whole(first), whole(second)) {
                (Err(TreeError::NotFound { .. }), Ok(after)) => (Whole::default(), after),
                (Ok(before), Err(TreeError::NotFound { .. })) => (before, Whole::default()),
                (before, after) => (before?, after?),
            };
            Ok(difference(&before, &after))
        })
        .await
    }

    /// Fills in events that belong to no tree, which trees know by their ids alone.
    async fn described(&self, mut view: TreeView) -> Result<TreeView, TreeError> {
        let unknown = view.unknown_events();
        if unknown.is_empty() {
            return Ok(view);
        }
        let (mut reader, tenant) = (self.live.reader(), self.tenant.clone());
        self.blocking(move || {
            for id in unknown {
                if let Some(StoredEvent {
                    event, position, ..
                }) = reader.find(Some(&tenant), id.as_str())?
                {
                    view.describe(&event, position);
                }
            }
            Ok(view)
        })
        .await
    }

    /// Does work that reads the disk, a few at a time.
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

/// By what a tree is looked for.
fn seeds(id: &str, root: Option<Arc<str>>) -> Vec<String> {
    let root = root.map(|root| root.to_string());
    std::iter::once(id.to_owned()).chain(root).collect()
}

/// What memory has of what is asked for.
fn known(grown: &Grown, tenant: &TenantId, query: &TreeQuery) -> Result<Known, TreeError> {
    let elsewhere = |root| Known::Elsewhere { at: grown.at, root };
    if grown.spiller().is_empty() {
        return ask(&grown.forest, tenant, query).map(Known::View);
    }
    let Some(members) = grown.forest.members(tenant, &query.id) else {
        return Ok(elsewhere(None));
    };
    if grown.spiller().may_hold_any(tenant, &members.keys) {
        return Ok(elsewhere(Some(members.root)));
    }
    ask(&grown.forest, tenant, query).map(Known::View)
}

/// Asks a forest.
pub(super) fn ask(
    forest: &Forest,
    tenant: &TenantId,
    query: &TreeQuery,
) -> Result<TreeView, TreeError> {
    let id = query.id.clone();
    let full = forest.tree(tenant, &query.id);
    let full = full.ok_or(AskError::NoTree { id })?;
    Ok(larum_tree::select(&full, query)?)
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
    fn insert_evidence(&mut self, view: &TreeView) -> Result<bool, TreeError> {
        let unknown = view.unknown_events();
        for id in &unknown {
            if let Some(stored) = self
                .gatherer
                .reader
                .find(Some(&self.gatherer.tenant), id.as_str())?
            {
                self.insert(stored.position, &stored.event);
            }
        }
        Ok(!unknown.is_empty())
    }

    /// Says to which incident it belongs now, which memory knows.
    fn name_incident(&self, view: &mut TreeView) -> Result<(), TreeError> {
        let alerts = view.nodes.iter().filter(|node| node.alert.is_some());
        let mut ids: Vec<Arc<str>> = view.incident.iter().cloned().collect();
        ids.extend(alerts.take(1).map(|alert| Arc::clone(&alert.id)));
        if ids.is_empty() {
            return Ok(());
        }
        let tenant = self.gatherer.tenant.clone();
        let name = self.gatherer.live.ask(move |grown| {
            let mut ids = ids.iter();
            let name = ids.find_map(|id| grown.forest.incident(&tenant, id));
            name.map(|incident| incident.id.0)
        })?;
        view.incident = name.or(view.incident.take());
        Ok(())
    }
}
