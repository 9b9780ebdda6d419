//! Time that passes while nothing arrives, and keys that wait to be amended.
//!
//! Owns when a record is written into the log that lets evaluation go on by itself: a tick at most
//! once a second, and only while it can decide something ([`TickNeed`]); one that holds back what
//! waits for time, when the engine was stopped; and a record that asks to amend keys at most five
//! times a second, while some wait for it. What each does is the pipeline's, from the log, like
//! everything else.

use std::sync::Arc;

use actix::{Addr, Arbiter};
use larum_actor::{RuntimeClock, send_control};
use larum_event::{ClockTick, MonotonicTime, RecordBody, Span, Timestamp, limits};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::actors::LogActor;
use crate::gauges::EngineGauges;
use crate::messages::AppendControl;
use crate::tick_need::TickNeed;

/// How often it is looked at whether keys wait.
const AMEND_EVERY: Span = Span::from_nanos(200_000_000);
/// A tick is due after so many looks: once a second.
const LOOKS_PER_TICK: u32 = 5;

/// Writes ticks and amendments until the engine stops.
pub(crate) fn start_ticker(
    on: &Arbiter,
    log: Addr<LogActor>,
    clock: RuntimeClock,
    gauges: Arc<EngineGauges>,
    hold: Span,
) {
    let mut look = NextLook::plan(&clock);
    on.spawn(async move {
        let mut seen = gauges.accepted_count();
        let mut looks = 0;
        loop {
            clock.sleep_until(look.due).await;
            let delay = look.delay(&clock);
            // Counted from here, however long the log takes.
            look = NextLook::plan(&clock);
            if gauges.is_stopping() {
                return;
            }
            let mut bodies = Vec::new();
            // First of all: what is written next must not decide what may still arrive.
            if delay >= limits::STOP_LEAST && !hold.is_zero() {
                info!(%delay, "the engine was stopped; what waits for time is held back");
                let at = clock.now();
                bodies.push(RecordBody::Tick(ClockTick { at, hold }));
            }
            // Amend before time passes: what a dirty key waits for is not decided by a tick.
            if gauges.has_dirty_keys() {
                bodies.push(RecordBody::Amend {
                    most_rows: limits::AMENDED_ROWS as u64,
                });
            }
            looks += 1;
            if looks >= LOOKS_PER_TICK {
                looks = 0;
                let before = std::mem::replace(&mut seen, gauges.accepted_count());
                if is_tick_due(gauges.tick_need().get(), seen == before) {
                    bodies.push(RecordBody::Tick(ClockTick::new(clock.now())));
                }
            }
            if !bodies.is_empty() && !write_records(&log, bodies).await {
                return;
            }
        }
    });
}

/// When it is looked again.
struct NextLook {
    due: MonotonicTime,
    /// The wall clock then.
    wall: Timestamp,
}

impl NextLook {
    fn plan(clock: &RuntimeClock) -> Self {
        Self {
            due: clock.monotonic().saturating_add(AMEND_EVERY),
            wall: clock.now().saturating_add(AMEND_EVERY),
        }
    }

    /// How much later than planned it is. While a machine is suspended only its wall clock goes on.
    fn delay(&self, clock: &RuntimeClock) -> Span {
        let measured = clock.monotonic().since(self.due);
        measured.max(clock.now().duration_since(self.wall))
    }
}

fn is_tick_due(need: TickNeed, is_quiet: bool) -> bool {
    match need {
        TickNeed::Never => false,
        TickNeed::WhenQuiet => is_quiet,
        TickNeed::Always => true,
    }
}

/// Writes `bodies`, and says whether the log is still there.
pub(crate) async fn write_records(log: &Addr<LogActor>, bodies: Vec<RecordBody>) -> bool {
    let (reply, answer) = oneshot::channel();
    if send_control(&log.clone().recipient(), AppendControl { bodies, reply }).is_err() {
        return false;
    }
    match answer.await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            // The next ones say the same and more.
            warn!(%error, "a tick was not written");
            true
        }
        Err(_) => false,
    }
}
