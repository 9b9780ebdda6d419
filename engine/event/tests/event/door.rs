//! A door for tests: a fixed arrival, a fixed id, a source and the default tenant.

use larum_event::{
    Channel, Event, EventDefaults, EventId, Rejection, Severity, Source, TenantId, Timestamp,
};

/// What the door fills in.
pub struct Door {
    /// The arrival.
    pub arrived: Timestamp,
    /// The source, unless the member is required.
    pub source: Option<Source>,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            arrived: Timestamp::from_nanos(1_000_000_000_000_000),
            source: Source::new("door").ok(),
        }
    }
}

impl Door {
    /// Runs `read` with what this door fills in.
    pub fn fill<T>(&self, read: impl FnOnce(&EventDefaults<'_>) -> T) -> T {
        read(&EventDefaults {
            arrived: self.arrived,
            new_id: &|| EventId::new("filled-id").expect("a valid id"),
            source: self.source.as_ref(),
            channel: &Channel::default_channel(),
            tenant: &TenantId::default_tenant(),
            severity: &|_| Severity::Medium,
        })
    }

    /// Reads one canonical event.
    pub fn parse(&self, bytes: impl AsRef<[u8]>) -> Result<Event, Rejection> {
        self.fill(|fill| Event::parse(bytes.as_ref(), fill))
    }
}

/// Reads one canonical event at the usual door.
pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Event, Rejection> {
    Door::default().parse(bytes)
}
