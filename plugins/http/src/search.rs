//! `GET /v1/events` and `GET /v1/alerts`: what the log holds, by search and filter and page by page.
//!
//! Events are handed out byte for byte as they are stored.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{EventPage, EventQuery, Kinds, Order, QueryError, SeverityFilter};
use larum_event::search::Search;
use larum_event::{RuleId, Severity, TenantId, Timestamp, TopicPattern, limits};

use crate::door::Door;
use crate::params::{Params, bad_parameter};
use crate::problem::Problem;

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
pub(crate) async fn events(
    request: HttpRequest,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), OF_EVENTS)?;
    let mut query = common(&params, &door)?;
    query.kinds = params
        .choice(
            "kind",
            &[
                ("event", Kinds::Events),
                ("alert", Kinds::Alerts),
                ("system", Kinds::System),
                ("all", Kinds::All),
            ],
        )?
        .unwrap_or(Kinds::EventsAndAlerts);
    query.event_type = params.one("type")?.map(str::to_owned);
    search(&request, &door, query).await
}

/// The handler of `GET /v1/alerts`.
pub(crate) async fn alerts(
    request: HttpRequest,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), OF_ALERTS)?;
    let mut query = common(&params, &door)?;
    query.kinds = Kinds::Alerts;
    query.rule = params
        .read_with("rule", |text| RuleId::new(text))?
        .map(|rule| rule.as_str().to_owned());
    search(&request, &door, query).await
}

fn common(params: &Params, door: &Door) -> Result<EventQuery, Problem> {
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
    let search = match params.one("q")? {
        Some(text) => {
            let search = Search::parse(text, door.engine.now());
            Some(search.map_err(Problem::bad_search)?)
        }
        None => None,
    };
    Ok(EventQuery {
        search,
        tenant: params.read_with("tenant", |text| TenantId::new(text))?,
        topic: params.parse::<TopicPattern>("topic")?,
        user: params.one("user")?.map(str::to_owned),
        severity,
        source: params.one("source")?.map(str::to_owned),
        from,
        to,
        correlation: params.one("correlationId")?.map(str::to_owned),
        id: params.one("id")?.map(str::to_owned),
        order: params
            .choice(
                "order",
                &[
                    ("newest", Order::NewestFirst),
                    ("oldest", Order::OldestFirst),
                ],
            )?
            .unwrap_or_default(),
        cursor: params.one("cursor")?.map(str::to_owned),
        limit: params
            .read_with("limit", limit)?
            .unwrap_or(limits::PAGE_DEFAULT),
        ..EventQuery::default()
    })
}

pub(crate) fn limit(text: &str) -> Result<usize, String> {
    let most = limits::PAGE_MOST;
    text.parse()
        .ok()
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| format!("it is not a number from 1 to {most}"))
}

async fn search(
    request: &HttpRequest,
    door: &Door,
    query: EventQuery,
) -> Result<HttpResponse, Problem> {
    let with_cursor = query.cursor.is_some();
    let page = door
        .engine
        .query(query)
        .await
        .map_err(|error| match &error {
            // Everything else that a query may ask wrongly was checked when it was read.
            QueryError::Log(cause) if with_cursor => bad_parameter("cursor", cause),
            QueryError::Log(_) | QueryError::NotNow => failed(&error),
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
pub(crate) fn failed(error: &QueryError) -> Problem {
    match error {
        QueryError::Log(cause) => {
            tracing::error!(error = %cause, "query failed");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "query_failed", cause.to_string())
        }
        QueryError::NotNow => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Problem::new(status, "not_now", error.to_string()).retry_after(1)
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
    let mut text = String::with_capacity(bytes(page));
    for stored in &page.events {
        text.push_str(stored.event.json());
        text.push('\n');
    }
    text
}

fn to_json(page: &EventPage) -> String {
    let mut text = String::with_capacity(bytes(page) + 128);
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

fn bytes(page: &EventPage) -> usize {
    // The comma or line feed, and a position.
    page.events
        .iter()
        .map(|stored| stored.event.json().len() + 12)
        .sum()
}
