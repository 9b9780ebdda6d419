//! `GET /v1/trees/{id}`: the correlation tree that holds a step, an event or an alert.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::to_text;
use larum_event::{TenantId, limits};

use crate::door::Door;
use crate::params::Params;
use crate::problem::Problem;
use crate::search::failed;

#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Text,
}

/// The handler.
pub(crate) async fn tree(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), &["tenant", "format"])?;
    let format = params
        .choice("format", &[("json", Format::Json), ("text", Format::Text)])?
        .unwrap_or(Format::Json);
    let tenant = match params.read_with("tenant", |text| TenantId::new(text))? {
        Some(tenant) => tenant,
        None => door.engine.with_fill(None, |fill| fill.tenant.clone()),
    };
    let id = id.into_inner();
    if id.is_empty() || id.len() > limits::CORRELATION_ID_BYTES {
        let message = format!("an id has 1 to {} bytes", limits::CORRELATION_ID_BYTES);
        return Err(Problem::bad_request("bad_parameter", message));
    }
    let tree = door
        .engine
        .tree(tenant.clone(), id.clone())
        .await
        .map_err(|error| failed(&error))?;
    let Some(tree) = tree else {
        let message = format!("tenant {tenant} has no tree with {id:?} in it");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_such_tree", message)
            .help("the id is that of a root, step, event or alert; other tenants are named with ?tenant="));
    };
    Ok(match format {
        Format::Json => HttpResponse::Ok().json(tree),
        Format::Text => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .body(to_text(&tree, Default::default())),
    })
}
