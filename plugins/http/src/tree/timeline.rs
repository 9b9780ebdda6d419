//! `GET /v1/trees/{id}/timeline`: what happened in a tree, in the order of time.

use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{TimelineQuery, timeline_to_text};
use larum_event::{QueryParams, TenantId, limits};

use super::{check_id, read_as_of, read_tenant, tree_problem};
use crate::door::DoorState;
use crate::params::read_params;
use crate::problem::HttpProblem;
use crate::style::{self, AnswerFormat};

/// Most entries that may be left out before a page.
const OFFSET_MOST: usize = 1_000_000_000;

/// The parameters of a timeline.
pub(crate) const OF_TIMELINE: &[&str] = &[
    "fold", "asOf", "limit", "offset", "tenant", "format", "width", "colour",
];

/// The handler.
pub(crate) async fn get_timeline(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = read_params(request.query_string(), OF_TIMELINE)?;
    let tenant = read_tenant(&params, &door)?;
    timeline_response(&params, &door, tenant, check_id(id.into_inner())?).await
}

/// The timeline of a tree or an incident.
pub(crate) async fn timeline_response(
    params: &QueryParams,
    door: &DoorState,
    tenant: TenantId,
    id: String,
) -> Result<HttpResponse, HttpProblem> {
    let format = AnswerFormat::parse(params)?;
    let query = TimelineQuery {
        id,
        fold: params.parse_flag("fold")?,
        limit: params
            .parse_number("limit", 1..=limits::TREE_PAGE_MOST)?
            .unwrap_or(limits::TREE_PAGE_DEFAULT),
        offset: params.parse_number("offset", 0..=OFFSET_MOST)?.unwrap_or(0),
    };
    let as_of = read_as_of(params, door)?;
    let found = door.engine.timeline(tenant.clone(), query, as_of).await;
    let page = found.map_err(|error| tree_problem(&error, &tenant))?;
    let mut response = HttpResponse::Ok();
    response.insert_header(("larum-as-of", page.as_of.to_string()));
    Ok(match format {
        AnswerFormat::Json => response.json(page),
        AnswerFormat::Text(style) => {
            response.insert_header(("larum-total", page.total.to_string()));
            style::text_response(&mut response, timeline_to_text(&page.entries, style))
        }
    })
}
