//! `GET /v1/trees/{id}/difference`: what changed in a tree between two moments.

use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{AsOf, diff_to_text};

use super::{check_id, read_tenant, tree_problem};
use crate::door::DoorState;
use crate::moment;
use crate::params::{bad_parameter, read_params};
use crate::problem::HttpProblem;
use crate::style::{self, AnswerFormat};

const OF_DIFFERENCE: &[&str] = &["from", "to", "tenant", "format", "width", "colour"];

/// The handler.
pub(crate) async fn get_difference(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = read_params(request.query_string(), OF_DIFFERENCE)?;
    let tenant = read_tenant(&params, &door)?;
    let id = check_id(id.into_inner())?;
    let format = AnswerFormat::parse(&params)?;
    let read = |text: &str| moment::parse_moment(&door.engine, text);
    let Some(from) = params.parse_with("from", read)? else {
        return Err(bad_parameter(
            "from",
            "it is missing; give the position or time to compare with",
        ));
    };
    let to = params.parse_with("to", read)?.unwrap_or_default();
    if is_later(from, to) {
        return Err(bad_parameter("from", "it is later than to"));
    }
    let found = door.engine.tree_difference(tenant.clone(), id, from, to);
    let difference = found.await.map_err(|error| tree_problem(&error, &tenant))?;
    Ok(match format {
        AnswerFormat::Json => HttpResponse::Ok().json(difference),
        AnswerFormat::Text(style) => {
            style::text_response(&mut HttpResponse::Ok(), diff_to_text(&difference, style))
        }
    })
}

fn is_later(from: AsOf, to: AsOf) -> bool {
    match (from, to) {
        (AsOf::Position(from), AsOf::Position(to)) => from > to,
        (AsOf::Time(from), AsOf::Time(to)) => from > to,
        (AsOf::Now | AsOf::Position(_) | AsOf::Time(_), _) => false,
    }
}
