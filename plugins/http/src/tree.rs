//! `GET /v1/trees/..`: correlation trees, by what stands in them and by whom they are about.
//!
//! Owns how questions about trees are spelt in URLs; what they mean is the engine's part.

mod tree_params;

mod difference;

mod tree_list;

mod tree_problem;

mod timeline;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{TextStyle, TreeFormat, TreeQuery, TreeView, export_tree, tree_to_text};
use larum_event::{TenantId, limits};

use crate::door::DoorState;
use crate::params::QueryParams;
use crate::problem::HttpProblem;
use crate::style;

pub(crate) use self::difference::get_difference;
pub(crate) use self::timeline::{OF_TIMELINE, get_timeline, timeline_response};
pub(crate) use self::tree_list::get_trees;
pub(crate) use self::tree_problem::tree_problem;

/// Longest id of a node, in bytes: a link's name, its scope and its id.
const NODE_ID_BYTES: usize = 2 * limits::CORRELATION_ID_BYTES;

/// The handler of `GET /v1/trees/{id}`.
pub(crate) async fn get_tree(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = QueryParams::from_query(request.query_string(), tree_params::OF_TREE)?;
    let tenant = read_tenant(&params, &door)?;
    let format: TreeFormat = params.parse("format")?.unwrap_or_default();
    let is_text = format == TreeFormat::Text;
    let folds = params.parse_bool("fold")?.unwrap_or(is_text);
    let style = TextStyle {
        why: params.parse_flag("why")?,
        every_event: !folds,
        ..style::parse_style(&params)?
    };
    if !is_text {
        style::refuse_style(&params, tree_params::OF_TEXT)?;
    }
    let id = check_id(id.into_inner())?;
    let as_of = tree_params::read_as_of(&params, &door)?;
    let query = TreeQuery {
        fold: folds,
        ..tree_params::read_query(&params, id)?
    };
    let found = door.engine.tree_query(tenant.clone(), query, as_of).await;
    let view = found.map_err(|error| tree_problem(&error, &tenant))?;
    let body = match format {
        TreeFormat::Text => tree_to_text(&view, style),
        TreeFormat::Json
        | TreeFormat::Dot
        | TreeFormat::Mermaid
        | TreeFormat::Otlp
        | TreeFormat::Csv
        | TreeFormat::CsvEvents => export_tree(&view, format),
    };
    Ok(tree_response(&view, format, body))
}

fn tree_response(view: &TreeView, format: TreeFormat, body: String) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type(format.media_type());
    response.insert_header(("larum-as-of", view.as_of.to_string()));
    if let Some(next) = &view.next {
        response.insert_header(("larum-next", next.as_str()));
    }
    response.body(body)
}

/// Whose trees are asked for; the default tenant's where a request names none.
pub(crate) fn read_tenant(params: &QueryParams, door: &DoorState) -> Result<TenantId, HttpProblem> {
    let named = params.parse_with("tenant", |text| TenantId::new(text))?;
    Ok(named.unwrap_or_else(|| door.engine.with_fill(None, |fill| fill.tenant.clone())))
}

/// An id out of a path, which may be one.
pub(crate) fn check_id(id: String) -> Result<String, HttpProblem> {
    if id.is_empty() || id.len() > NODE_ID_BYTES {
        let message = format!("an id has 1 to {NODE_ID_BYTES} bytes");
        return Err(HttpProblem::new(
            StatusCode::BAD_REQUEST,
            "bad_parameter",
            message,
        ));
    }
    Ok(id)
}
