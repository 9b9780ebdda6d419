//! `POST /v1/events`: events come in.
//!
//! Owns the way of a request from its body to its answer; whether an event is accepted is the
//! engine's job.
//! Invariant: a 2xx means that what the answer calls stored is as durable as its channel promises;
//! what is refused is named item by item.

mod answer;
mod binary;
mod form;
mod records;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{EmitError, EmitOptions, EmitReceipt};
use larum_event::{Event, Timestamp};

use self::answer::{ItemChoice, build_answer};
use self::form::BodyForm;
use self::records::{BodyRefusal, RequestRecords, parse_body};
use crate::body::{RequestBody, interrupted_problem};
use crate::door::DoorState;
use crate::params::read_params;
use crate::problem::HttpProblem;

const PARAMETERS: &[&str] = &["decoder", "first", "items"];
const DEADLINE: &str = "larum-deadline";
/// Bodies up to this size are parsed where they are read: that takes less than a millisecond or
/// two. Larger ones would hold up the other connections of the thread.
const INLINE_BYTES: usize = 256 * 1024;

/// The handler.
pub(crate) async fn receive_events(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<DoorState>,
) -> Result<HttpResponse, HttpProblem> {
    let params = read_params(request.query_string(), PARAMETERS)?;
    let items = params
        .parse_choice(
            "items",
            &[("all", ItemChoice::All), ("failed", ItemChoice::Failed)],
        )?
        .unwrap_or(ItemChoice::All);
    let form = BodyForm::from_request(&params, request.headers(), &door)?;
    let options = EmitOptions {
        delivery_deadline: parse_deadline(request.headers())?,
    };
    let body = match door.bodies.read_body(request.headers(), payload).await {
        Ok(body) => body,
        Err(problem) => {
            if let Some(reason) = problem.rejection_reason() {
                door.engine.count_rejection(reason);
            }
            return Err(problem);
        }
    };
    let records = read_records(&door, form, body).await?;
    let events: Vec<Event> = records.events();
    let receipts = emit_events(&door, events, options).await?;
    build_answer(&records, receipts, items)
}

async fn read_records(
    door: &web::Data<DoorState>,
    form: BodyForm,
    body: RequestBody,
) -> Result<RequestRecords, HttpProblem> {
    let inline = body.bytes.len() <= INLINE_BYTES;
    let shared = door.clone();
    let work = move || {
        shared.engine.with_fill(None, |fill| {
            parse_body(&body.bytes, &form, fill, shared.request_events)
        })
    };
    let parsed = if inline {
        work()
    } else {
        web::block(work).await.map_err(|_| interrupted_problem())?
    };
    match parsed {
        Ok(records) => {
            // Counted here, because the engine never sees a record that became no event.
            for rejection in records.rejections() {
                door.engine.count_rejection(rejection.reason);
            }
            Ok(records)
        }
        Err(BodyRefusal::Whole(rejection)) => {
            door.engine.count_rejection(rejection.reason);
            let status = answer::refusal_status(rejection.reason);
            Err(HttpProblem::new(
                status,
                rejection.reason.code(),
                rejection.to_string(),
            ))
        }
        Err(BodyRefusal::TooMany { most }) => {
            door.engine
                .count_rejection(larum_event::RejectionReason::TooLarge);
            let message = format!("the request holds more than {most} events");
            Err(
                HttpProblem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_events", message)
                    .with_help("send them in smaller batches; some hundreds are quick enough"),
            )
        }
    }
}

async fn emit_events(
    door: &DoorState,
    events: Vec<Event>,
    options: EmitOptions,
) -> Result<Vec<EmitReceipt>, HttpProblem> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    door.engine
        .emit_with_guarantee(events, options)
        .await
        .map_err(|error| match &error {
            // Each help text says whether anything was stored, because a client needs that to
            // decide whether to send again.
            EmitError::Overloaded { retry_after, .. } => {
                let seconds = retry_after.as_millis().div_ceil(1000);
                HttpProblem::new(unavailable, "overloaded", error.to_string())
                    .with_help("nothing was stored; try again after the time in Retry-After")
                    .with_retry_after(u64::try_from(seconds).unwrap_or(u64::MAX))
            }
            EmitError::DeadlinePassed { .. } => {
                let status = StatusCode::PRECONDITION_FAILED;
                HttpProblem::new(status, "deadline_passed", error.to_string()).with_help(
                    "nothing was stored; set Larum-Deadline further ahead, or leave it out",
                )
            }
            EmitError::Stopping => HttpProblem::new(unavailable, "stopping", error.to_string())
                .with_help("nothing was stored; try again when the engine is back")
                .with_retry_after(1),
            EmitError::LogFailed { .. } => {
                HttpProblem::new(unavailable, "log_failed", error.to_string()).with_help(
                    "see /readyz; events with ids of their own may be sent again, what was stored \
                         counts as a duplicate then",
                )
            }
        })
}

fn parse_deadline(headers: &HeaderMap) -> Result<Option<Timestamp>, HttpProblem> {
    let Some(value) = headers.get(DEADLINE) else {
        return Ok(None);
    };
    Timestamp::parse(value.to_str().unwrap_or_default())
        .map(Some)
        .map_err(|error| HttpProblem::bad_request("bad_header", format!("Larum-Deadline: {error}")))
}
