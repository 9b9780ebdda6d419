//! `GET /v1/windows`: what is open in the windows of the rules in force.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::WindowsQuery;
use larum_event::{RuleId, TenantId, limits};

use crate::door::Door;
use crate::params::Params;
use crate::problem::Problem;
use crate::search::{failed, limit};

/// The handler.
pub(crate) async fn windows(
    request: HttpRequest,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), &["rule", "tenant", "key", "limit"])?;
    let query = WindowsQuery {
        rule: params.read_with("rule", |text| RuleId::new(text))?,
        tenant: params.read_with("tenant", |text| TenantId::new(text))?,
        key: params.one("key")?.map(str::to_owned),
        limit: params
            .read_with("limit", limit)?
            .unwrap_or(limits::PAGE_DEFAULT),
    };
    if let Some(rule) = query
        .rule
        .as_ref()
        .filter(|rule| !door.engine.has_rule(rule))
    {
        let message = format!("no rule {rule} is in force");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_such_rule", message)
            .help("GET /v1/rules lists those that are"));
    }
    let found = door.engine.windows(query).await;
    Ok(HttpResponse::Ok().json(found.map_err(|error| failed(&error))?))
}
