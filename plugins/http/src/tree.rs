//! `GET /v1/trees/..`: correlation trees, by what stands in them and by whom they are about.
//!
//! Owns how questions about trees are spelt in URLs; what they mean is the engine's part.

mod asked;

mod difference;

mod listed;

mod refused;

mod timeline;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{TextStyle, TreeFormat, TreeQuery, TreeView, export_tree, to_text};
use larum_event::{TenantId, limits};

use crate::door::Door;
use crate::params::Params;
use crate::problem::Problem;
use crate::style;

pub(crate) use self::difference::difference;
pub(crate) use self::listed::trees;
pub(crate) use self::refused::refused;
pub(crate) use self::timeline::{OF_TIMELINE, timeline, timeline_of};

/// Longest id of a node, in bytes: a link's name, its scope and its id.
const NODE_ID_BYTES: usize = 2 * limits::CORRELATION_ID_BYTES;

/// The handler of `GET /v1/trees/{id}`.
pub(crate) async fn tree(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), asked::OF_TREE)?;
    let tenant = tenant(&params, &door)?;
    let format: TreeFormat = params.parse("format")?.unwrap_or_default();
    let is_text = format == TreeFormat::Text;
    let folds = params.yes_or_no("fold")?.unwrap_or(is_text);
    let style = TextStyle {
        why: params.flag("why")?,
        every_event: !folds,
        ..style::style(&params)?
    };
    if !is_text {
        style::refuse_style(&params, asked::OF_TEXT)?;
    }
    let id = checked(id.into_inner())?;
    let as_of = asked::as_of(&params, &door)?;
    let query = TreeQuery {
        fold: folds,
        ..asked::query(&params, id)?
    };
    let found = door.engine.tree_query(tenant.clone(), query, as_of).await;
    let view = found.map_err(|error| refused(&error, &tenant))?;
    let body = match format {
        TreeFormat::Text => to_text(&view, style),
        TreeFormat::Json
        | TreeFormat::Dot
        | TreeFormat::Mermaid
        | TreeFormat::Otlp
        | TreeFormat::Csv
        | TreeFormat::CsvEvents => export_tree(&view, format),
    };
    Ok(page(&view, format, body))
}

fn page(view: &TreeView, format: TreeFormat, body: String) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type(format.media_type());
    response.insert_header(("larum-as-of", view.as_of.to_string()));
    if let Some(next) = &view.next {
        response.insert_header(("larum-next", next.as_str()));
    }
    response.body(body)
}

/// Whose trees are asked for; the default tenant's where a request names none.
pub(crate) fn tenant(params: &Params, door: &Door) -> Result<TenantId, Problem> {
    let named = params.read_with("tenant", |text| TenantId::new(text))?;
    Ok(named.unwrap_or_else(|| door.engine.with_fill(None, |fill| fill.tenant.clone())))
}

/// An id out of a path, which may be one.
pub(crate) fn checked(id: String) -> Result<String, Problem> {
    if id.is_empty() || id.len() > NODE_ID_BYTES {
        let message = format!("an id has 1 to {NODE_ID_BYTES} bytes");
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_parameter",
            message,
        ));
    }
    Ok(id)
}
