//! `GET /v1/trees`: the trees that an entity is part of.

use actix_web::{HttpRequest, HttpResponse, web};
use larum_event::limits;
use serde::Serialize;

use super::{read_tenant, tree_problem};
use crate::door::DoorState;
use crate::entities::read_entities;
use crate::params::QueryParams;
use crate::problem::HttpProblem;

const OF_TREES: &[&str] = &["user", "ip", "host", "hash", "entity", "tenant", "limit"];

/// Those found, the one added to last first.
#[derive(Debug, Serialize)]
struct TreeList<'a> {
    items: Vec<TreeListItem<'a>>,
    /// How many there are, listed or not.
    total: usize,
}

#[derive(Debug, Serialize)]
struct TreeListItem<'a> {
    root: &'a str,
    nodes: usize,
}

/// The handler.
pub(crate) async fn get_trees(
    request: HttpRequest,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = QueryParams::from_query(request.query_string(), OF_TREES)?;
    let tenant = read_tenant(&params, &door)?;
    let limit = params.parse_number("limit", 1..=limits::PAGE_MOST)?;
    let named = read_entities(&params)?;
    let [(kind, value)] = named.as_slice() else {
        let message = match named.len() {
            0 => "whose trees are asked for is not said".to_owned(),
            several => format!("{several} entities are named, and trees are found by one"),
        };
        return Err(
            HttpProblem::bad_request("bad_parameter", message).with_help(
                "name one of user, ip, host, hash or entity=kind:value, such as /v1/trees?user=eve",
            ),
        );
    };
    let found = door
        .engine
        .trees_with_entity(tenant.clone(), kind.clone(), value.clone())
        .await;
    let found = found.map_err(|error| tree_problem(&error, &tenant))?;
    let listed = found.iter().take(limit.unwrap_or(limits::PAGE_DEFAULT));
    Ok(HttpResponse::Ok().json(TreeList {
        items: listed
            .map(|tree| TreeListItem {
                root: &tree.root,
                nodes: tree.steps,
            })
            .collect(),
        total: found.len(),
    }))
}
