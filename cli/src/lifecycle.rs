//! An engine and its door, from start to clean end; `serve` and `demo --keep` share it.

use actix_rt::System;
use larum_engine::{Engine, EngineConfig, StallAction};
use larum_http::HttpConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CliError, CommandExit, format_causes};
use crate::terminal::print_notice;

/// Runs `work` on an actix system of this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    System::new().block_on(work)
}

/// Starts an engine: it has recovered when this returns. It ends the process when evaluation makes
/// no progress for too long: what hangs cannot be stopped from inside, a service manager starts the
/// process again, and all state comes from the disk anyway.
pub async fn start_engine(mut config: EngineConfig) -> Result<Engine, CliError> {
    config.stall_action = StallAction::new(|stall| {
        print_notice(&format!(
            "{stall}; the process ends so that it can be restarted (setting stall_exit); the store \
             recovers at the next start"
        ));
        std::process::exit(CommandExit::Stalled as i32);
    });
    let store = config.store.clone();
    Engine::start(config)
        .await
        .map_err(|error| CliError::Store {
            path: store,
            cause: format_causes(&error),
        })
}

/// Opens the door, passes the address to `ready`, and serves until a signal comes. Then the door
/// closes, the engine finishes what it has taken, and its state is kept.
pub async fn serve_engine(
    engine: Engine,
    door: HttpConfig,
    ready: impl FnOnce(std::net::SocketAddr),
) -> Result<CommandExit, CliError> {
    let mut signals = StopSignals::listen()?;
    let server = match larum_http::serve(engine.clone(), door) {
        Ok(server) => server,
        Err(error) => {
            engine.shutdown().await;
            return Err(CliError::Usage(format_causes(&error)));
        }
    };
    ready(server.address());
    let name = signals.next().await;
    tracing::info!(signal = name, "stopping");
    // From here on there is nothing to wait for: a second signal ends the process at once.
    actix_rt::spawn(async move {
        signals.next().await;
        print_notice("stopped at once; the store recovers at the next start");
        std::process::exit(CommandExit::Interrupted as i32);
    });
    server.stop().await;
    engine.shutdown().await;
    tracing::info!("stopped");
    Ok(CommandExit::Done)
}

/// The signals that ask for an end.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| CliError::Engine(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
