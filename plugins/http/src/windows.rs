//! `GET /v1/windows`: what is open in the windows of the rules in force.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::WindowsQuery;
use larum_event::{RuleId, TenantId, limits};

use crate::door::DoorState;
use crate::params::read_params;
use crate::problem::HttpProblem;
use crate::search::query_problem;

/// The handler.
pub(crate) async fn get_windows(
    request: HttpRequest,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = read_params(request.query_string(), &["rule", "tenant", "key", "limit"])?;
    let query = WindowsQuery {
        rule: params.parse_with("rule", |text| RuleId::new(text))?,
        tenant: params.parse_with("tenant", |text| TenantId::new(text))?,
        key: params.single_value("key")?.map(str::to_owned),
        limit: params
            .parse_number("limit", 1..=limits::PAGE_MOST)?
            .unwrap_or(limits::PAGE_DEFAULT),
    };
    if let Some(rule) = query
        .rule
        .as_ref()
        .filter(|rule| !door.engine.has_rule(rule))
    {
        let message = format!("no rule {rule} is in force");
        return Err(
            HttpProblem::new(StatusCode::NOT_FOUND, "no_such_rule", message)
                .with_help("GET /v1/rules lists those that are"),
        );
    }
    let found = door.engine.open_windows(query).await;
    Ok(HttpResponse::Ok().json(found.map_err(|error| query_problem(&error))?))
}
