//! `GET /v1/trees/{id}/timeline`: what happened in a tree, in the order of time.

use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{TimelineQuery, timeline_to_text};
use larum_event::{TenantId, limits};

use super::{asked, checked, refused, tenant};
use crate::door::Door;
use crate::params::{OFFSET_MOST, Params};
use crate::problem::Problem;
use crate::style;

/// What may be asked of a timeline.
pub(crate) const OF_TIMELINE: &[&str] = &[
    "fold", "asOf", "limit", "offset", "tenant", "format", "width", "colour",
];

#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Text,
}

/// The handler.
pub(crate) async fn timeline(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), OF_TIMELINE)?;
    let tenant = tenant(&params, &door)?;
    timeline_of(&params, &door, tenant, checked(id.into_inner())?).await
}

/// The timeline of a tree or an incident.
pub(crate) async fn timeline_of(
    params: &Params,
    door: &Door,
    tenant: TenantId,
    id: String,
) -> Result<HttpResponse, Problem> {
    let format = params
        .choice("format", &[("json", Format::Json), ("text", Format::Text)])?
        .unwrap_or(Format::Json);
    let style = style::style(params)?;
    if let Format::Json = format {
        style::refuse_style(params, style::NAMES)?;
    }
    let query = TimelineQuery {
        id,
        fold: params.flag("fold")?,
        limit: params
            .number("limit", 1..=limits::TREE_PAGE_MOST)?
            .unwrap_or(limits::TREE_PAGE_DEFAULT),
        offset: params.number("offset", 0..=OFFSET_MOST)?.unwrap_or(0),
    };
    let as_of = asked::as_of(params, door)?;
    let page = door.engine.timeline(tenant.clone(), query, as_of).await;
    let page = page.map_err(|error| refused(&error, &tenant))?;
    let mut response = HttpResponse::Ok();
    response.insert_header(("larum-as-of", page.as_of.to_string()));
    Ok(match format {
        Format::Json => response.json(page),
        Format::Text => {
            response.insert_header(("larum-total", page.total.to_string()));
            style::text(&mut response, timeline_to_text(&page.entries, style))
        }
    })
}
