//! One shard of one rule's window.
//!
//! Owns the keyed state; what it does with matches is [`run_window`]'s. A panic costs the state: the actor
//! restarts without it and says so, and the sequencer, which holds the epoch, gives it back rebuilt.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, Addr, Arbiter, AsyncContext, Context, Handler, Supervised, Supervisor,
    WrapFuture,
};
use larum_log::{Part, PartHash};
use larum_pipeline::{WindowWork, run_window};
use larum_window::Window;

use crate::messages::{
    ReadWindow, RestoreWindow, UnitFailed, ViewWindow, Wanted, WindowBatch, WindowDone,
};
use crate::supervise::{ActorState, DropNotice, Seat, Unit, Watch};
use crate::supervision::Supervision;
use crate::windows::seen;

/// See the module's words.
pub struct WindowUnit {
    unit: Unit,
    supervision: Supervision,
    /// `None` after a panic, until it is given back.
    window: Option<Window>,
    /// Makes an empty window, where that is all the state there is.
    stateless: Option<NewWindow>,
    saved: Saved,
}

/// What the last checkpoint holds of a window: all of it as of some moment, and then changes.
#[derive(Debug, Default)]
struct Saved(Vec<(PartHash, usize)>);

/// Changes that follow on one another at most; more make a recovery slow.
const CHANGES_MOST: usize = 32;

impl Saved {
    fn write(&mut self, window: &mut Window, wanted: Wanted) -> Vec<Part> {
        if wanted == Wanted::Copy {
            return vec![Part::Bytes(window.checkpoint())];
        }
        let whole = self.0.first().map_or(0, |(_, bytes)| *bytes);
        let changed: usize = self.0.iter().skip(1).map(|(_, bytes)| bytes).sum();
        let go_on = whole > 0 && changed < whole && self.0.len() <= CHANGES_MOST;
        if wanted == Wanted::Changes && go_on {
            let kept = self.0.iter().map(|(hash, _)| Part::Kept(*hash));
            let mut parts: Vec<Part> = kept.collect();
            let bytes = window.take_changes();
            self.0.push((PartHash::of(&bytes), bytes.len()));
            parts.push(Part::Bytes(bytes));
            return parts;
        }
        let bytes = window.take_checkpoint();
        self.0 = vec![(PartHash::of(&bytes), bytes.len())];
        vec![Part::Bytes(bytes)]
    }
}

/// Makes an empty window.
pub type NewWindow = Arc<dyn Fn() -> Window + Send + Sync>;

/// What a window unit is started with.
pub struct WindowSetup {
    /// Its name.
    pub name: Arc<str>,
    /// Makes its window.
    pub new_window: NewWindow,
    /// Whether there is state that a panic loses.
    pub has_state: bool,
    /// What all supervised actors share.
    pub supervision: Supervision,
}

impl WindowUnit {
    /// Has it started on `arbiter`'s thread; whoever wants to ask it looks at the seat.
    pub fn start_on(arbiter: &Arbiter, setup: WindowSetup) -> Seat<Self> {
        let seat = Seat::vacant();
        let Ok(entry) = setup.supervision.registry.register(&setup.name) else {
            tracing::error!(unit = %setup.name, "there are too many actors, this one is not started");
            return seat;
        };
        let supervision = setup.supervision.clone();
        let handle = arbiter.handle();
        let mut created_before = false;
        let watch_entry = entry.clone();
        let create = move |notice: DropNotice| -> Addr<Self> {
            let first = !std::mem::replace(&mut created_before, true);
            let unit = Unit::new(entry.clone(), setup.supervision.faults.clone(), notice);
            let stateless = (!setup.has_state).then(|| Arc::clone(&setup.new_window));
            let window = (first || stateless.is_some()).then(|| (setup.new_window)());
            let supervision = setup.supervision.clone();
            Supervisor::start_in_arbiter(&handle, move |_| Self {
                unit,
                supervision,
                window,
                stateless,
                saved: Saved::default(),
            })
        };
        supervision.watch(Watch::new(watch_entry, seat.clone(), create));
        seat
    }

    fn run(&mut self, work: WindowWork, ctx: &mut Context<Self>) -> Result<WindowDone, UnitFailed> {
        let failed = |error: &dyn std::fmt::Display| UnitFailed::Broken {
            reason: error.to_string(),
        };
        self.unit
            .check_ready()
            .map_err(|refused| failed(&refused))?;
        let mut window = self
            .window
            .take()
            .ok_or_else(|| failed(&"its state was lost and is not back yet"))?;
        let ran = self.unit.run(ctx, "a batch of matches", move || {
            let answer = run_window(&mut window, work);
            (answer, window)
        });
        let (answer, window) = ran.map_err(|refused| failed(&refused))?;
        let stats = window.stats();
        self.window = Some(window);
        Ok(WindowDone {
            answer,
            is_empty: stats.keys == 0,
            evicted: (stats.evicted_keys, stats.evicted_events),
        })
    }
}

impl Actor for WindowUnit {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        // Also called after `restarting`, which says itself when the state is back.
        if self.unit.entry().state() == ActorState::Starting {
            self.unit.entry().running();
        }
    }
}

impl Supervised for WindowUnit {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        self.window = None;
        self.saved = Saved::default();
        let _verdict = self.unit.restart(ctx, |actor: &mut Self, _| {
            actor.window = actor.stateless.as_ref().map(|new_window| new_window());
            actor.unit.entry().running();
        });
    }
}

impl Handler<WindowBatch> for WindowUnit {
    type Result = ();

    fn handle(&mut self, batch: WindowBatch, ctx: &mut Self::Context) {
        let work = WindowWork {
            layer: batch.head.layer,
            matches: batch.items.to_vec(),
            steps: batch.head.steps,
        };
        let answer = self.run(work, ctx);
        let delay = self
            .supervision
            .faults
            .answer_delay(self.unit.entry().name());
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

impl Handler<RestoreWindow> for WindowUnit {
    type Result = ();

    fn handle(&mut self, restore: RestoreWindow, _: &mut Self::Context) {
        self.window = Some(restore.window);
        self.saved = Saved::default();
        self.unit.entry().running();
    }
}

impl Handler<ViewWindow> for WindowUnit {
    type Result = ();

    fn handle(&mut self, view: ViewWindow, _: &mut Self::Context) {
        // Without its state there is no answer; who asked has gone away and needs none.
        if let Some(window) = &self.window {
            drop(view.reply.send(seen(window, &view.query)));
        }
    }
}

impl Handler<ReadWindow> for WindowUnit {
    type Result = ();

    fn handle(&mut self, read: ReadWindow, _: &mut Self::Context) {
        let part = match &mut self.window {
            Some(window) if window.stats().keys > 0 => Ok(self.saved.write(window, read.wanted)),
            Some(_) => {
                self.saved = Saved::default();
                Ok(Vec::new())
            }
            None => Err(UnitFailed::Broken {
                reason: "its state was lost and is not back yet".to_owned(),
            }),
        };
        drop(read.reply.send(part));
    }
}
