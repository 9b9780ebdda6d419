//! The door opens and closes.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, rt, web};
use larum_engine::Engine;

use crate::config::HttpConfig;
use crate::door::DoorState;
use crate::error::HttpError;
use crate::routes::{configure_routes, protect_request};

/// Longest that requests under way may take when the door closes, in seconds.
const CLOSING_SECONDS: u64 = 1;
/// Most connections of each thread.
const CONNECTIONS_PER_WORKER: usize = 4_096;

/// An open door. Dropping it leaves the door open.
#[derive(Debug)]
pub struct HttpServer {
    /// Where it listens; the port is the real one where port 0 was asked for.
    pub addr: SocketAddr,
    /// actix's own handle of the server.
    pub handle: ServerHandle,
    door: Arc<DoorState>,
}

/// Whether a door could listen where `config` says, for callers that have much to start before they
/// open it.
///
/// # Errors
/// The address is not of this machine alone, or cannot be had now.
pub fn check_config(config: &HttpConfig) -> Result<(), HttpError> {
    let addr = config.bind;
    if !addr.ip().is_loopback() {
        return Err(HttpError::NotLoopback { addr });
    }
    match std::net::TcpListener::bind(addr) {
        Ok(_free) => Ok(()),
        Err(source) => Err(HttpError::Bind { addr, source }),
    }
}

/// Opens the door. Needs an actix system, and listens when it returns.
///
/// # Errors
/// The address is not of this machine alone, or cannot be had; a setting contradicts another.
pub fn serve(engine: Engine, config: HttpConfig) -> Result<HttpServer, HttpError> {
    let addr = config.bind;
    if !addr.ip().is_loopback() {
        return Err(HttpError::NotLoopback { addr });
    }
    // One state for all workers: limits on bodies and connections are limits of the door, not of a
    // thread.
    let door = Arc::new(DoorState::new(engine, &config)?);
    let shared = web::Data::from(Arc::clone(&door));
    let server = actix_web::HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .wrap(from_fn(protect_request))
            .configure(configure_routes)
    })
    .workers(config.workers.max(1))
    .max_connections(CONNECTIONS_PER_WORKER)
    .tcp_nodelay(true)
    .shutdown_timeout(CLOSING_SECONDS)
    .disable_signals()
    .bind(addr)
    .map_err(|source| HttpError::Bind { addr, source })?;
    // After binding: port 0 has become a real one.
    let addr = server.addrs().first().copied().unwrap_or(addr);
    let running = server.run();
    let handle = running.handle();
    rt::spawn(async move {
        if let Err(error) = running.await {
            tracing::error!(%addr, %error, "http door failed");
        }
    });
    tracing::info!(%addr, "http door open");
    Ok(HttpServer { addr, handle, door })
}

impl HttpServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.addr
    }

    /// Closes the door: takes no more connections, ends the streams, answers the requests under
    /// way, and resolves when all is closed, after a second at the latest.
    pub async fn stop(&self) {
        self.close(true).await;
    }

    /// Closes the door at once; connections are cut.
    pub async fn stop_now(&self) {
        self.close(false).await;
    }

    async fn close(&self, graceful: bool) {
        self.door.closing.send_replace(true);
        self.handle.stop(graceful).await;
        tracing::info!(addr = %self.addr, "http door closed");
    }
}

impl std::fmt::Debug for DoorState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}
