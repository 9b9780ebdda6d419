//! WebSockets: letting clients in, signs of life, and the end.
//!
//! Owns the connection; what is said over it belongs to [`crate::open_stream`] and
//! [`crate::open_watch`].
//! Invariant: a client that takes nothing or shows no sign of life is dropped after a fixed time,
//! so that a dead connection never holds its place.

use std::pin::pin;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use futures_util::StreamExt;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::door::DoorState;
use crate::listeners::Listener;
use crate::problem::HttpProblem;

/// Longest message of a client, in bytes.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Beats without a sign of life after which a client is taken for gone.
const SILENT_BEATS: u32 = 4;

/// One connection.
pub(crate) struct ClientSocket {
    door: web::Data<DoorState>,
    session: Session,
    messages: AggregatedMessageStream,
    heart: Interval,
    silent_beats: u32,
}

/// The client is gone, or takes nothing.
pub(crate) struct ClientGone;

/// Why a connection ends from this side.
pub(crate) enum SocketEnd {
    Gone,
    Closed(CloseReason),
}

/// What came first.
pub(crate) enum SocketTurn<T> {
    /// What this side waited for.
    Ours(T),
    /// A text of the client.
    Text(String),
    /// A message of the client that is no text.
    Binary,
}

impl From<ClientGone> for SocketEnd {
    fn from(ClientGone: ClientGone) -> Self {
        Self::Gone
    }
}

/// A place for a new connection, unless the door closes or all are taken.
pub(crate) fn admit_listener(door: &DoorState) -> Result<Listener, HttpProblem> {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    if *door.closing.borrow() {
        let message = "the server is shutting down";
        return Err(HttpProblem::new(unavailable, "stopping", message).with_retry_after(1));
    }
    let (client_id, now) = door
        .engine
        .with_fill(None, |fill| ((fill.new_id)(), fill.arrived));
    door.listeners.admit_client(client_id, now).ok_or_else(|| {
        let message = format!(
            "there are {} connections already",
            door.listeners.capacity()
        );
        HttpProblem::new(unavailable, "too_many_connections", message)
            .with_help("close one of them; GET /v1/connections lists them")
            .with_retry_after(1)
    })
}

/// Makes a WebSocket of a request. No message is sent before the answer.
pub(crate) fn upgrade_request(
    request: &HttpRequest,
    payload: web::Payload,
    door: web::Data<DoorState>,
) -> Result<(HttpResponse, ClientSocket), HttpProblem> {
    let (response, session, messages) = actix_ws::handle(request, payload).map_err(|error| {
        let status = StatusCode::UPGRADE_REQUIRED;
        HttpProblem::new(status, "not_a_websocket", error.to_string()).with_help(
            "connect with a WebSocket client, such as: websocat ws://127.0.0.1:PORT/v1/stream",
        )
    })?;
    let messages = messages
        .max_frame_size(MESSAGE_BYTES)
        .aggregate_continuations()
        .max_continuation_size(MESSAGE_BYTES);
    let mut heart = interval(door.heartbeat);
    heart.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let socket = ClientSocket {
        door,
        session,
        messages,
        heart,
        silent_beats: 0,
    };
    Ok((response, socket))
}

impl ClientSocket {
    /// The door it came in by.
    pub(crate) fn door(&self) -> &DoorState {
        &self.door
    }

    /// Waits for what comes first: `ours`, or a message of the client. `ours` is dropped when it is
    /// not that.
    pub(crate) async fn next_turn<T>(
        &mut self,
        ours: impl Future<Output = T>,
    ) -> Result<SocketTurn<T>, SocketEnd> {
        let mut ours = pin!(ours);
        let mut closing = self.door.closing.subscribe();
        loop {
            tokio::select! {
                message = self.messages.next() => {
                    self.silent_beats = 0;
                    if let Some(turn) = self.handle_message(message).await? {
                        return Ok(turn);
                    }
                }
                ready = &mut ours => return Ok(SocketTurn::Ours(ready)),
                _ = self.heart.tick() => {
                    if self.silent_beats == SILENT_BEATS {
                        return Err(close_with(CloseCode::Policy, "no sign of life"));
                    }
                    self.silent_beats += 1;
                    self.session.ping(b"").await.map_err(|_| ClientGone)?;
                }
                _ = closing.wait_for(|closing| *closing) => {
                    return Err(close_with(CloseCode::Away, "the server is shutting down"));
                }
            }
        }
    }

    async fn handle_message<T>(
        &mut self,
        message: Option<Result<AggregatedMessage, actix_ws::ProtocolError>>,
    ) -> Result<Option<SocketTurn<T>>, SocketEnd> {
        match message {
            Some(Ok(AggregatedMessage::Text(text))) => Ok(Some(SocketTurn::Text(text.to_string()))),
            Some(Ok(AggregatedMessage::Binary(_))) => Ok(Some(SocketTurn::Binary)),
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                self.session.pong(&bytes).await.map_err(|_| ClientGone)?;
                Ok(None)
            }
            Some(Ok(AggregatedMessage::Pong(_))) => Ok(None),
            Some(Ok(AggregatedMessage::Close(_))) => {
                Err(SocketEnd::Closed(CloseCode::Normal.into()))
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "broken message");
                Err(close_with(CloseCode::Protocol, &error.to_string()))
            }
            None => Err(SocketEnd::Gone),
        }
    }

    /// Sends a text; a client that takes it not in time is gone.
    pub(crate) async fn send_text(&mut self, text: String) -> Result<(), ClientGone> {
        timeout(self.door.patience, self.session.text(text))
            .await
            .map_err(|_| ClientGone)?
            .map_err(|_| ClientGone)
    }

    /// Ends the connection.
    pub(crate) async fn close(self, end: SocketEnd) {
        if let SocketEnd::Closed(reason) = end {
            // A client that takes nothing does not take this either.
            let close = self.session.close(Some(reason));
            let _ = timeout(self.door.patience, close).await;
        }
    }
}

/// An end with words.
pub(crate) fn close_with(code: CloseCode, description: &str) -> SocketEnd {
    SocketEnd::Closed(CloseReason {
        code,
        description: Some(description.to_owned()),
    })
}
