//! `GET /v1/trees`: the trees that an entity is part of.

use actix_web::{HttpRequest, HttpResponse, web};
use larum_event::limits;
use serde::Serialize;

use super::{refused, tenant};
use crate::door::Door;
use crate::entities::entities;
use crate::params::Params;
use crate::problem::Problem;

const OF_TREES: &[&str] = &["user", "ip", "host", "hash", "entity", "tenant", "limit"];

/// Those found, the one added to last first.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    items: Vec<Tree<'a>>,
    /// How many there are, listed or not.
    total: usize,
}

#[derive(Debug, Serialize)]
struct Tree<'a> {
    root: &'a str,
    nodes: usize,
}

/// The handler.
pub(crate) async fn trees(
    request: HttpRequest,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), OF_TREES)?;
    let tenant = tenant(&params, &door)?;
    let limit = params.number("limit", 1..=limits::PAGE_MOST)?;
    let named = entities(&params)?;
    let [(kind, value)] = named.as_slice() else {
        let message = match named.len() {
            0 => "whose trees are asked for is not said".to_owned(),
            several => format!("{several} entities are named, and trees are found by one"),
        };
        return Err(Problem::bad_request("bad_parameter", message).help(
            "name one of user, ip, host, hash or entity=kind:value, such as /v1/trees?user=eve",
        ));
    };
    let found = door
        .engine
        .trees_of(tenant.clone(), kind.clone(), value.clone())
        .await;
    let found = found.map_err(|error| refused(&error, &tenant))?;
    let listed = found.iter().take(limit.unwrap_or(limits::PAGE_DEFAULT));
    Ok(HttpResponse::Ok().json(Listed {
        items: listed
            .map(|tree| Tree {
                root: &tree.root,
                nodes: tree.steps,
            })
            .collect(),
        total: found.len(),
    }))
}
