//! The log's upkeep, in parallel with everything else: seals full partitions, shrinks write-ahead
//! logs.
//!
//! Owns when that happens, and that none of it is running when the log is closed: otherwise the
//! next owner of the log could work on the same files at the same time.

use std::sync::Arc;

use actix::Arbiter;
use larum_actor::Supervision;
use larum_event::Span;
use larum_query::ReaderFactory;
use tokio::sync::{Mutex, watch};

use crate::gauges::EngineGauges;

/// How often to check for work.
const EVERY: Span = Span::from_seconds(1);

/// The upkeep of an engine's log.
pub(crate) struct LogUpkeep {
    stop: watch::Sender<bool>,
    working: Arc<Mutex<()>>,
}

impl LogUpkeep {
    /// Starts it on a thread.
    pub(crate) fn start(
        on: &Arbiter,
        readers: ReaderFactory,
        supervision: Supervision,
        gauges: Arc<EngineGauges>,
    ) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let working = Arc::new(Mutex::new(()));
        let turn = Arc::clone(&working);
        on.spawn(async move {
            loop {
                tokio::select! {
                    () = supervision.clock.sleep(EVERY) => {}
                    _ = stopped.changed() => return,
                }
                let turn = Arc::clone(&turn).lock_owned().await;
                // Asked under the lock: `stop` sets the flag and then takes the lock, so nothing
                // starts after it has returned.
                if *stopped.borrow() {
                    return;
                }
                let upkeep = readers.maintenance();
                let worked = tokio::task::spawn_blocking(move || {
                    let done = upkeep.run_due();
                    drop(turn);
                    done
                });
                match worked.await {
                    Ok(Ok(_)) => gauges.clear_problem("upkeep"),
                    Ok(Err(error)) => {
                        gauges
                            .report_problem("upkeep", format!("the log's upkeep failed: {error}"));
                    }
                    Err(error) => {
                        gauges.report_problem("upkeep", format!("the log's upkeep died: {error}"));
                    }
                }
            }
        });
        Self { stop, working }
    }

    /// Stops it and waits for work in progress.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        drop(self.working.lock().await);
    }
}
