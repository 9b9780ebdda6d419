//! `POST /v1/events`: events come in.
//!
//! Owns what a request's body is and how its answer looks. A 2xx means that what the answer calls
//! stored is as durable as its channel promises; what is refused is named item by item.

mod answer;
mod binary;
mod form;
mod records;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use larum_engine::{EmitError, EmitOptions, Receipt};
use larum_event::{Event, Timestamp};

use self::answer::{Items, answer};
use self::form::Form;
use self::records::{Records, Refused, parse};
use crate::body::{Body, interrupted};
use crate::door::Door;
use crate::params::Params;
use crate::problem::Problem;

const PARAMETERS: &[&str] = &["decoder", "first", "items"];
const DEADLINE: &str = "larum-deadline";
/// Bodies up to this size are parsed where they are read: that takes less than a millisecond or two.
/// Larger ones would hold up the other connections of the thread.
const INLINE_BYTES: usize = 256 * 1024;

/// The handler.
pub(crate) async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> Result<HttpResponse, Problem> {
    let params = Params::read(request.query_string(), PARAMETERS)?;
    let items = params
        .choice("items", &[("all", Items::All), ("failed", Items::Failed)])?
        .unwrap_or(Items::All);
    let form = Form::of(&params, request.headers(), &door)?;
    let options = EmitOptions {
        delivery_deadline: deadline(request.headers())?,
    };
    let body = match door.bodies.read(request.headers(), payload).await {
        Ok(body) => body,
        Err(problem) => {
            if let Some(reason) = problem.reason() {
                door.engine.count_rejection(reason);
            }
            return Err(problem);
        }
    };
    let records = read(&door, form, body).await?;
    let events: Vec<Event> = records.events();
    let receipts = emit(&door, events, options).await?;
    answer(&records, receipts, items)
}

async fn read(door: &web::Data<Door>, form: Form, body: Body) -> Result<Records, Problem> {
    let inline = body.bytes.len() <= INLINE_BYTES;
    let shared = door.clone();
    let work = move || {
        shared.engine.with_fill(None, |fill| {
            parse(&body.bytes, &form, fill, shared.request_events)
        })
    };
    let parsed = if inline {
        work()
    } else {
        web::block(work).await.map_err(|_| interrupted())?
    };
    match parsed {
        Ok(records) => {
            for rejection in records.rejections() {
                door.engine.count_rejection(rejection.reason);
            }
            Ok(records)
        }
        Err(Refused::Whole(rejection)) => {
            door.engine.count_rejection(rejection.reason);
            let status = answer::status(rejection.reason);
            Err(Problem::new(
                status,
                rejection.reason.code(),
                rejection.to_string(),
            ))
        }
        Err(Refused::TooMany { most }) => {
            door.engine.count_rejection(larum_event::Reason::TooLarge);
            let message = format!("the request holds more than {most} events");
            Err(
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_events", message)
                    .help("send them in smaller batches; some hundreds are quick enough"),
            )
        }
    }
}

async fn emit(
    door: &Door,
    events: Vec<Event>,
    options: EmitOptions,
) -> Result<Vec<Receipt>, Problem> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    door.engine
        .emit_with_guarantee(events, options)
        .await
        .map_err(|error| match &error {
            EmitError::Overloaded { retry_after, .. } => {
                let seconds = retry_after.as_millis().div_ceil(1000);
                Problem::new(unavailable, "overloaded", error.to_string())
                    .help("nothing was stored; try again after the time in Retry-After")
                    .retry_after(u64::try_from(seconds).unwrap_or(u64::MAX))
            }
            EmitError::DeadlinePassed { .. } => {
                let status = StatusCode::PRECONDITION_FAILED;
                Problem::new(status, "deadline_passed", error.to_string())
                    .help("nothing was stored; set Larum-Deadline further ahead, or leave it out")
            }
            EmitError::Stopping => Problem::new(unavailable, "stopping", error.to_string())
                .help("nothing was stored; try again when the engine is back")
                .retry_after(1),
            EmitError::LogFailed { .. } => {
                Problem::new(unavailable, "log_failed", error.to_string()).help(
                    "see /readyz; events with ids of their own may be sent again, what was stored \
                         counts as a duplicate then",
                )
            }
        })
}

fn deadline(headers: &HeaderMap) -> Result<Option<Timestamp>, Problem> {
    let Some(value) = headers.get(DEADLINE) else {
        return Ok(None);
    };
    Timestamp::parse(value.to_str().unwrap_or_default())
        .map(Some)
        .map_err(|error| Problem::bad_request("bad_header", format!("Larum-Deadline: {error}")))
}
