//! WebSocket `/v1/stream`: events and alerts as they are stored (3-22 to 3-25).
//!
//! Owns the conversation with one client. What a client is too slow for stays behind in the engine's bounded
//! buffer, and what that cannot hold becomes a gap the client is told of: nobody else waits for it.

mod listeners;
mod message;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use futures_util::StreamExt;
use larum_engine::{Delivery, Subscription};

use self::listeners::Listener;
pub(crate) use self::listeners::{ListenerCounts, Listeners};
use self::message::{Asked, Said, security_event};
use crate::door::Door;
use crate::problem::Problem;

/// Longest message of a client, in bytes.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Beats without a sign of life after which a client is taken for gone.
const SILENT_BEATS: u32 = 4;

/// The handler.
pub(crate) async fn stream(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    if *door.closing.borrow() {
        return Err(closing());
    }
    let (client_id, now) = door
        .engine
        .with_fill(None, |fill| ((fill.new_id)(), fill.arrived));
    let listener = door.listeners.admit(client_id, now).ok_or_else(|| {
        let message = format!("there are {} connections already", door.listeners.most());
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_connections",
            message,
        )
        .help("close one of them; GET /v1/connections lists them")
        .retry_after(1)
    })?;
    let (response, session, messages) = actix_ws::handle(&request, payload).map_err(|error| {
        Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "not_a_websocket",
            error.to_string(),
        )
        .help("connect with a WebSocket client, such as: websocat ws://127.0.0.1:PORT/v1/stream")
    })?;
    let messages = messages
        .max_frame_size(MESSAGE_BYTES)
        .aggregate_continuations()
        .max_continuation_size(MESSAGE_BYTES);
    let conversation = Conversation {
        door,
        listener,
        session,
        subscription: None,
    };
    rt::spawn(conversation.run(messages));
    Ok(response)
}

fn closing() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "stopping",
        "the server is shutting down",
    )
    .retry_after(1)
}

/// One client and what it listens to.
struct Conversation {
    door: web::Data<Door>,
    listener: Listener,
    session: Session,
    subscription: Option<Subscription>,
}

/// The client is gone, or takes nothing.
struct Gone;

/// Why a conversation ends from this side.
enum End {
    Gone,
    Closed(CloseReason),
}

impl From<Gone> for End {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl Conversation {
    async fn run(mut self, messages: AggregatedMessageStream) {
        let end = match self.converse(messages).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.subscription = None;
        if let End::Closed(reason) = end {
            // A client that takes nothing does not take this either.
            let close = self.session.close(Some(reason));
            let _ = tokio::time::timeout(self.door.patience, close).await;
        }
    }

    async fn converse(
        &mut self,
        mut messages: AggregatedMessageStream,
    ) -> Result<std::convert::Infallible, End> {
        let welcome = Said::ConnectionEstablished {
            client_id: self.listener.client_id(),
            timestamp: self.listener.since(),
        };
        self.say(welcome.to_json()).await?;
        let mut closing = self.door.closing.subscribe();
        let mut heart = tokio::time::interval(self.door.heartbeat);
        heart.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut silent_beats = 0;
        loop {
            tokio::select! {
                message = messages.next() => {
                    silent_beats = 0;
                    self.hear(message).await?;
                }
                delivery = next_delivery(&mut self.subscription) => self.deliver(delivery).await?,
                _ = heart.tick() => {
                    if silent_beats == SILENT_BEATS {
                        return Err(closed(CloseCode::Policy, "no sign of life"));
                    }
                    silent_beats += 1;
                    self.session.ping(b"").await.map_err(|_| Gone)?;
                }
                _ = closing.wait_for(|closing| *closing) => {
                    return Err(closed(CloseCode::Away, "the server is shutting down"));
                }
            }
        }
    }

    async fn hear(
        &mut self,
        message: Option<Result<AggregatedMessage, actix_ws::ProtocolError>>,
    ) -> Result<(), End> {
        match message {
            Some(Ok(AggregatedMessage::Text(text))) => self.answer(&text).await?,
            Some(Ok(AggregatedMessage::Binary(_))) => {
                let message = "messages are JSON texts, not binary";
                self.say(Said::error("binary_message", message, None).to_json())
                    .await?;
            }
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                self.session.pong(&bytes).await.map_err(|_| Gone)?;
            }
            Some(Ok(AggregatedMessage::Pong(_))) => {}
            Some(Ok(AggregatedMessage::Close(_))) => {
                return Err(End::Closed(CloseCode::Normal.into()));
            }
            Some(Err(error)) => {
                tracing::debug!(client = %self.listener.client_id(), %error, "broken message");
                return Err(closed(CloseCode::Protocol, &error.to_string()));
            }
            None => return Err(End::Gone),
        }
        Ok(())
    }

    async fn answer(&mut self, text: &str) -> Result<(), Gone> {
        let asked = match Asked::parse(text) {
            Ok(asked) => asked,
            Err(fault) => {
                let said = Said::error("bad_message", &fault.message, Some(&fault.help));
                return self.say(said.to_json()).await;
            }
        };
        match asked {
            Asked::Subscribe { interest, filters } => {
                if let Some(subscription) = &self.subscription {
                    subscription.set_interest(interest);
                } else {
                    match self.door.engine.subscribe(interest).await {
                        Ok(subscription) => self.subscription = Some(subscription),
                        Err(error) => {
                            let error = error.to_string();
                            let said = Said::error("subscribe_failed", &error, None);
                            return self.say(said.to_json()).await;
                        }
                    }
                }
                self.listener.listens_to(&filters);
                self.say(Said::SubscriptionUpdated { filters: &filters }.to_json())
                    .await
            }
            Asked::Unsubscribe => {
                self.subscription = None;
                self.listener.listens_to_nothing();
                self.say(Said::Unsubscribed.to_json()).await
            }
        }
    }

    async fn deliver(&mut self, delivery: Option<Delivery>) -> Result<(), End> {
        match delivery {
            Some(Delivery::Event(delivered)) => {
                self.say(security_event(&delivered)).await?;
                self.listener.delivered();
            }
            Some(Delivery::Gap { missed }) => {
                self.listener.missed(missed);
                self.say(Said::Gap { missed }.to_json()).await?;
            }
            None => return Err(closed(CloseCode::Away, "the engine has stopped")),
        }
        Ok(())
    }

    async fn say(&mut self, text: String) -> Result<(), Gone> {
        tokio::time::timeout(self.door.patience, self.session.text(text))
            .await
            .map_err(|_| Gone)?
            .map_err(|_| Gone)
    }
}

async fn next_delivery(subscription: &mut Option<Subscription>) -> Option<Delivery> {
    match subscription {
        Some(subscription) => subscription.next().await,
        None => std::future::pending().await,
    }
}

fn closed(code: CloseCode, description: &str) -> End {
    End::Closed(CloseReason {
        code,
        description: Some(description.to_owned()),
    })
}
