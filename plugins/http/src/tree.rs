//! `GET /v1/trees/..`: correlation trees, by an id in them and by the entities they are about.
//!
//! Owns how questions about trees are spelt in URLs; what they mean is the engine's part.

mod difference;

mod tree_list;

mod tree_problem;

mod timeline;

use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{AsOf, TextStyle, TreeFormat, TreeQuery, TreeView, export_tree, tree_to_text};
use larum_event::{FormQuery, QueryParams, TenantId};

use crate::door::DoorState;
use crate::moment;
use crate::params::read_params;
use crate::problem::HttpProblem;
use crate::style;

pub(crate) use self::difference::get_difference;
pub(crate) use self::timeline::{OF_TIMELINE, get_timeline, timeline_response};
pub(crate) use self::tree_list::get_trees;
pub(crate) use self::tree_problem::tree_problem;

/// What an answer about a tree has besides a query.
const OF_TREE: &[&str] = &["asOf", "tenant", "format", "width", "colour", "why"];
/// What goes with text only.
const OF_TEXT: &[&str] = &["width", "colour", "why"];

/// The handler of `GET /v1/trees/{id}`.
pub(crate) async fn get_tree(
    request: HttpRequest,
    id: web::Path<String>,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let mut query = TreeQuery::whole_tree(check_id(id.into_inner())?);
    let known = [&query.parameter_names()[..], OF_TREE].concat();
    let params = read_params(request.query_string(), &known)?;
    let tenant = read_tenant(&params, &door)?;
    let format: TreeFormat = params.parse("format")?.unwrap_or_default();
    let is_text = format == TreeFormat::Text;
    // Text folds repeats unless the request says otherwise; everything else lists each event.
    query.fold = is_text;
    let query = query.with_params(&params, door.engine.now())?;
    let style = TextStyle {
        why: params.parse_flag("why")?,
        every_event: !query.fold,
        ..style::parse_style(&params)?
    };
    if !is_text {
        style::refuse_style(&params, OF_TEXT)?;
    }
    let as_of = read_as_of(&params, &door)?;
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

/// As of when; as it is now where a request does not say.
fn read_as_of(params: &QueryParams, door: &DoorState) -> Result<AsOf, HttpProblem> {
    let moment = params.parse_with("asOf", |text| moment::parse_moment(&door.engine, text))?;
    Ok(moment.unwrap_or_default())
}

/// An id out of a path, if it may be one.
pub(crate) fn check_id(id: String) -> Result<String, HttpProblem> {
    TreeQuery::check_id(&id).map_err(|message| HttpProblem::bad_request("bad_parameter", message))
}
