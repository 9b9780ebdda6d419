//! What all requests share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use larum_engine::Engine;
use larum_event::decode::Decoder;
use tokio::sync::watch;

use crate::body::BodyReader;
use crate::config::HttpConfig;
use crate::error::HttpError;
use crate::hosts::AllowedHosts;
use crate::listeners::Listeners;
use crate::metrics::RequestCounts;

/// The door, open or about to be.
pub(crate) struct DoorState {
    pub(crate) engine: Engine,
    pub(crate) decoders: BTreeMap<String, Arc<Decoder>>,
    pub(crate) hosts: AllowedHosts,
    pub(crate) bodies: BodyReader,
    pub(crate) request_events: usize,
    pub(crate) listeners: Listeners,
    pub(crate) requests: RequestCounts,
    pub(crate) heartbeat: Duration,
    pub(crate) patience: Duration,
    /// Becomes true when the door closes.
    pub(crate) closing: watch::Sender<bool>,
}

impl DoorState {
    pub(crate) fn new(engine: Engine, config: &HttpConfig) -> Result<Self, HttpError> {
        let mut decoders = BTreeMap::new();
        for decoder in &config.decoders {
            let name = decoder.name().to_owned();
            if decoders.insert(name, Arc::new(decoder.clone())).is_some() {
                return Err(HttpError::DecoderTwice {
                    name: decoder.name().to_owned(),
                });
            }
        }
        Ok(Self {
            engine,
            decoders,
            hosts: AllowedHosts::new(&config.allowed_hosts)?,
            bodies: BodyReader::new(config),
            request_events: config.request_events,
            listeners: Listeners::new(config.stream_connections),
            requests: RequestCounts::default(),
            heartbeat: config.heartbeat,
            patience: config.patience,
            closing: watch::Sender::new(false),
        })
    }
}
