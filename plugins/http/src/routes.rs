//! The handlers by path, and the checks before all of them.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Handler, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{self, ServiceConfig};
use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, Resource, Responder, ResponseError,
};

use crate::door::DoorState;
use crate::problem::HttpProblem;
use crate::receive::receive_events;
use crate::{incidents, metrics, rules, search, status, stream, tree, watch, windows};

const ENDPOINTS: &str = "POST /v1/events, /v1/rules/reload; GET /v1/events, /v1/alerts, /v1/trees, \
     /v1/trees/{id}, /v1/trees/{id}/timeline, /v1/trees/{id}/difference, /v1/trees/{id}/watch, /v1/incidents, \
     /v1/incidents/{id}, /v1/incidents/{id}/timeline, /v1/incidents/{id}/watch, /v1/stream, /v1/rules, /v1/windows, /v1/actors, /v1/connections, /v1/health, /livez, /readyz, /metrics";

/// Registers all routes.
pub(crate) fn configure_routes(config: &mut ServiceConfig) {
    let events = web::resource("/v1/events")
        .route(web::post().to(receive_events))
        .route(web::get().to(search::get_events))
        .route(web::head().to(search::get_events))
        .default_service(web::to(|request| reject_method(request, "GET, HEAD, POST")));
    config
        .service(events)
        .service(get_resource("/v1/alerts", search::get_alerts))
        .service(get_resource("/v1/trees", tree::get_trees))
        // An id may hold slashes; those that end like one of these must write them as %2F.
        .service(get_resource(
            "/v1/trees/{id:.+}/timeline",
            tree::get_timeline,
        ))
        .service(get_resource(
            "/v1/trees/{id:.+}/difference",
            tree::get_difference,
        ))
        .service(get_resource("/v1/trees/{id:.+}/watch", watch::watch_tree))
        .service(get_resource("/v1/trees/{id:.+}", tree::get_tree))
        .service(get_resource("/v1/incidents", incidents::get_incidents))
        .service(get_resource(
            "/v1/incidents/{id:.+}/timeline",
            incidents::get_incident_timeline,
        ))
        .service(get_resource(
            "/v1/incidents/{id:.+}/watch",
            watch::watch_incident,
        ))
        .service(get_resource(
            "/v1/incidents/{id:.+}",
            incidents::get_incident,
        ))
        .service(get_resource("/v1/stream", stream::open_stream))
        .service(get_resource("/v1/rules", rules::get_rules))
        .service(
            web::resource("/v1/rules/reload")
                .route(web::post().to(rules::reload_rules))
                .default_service(web::to(|request| reject_method(request, "POST"))),
        )
        .service(get_resource("/v1/windows", windows::get_windows))
        .service(get_resource("/v1/actors", status::get_actors))
        .service(get_resource("/v1/connections", status::get_connections))
        .service(get_resource("/v1/health", status::get_health))
        .service(get_resource("/livez", status::get_livez))
        .service(get_resource("/readyz", status::get_readyz))
        .service(get_resource("/metrics", metrics::get_metrics))
        .default_service(web::to(answer_not_found));
}

fn get_resource<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(|request| reject_method(request, "GET, HEAD")))
}

async fn reject_method(
    request: HttpRequest,
    allow: &'static str,
) -> Result<HttpResponse, HttpProblem> {
    let (method, path) = (request.method(), request.path());
    let message = format!("{} does not know {method}", shorten_path(path));
    Err(HttpProblem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        message,
    )
    .with_help(format!("the methods here are {allow}"))
    .with_methods(allow))
}

async fn answer_not_found(request: HttpRequest) -> Result<HttpResponse, HttpProblem> {
    let message = format!("there is nothing at {}", shorten_path(request.path()));
    Err(HttpProblem::new(StatusCode::NOT_FOUND, "not_found", message).with_help(ENDPOINTS))
}

fn shorten_path(path: &str) -> String {
    path.chars().take(128).collect()
}

/// Runs before every handler: refuses foreign hosts and origins, and adds to every answer what
/// keeps browsers from guessing and caching.
pub(crate) async fn protect_request(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody + 'static>>, Error> {
    let registered = request.app_data::<web::Data<DoorState>>().cloned();
    let door = registered.expect("the app is built with its door");
    let mut response = match door.hosts.check_request(request.uri(), request.headers()) {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request
            .into_response(problem.error_response())
            .map_into_right_body(),
    };
    let pattern = response.request().match_pattern();
    let route = pattern.map(|pattern| pattern.replace(":.+", ""));
    let status = response.status().as_u16();
    door.requests
        .count_request(route.unwrap_or_else(|| "other".to_owned()), status);
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
