//! A thread that no actor can block, looking whether actors make progress.
//!
//! Native code that hangs cannot be stopped from inside. What can be done is to say so: the engine
//! is not ready while an actor is frozen, and the service manager restarts the process. It does not
//! end the process itself, because the engine may be embedded in another program.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use larum_actor::ActorRegistry;
use larum_event::{Span, limits};

use crate::gauges::EngineGauges;

/// Begins what a problem with an actor that makes no progress is about.
pub const FROZEN: &str = "frozen ";
/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// Looks until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts looking at the actors of `registry`.
    pub fn start(registry: ActorRegistry, gauges: Arc<EngineGauges>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let frozen_after = Span::from_seconds(limits::FROZEN_SECONDS as u32);
        let look = move || {
            let mut reported: Vec<Arc<str>> = Vec::new();
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                let frozen = registry.check_progress(frozen_after);
                for actor in &frozen {
                    let words =
                        format!("{} has made no progress for {}", actor.name, actor.for_span);
                    gauges.report_problem(&format!("{FROZEN}{}", actor.name), words);
                }
                let names: Vec<Arc<str>> = frozen.into_iter().map(|actor| actor.name).collect();
                for name in reported.iter().filter(|name| !names.contains(name)) {
                    gauges.clear_problem(&format!("{FROZEN}{name}"));
                }
                reported = names;
            }
        };
        let thread = std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(look)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A watchdog that panicked has said so; there is nothing to do about it here.
            drop(thread.join());
        }
    }
}
