//! The correlation trees.
//!
//! Owns the forest on a thread of its own. All tenants' trees are in one unit: a step that names only its
//! parent may belong to any root of its tenant, so trees cannot be split by root before the
//! parent is found. After a start or a panic the forest is rebuilt from checkpoint and log; events
//! that were on their way meanwhile come a second time and are ignored.

use actix::{Actor, Addr, Arbiter, Context, Handler, Supervised, Supervisor};
use larum_event::{Position, RecordBody};
use larum_log::LogError;
use larum_tree::{Forest, ForestLimits, TreeReport};
use tracing::{error, info, warn};

use crate::messages::{GrowBatch, ReadForest, ReadTree};
use crate::readers::Readers;
use crate::sequencing::FOREST_PART;
use crate::supervise::{ActorState, DropNotice, Seat, Unit, Watch};
use crate::supervision::Supervision;

/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// See the module's words.
pub struct TreeUnit {
    unit: Unit,
    readers: Readers,
    /// `None` until it is rebuilt.
    forest: Option<Forest>,
}

impl TreeUnit {
    /// Has it started on `arbiter`'s thread.
    pub fn start_on(arbiter: &Arbiter, readers: Readers, supervision: &Supervision) -> Seat<Self> {
        let seat = Seat::vacant();
        let Ok(entry) = supervision.registry.register("tree/0") else {
            return seat;
        };
        let handle = arbiter.handle();
        let faults = supervision.faults.clone();
        let watch_entry = entry.clone();
        let create = move |notice: DropNotice| -> Addr<Self> {
            let unit = Unit::new(entry.clone(), faults.clone(), notice);
            let readers = readers.clone();
            Supervisor::start_in_arbiter(&handle, move |_| Self {
                unit,
                readers,
                forest: None,
            })
        };
        supervision.watch(Watch::new(watch_entry, seat.clone(), create));
        seat
    }

    fn rebuild(&mut self) {
        match rebuilt(&self.readers) {
            Ok(forest) => {
                self.forest = Some(forest);
                self.unit.entry().running();
            }
            Err(failure) => error!(%failure, "the trees cannot be rebuilt; queries find none"),
        }
    }
}

fn rebuilt(readers: &Readers) -> Result<Forest, LogError> {
    let mut reader = readers.open();
    let limits = ForestLimits::default();
    let checkpoint = reader.latest_checkpoint()?;
    let mut at = Position::START;
    let mut forest = Forest::new(limits);
    if let Some(checkpoint) = checkpoint
        && let Some((_, bytes)) = checkpoint
            .parts
            .iter()
            .find(|(name, _)| name == FOREST_PART)
    {
        match Forest::restore(bytes) {
            Ok(restored) => {
                forest = restored;
                at = checkpoint.upto;
            }
            Err(failure) => {
                warn!(%failure, "the checkpoint of the trees is damaged, reading the log")
            }
        }
    }
    let mut reports = Vec::new();
    loop {
        let records = reader.read(at, RECORDS, BYTES)?;
        let Some(last) = records.last() else { break };
        at = last.position;
        for record in &records {
            if let RecordBody::Event { event, .. } | RecordBody::Derived { event } = &record.body {
                forest.insert(
                    &event.envelope().tenant,
                    event,
                    record.position,
                    &mut reports,
                );
            }
        }
        reports.clear();
    }
    info!(upto = %at, "trees are built");
    Ok(forest)
}

fn report(reports: &[TreeReport]) {
    for report in reports {
        warn!(%report, "a tree could not take an event as it says");
    }
}

impl Actor for TreeUnit {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        if self.unit.entry().state() == ActorState::Starting {
            self.rebuild();
        }
    }
}

impl Supervised for TreeUnit {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        self.forest = None;
        let _verdict = self
            .unit
            .restart(ctx, |actor: &mut Self, _| actor.rebuild());
    }
}

impl Handler<GrowBatch> for TreeUnit {
    type Result = ();

    fn handle(&mut self, batch: GrowBatch, ctx: &mut Self::Context) {
        let Some(mut forest) = self.forest.take() else {
            return;
        };
        let grown = self.unit.run(ctx, "a batch of events", move || {
            let mut reports = Vec::new();
            for (position, event) in batch.items.iter() {
                forest.insert(&event.envelope().tenant, event, *position, &mut reports);
            }
            report(&reports);
            forest
        });
        // After a panic the forest is rebuilt from the log, which holds this batch too.
        self.forest = grown.ok();
    }
}

impl Handler<ReadTree> for TreeUnit {
    type Result = ();

    fn handle(&mut self, read: ReadTree, ctx: &mut Self::Context) {
        let Some(forest) = &self.forest else { return };
        let found = self
            .unit
            .run(ctx, "a query", || forest.tree(&read.tenant, &read.id));
        if let Ok(view) = found {
            drop(read.reply.send(view));
        }
    }
}

impl Handler<ReadForest> for TreeUnit {
    type Result = ();

    fn handle(&mut self, read: ReadForest, _: &mut Self::Context) {
        if let Some(forest) = &self.forest {
            drop(read.reply.send(forest.checkpoint()));
        }
    }
}
