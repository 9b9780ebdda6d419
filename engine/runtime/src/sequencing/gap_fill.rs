//! The gap that is being filled: one detached unit's stretch of the log, run again in slices.
//!
//! Owns the thread on which that happens and the pipeline on it, which never leaves it. Which gap
//! is filled, how large a slice is and what becomes of its alerts is the core's job.
//! Invariant: there is one of these at most, so one pipeline is in memory besides the engine's own,
//! however many units are detached. What those that wait begin with is kept by `detached_units`.

use std::sync::Arc;

use larum_actor::catch_panic;
use larum_event::{Event, Position};
use larum_log::LogReader;
use tokio::sync::{mpsc, oneshot};

use crate::sequencing::base_state::BaseState;
use crate::sequencing::replay::{UnitReplay, UnitReplayError, UnitReplayRun};

/// A gap that is being filled. Dropping it ends the thread after the slice that is running.
pub(super) struct GapFill {
    unit: Arc<str>,
    commands: mpsc::Sender<FillCommand>,
}

/// A slice to run.
pub(super) struct SliceRequest {
    /// A reader that knows the log up to `upto`.
    pub(super) reader: LogReader,
    /// The last position that may be run.
    pub(super) upto: Position,
    /// Records to run at most.
    pub(super) most: usize,
}

/// A slice that was run.
pub(super) struct FilledSlice {
    /// Everything up to here has been run.
    pub(super) upto: Position,
    /// Revisions of alerts with the position of the event that made each.
    pub(super) alerts: Vec<(Position, Event)>,
}

enum FillCommand {
    Run(SliceRequest, oneshot::Sender<Result<FilledSlice, String>>),
    Save(oneshot::Sender<Option<BaseState>>),
}

impl GapFill {
    /// Begins with the base of `job`; nothing is run yet.
    pub(super) fn begin(job: UnitReplay) -> Self {
        let unit = Arc::clone(&job.unit);
        let (commands, received) = mpsc::channel(1);
        // The task need not be awaited: it ends with the sender of its commands.
        drop(tokio::task::spawn_blocking(move || {
            serve_commands(job, received);
        }));
        Self { unit, commands }
    }

    /// Whose gap it is.
    pub(super) fn unit(&self) -> &Arc<str> {
        &self.unit
    }

    /// Runs the next slice.
    ///
    /// # Errors
    /// It failed, in words; this fill must not be used any more.
    pub(super) async fn run_slice(&self, request: SliceRequest) -> Result<FilledSlice, String> {
        let (reply, answer) = oneshot::channel();
        // Whether it was sent shows in the answer.
        drop(self.commands.send(FillCommand::Run(request, reply)).await);
        answer
            .await
            .unwrap_or_else(|_| Err("its thread died".to_owned()))
    }

    /// The state after the last slice, to go on from at another time; `None` before the first one.
    pub(super) async fn save_state(&self) -> Option<BaseState> {
        let (reply, answer) = oneshot::channel();
        drop(self.commands.send(FillCommand::Save(reply)).await);
        answer.await.ok().flatten()
    }
}

fn serve_commands(mut job: UnitReplay, mut commands: mpsc::Receiver<FillCommand>) {
    let mut run = None;
    while let Some(command) = commands.blocking_recv() {
        match command {
            FillCommand::Run(request, reply) => {
                // Under guard: the code that panicked once may do so again.
                let filled = catch_panic("filling its gap", || {
                    fill_slice(&mut run, &mut job, request)
                });
                let answer = match filled {
                    Ok(filled) => filled.map_err(|error| error.to_string()),
                    Err(panicked) => Err(panicked.to_string()),
                };
                let has_failed = answer.is_err();
                // A core that has started over since does not want the answer any more.
                drop(reply.send(answer));
                if has_failed {
                    return;
                }
            }
            FillCommand::Save(reply) => {
                drop(reply.send(run.as_ref().map(UnitReplayRun::to_base)));
            }
        }
    }
}

fn fill_slice(
    run: &mut Option<UnitReplayRun>,
    job: &mut UnitReplay,
    request: SliceRequest,
) -> Result<FilledSlice, UnitReplayError> {
    let SliceRequest {
        mut reader,
        upto,
        most,
    } = request;
    let run = match run {
        Some(run) => run,
        None => {
            let begun = UnitReplayRun::begin(&mut reader, job)?;
            // It is in the pipeline now, and need not be held twice.
            job.base = BaseState::default();
            run.insert(begun)
        }
    };
    let point = format!("gap/{}", job.unit);
    job.faults.inject_fault(&point, &job.clock);
    let alerts = run.run_records(&mut reader, upto, most)?;
    Ok(FilledSlice {
        upto: run.at(),
        alerts,
    })
}
