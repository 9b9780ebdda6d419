//! One shard of one rule's window.
//!
//! Owns the keyed state; what it does with matches is the job of [`run_window`].
//! Invariant: it never answers from state that a panic left half changed. A panic costs the state:
//! the actor restarts without it and says so, and the sequencer, which holds the epoch, gives it
//! back rebuilt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::{
    Actor, ActorFutureExt, Arbiter, AsyncContext, Context, Handler, Supervised, WrapFuture,
};
use larum_actor::{ActorGuard, ActorSlot, ActorState, Supervision};
use larum_log::{CheckpointPart, PartHash};
use larum_pipeline::{WindowWork, run_window};
use larum_query::select_keys;
use larum_window::RuleWindow;

use crate::messages::{
    CheckpointScope, CheckpointWindow, RestoreWindow, UnitFailure, ViewWindow, WindowBatch,
    WindowReport,
};

/// One shard of a window.
pub struct WindowActor {
    guard: ActorGuard,
    supervision: Supervision,
    /// `None` after a panic, until it is given back.
    window: Option<RuleWindow>,
    /// Makes an empty window, where that is all the state there is.
    stateless: Option<WindowFactory>,
    saved: SavedWindowParts,
}

/// What the last checkpoint holds of a window: all of it as of some moment, and then changes.
#[derive(Debug, Default)]
struct SavedWindowParts(Vec<(PartHash, usize)>);

/// Changes that follow on one another at most; more make a recovery slow.
const CHANGES_MOST: usize = 32;

impl SavedWindowParts {
    fn write_parts(
        &mut self,
        window: &mut RuleWindow,
        wanted: CheckpointScope,
    ) -> Vec<CheckpointPart> {
        if wanted == CheckpointScope::Copy {
            return vec![CheckpointPart::Bytes(window.checkpoint())];
        }
        let whole = self.0.first().map_or(0, |(_, bytes)| *bytes);
        let changed: usize = self.0.iter().skip(1).map(|(_, bytes)| bytes).sum();
        let go_on = whole > 0 && changed < whole && self.0.len() <= CHANGES_MOST;
        if wanted == CheckpointScope::Changes && go_on {
            let unchanged = self
                .0
                .iter()
                .map(|(hash, _)| CheckpointPart::Unchanged(*hash));
            let mut parts: Vec<CheckpointPart> = unchanged.collect();
            let bytes = window.take_changes();
            self.0.push((PartHash::of_bytes(&bytes), bytes.len()));
            parts.push(CheckpointPart::Bytes(bytes));
            return parts;
        }
        let bytes = window.take_checkpoint();
        self.0 = vec![(PartHash::of_bytes(&bytes), bytes.len())];
        vec![CheckpointPart::Bytes(bytes)]
    }
}

/// Makes an empty window.
pub type WindowFactory = Arc<dyn Fn() -> RuleWindow + Send + Sync>;

/// What a window unit is started with.
pub struct WindowSetup {
    /// Its name.
    pub name: Arc<str>,
    /// Makes its window.
    pub new_window: WindowFactory,
    /// Whether there is state that a panic loses.
    pub has_state: bool,
    /// What all supervised actors share.
    pub supervision: Supervision,
}

impl WindowActor {
    /// Starts it on the thread of `arbiter`; its address is found in the slot.
    pub fn start_on(arbiter: &Arbiter, setup: WindowSetup) -> ActorSlot<Self> {
        let WindowSetup {
            name,
            new_window,
            has_state,
            supervision,
        } = setup;
        let with = supervision.clone();
        let is_first = AtomicBool::new(true);
        let make = move |guard| {
            // A later one begins without the state that its predecessor lost; the sequencer gives
            // it back.
            let is_complete = is_first.swap(false, Ordering::Relaxed) || !has_state;
            Self {
                guard,
                supervision: with.clone(),
                window: is_complete.then(|| new_window()),
                stateless: (!has_state).then(|| Arc::clone(&new_window)),
                saved: SavedWindowParts::default(),
            }
        };
        let started = supervision.start_actor(&name, &arbiter.handle(), make);
        started.unwrap_or_else(|error| {
            tracing::error!(unit = %name, %error, "a window is not started");
            ActorSlot::empty()
        })
    }

    fn run_matches(
        &mut self,
        work: WindowWork,
        ctx: &mut Context<Self>,
    ) -> Result<WindowReport, UnitFailure> {
        let failed = |error: &dyn std::fmt::Display| UnitFailure {
            reason: error.to_string(),
        };
        self.guard
            .check_ready()
            .map_err(|refused| failed(&refused))?;
        let mut window = self
            .window
            .take()
            .ok_or_else(|| failed(&"its state was lost and is not back yet"))?;
        let ran = self.guard.run_work(ctx, "a batch of matches", move || {
            let answer = run_window(&mut window, work);
            (answer, window)
        });
        let (answer, window) = ran.map_err(|refused| failed(&refused))?;
        let stats = window.stats();
        self.window = Some(window);
        Ok(WindowReport {
            answer,
            is_empty: stats.keys == 0,
            evicted: (stats.evicted_keys, stats.evicted_events),
        })
    }
}

impl Actor for WindowActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        // Also called after `restarting`, which says itself when the state is back.
        if self.guard.entry().state() == ActorState::Starting {
            self.guard.entry().set_running();
        }
    }
}

impl Supervised for WindowActor {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        self.window = None;
        self.saved = SavedWindowParts::default();
        let _verdict = self.guard.restart_actor(ctx, |actor: &mut Self, _| {
            actor.window = actor.stateless.as_ref().map(|new_window| new_window());
            actor.guard.entry().set_running();
        });
    }
}

impl Handler<WindowBatch> for WindowActor {
    type Result = ();

    fn handle(&mut self, batch: WindowBatch, ctx: &mut Self::Context) {
        let work = WindowWork {
            layer: batch.head.layer,
            matches: batch.items.to_vec(),
            moves: batch.head.moves,
            // The log of an engine never ends.
        };
        let answer = self.run_matches(work, ctx);
        let delay = self
            .supervision
            .faults
            .answer_delay(self.guard.entry().name());
        let reply = batch.head.reply;
        if delay.is_zero() {
            drop(reply.send(answer));
            return;
        }
        let clock = self.supervision.clock.clone();
        ctx.spawn(
            async move { clock.sleep(delay).await }
                .into_actor(self)
                .map(move |(), _, _| {
                    drop(reply.send(answer));
                }),
        );
    }
}

impl Handler<RestoreWindow> for WindowActor {
    type Result = ();

    fn handle(&mut self, restore: RestoreWindow, _: &mut Self::Context) {
        self.window = Some(restore.window);
        self.saved = SavedWindowParts::default();
        self.guard.entry().set_running();
    }
}

impl Handler<ViewWindow> for WindowActor {
    type Result = ();

    fn handle(&mut self, view: ViewWindow, _: &mut Self::Context) {
        // Without its state there is no answer; who asked has gone away and needs none.
        if let Some(window) = &self.window {
            drop(view.reply.send(select_keys(window, &view.query)));
        }
    }
}

impl Handler<CheckpointWindow> for WindowActor {
    type Result = ();

    fn handle(&mut self, read: CheckpointWindow, _: &mut Self::Context) {
        let part = match &mut self.window {
            Some(window) if window.stats().keys > 0 => {
                Ok(self.saved.write_parts(window, read.wanted))
            }
            Some(_) => {
                self.saved = SavedWindowParts::default();
                Ok(Vec::new())
            }
            None => Err(UnitFailure {
                reason: "its state was lost and is not back yet".to_owned(),
            }),
        };
        drop(read.reply.send(part));
    }
}
