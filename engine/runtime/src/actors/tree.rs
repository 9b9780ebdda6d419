//! The correlation trees.
//!
//! Owns the forest on a thread of its own. All tenants' trees are in one unit: a step that names only its
//! parent may belong to any root of its tenant, so trees cannot be split by root before the
//! parent is found. After a start or a panic the forest is rebuilt from checkpoint and log; events
//! that were on their way meanwhile come a second time and are ignored. Trees that have to make room go to the
//! store, on a thread that may block.

use std::sync::Arc;

use actix::{
    Actor, Addr, Arbiter, AsyncContext, Context, Handler, Message, Supervised, Supervisor,
};
use larum_event::{LinkSet, Position};
use larum_log::LogError;
use tracing::error;

use crate::credit::tell;
use crate::messages::{GrowBatch, ReadForest};
use crate::supervise::{ActorState, DropNotice, Seat, Unit, Watch};
use crate::supervision::Supervision;
use crate::trees::{Grown, Refusals, Soil};

/// Links hold for what stands behind a position.
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
pub struct AskTrees(pub(crate) Box<dyn FnOnce(&mut Grown) + Send>);

/// The store of trees does not read back: it is made anew from the log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StoreDamaged {
    /// What is wrong with it.
    pub error: Arc<LogError>,
    /// Which store: how often it had been made anew.
    pub generation: u64,
}

/// See the module's words.
pub struct TreeUnit {
    unit: Unit,
    soil: Soil,
    refusals: Refusals,
    /// `None` until it is rebuilt.
    grown: Option<Grown>,
}

impl TreeUnit {
    /// Has it started on `arbiter`'s thread.
    pub(crate) fn start_on(
        arbiter: &Arbiter,
        soil: Soil,
        refusals: Refusals,
        supervision: &Supervision,
    ) -> Seat<Self> {
        let seat = Seat::vacant();
        let Ok(entry) = supervision.registry.register("tree/0") else {
            return seat;
        };
        let handle = arbiter.handle();
        let faults = supervision.faults.clone();
        let watch_entry = entry.clone();
        let create = move |notice: DropNotice| -> Addr<Self> {
            let unit = Unit::new(entry.clone(), faults.clone(), notice);
            let (soil, refusals) = (soil.clone(), refusals.clone());
            Supervisor::start_in_arbiter(&handle, move |_| Self {
                unit,
                soil,
                refusals,
                grown: None,
            })
        };
        supervision.watch(Watch::new(watch_entry, seat.clone(), create));
        seat
    }

    fn rebuild(&mut self, ctx: &mut Context<Self>) {
        match Grown::build(self.soil.clone()) {
            Ok(grown) => {
                self.grown = Some(grown);
                self.settle(ctx);
                self.unit.entry().running();
            }
            Err(failure) => error!(%failure, "the trees cannot be rebuilt; queries find none"),
        }
    }

    /// Hands on what has come up while events were taken in.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        let Some(grown) = &mut self.grown else { return };
        self.refusals.tell(&std::mem::take(&mut grown.reports));
        if grown.spill() {
            // What cannot be written is told, and waits.
            self.flush(ctx, |_| {});
        }
    }

    /// Writes the trees that memory let go, on a thread that may block, and then does `then` with whether they are
    /// in the store.
    fn flush(&self, ctx: &mut Context<Self>, then: impl FnOnce(bool) + Send + 'static) {
        let Some(upto) = self.grown.as_ref().map(|grown| grown.at) else {
            return;
        };
        let (spiller, me) = (self.soil.spiller.clone(), ctx.address());
        drop(tokio::task::spawn_blocking(move || {
            let generation = spiller.generation();
            let flushed = spiller.flush(upto);
            then(flushed.is_ok());
            if let Err(error) = flushed
                && error.is_damage()
            {
                // An actor that is gone makes it good when it is back.
                drop(tell(&me.recipient(), StoreDamaged { error, generation }));
            }
        }));
    }
}

impl Actor for TreeUnit {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.unit.entry().state() == ActorState::Starting {
            self.rebuild(ctx);
        }
    }
}

impl Supervised for TreeUnit {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        self.grown = None;
        let _verdict = self
            .unit
            .restart(ctx, |actor: &mut Self, ctx| actor.rebuild(ctx));
    }
}

impl Handler<GrowBatch> for TreeUnit {
    type Result = ();

    fn handle(&mut self, batch: GrowBatch, ctx: &mut Self::Context) {
        let Some(mut grown) = self.grown.take() else {
            return;
        };
        let taken = self.unit.run(ctx, "a batch of events", move || {
            grown.take(&batch.items);
            grown
        });
        // After a panic the forest is rebuilt from the log, which holds this batch too.
        self.grown = taken.ok();
        self.settle(ctx);
    }
}

impl Handler<UseLinks> for TreeUnit {
    type Result = ();

    fn handle(&mut self, new: UseLinks, _: &mut Self::Context) {
        if let Some(grown) = &mut self.grown {
            grown.use_links(new.at, &new.links);
        }
    }
}

impl Handler<AskTrees> for TreeUnit {
    type Result = ();

    fn handle(&mut self, AskTrees(ask): AskTrees, ctx: &mut Self::Context) {
        let Some(mut grown) = self.grown.take() else {
            return;
        };
        let asked = self.unit.run(ctx, "a query", move || {
            ask(&mut grown);
            grown
        });
        self.grown = asked.ok();
    }
}

impl Handler<StoreDamaged> for TreeUnit {
    type Result = ();

    fn handle(&mut self, damaged: StoreDamaged, ctx: &mut Self::Context) {
        let spiller = &self.soil.spiller;
        // Several may have come upon the same damage.
        let is_made_good = damaged.generation < spiller.generation();
        if is_made_good || spiller.begin_again(&damaged.error).is_err() {
            return;
        }
        self.grown = None;
        self.rebuild(ctx);
    }
}

impl Handler<ReadForest> for TreeUnit {
    type Result = ();

    fn handle(&mut self, read: ReadForest, ctx: &mut Self::Context) {
        let Some(grown) = &mut self.grown else { return };
        let part = grown.part(read.wanted, read.upto);
        // A checkpoint without trees that are not in the store either would lose them.
        self.flush(ctx, move |flushed| {
            if flushed {
                drop(read.reply.send(part));
            }
        });
    }
}
