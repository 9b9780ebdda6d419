//! `GET /v1/trees/{id}/difference`: what changed in a tree between two moments.

use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{AsOf, diff_to_text};

use super::{checked, refused, tenant};
use crate::door::Door;
use crate::moment;
use crate::params::{Params, bad_parameter};
use crate::problem::Problem;
use crate::style;

const OF_DIFFERENCE: &[&str] = &["from", "to", "tenant", "format", "width", "colour"];

#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Text,
}

/// The handler.
pub(crate) async fn difference(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), OF_DIFFERENCE)?;
    let tenant = tenant(&params, &door)?;
    let id = checked(id.into_inner())?;
    let format = params
        .choice("format", &[("json", Format::Json), ("text", Format::Text)])?
        .unwrap_or(Format::Json);
    let style = style::style(&params)?;
    if let Format::Json = format {
        style::refuse_style(&params, style::NAMES)?;
    }
    let read = |text: &str| moment::as_of(&door.engine, text);
    let Some(from) = params.read_with("from", read)? else {
        return Err(bad_parameter(
            "from",
            "it does not stand; it says since which position or time",
        ));
    };
    let to = params.read_with("to", read)?.unwrap_or_default();
    if is_later(from, to) {
        return Err(bad_parameter("from", "it is later than to"));
    }
    let found = door.engine.tree_difference(tenant.clone(), id, from, to);
    let difference = found.await.map_err(|error| refused(&error, &tenant))?;
    Ok(match format {
        Format::Json => HttpResponse::Ok().json(difference),
        Format::Text => style::text(&mut HttpResponse::Ok(), diff_to_text(&difference, style)),
    })
}

fn is_later(from: AsOf, to: AsOf) -> bool {
    match (from, to) {
        (AsOf::Position(from), AsOf::Position(to)) => from > to,
        (AsOf::Time(from), AsOf::Time(to)) => from > to,
        (AsOf::Now | AsOf::Position(_) | AsOf::Time(_), _) => false,
    }
}
