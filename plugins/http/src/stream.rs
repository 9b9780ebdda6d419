//! WebSocket `/v1/stream`: events and alerts as they are stored (3-22 to 3-25).
//!
//! Owns the conversation with one client. What a client is too slow for stays behind in the engine's bounded
//! buffer, and what that cannot hold becomes a gap the client is told of: nobody else waits for it.

mod listeners;
mod message;

use std::convert::Infallible;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::CloseCode;
use larum_engine::{Delivery, Subscription};

pub(crate) use self::listeners::{Listener, ListenerCounts, Listeners};
use self::message::{Asked, Said, security_event};
use crate::door::Door;
use crate::problem::Problem;
use crate::socket::{End, Gone, Socket, Turn, admit, closed, upgrade};

/// The handler.
pub(crate) async fn stream(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let listener = admit(&door)?;
    let (response, socket) = upgrade(&request, payload, door)?;
    let conversation = Conversation {
        listener,
        socket,
        subscription: None,
    };
    rt::spawn(conversation.run());
    Ok(response)
}

/// One client and what it listens to.
struct Conversation {
    listener: Listener,
    socket: Socket,
    subscription: Option<Subscription>,
}

impl Conversation {
    async fn run(mut self) {
        let end = match self.converse().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.subscription = None;
        self.socket.end(end).await;
    }

    async fn converse(&mut self) -> Result<Infallible, End> {
        let welcome = Said::ConnectionEstablished {
            client_id: self.listener.client_id(),
            timestamp: self.listener.since(),
        };
        self.socket.say(welcome.to_json()).await?;
        loop {
            let next = next_delivery(&mut self.subscription);
            match self.socket.turn(next).await? {
                Turn::Ours(delivery) => self.deliver(delivery).await?,
                Turn::Text(text) => self.answer(&text).await?,
                Turn::Binary => {
                    let message = "messages are JSON texts, not binary";
                    let said = Said::error("binary_message", message, None);
                    self.socket.say(said.to_json()).await?;
                }
            }
        }
    }

    async fn answer(&mut self, text: &str) -> Result<(), Gone> {
        let asked = match Asked::parse(text) {
            Ok(asked) => asked,
            Err(fault) => {
                let said = Said::error("bad_message", &fault.message, Some(&fault.help));
                return self.socket.say(said.to_json()).await;
            }
        };
        match asked {
            Asked::Subscribe { interest, filters } => {
                if let Some(subscription) = &self.subscription {
                    subscription.set_interest(interest);
                } else {
                    match self.socket.door().engine.subscribe(interest).await {
                        Ok(subscription) => self.subscription = Some(subscription),
                        Err(error) => {
                            let error = error.to_string();
                            let said = Said::error("subscribe_failed", &error, None);
                            return self.socket.say(said.to_json()).await;
                        }
                    }
                }
                self.listener.listens_to(&filters);
                let said = Said::SubscriptionUpdated { filters: &filters };
                self.socket.say(said.to_json()).await
            }
            Asked::Unsubscribe => {
                self.subscription = None;
                self.listener.listens_to_nothing();
                self.socket.say(Said::Unsubscribed.to_json()).await
            }
        }
    }

    async fn deliver(&mut self, delivery: Option<Delivery>) -> Result<(), End> {
        match delivery {
            Some(Delivery::Event(delivered)) => {
                self.socket.say(security_event(&delivered)).await?;
                self.listener.delivered();
            }
            Some(Delivery::Gap { missed }) => {
                self.listener.missed(missed);
                self.socket.say(Said::Gap { missed }.to_json()).await?;
            }
            None => return Err(closed(CloseCode::Away, "the engine has stopped")),
        }
        Ok(())
    }
}

async fn next_delivery(subscription: &mut Option<Subscription>) -> Option<Delivery> {
    match subscription {
        Some(subscription) => subscription.next().await,
        None => std::future::pending().await,
    }
}
