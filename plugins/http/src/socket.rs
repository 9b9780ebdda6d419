//! WebSockets: letting clients in, signs of life, and the end.
//!
//! Owns the connection; what is said over it belongs to [`crate::stream`] and [`crate::watch`].

use std::pin::pin;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use futures_util::StreamExt;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::door::Door;
use crate::problem::Problem;
use crate::stream::Listener;

/// Longest message of a client, in bytes.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Beats without a sign of life after which a client is taken for gone.
const SILENT_BEATS: u32 = 4;

/// One connection.
pub(crate) struct Socket {
    door: web::Data<Door>,
    session: Session,
    messages: AggregatedMessageStream,
    heart: Interval,
    silent_beats: u32,
}

/// The client is gone, or takes nothing.
pub(crate) struct Gone;

/// Why a connection ends from this side.
pub(crate) enum End {
    Gone,
    Closed(CloseReason),
}

/// What came first.
pub(crate) enum Turn<T> {
    /// What this side waited for.
    Ours(T),
    /// A text of the client.
    Text(String),
    /// A message of the client that is no text.
    Binary,
}

impl From<Gone> for End {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

/// A place for a new connection, unless the door closes or all are taken.
pub(crate) fn admit(door: &Door) -> Result<Listener, Problem> {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    if *door.closing.borrow() {
        let message = "the server is shutting down";
        return Err(Problem::new(unavailable, "stopping", message).retry_after(1));
    }
    let (client_id, now) = door
        .engine
        .with_fill(None, |fill| ((fill.new_id)(), fill.arrived));
    door.listeners.admit(client_id, now).ok_or_else(|| {
        let message = format!("there are {} connections already", door.listeners.most());
        Problem::new(unavailable, "too_many_connections", message)
            .help("close one of them; GET /v1/connections lists them")
            .retry_after(1)
    })
}

/// Makes a WebSocket of a request. Nothing is said before the answer is sent.
pub(crate) fn upgrade(
    request: &HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> Result<(HttpResponse, Socket), Problem> {
    let (response, session, messages) = actix_ws::handle(request, payload).map_err(|error| {
        let status = StatusCode::UPGRADE_REQUIRED;
        Problem::new(status, "not_a_websocket", error.to_string()).help(
            "connect with a WebSocket client, such as: websocat ws://127.0.0.1:PORT/v1/stream",
        )
    })?;
    let messages = messages
        .max_frame_size(MESSAGE_BYTES)
        .aggregate_continuations()
        .max_continuation_size(MESSAGE_BYTES);
    let mut heart = interval(door.heartbeat);
    heart.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let socket = Socket {
        door,
        session,
        messages,
        heart,
        silent_beats: 0,
    };
    Ok((response, socket))
}

impl Socket {
    /// The door it came in by.
    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// Waits for what comes first: `ours`, or a message of the client. `ours` is dropped when it is not that.
    pub(crate) async fn turn<T>(&mut self, ours: impl Future<Output = T>) -> Result<Turn<T>, End> {
        let mut ours = pin!(ours);
        let mut closing = self.door.closing.subscribe();
        loop {
            tokio::select! {
                message = self.messages.next() => {
                    self.silent_beats = 0;
                    if let Some(turn) = self.hear(message).await? {
                        return Ok(turn);
                    }
                }
                ready = &mut ours => return Ok(Turn::Ours(ready)),
                _ = self.heart.tick() => {
                    if self.silent_beats == SILENT_BEATS {
                        return Err(closed(CloseCode::Policy, "no sign of life"));
                    }
                    self.silent_beats += 1;
                    self.session.ping(b"").await.map_err(|_| Gone)?;
                }
                _ = closing.wait_for(|closing| *closing) => {
                    return Err(closed(CloseCode::Away, "the server is shutting down"));
                }
            }
        }
    }

    async fn hear<T>(
        &mut self,
        message: Option<Result<AggregatedMessage, actix_ws::ProtocolError>>,
    ) -> Result<Option<Turn<T>>, End> {
        match message {
            Some(Ok(AggregatedMessage::Text(text))) => Ok(Some(Turn::Text(text.to_string()))),
            Some(Ok(AggregatedMessage::Binary(_))) => Ok(Some(Turn::Binary)),
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                self.session.pong(&bytes).await.map_err(|_| Gone)?;
                Ok(None)
            }
            Some(Ok(AggregatedMessage::Pong(_))) => Ok(None),
            Some(Ok(AggregatedMessage::Close(_))) => Err(End::Closed(CloseCode::Normal.into())),
            Some(Err(error)) => {
                tracing::debug!(%error, "broken message");
                Err(closed(CloseCode::Protocol, &error.to_string()))
            }
            None => Err(End::Gone),
        }
    }

    /// Sends a text; a client that takes it not in time is gone.
    pub(crate) async fn say(&mut self, text: String) -> Result<(), Gone> {
        timeout(self.door.patience, self.session.text(text))
            .await
            .map_err(|_| Gone)?
            .map_err(|_| Gone)
    }

    /// Ends the connection.
    pub(crate) async fn end(self, end: End) {
        if let End::Closed(reason) = end {
            // A client that takes nothing does not take this either.
            let close = self.session.close(Some(reason));
            let _ = timeout(self.door.patience, close).await;
        }
    }
}

/// An end with words.
pub(crate) fn closed(code: CloseCode, description: &str) -> End {
    End::Closed(CloseReason {
        code,
        description: Some(description.to_owned()),
    })
}
