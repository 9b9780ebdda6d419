//! WebSockets `/v1/trees/{id}/watch` and `/v1/incidents/{id}/watch`: nodes and edges as they come.
//!
//! Owns the messages of a watch; finding the changes is the engine's job.
//! Invariant: a client that connects again after its last position misses nothing. One that is too
//! slow is sent the position to resume from, and the connection ends: what it missed is in the
//! log.

use std::convert::Infallible;

use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::CloseCode;
use larum_engine::{TreeDelivery, TreeUpdate, TreeWatch};
use larum_event::{EventId, Position, TenantId};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::door::DoorState;
use crate::incidents;
use crate::listeners::Listener;
use crate::moment;
use crate::params::read_params;
use crate::problem::HttpProblem;
use crate::socket::{
    ClientSocket, SocketEnd, SocketTurn, admit_listener, close_with, upgrade_request,
};
use crate::tree::{check_id, read_tenant, tree_problem};

const OF_WATCH: &[&str] = &["after", "tenant"];

/// The messages of a watch.
#[derive(Debug, Serialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
enum WatchNotice<'a> {
    /// The first message.
    Watching {
        client_id: &'a EventId,
        #[serde(flatten)]
        watched: &'a WatchScope,
    },
    /// Something came or changed.
    TreeChange {
        #[serde(flatten)]
        update: &'a TreeUpdate,
    },
    /// The client was too slow; nothing more comes. Watching after `resume` continues without a
    /// gap.
    Gap { resume: Position },
}

/// What is watched. `GET /v1/connections` shows it too.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WatchScope {
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<String>,
    tenant: TenantId,
    after: Position,
}

impl WatchScope {
    /// The tree or the incident.
    fn id(&self) -> String {
        let id = self.tree.as_ref().or(self.incident.as_ref());
        id.cloned().unwrap_or_default()
    }
}

/// The handler of `/v1/trees/{id}/watch`.
pub(crate) async fn watch_tree(
    request: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let (tenant, after) = read_start(&request, &door)?;
    let watched = WatchScope {
        tree: Some(check_id(id.into_inner())?),
        incident: None,
        tenant,
        after,
    };
    open_watch(&request, payload, door, watched).await
}

/// The handler of `/v1/incidents/{id}/watch`.
pub(crate) async fn watch_incident(
    request: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let (tenant, after) = read_start(&request, &door)?;
    let incident = incidents::find_incident(&door, &tenant, id.into_inner()).await?;
    let watched = WatchScope {
        tree: None,
        incident: Some(incident.id.to_string()),
        tenant,
        after,
    };
    open_watch(&request, payload, door, watched).await
}

fn read_start(
    request: &HttpRequest,
    door: &DoorState,
) -> Result<(TenantId, Position), HttpProblem> {
    let params = read_params(request.query_string(), OF_WATCH)?;
    let after = params.parse_with("after", |text| moment::parse_position(&door.engine, text))?;
    Ok((
        read_tenant(&params, door)?,
        after.unwrap_or(Position::START),
    ))
}

async fn open_watch(
    request: &HttpRequest,
    payload: web::Payload,
    door: web::Data<DoorState>,
    watched: WatchScope,
) -> Result<HttpResponse, HttpProblem> {
    let listener = admit_listener(&door)?;
    let (response, socket) = upgrade_request(request, payload, door.clone())?;
    let tenant = watched.tenant.clone();
    let id = watched.id();
    let opened = door.engine.watch_tree(tenant, id, watched.after).await;
    let watch = opened.map_err(|error| tree_problem(&error, &watched.tenant))?;
    let written = serde_json::value::to_raw_value(&watched);
    let filters: Box<RawValue> = written.expect("texts and numbers can be written");
    listener.set_filters(&filters);
    let session = WatchSession {
        listener,
        socket,
        watch,
    };
    rt::spawn(session.run(watched));
    Ok(response)
}

/// One client and what it watches.
struct WatchSession {
    listener: Listener,
    socket: ClientSocket,
    watch: TreeWatch,
}

impl WatchSession {
    async fn run(mut self, watched: WatchScope) {
        let end = match self.send_updates(&watched).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let Self { socket, watch, .. } = self;
        drop(watch);
        socket.close(end).await;
    }

    async fn send_updates(&mut self, watched: &WatchScope) -> Result<Infallible, SocketEnd> {
        let client_id = self.listener.client_id().clone();
        let welcome = WatchNotice::Watching {
            client_id: &client_id,
            watched,
        };
        self.send_notice(&welcome).await?;
        loop {
            match self.socket.next_turn(self.watch.next()).await? {
                SocketTurn::Ours(Some(TreeDelivery::Change(update))) => {
                    self.send_notice(&WatchNotice::TreeChange { update: &update })
                        .await?;
                    self.listener.count_delivered();
                }
                SocketTurn::Ours(Some(TreeDelivery::Gap { resume })) => {
                    self.send_notice(&WatchNotice::Gap { resume }).await?;
                    return Err(close_with(CloseCode::Again, "too slow; go on after resume"));
                }
                SocketTurn::Ours(None) => {
                    return Err(close_with(CloseCode::Away, "the engine has stopped"));
                }
                SocketTurn::Text(_) | SocketTurn::Binary => {
                    let words =
                        "nothing is asked over a watch; connect again to watch something else";
                    return Err(close_with(CloseCode::Policy, words));
                }
            }
        }
    }

    async fn send_notice(&mut self, notice: &WatchNotice<'_>) -> Result<(), SocketEnd> {
        let text = serde_json::to_string(notice).expect("trees can be written as JSON");
        Ok(self.socket.send_text(text).await?)
    }
}
