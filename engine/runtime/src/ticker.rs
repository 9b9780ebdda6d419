//! Time that passes while nothing arrives.
//!
//! Owns when a tick is written into the log: at most once a second, and only while it can decide
//! something. That is the sequencer's to know ([`TickNeed`]); what a tick does is the pipeline's,
//! from the log, like everything else.

use std::sync::Arc;

use actix::{Addr, Arbiter};
use larum_actor::{RuntimeClock, send_control};
use larum_event::{RecordBody, Span};
use tokio::sync::oneshot;
use tracing::warn;

use crate::actors::LogActor;
use crate::gauges::EngineGauges;
use crate::messages::AppendControl;
use crate::tick_need::TickNeed;

/// How often it is looked at.
const EVERY: Span = Span::from_seconds(1);

/// Writes ticks until the engine stops.
pub(crate) fn start_ticker(
    on: &Arbiter,
    log: Addr<LogActor>,
    clock: RuntimeClock,
    gauges: Arc<EngineGauges>,
) {
    let mut due = clock.monotonic().saturating_add(EVERY);
    on.spawn(async move {
        let mut seen = gauges.accepted_count();
        loop {
            clock.sleep_until(due).await;
            // Counted from here, however long the log takes.
            due = clock.monotonic().saturating_add(EVERY);
            if gauges.is_stopping() {
                return;
            }
            let before = std::mem::replace(&mut seen, gauges.accepted_count());
            let is_due = match gauges.tick_need().get() {
                TickNeed::Never => false,
                TickNeed::WhenQuiet => seen == before,
                TickNeed::Always => true,
            };
            if is_due && !write_tick(&log, &clock).await {
                return;
            }
        }
    });
}

/// Whether the log is still there.
async fn write_tick(log: &Addr<LogActor>, clock: &RuntimeClock) -> bool {
    let (reply, answer) = oneshot::channel();
    let bodies = vec![RecordBody::Tick { at: clock.now() }];
    if send_control(&log.clone().recipient(), AppendControl { bodies, reply }).is_err() {
        return false;
    }
    match answer.await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            // The next one tells the same time and more.
            warn!(%error, "a tick was not written");
            true
        }
        Err(_) => false,
    }
}
