//! What the door is opened with.

use std::net::SocketAddr;
use std::time::Duration;

use larum_event::decode::Decoder;
use larum_event::limits;

/// Most WebSocket connections at a time.
pub const STREAM_CONNECTIONS: usize = 100;
/// Bytes of request bodies held at a time, over all connections.
pub const BODIES_BYTES: usize = 256 * 1024 * 1024;
/// How often a WebSocket connection is pinged. One that is silent for four beats is closed.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// Longest pause within a request body, and longest a WebSocket client may take nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Threads that serve connections.
pub const WORKERS: usize = 2;

/// What the door is opened with. [`HttpConfig::listen_on`] fills in what is usual.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// The address to listen on; loopback only. Port 0 takes any free port.
    pub bind: SocketAddr,
    /// The decoders that `POST /v1/events?decoder=` may name.
    pub decoders: Vec<Decoder>,
    /// Names, with or without a port, that `Host` and `Origin` may have besides those of this
    /// machine.
    pub allowed_hosts: Vec<String>,
    /// Largest request body in bytes, unpacked.
    pub body_bytes: usize,
    /// Bytes of request bodies held at a time, over all connections; beyond it the door is
    /// overloaded.
    pub bodies_bytes: usize,
    /// Most events of one request.
    pub request_events: usize,
    /// Most WebSocket connections at a time.
    pub stream_connections: usize,
    /// How often a WebSocket connection is pinged. One that is silent for four beats is closed.
    pub heartbeat: Duration,
    /// Longest pause within a request body, and longest a WebSocket client may take nothing.
    pub patience: Duration,
    /// Threads that serve connections.
    pub workers: usize,
}

impl HttpConfig {
    /// The usual, listening on `bind`.
    pub fn listen_on(bind: SocketAddr) -> Self {
        Self {
            bind,
            decoders: Vec::new(),
            allowed_hosts: Vec::new(),
            body_bytes: limits::BODY_BYTES,
            bodies_bytes: BODIES_BYTES,
            request_events: limits::REQUEST_EVENTS,
            stream_connections: STREAM_CONNECTIONS,
            heartbeat: HEARTBEAT,
            patience: PATIENCE,
            workers: WORKERS,
        }
    }
}
