//! WebSocket `/v1/stream`: events and alerts as they are stored (3-22 to 3-25).
//!
//! Owns the conversation with one client. Events that a client is too slow for wait in the
//! engine's bounded buffer, and what does not fit there is reported to that client as a gap: no
//! other client waits for it.

mod message;

use std::convert::Infallible;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::CloseCode;
use larum_engine::{EventDelivery, Subscription};

use self::message::{StreamMessage, StreamRequest, security_event_json};
use crate::door::DoorState;
use crate::listeners::Listener;
use crate::problem::HttpProblem;
use crate::socket::{
    ClientGone, ClientSocket, SocketEnd, SocketTurn, admit_listener, close_with, upgrade_request,
};

/// The handler.
pub(crate) async fn open_stream(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let listener = admit_listener(&door)?;
    let (response, socket) = upgrade_request(&request, payload, door)?;
    let conversation = StreamSession {
        listener,
        socket,
        subscription: None,
    };
    rt::spawn(conversation.run());
    Ok(response)
}

/// One client and what it listens to.
struct StreamSession {
    listener: Listener,
    socket: ClientSocket,
    subscription: Option<Subscription>,
}

impl StreamSession {
    async fn run(mut self) {
        let end = match self.serve_client().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.subscription = None;
        self.socket.close(end).await;
    }

    async fn serve_client(&mut self) -> Result<Infallible, SocketEnd> {
        let welcome = StreamMessage::ConnectionEstablished {
            client_id: self.listener.client_id(),
            timestamp: self.listener.since(),
        };
        self.socket.send_text(welcome.to_json()).await?;
        loop {
            let next = next_delivery(&mut self.subscription);
            match self.socket.next_turn(next).await? {
                SocketTurn::Ours(delivery) => self.send_delivery(delivery).await?,
                SocketTurn::Text(text) => self.handle_request(&text).await?,
                SocketTurn::Binary => {
                    let message = "messages are JSON texts, not binary";
                    let reply = StreamMessage::error("binary_message", message, None);
                    self.socket.send_text(reply.to_json()).await?;
                }
            }
        }
    }

    async fn handle_request(&mut self, text: &str) -> Result<(), ClientGone> {
        let asked = match StreamRequest::parse(text) {
            Ok(asked) => asked,
            Err(fault) => {
                let reply = StreamMessage::error("bad_message", &fault.message, Some(&fault.help));
                return self.socket.send_text(reply.to_json()).await;
            }
        };
        match asked {
            StreamRequest::Subscribe { interest, filters } => {
                // A subscription that exists is changed in place. A new one would begin at the head
                // of the log and lose what is buffered.
                if let Some(subscription) = &self.subscription {
                    subscription.set_interest(interest);
                } else {
                    match self.socket.door().engine.subscribe(interest).await {
                        Ok(subscription) => self.subscription = Some(subscription),
                        Err(error) => {
                            let error = error.to_string();
                            let reply = StreamMessage::error("subscribe_failed", &error, None);
                            return self.socket.send_text(reply.to_json()).await;
                        }
                    }
                }
                // After the engine has taken the interest: `GET /v1/connections` never shows
                // filters that are not in force.
                self.listener.set_filters(&filters);
                let reply = StreamMessage::SubscriptionUpdated { filters: &filters };
                self.socket.send_text(reply.to_json()).await
            }
            StreamRequest::Unsubscribe => {
                self.subscription = None;
                self.listener.clear_filters();
                self.socket
                    .send_text(StreamMessage::Unsubscribed.to_json())
                    .await
            }
        }
    }

    async fn send_delivery(&mut self, delivery: Option<EventDelivery>) -> Result<(), SocketEnd> {
        match delivery {
            Some(EventDelivery::Event(delivered)) => {
                self.socket
                    .send_text(security_event_json(&delivered))
                    .await?;
                self.listener.count_delivered();
            }
            Some(EventDelivery::Gap { missed }) => {
                self.listener.count_missed(missed);
                self.socket
                    .send_text(StreamMessage::Gap { missed }.to_json())
                    .await?;
            }
            None => return Err(close_with(CloseCode::Away, "the engine has stopped")),
        }
        Ok(())
    }
}

async fn next_delivery(subscription: &mut Option<Subscription>) -> Option<EventDelivery> {
    match subscription {
        Some(subscription) => subscription.next().await,
        None => std::future::pending().await,
    }
}
