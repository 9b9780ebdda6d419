//! `GET /v1/events` and `GET /v1/alerts`: what the log holds, by search and filter and page by page.
//!
//! Events are handed out byte for byte as they are stored.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{EventKinds, EventPage, EventQuery, PageOrder, QueryError, SeverityFilter};
use larum_event::search::EventSearch;
use larum_event::{RuleId, Severity, TenantId, Timestamp, TopicPattern, limits};

use crate::door::DoorState;
use crate::params::{QueryParams, bad_parameter};
use crate::problem::HttpProblem;

const OF_EVENTS: &[&str] = &[
    "q",
    "kind",
    "type",
    "topic",
    "severity",
    "minSeverity",
    "user",
    "source",
    "tenant",
    "from",
    "to",
    "correlationId",
    "id",
    "order",
    "limit",
    "cursor",
];
const OF_ALERTS: &[&str] = &[
    "q",
    "rule",
    "topic",
    "severity",
    "minSeverity",
    "user",
    "source",
    "tenant",
    "from",
    "to",
    "correlationId",
    "id",
    "order",
    "limit",
    "cursor",
];
const NDJSON: &str = "application/x-ndjson";

/// The handler of `GET /v1/events`.
pub(crate) async fn get_events(
    request: HttpRequest,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = QueryParams::from_query(request.query_string(), OF_EVENTS)?;
    let mut query = read_query(&params, &door)?;
    query.kinds = params
        .parse_choice(
            "kind",
            &[
                ("event", EventKinds::Events),
                ("alert", EventKinds::Alerts),
                ("system", EventKinds::System),
                ("all", EventKinds::All),
            ],
        )?
        .unwrap_or(EventKinds::EventsAndAlerts);
    query.event_type = params.single_value("type")?.map(str::to_owned);
    run_search(&request, &door, query).await
}

/// The handler of `GET /v1/alerts`.
pub(crate) async fn get_alerts(
    request: HttpRequest,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = QueryParams::from_query(request.query_string(), OF_ALERTS)?;
    let mut query = read_query(&params, &door)?;
    query.kinds = EventKinds::Alerts;
    query.rule = params
        .parse_with("rule", |text| RuleId::new(text))?
        .map(|rule| rule.as_str().to_owned());
    run_search(&request, &door, query).await
}

fn read_query(params: &QueryParams, door: &DoorState) -> Result<EventQuery, HttpProblem> {
    let severity = match (
        params.parse::<Severity>("severity")?,
        params.parse::<Severity>("minSeverity")?,
    ) {
        (Some(_), Some(_)) => {
            return Err(bad_parameter(
                "minSeverity",
                "severity is there too; give one of them",
            ));
        }
        (Some(severity), None) => Some(SeverityFilter::Exactly(severity)),
        (None, Some(severity)) => Some(SeverityFilter::AtLeast(severity)),
        (None, None) => None,
    };
    let from = params.parse::<Timestamp>("from")?;
    let to = params.parse::<Timestamp>("to")?;
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(bad_parameter(
            "from",
            format!("{from} is later than to, {to}"),
        ));
    }
    let search = match params.single_value("q")? {
        Some(text) => {
            let search = EventSearch::parse(text, door.engine.now());
            Some(search.map_err(HttpProblem::bad_search)?)
        }
        None => None,
    };
    Ok(EventQuery {
        search,
        tenant: params.parse_with("tenant", |text| TenantId::new(text))?,
        topic: params.parse::<TopicPattern>("topic")?,
        user: params.single_value("user")?.map(str::to_owned),
        severity,
        source: params.single_value("source")?.map(str::to_owned),
        from,
        to,
        correlation: params.single_value("correlationId")?.map(str::to_owned),
        id: params.single_value("id")?.map(str::to_owned),
        order: params
            .parse_choice(
                "order",
                &[
                    ("newest", PageOrder::NewestFirst),
                    ("oldest", PageOrder::OldestFirst),
                ],
            )?
            .unwrap_or_default(),
        cursor: params.single_value("cursor")?.map(str::to_owned),
        limit: params
            .parse_with("limit", parse_limit)?
            .unwrap_or(limits::PAGE_DEFAULT),
        ..EventQuery::default()
    })
}

pub(crate) fn parse_limit(text: &str) -> Result<usize, String> {
    let most = limits::PAGE_MOST;
    text.parse()
        .ok()
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| format!("it is not a number from 1 to {most}"))
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

/// Tells what kept the engine from answering.
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
