//! `GET /v1/events` and `GET /v1/alerts`: what the log holds, by search and filter and page by
//! page.
//!
//! Events are handed out byte for byte as they are stored.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{EventKinds, EventPage, EventQuery, QueryError};
use larum_event::FormQuery;

use crate::door::DoorState;
use crate::params::{bad_parameter, read_params};
use crate::problem::HttpProblem;

const NDJSON: &str = "application/x-ndjson";

/// The handler of `GET /v1/events`.
pub(crate) async fn get_events(
    request: HttpRequest,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let query = read_query(&request, &door, EventKinds::default())?;
    run_search(&request, &door, query).await
}

/// The handler of `GET /v1/alerts`.
pub(crate) async fn get_alerts(
    request: HttpRequest,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let query = read_query(&request, &door, EventKinds::Alerts)?;
    run_search(&request, &door, query).await
}

fn read_query(
    request: &HttpRequest,
    door: &DoorState,
    kinds: EventKinds,
) -> Result<EventQuery, HttpProblem> {
    let query = EventQuery {
        kinds,
        ..EventQuery::default()
    };
    let params = read_params(request.query_string(), &query.parameter_names())?;
    Ok(query.with_params(&params, door.engine.now())?)
}

async fn run_search(
    request: &HttpRequest,
    door: &DoorState,
    query: EventQuery,
) -> Result<HttpResponse, HttpProblem> {
    let with_cursor = query.cursor.is_some();
    let page = door
        .engine
        .query_events(query)
        .await
        .map_err(|error| match &error {
            // Everything else that a query may ask wrongly was checked when it was read.
            QueryError::Log(cause) if with_cursor => bad_parameter("cursor", cause),
            QueryError::Log(_) | QueryError::Unavailable => query_problem(&error),
        })?;
    if wants_ndjson(request.headers()) {
        let mut response = HttpResponse::Ok();
        response.content_type(NDJSON);
        if let Some(next) = &page.next {
            response.insert_header(("larum-next", next.as_str()));
        }
        return Ok(response.body(to_lines(&page)));
    }
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(to_json(&page)))
}

/// The error of a query that the engine did not answer.
pub(crate) fn query_problem(error: &QueryError) -> HttpProblem {
    match error {
        QueryError::Log(cause) => {
            tracing::error!(error = %cause, "query failed");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            HttpProblem::new(status, "query_failed", cause.to_string())
        }
        QueryError::Unavailable => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            HttpProblem::new(status, "not_now", error.to_string()).with_retry_after(1)
        }
    }
}

fn wants_ndjson(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            range
                .split(';')
                .next()
                .is_some_and(|media| media.trim() == NDJSON)
        })
}

fn to_lines(page: &EventPage) -> String {
    let mut text = String::with_capacity(page_bytes(page));
    for stored in &page.events {
        text.push_str(stored.event.json());
        text.push('\n');
    }
    text
}

fn to_json(page: &EventPage) -> String {
    let mut text = String::with_capacity(page_bytes(page) + 128);
    text.push_str("{\"items\":[");
    for (index, stored) in page.events.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(stored.event.json());
    }
    text.push_str("],\"positions\":[");
    for (index, stored) in page.events.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&stored.position.to_string());
    }
    let next = serde_json::to_string(&page.next).expect("text is JSON");
    text.push_str("],\"next\":");
    text.push_str(&next);
    text.push_str(",\"complete\":");
    text.push_str(if page.complete { "true}" } else { "false}" });
    text
}

fn page_bytes(page: &EventPage) -> usize {
    // The comma or line feed, and a position.
    page.events
        .iter()
        .map(|stored| stored.event.json().len() + 12)
        .sum()
}
