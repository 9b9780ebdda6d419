//! What callers of the [`Engine`](crate::Engine) say to it and hear from it.
//!
//! Owns the types of emitting, subscribing and health; it knows nothing of actors or of how a
//! request is carried out.
//! Invariant: an [`EmitReceipt`] says `Stored` or `Duplicate` only when the event is as durable as
//! its channel promises.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use larum_event::{
    CorrelationId, Event, EventType, Position, Record, RecordBody, Rejection, Severity, Source,
    Span, TenantId, Timestamp, TopicPattern,
};
use serde::Serialize;

/// How one emitted event fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmitReceipt {
    /// It is queued for the log (`emit`); not durable yet.
    Queued,
    /// It is in the log, as durable as its channel promises.
    Stored {
        /// Its position in the log.
        position: Position,
    },
    /// The same event came before; nothing was stored, nothing is lost (X6).
    Duplicate {
        /// The position of the first one.
        position: Position,
    },
    /// It is refused.
    Rejected(Rejection),
}

/// Why nothing of a request was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The engine is behind; nothing of the request was stored.
    #[error("the engine is {behind} events behind, try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// Events accepted and not yet evaluated.
        behind: u64,
        /// When to try again.
        retry_after: Duration,
    },
    /// The delivery deadline had passed when the events reached the log; none was stored (1-20).
    #[error("the delivery deadline {deadline} had passed")]
    DeadlinePassed {
        /// The deadline asked for.
        deadline: Timestamp,
    },
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopping,
    /// The log cannot take events. It is reopened every second and the engine is ready again once
    /// that succeeds, so the request may be repeated.
    #[error("the log cannot take events: {cause}")]
    LogFailed {
        /// What failed.
        cause: String,
    },
}

/// What `emit_with_guarantee` may be asked (1-17 to 1-20).
#[derive(Debug, Clone, Default)]
pub struct EmitOptions {
    /// Events not in the log by then are refused.
    pub delivery_deadline: Option<Timestamp>,
}

/// What a live subscriber wants to see. Members that are empty let everything pass.
#[derive(Debug, Clone, Default)]
pub struct EventInterest {
    /// Patterns of topics.
    pub patterns: Vec<TopicPattern>,
    /// Types, in their own spelling.
    pub event_types: Vec<EventType>,
    /// Any of these severities.
    pub severities: Vec<Severity>,
    /// The member `metadata.user`.
    pub user: Option<String>,
    /// This source only.
    pub source: Option<Source>,
    /// This tenant only.
    pub tenant: Option<TenantId>,
    /// Correlation id or root.
    pub correlation: Option<CorrelationId>,
}

/// A stored event on its way to a consumer.
#[derive(Debug, Clone)]
pub struct DeliveredEvent {
    /// Its position in the log.
    pub position: Position,
    /// The event.
    pub event: Event,
}

impl DeliveredEvent {
    /// The event of a record, if it is one.
    pub(crate) fn from_record(record: &Record) -> Option<Arc<Self>> {
        let event = match &record.body {
            RecordBody::Event { event, .. } | RecordBody::Derived { event } => event.clone(),
            RecordBody::RuleSetActivated(_)
            | RecordBody::EpochCommit(_)
            | RecordBody::UnitDetached(_)
            | RecordBody::UnitAttached(_)
            | RecordBody::GapFilled(_)
            | RecordBody::CursorMoved(_)
            | RecordBody::Tick(_)
            | RecordBody::Amend { .. } => return None,
        };
        let position = record.position;
        Some(Arc::new(Self { position, event }))
    }
}

/// What a live subscription yields.
#[derive(Debug, Clone)]
pub enum EventDelivery {
    /// An event.
    Event(Arc<DeliveredEvent>),
    /// The subscriber was too slow, or a channel failed, and events were not delivered to it. They
    /// are in the log.
    Gap {
        /// At most so many: where a channel failed, events count that the subscriber did receive or
        /// does not want.
        missed: u64,
    },
}

/// Why there is no live subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// There are as many as there may be.
    #[error("at most {most} live subscriptions are allowed")]
    TooMany {
        /// How many there may be.
        most: usize,
    },
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopping,
}

/// Why a question has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The log cannot be read, or the question is not one it can answer.
    #[error(transparent)]
    Log(#[from] Arc<larum_log::LogError>),
    /// The query was not finished, because the engine is shutting down or a thread failed.
    #[error("the query was not finished, retry shortly")]
    Unavailable,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The rules do not load.
    #[error("the rules do not load ({} problems)", .0.len())]
    Rules(Vec<larum_rule::Diagnostic>),
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Log(#[source] larum_log::LogError),
    /// The engine did not come up.
    #[error("the engine did not come up: {cause}")]
    Recovery {
        /// What was wrong.
        cause: String,
    },
}

/// A handler's answer for a whole batch: done, or not done and to be tried again.
pub type HandlerResult = Result<(), HandlerError>;

/// Why a handler did not take a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HandlerError(pub String);

/// A way out: takes batches of events, at least once each and in order per channel.
pub trait EventHandler: 'static {
    /// Takes one batch. It is given again when the future yields an error, takes too long or the
    /// handler panics.
    fn handle(
        &mut self,
        batch: Vec<Arc<DeliveredEvent>>,
    ) -> std::pin::Pin<Box<dyn Future<Output = HandlerResult>>>;
}

/// Evaluation has work and makes no progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationStall {
    /// For how long, without the time for which the process was suspended.
    pub for_span: Span,
    /// The units that are at work and make no progress either.
    pub units: Vec<String>,
}

impl fmt::Display for EvaluationStall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evaluation has made no progress for {}", self.for_span)?;
        if !self.units.is_empty() {
            write!(f, "; waiting for {}", self.units.join(", "))?;
        }
        Ok(())
    }
}

/// How the engine is, for `/readyz` and people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineHealth {
    /// Whether it takes events.
    pub ready: bool,
    /// Why not, or what is wrong all the same.
    pub problems: Vec<String>,
    /// Last position of the log.
    pub head: Position,
    /// Last position evaluated, its outcome durable.
    pub evaluated: Position,
    /// Events accepted and not yet evaluated.
    pub lag: u64,
    /// Rules loaded.
    pub rules: usize,
}
