//! `GET /v1/incidents` and what is under it: alerts that belong together, as one case.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{
    IncidentQuery, IncidentSummary, TreeError, incident_to_text, incidents_to_text,
};
use larum_event::{RuleId, Severity, TenantId, limits};
use serde::Serialize;

use crate::door::Door;
use crate::entities::entities;
use crate::params::{OFFSET_MOST, Params};
use crate::problem::Problem;
use crate::style;
use crate::tree::{self, OF_TIMELINE, checked, tenant};

const OF_INCIDENTS: &[&str] = &[
    "minSeverity",
    "rule",
    "user",
    "ip",
    "host",
    "hash",
    "entity",
    "from",
    "to",
    "limit",
    "offset",
    "tenant",
    "format",
    "width",
    "colour",
];
const OF_INCIDENT: &[&str] = &["tenant", "format", "width", "colour"];

#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Text,
}

const FORMATS: &[(&str, Format)] = &[("json", Format::Json), ("text", Format::Text)];

/// A page of incidents, those changed last first.
#[derive(Debug, Serialize)]
struct Listed {
    items: Vec<IncidentSummary>,
    /// How many there are on all pages.
    total: u64,
}

/// The handler of `GET /v1/incidents`.
pub(crate) async fn incidents(
    request: HttpRequest,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), OF_INCIDENTS)?;
    let tenant = tenant(&params, &door)?;
    let format = params.choice("format", FORMATS)?.unwrap_or(Format::Json);
    let style = style::style(&params)?;
    if let Format::Json = format {
        style::refuse_style(&params, style::NAMES)?;
    }
    let query = query(&params)?;
    let found = door.engine.incidents(tenant.clone(), query).await;
    let (items, total) = found.map_err(|error| refused(&error, &tenant))?;
    let mut response = HttpResponse::Ok();
    response.insert_header(("larum-total", total.to_string()));
    Ok(match format {
        Format::Json => response.json(Listed { items, total }),
        Format::Text => style::text(&mut response, incidents_to_text(&items, total, style)),
    })
}

fn query(params: &Params) -> Result<IncidentQuery, Problem> {
    let (from, to) = params.times()?;
    let rule = params.read_with("rule", |text| RuleId::new(text))?;
    Ok(IncidentQuery {
        severity: params.parse::<Severity>("minSeverity")?,
        from,
        to,
        entities: entities(params)?,
        rule: rule.map(|rule| rule.as_str().to_owned()),
        limit: params
            .number("limit", 1..=limits::PAGE_MOST)?
            .unwrap_or(limits::PAGE_DEFAULT),
        offset: params.number("offset", 0..=OFFSET_MOST)?.unwrap_or(0),
    })
}

/// The handler of `GET /v1/incidents/{id}`.
pub(crate) async fn incident(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), OF_INCIDENT)?;
    let tenant = tenant(&params, &door)?;
    let format = params.choice("format", FORMATS)?.unwrap_or(Format::Json);
    let style = style::style(&params)?;
    if let Format::Json = format {
        style::refuse_style(&params, style::NAMES)?;
    }
    let incident = found(&door, &tenant, id.into_inner()).await?;
    Ok(match format {
        Format::Json => HttpResponse::Ok().json(incident),
        Format::Text => style::text(&mut HttpResponse::Ok(), incident_to_text(&incident, style)),
    })
}

/// The handler of `GET /v1/incidents/{id}/timeline`.
pub(crate) async fn timeline(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), OF_TIMELINE)?;
    let tenant = tenant(&params, &door)?;
    let incident = found(&door, &tenant, id.into_inner()).await?;
    tree::timeline_of(&params, &door, tenant, incident.id.to_string()).await
}

/// The incident that a path names.
pub(crate) async fn found(
    door: &Door,
    tenant: &TenantId,
    id: String,
) -> Result<IncidentSummary, Problem> {
    let found = door.engine.incident(tenant.clone(), checked(id)?).await;
    found.map_err(|error| refused(&error, tenant))
}

fn refused(error: &TreeError, tenant: &TenantId) -> Problem {
    let TreeError::NotFound { id } = error else {
        return tree::refused(error, tenant);
    };
    let message = format!("tenant {tenant} has no incident {id:?}, and none with that in it");
    Problem::new(StatusCode::NOT_FOUND, "no_such_incident", message).help(
        "the id is that of an incident or of one that became part of it, of an alert or a node of its trees, or an \
         entity such as user:eve; GET /v1/incidents lists them; other tenants are named with ?tenant=",
    )
}
