//! The correlation trees on a thread of their own.
//!
//! Owns the graph. All tenants' trees are in one unit: a step that names only its parent may belong
//! to any root of its tenant, so trees cannot be split by root before the parent is known. Writing
//! trees that have to make room is left to a thread that may block.
//! Invariant: the trees are those of the log. After a start or a panic they are rebuilt from
//! checkpoint and log, and events that were on their way meanwhile are ignored when they come a
//! second time.

use std::sync::Arc;

use actix::{Actor, Arbiter, AsyncContext, Context, Handler, Message, Supervised};
use larum_actor::{ActorGuard, ActorSlot, ActorState, Supervision, send_control};
use larum_event::{LinkSet, Position};
use larum_log::LogError;
use larum_query::{TreeClient, TreeClientSetup, TreeQuestion, TreeRequest};
use tracing::error;

use crate::messages::{CheckpointTrees, TreeEventBatch};
use crate::trees::{LiveGraph, RefusalReporter, TreeContext};

/// Links hold for the events behind a position.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UseLinks {
    /// Where the rules came into force that declare them.
    pub at: Position,
    /// The links.
    pub links: Arc<LinkSet>,
}

/// A question to the trees, which sends its answer itself; without trees it is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AskTrees(pub TreeQuestion);

/// The store of trees does not read back: it is rebuilt from the log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StoreDamage {
    /// What is wrong with it.
    pub error: Arc<LogError>,
    /// Which store: how often it had been replaced.
    pub generation: u64,
}

/// The holder of the correlation trees.
pub struct TreeActor {
    guard: ActorGuard,
    tree_context: TreeContext,
    refusals: RefusalReporter,
    /// `None` until it is rebuilt.
    live_graph: Option<LiveGraph>,
}

impl TreeActor {
    /// Starts it on the thread of `arbiter`.
    pub(crate) fn start_on(
        arbiter: &Arbiter,
        tree_context: TreeContext,
        refusals: RefusalReporter,
        supervision: &Supervision,
    ) -> ActorSlot<Self> {
        let make = move |guard| Self {
            guard,
            tree_context: tree_context.clone(),
            refusals: refusals.clone(),
            live_graph: None,
        };
        let started = supervision.start_actor("tree/0", &arbiter.handle(), make);
        started.unwrap_or_else(|error| {
            error!(%error, "the trees are not started");
            ActorSlot::empty()
        })
    }

    /// Where the trees in `slot` are asked.
    pub(crate) fn client(slot: ActorSlot<Self>, tree_context: &TreeContext) -> TreeClient {
        let setup = TreeClientSetup {
            readers: tree_context.readers.clone(),
            spilled: tree_context.store_writer.spilled_trees().clone(),
            limits: tree_context.limits,
            watchers: tree_context.watchers.clone(),
        };
        TreeClient::new(setup, move |request| {
            let Some(address) = slot.address() else {
                return false;
            };
            match request {
                TreeRequest::Ask(question) => {
                    send_control(&address.recipient(), AskTrees(question)).is_ok()
                }
                TreeRequest::ReplaceStore { error, generation } => {
                    let damage = StoreDamage { error, generation };
                    send_control(&address.recipient(), damage).is_ok()
                }
            }
        })
    }

    fn rebuild_trees(&mut self, ctx: &mut Context<Self>) {
        match LiveGraph::build_from_log(self.tree_context.clone()) {
            Ok(live) => {
                self.live_graph = Some(live);
                self.report_and_flush(ctx);
                self.guard.entry().set_running();
            }
            Err(failure) => error!(%failure, "the trees cannot be rebuilt; queries find none"),
        }
    }

    /// Hands on what has come up while events were taken in.
    fn report_and_flush(&mut self, ctx: &mut Context<Self>) {
        let Some(live) = &mut self.live_graph else {
            return;
        };
        self.refusals
            .report_refusals(&std::mem::take(&mut live.reports));
        if live.spill_evicted() {
            // Trees that cannot be written are reported, and stay queued.
            self.flush_trees(ctx, |_| {});
        }
    }

    /// Writes the evicted trees on a thread that may block, and then calls `then` with whether they
    /// are in the store.
    fn flush_trees(&self, ctx: &mut Context<Self>, then: impl FnOnce(bool) + Send + 'static) {
        let Some(upto) = self.live_graph.as_ref().map(|live| live.memory.at) else {
            return;
        };
        let (store_writer, me) = (self.tree_context.store_writer.clone(), ctx.address());
        drop(tokio::task::spawn_blocking(move || {
            let generation = store_writer.spilled_trees().generation();
            let flushed = store_writer.flush_queue(upto);
            then(flushed.is_ok());
            if let Err(error) = flushed
                && error.is_damage()
            {
                // An actor that is gone makes it good when it is back.
                drop(send_control(
                    &me.recipient(),
                    StoreDamage { error, generation },
                ));
            }
        }));
    }
}

impl Actor for TreeActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.guard.entry().state() == ActorState::Starting {
            self.rebuild_trees(ctx);
        }
    }
}

impl Supervised for TreeActor {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        self.live_graph = None;
        let _verdict = self
            .guard
            .restart_actor(ctx, |actor: &mut Self, ctx| actor.rebuild_trees(ctx));
    }
}

impl Handler<TreeEventBatch> for TreeActor {
    type Result = ();

    fn handle(&mut self, batch: TreeEventBatch, ctx: &mut Self::Context) {
        let Some(mut live) = self.live_graph.take() else {
            return;
        };
        let taken = self.guard.run_work(ctx, "a batch of events", move || {
            live.insert_batch(&batch.items);
            live
        });
        // After a panic the graph is rebuilt from the log, which holds this batch too.
        self.live_graph = taken.ok();
        self.report_and_flush(ctx);
    }
}

impl Handler<UseLinks> for TreeActor {
    type Result = ();

    fn handle(&mut self, new: UseLinks, _: &mut Self::Context) {
        if let Some(live) = &mut self.live_graph {
            live.use_links(new.at, &new.links);
        }
    }
}

impl Handler<AskTrees> for TreeActor {
    type Result = ();

    fn handle(&mut self, AskTrees(ask): AskTrees, ctx: &mut Self::Context) {
        let Some(mut live) = self.live_graph.take() else {
            return;
        };
        let asked = self.guard.run_work(ctx, "a query", move || {
            ask(&mut live.memory);
            live
        });
        self.live_graph = asked.ok();
    }
}

impl Handler<StoreDamage> for TreeActor {
    type Result = ();

    fn handle(&mut self, damaged: StoreDamage, ctx: &mut Self::Context) {
        let store_writer = &self.tree_context.store_writer;
        // Several may have come upon the same damage.
        let is_made_good = damaged.generation < store_writer.spilled_trees().generation();
        if is_made_good || store_writer.recreate_store(&damaged.error).is_err() {
            return;
        }
        self.live_graph = None;
        self.rebuild_trees(ctx);
    }
}

impl Handler<CheckpointTrees> for TreeActor {
    type Result = ();

    fn handle(&mut self, read: CheckpointTrees, ctx: &mut Self::Context) {
        let Some(live) = &mut self.live_graph else {
            return;
        };
        let part = live.checkpoint_part(read.wanted, read.upto);
        // A checkpoint without trees that are not in the store either would lose them.
        self.flush_trees(ctx, move |flushed| {
            if flushed {
                drop(read.reply.send(part));
            }
        });
    }
}
