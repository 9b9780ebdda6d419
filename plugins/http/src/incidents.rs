//! `GET /v1/incidents` and what is under it: alerts that belong together, as one case.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{
    IncidentQuery, IncidentSummary, TreeError, incident_to_text, incidents_to_text,
};
use larum_event::{FormQuery, TenantId};
use serde::Serialize;

use crate::door::DoorState;
use crate::params::read_params;
use crate::problem::HttpProblem;
use crate::style::{self, AnswerFormat};
use crate::tree::{self, OF_TIMELINE, check_id, read_tenant};

/// What every answer about incidents has besides a query.
const OF_INCIDENT: &[&str] = &["tenant", "format", "width", "colour"];

/// A page of incidents, those changed last first.
#[derive(Debug, Serialize)]
struct IncidentList {
    items: Vec<IncidentSummary>,
    /// How many there are on all pages.
    total: u64,
}

/// The handler of `GET /v1/incidents`.
pub(crate) async fn get_incidents(
    request: HttpRequest,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let query = IncidentQuery::default();
    let known = [&query.parameter_names()[..], OF_INCIDENT].concat();
    let params = read_params(request.query_string(), &known)?;
    let tenant = read_tenant(&params, &door)?;
    let format = AnswerFormat::parse(&params)?;
    let query = query.with_params(&params, door.engine.now())?;
    let found = door.engine.incidents(tenant.clone(), query).await;
    let (items, total) = found.map_err(|error| incident_problem(&error, &tenant))?;
    let mut response = HttpResponse::Ok();
    response.insert_header(("larum-total", total.to_string()));
    Ok(match format {
        AnswerFormat::Json => response.json(IncidentList { items, total }),
        AnswerFormat::Text(style) => {
            style::text_response(&mut response, incidents_to_text(&items, total, style))
        }
    })
}

/// The handler of `GET /v1/incidents/{id}`.
pub(crate) async fn get_incident(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = read_params(request.query_string(), OF_INCIDENT)?;
    let tenant = read_tenant(&params, &door)?;
    let format = AnswerFormat::parse(&params)?;
    let incident = find_incident(&door, &tenant, id.into_inner()).await?;
    Ok(match format {
        AnswerFormat::Json => HttpResponse::Ok().json(incident),
        AnswerFormat::Text(style) => {
            style::text_response(&mut HttpResponse::Ok(), incident_to_text(&incident, style))
        }
    })
}

/// The handler of `GET /v1/incidents/{id}/timeline`.
pub(crate) async fn get_incident_timeline(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = read_params(request.query_string(), OF_TIMELINE)?;
    let tenant = read_tenant(&params, &door)?;
    let incident = find_incident(&door, &tenant, id.into_inner()).await?;
    tree::timeline_response(&params, &door, tenant, incident.id.to_string()).await
}

/// The incident that a path names.
pub(crate) async fn find_incident(
    door: &DoorState,
    tenant: &TenantId,
    id: String,
) -> Result<IncidentSummary, HttpProblem> {
    let found = door.engine.incident(tenant.clone(), check_id(id)?).await;
    found.map_err(|error| incident_problem(&error, tenant))
}

fn incident_problem(error: &TreeError, tenant: &TenantId) -> HttpProblem {
    let TreeError::NotFound { id } = error else {
        return tree::tree_problem(error, tenant);
    };
    let message = format!("tenant {tenant} has no incident {id:?}, and none with that in it");
    HttpProblem::new(StatusCode::NOT_FOUND, "no_such_incident", message).with_help(
        "the id is that of an incident or of one that became part of it, of an alert or a node of its trees, or an \
         entity such as user:eve; GET /v1/incidents lists them; other tenants are named with ?tenant=",
    )
}
