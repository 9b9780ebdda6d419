//! What there is under which path, and what stands before all of it.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Handler, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{self, ServiceConfig};
use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, Resource, Responder, ResponseError,
};

use crate::door::Door;
use crate::problem::Problem;
use crate::receive::receive;
use crate::{incidents, metrics, rules, search, status, stream, tree, watch, windows};

const ENDPOINTS: &str = "POST /v1/events, /v1/rules/reload; GET /v1/events, /v1/alerts, /v1/trees, \
     /v1/trees/{id}, /v1/trees/{id}/timeline, /v1/trees/{id}/difference, /v1/trees/{id}/watch, /v1/incidents, \
     /v1/incidents/{id}, /v1/incidents/{id}/timeline, /v1/incidents/{id}/watch, /v1/stream, /v1/rules, /v1/windows, /v1/actors, /v1/connections, /v1/health, /livez, /readyz, /metrics";

/// Tells actix what there is.
pub(crate) fn configure(config: &mut ServiceConfig) {
    let events = web::resource("/v1/events")
        .route(web::post().to(receive))
        .route(web::get().to(search::events))
        .route(web::head().to(search::events))
        .default_service(web::to(|request| other_method(request, "GET, HEAD, POST")));
    config
        .service(events)
        .service(get("/v1/alerts", search::alerts))
        .service(get("/v1/trees", tree::trees))
        // An id may hold slashes; those that end like one of these must write them as %2F.
        .service(get("/v1/trees/{id:.+}/timeline", tree::timeline))
        .service(get("/v1/trees/{id:.+}/difference", tree::difference))
        .service(get("/v1/trees/{id:.+}/watch", watch::tree))
        .service(get("/v1/trees/{id:.+}", tree::tree))
        .service(get("/v1/incidents", incidents::incidents))
        .service(get("/v1/incidents/{id:.+}/timeline", incidents::timeline))
        .service(get("/v1/incidents/{id:.+}/watch", watch::incident))
        .service(get("/v1/incidents/{id:.+}", incidents::incident))
        .service(get("/v1/stream", stream::stream))
        .service(get("/v1/rules", rules::rules))
        .service(
            web::resource("/v1/rules/reload")
                .route(web::post().to(rules::reload))
                .default_service(web::to(|request| other_method(request, "POST"))),
        )
        .service(get("/v1/windows", windows::windows))
        .service(get("/v1/actors", status::actors))
        .service(get("/v1/connections", status::connections))
        .service(get("/v1/health", status::health))
        .service(get("/livez", status::livez))
        .service(get("/readyz", status::readyz))
        .service(get("/metrics", metrics::metrics))
        .default_service(web::to(not_found));
}

fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(|request| other_method(request, "GET, HEAD")))
}

async fn other_method(request: HttpRequest, allow: &'static str) -> Result<HttpResponse, Problem> {
    let (method, path) = (request.method(), request.path());
    let message = format!("{} does not know {method}", short(path));
    Err(Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        message,
    )
    .help(format!("the methods here are {allow}"))
    .allow(allow))
}

async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let message = format!("there is nothing at {}", short(request.path()));
    Err(Problem::new(StatusCode::NOT_FOUND, "not_found", message).help(ENDPOINTS))
}

fn short(path: &str) -> String {
    path.chars().take(128).collect()
}

/// Stands before everything: refuses foreign hosts and origins, and adds to every answer what keeps browsers
/// from guessing and caching.
pub(crate) async fn protect(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody + 'static>>, Error> {
    let door = request.app_data::<web::Data<Door>>().cloned();
    let door = door.expect("the app is built with its door");
    let mut response = match door.hosts.check(request.uri(), request.headers()) {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request
            .into_response(problem.error_response())
            .map_into_right_body(),
    };
    let route = response.request().match_pattern();
    let route = route.map(|pattern| pattern.replace(":.+", ""));
    let status = response.status().as_u16();
    door.requests
        .count(route.unwrap_or_else(|| "other".to_owned()), status);
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
