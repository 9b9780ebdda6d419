//! What became of each event of a request.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use larum_engine::Receipt;
use larum_event::{Position, Reason, Rejection};
use serde::Serialize;

use super::records::{Kind, Records};
use crate::problem::{Explanation, Problem};

/// Which items an answer lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    /// Every one: a client learns the ids that the door filled in.
    All,
    /// Duplicates and rejected ones.
    Failed,
}

#[derive(Serialize)]
struct Answer<'a> {
    accepted: u64,
    duplicates: u64,
    rejected: u64,
    items: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Explanation>,
}

#[derive(Serialize)]
struct Item<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Durable as far as its channel promises, which is less than on the disk.
    Queued,
    Stored,
    Duplicate,
    Rejected,
}

/// The answer to a request: `receipts` are those of the events among `records`, in order.
pub(super) fn answer(
    records: &Records,
    receipts: Vec<Receipt>,
    wanted: Items,
) -> Result<HttpResponse, Problem> {
    let mut left = receipts.iter();
    let mut answer = Answer {
        accepted: 0,
        duplicates: 0,
        rejected: 0,
        items: Vec::with_capacity(records.list.len()),
        error: None,
    };
    let mut first_rejection = None;
    for (index, record) in records.list.iter().enumerate() {
        let mut item = Item {
            index,
            line: record.line,
            status: Status::Rejected,
            id: None,
            position: None,
            reason: None,
            member: None,
            detail: None,
        };
        let rejection = match &record.outcome {
            Ok(event) => {
                item.id = Some(event.envelope().id.as_str());
                item.take(left.next().ok_or_else(unanswered)?)
            }
            Err(rejection) => Some(rejection),
        };
        if let Some(rejection) = rejection {
            item.reason = Some(rejection.reason);
            item.member = rejection.member.as_deref();
            item.detail = Some(&rejection.detail);
            first_rejection.get_or_insert(rejection);
        }
        match item.status {
            Status::Queued | Status::Stored => answer.accepted += 1,
            Status::Duplicate => answer.duplicates += 1,
            Status::Rejected => answer.rejected += 1,
        }
        let good = matches!(item.status, Status::Queued | Status::Stored);
        if wanted == Items::All || !good {
            answer.items.push(item);
        }
    }
    let status = match records.kind {
        Kind::Single => single_status(&answer, first_rejection),
        Kind::Batch => batch_status(&answer),
    };
    if status.as_u16() >= 400 {
        answer.error = first_rejection.map(|rejection| explanation(rejection, records.kind));
    }
    Ok(HttpResponse::build(status).json(answer))
}

impl<'a> Item<'a> {
    /// Takes over what the engine says, and gives back why it refused.
    fn take(&mut self, receipt: &'a Receipt) -> Option<&'a Rejection> {
        match receipt {
            Receipt::Queued => self.status = Status::Queued,
            Receipt::Stored { position } => {
                self.status = Status::Stored;
                self.position = Some(*position);
            }
            Receipt::Duplicate { position } => {
                self.status = Status::Duplicate;
                self.position = Some(*position);
            }
            Receipt::Rejected(rejection) => return Some(rejection),
        }
        None
    }
}

/// The status of a request that is refused for `reason`.
pub(super) fn status(reason: Reason) -> StatusCode {
    match reason {
        Reason::Syntax | Reason::InvalidUtf8 => StatusCode::BAD_REQUEST,
        Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Reason::IdConflict => StatusCode::CONFLICT,
        Reason::TooDeep
        | Reason::DuplicateMember
        | Reason::NumberOutOfRange
        | Reason::MissingMember
        | Reason::WrongType
        | Reason::InvalidMember
        | Reason::InvalidTime
        | Reason::InvalidTopic
        | Reason::NotDecoded
        | Reason::TenantRequired
        | Reason::UnknownTenant
        | Reason::ChannelRefused
        | Reason::CausationDepth => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn single_status(answer: &Answer<'_>, rejection: Option<&Rejection>) -> StatusCode {
    match rejection {
        Some(rejection) => status(rejection.reason),
        None if answer.duplicates > 0 => StatusCode::OK,
        None => StatusCode::CREATED,
    }
}

fn batch_status(answer: &Answer<'_>) -> StatusCode {
    if answer.rejected == 0 {
        StatusCode::OK
    } else if answer.accepted + answer.duplicates > 0 {
        StatusCode::MULTI_STATUS
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

fn explanation(rejection: &Rejection, kind: Kind) -> Explanation {
    match kind {
        Kind::Single => Explanation {
            code: rejection.reason.code(),
            message: rejection.to_string(),
            help: None,
        },
        Kind::Batch => Explanation {
            code: "all_rejected",
            message: format!(
                "no event of the batch was accepted; the first because of {rejection}"
            ),
            help: Some("each item tells its own reason".to_owned()),
        },
    }
}

fn unanswered() -> Problem {
    tracing::error!("the engine gave fewer receipts than it was given events");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the engine did not say what became of every event",
    )
    .help("send the same events again; those that are stored count as duplicates")
}
