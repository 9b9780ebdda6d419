//! The HTTP and WebSocket door.
//!
//! Events come in by `POST /v1/events`; events, alerts, trees and the state of the engine are read
//! by `GET`; `/v1/stream` sends events and alerts as they come. `docs/http.md` describes every
//! endpoint. The door knows the engine by its public API alone and decides nothing about events. It
//! opens on loopback only, until there is authentication.

mod config;
mod server;

mod hosts;
mod routes;

mod receive;

mod body;

mod search;

mod tree;

mod incidents;

mod windows;

mod rules;

mod status;

mod metrics;

mod stream;

mod listeners;

mod socket;

mod watch;

mod params;

mod moment;

mod style;

mod problem;

mod door;

mod error;

pub use config::{BODIES_BYTES, HEARTBEAT, HttpConfig, PATIENCE, STREAM_CONNECTIONS, WORKERS};
pub use error::HttpError;
pub use server::{HttpServer, check_config, serve};
