//! WebSockets `/v1/trees/{id}/watch` and `/v1/incidents/{id}/watch`: nodes and edges as they come.
//!
//! A client that was away goes on behind the last position it was told. One that is too slow is told where to go on,
//! and the connection ends: what it missed is in the log.

use std::convert::Infallible;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::CloseCode;
use larum_engine::{TreeDelivery, TreeUpdate, TreeWatch};
use larum_event::{EventId, Position, TenantId};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::door::Door;
use crate::incidents;
use crate::moment;
use crate::params::Params;
use crate::problem::Problem;
use crate::socket::{End, Socket, Turn, admit, closed, upgrade};
use crate::stream::Listener;
use crate::tree::{checked, refused, tenant};

const OF_WATCH: &[&str] = &["after", "tenant"];

/// What is said over a watch.
#[derive(Debug, Serialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
enum Said<'a> {
    /// The first message.
    Watching {
        client_id: &'a EventId,
        #[serde(flatten)]
        watched: &'a Watched,
    },
    /// Something came or changed.
    TreeChange {
        #[serde(flatten)]
        update: &'a TreeUpdate,
    },
    /// The client was too slow; nothing more comes. Watching after `resume` goes on without a gap.
    Gap { resume: Position },
}

/// What is watched. `GET /v1/connections` shows it too.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Watched {
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    tenant: TenantId,
    after: Position,
}

/// The handler of `/v1/trees/{id}/watch`.
pub(crate) async fn tree(
    request: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let (tenant, after) = asked(&request, &door)?;
    let id = checked(id.into_inner())?;
    let watched = Watched {
        tree: Some(id.clone()),
        incident: None,
        tenant,
        after,
    };
    watch(&request, payload, door, (id, watched)).await
}

/// The handler of `/v1/incidents/{id}/watch`.
pub(crate) async fn incident(
    request: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let (tenant, after) = asked(&request, &door)?;
    let incident = incidents::found(&door, &tenant, id.into_inner()).await?;
    let id = incident.id.to_string();
    let watched = Watched {
        tree: None,
        incident: Some(id.clone()),
        tenant,
        after,
    };
    watch(&request, payload, door, (id, watched)).await
}

fn asked(request: &HttpRequest, door: &Door) -> Result<(TenantId, Position), Problem> {
    let params = Params::read(request.query_string(), OF_WATCH)?;
    let after = params.read_with("after", |text| moment::position(&door.engine, text))?;
    Ok((tenant(&params, door)?, after.unwrap_or(Position::START)))
}

async fn watch(
    request: &HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
    (id, watched): (String, Watched),
) -> Result<HttpResponse, Problem> {
    let listener = admit(&door)?;
    let (response, socket) = upgrade(request, payload, door.clone())?;
    let tenant = watched.tenant.clone();
    let watch = door.engine.watch_tree(tenant, id, watched.after).await;
    let watch = watch.map_err(|error| refused(&error, &watched.tenant))?;
    let filters = serde_json::value::to_raw_value(&watched);
    let filters: Box<RawValue> = filters.expect("texts and numbers can be written");
    listener.listens_to(&filters);
    let telling = Telling {
        listener,
        socket,
        watch,
    };
    rt::spawn(telling.run(watched));
    Ok(response)
}

/// One client and what it watches.
struct Telling {
    listener: Listener,
    socket: Socket,
    watch: TreeWatch,
}

impl Telling {
    async fn run(mut self, watched: Watched) {
        let end = match self.tell(&watched).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let Self { socket, watch, .. } = self;
        drop(watch);
        socket.end(end).await;
    }

    async fn tell(&mut self, watched: &Watched) -> Result<Infallible, End> {
        let client_id = self.listener.client_id().clone();
        let welcome = Said::Watching {
            client_id: &client_id,
            watched,
        };
        self.say(&welcome).await?;
        loop {
            match self.socket.turn(self.watch.next()).await? {
                Turn::Ours(Some(TreeDelivery::Change(update))) => {
                    self.say(&Said::TreeChange { update: &update }).await?;
                    self.listener.delivered();
                }
                Turn::Ours(Some(TreeDelivery::Gap { resume })) => {
                    self.say(&Said::Gap { resume }).await?;
                    return Err(closed(CloseCode::Again, "too slow; go on after resume"));
                }
                Turn::Ours(None) => {
                    return Err(closed(CloseCode::Away, "the engine has stopped"));
                }
                Turn::Text(_) | Turn::Binary => {
                    let words =
                        "nothing is asked over a watch; connect again to watch something else";
                    return Err(closed(CloseCode::Policy, words));
                }
            }
        }
    }

    async fn say(&mut self, said: &Said<'_>) -> Result<(), End> {
        let text = serde_json::to_string(said).expect("trees can be written as JSON");
        Ok(self.socket.say(text).await?)
    }
}
