//! `GET /v1/trees`: the trees that an entity is part of.

use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::TreeListQuery;
use larum_event::FormQuery;
use serde::Serialize;

use super::{read_tenant, tree_problem};
use crate::door::DoorState;
use crate::params::read_params;
use crate::problem::HttpProblem;

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
    let query = TreeListQuery::default();
    let known = [&query.parameter_names()[..], &["tenant"]].concat();
    let params = read_params(request.query_string(), &known)?;
    let tenant = read_tenant(&params, &door)?;
    let TreeListQuery { entities, limit } = query.with_params(&params, door.engine.now())?;
    // Exactly one entity: trees are indexed by entity, and an intersection would need every tree of
    // each.
    let [(kind, value)] = entities.as_slice() else {
        let message = match entities.len() {
            0 => "no entity is named".to_owned(),
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
    let trees = found.map_err(|error| tree_problem(&error, &tenant))?;
    let listed = trees.iter().take(limit);
    Ok(HttpResponse::Ok().json(TreeList {
        items: listed
            .map(|tree| TreeListItem {
                root: &tree.root,
                nodes: tree.steps,
            })
            .collect(),
        total: trees.len(),
    }))
}
