//! The answer to a request with events.
//!
//! Owns the answer and its status; whether an event is accepted is the engine's job.
//! Invariant: every record of the body has an item or is counted in the answer, so that a client
//! can tell which to send again.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use larum_engine::EmitReceipt;
use larum_event::{Position, Rejection, RejectionReason};
use serde::Serialize;

use super::records::{RequestKind, RequestRecords};
use crate::problem::{HttpProblem, ProblemExplanation};

/// Which items an answer lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemChoice {
    /// Every one: a client learns the ids that the door filled in.
    All,
    /// Duplicates and rejected ones.
    Failed,
}

#[derive(Serialize)]
struct ReceiveAnswer<'a> {
    accepted: u64,
    duplicates: u64,
    rejected: u64,
    items: Vec<AnswerItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ProblemExplanation>,
}

#[derive(Serialize)]
struct AnswerItem<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    status: ItemStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<RejectionReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ItemStatus {
    /// Durable as far as its channel promises, which is less than on the disk.
    Queued,
    Stored,
    Duplicate,
    Rejected,
}

/// The answer to a request: `receipts` are those of the events among `records`, in order.
pub(super) fn build_answer(
    records: &RequestRecords,
    receipts: Vec<EmitReceipt>,
    wanted: ItemChoice,
) -> Result<HttpResponse, HttpProblem> {
    let mut left = receipts.iter();
    let mut answer = ReceiveAnswer {
        accepted: 0,
        duplicates: 0,
        rejected: 0,
        items: Vec::with_capacity(records.list.len()),
        error: None,
    };
    let mut first_rejection = None;
    for (index, record) in records.list.iter().enumerate() {
        let mut item = AnswerItem {
            index,
            line: record.line,
            status: ItemStatus::Rejected,
            id: None,
            position: None,
            reason: None,
            member: None,
            detail: None,
        };
        // Only events were handed to the engine: a receipt is taken for those, and none for a
        // record that was rejected before.
        let rejection = match &record.outcome {
            Ok(event) => {
                item.id = Some(event.envelope().id.as_str());
                item.apply_receipt(left.next().ok_or_else(missing_receipt_problem)?)
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
            ItemStatus::Queued | ItemStatus::Stored => answer.accepted += 1,
            ItemStatus::Duplicate => answer.duplicates += 1,
            ItemStatus::Rejected => answer.rejected += 1,
        }
        // Counted before the choice: `items=failed` leaves items out of the list, never out of the
        // counts.
        let good = matches!(item.status, ItemStatus::Queued | ItemStatus::Stored);
        if wanted == ItemChoice::All || !good {
            answer.items.push(item);
        }
    }
    let status = match records.kind {
        RequestKind::Single => single_status(&answer, first_rejection),
        RequestKind::Batch => batch_status(&answer),
    };
    if status.as_u16() >= 400 {
        answer.error = first_rejection.map(|rejection| explain_rejection(rejection, records.kind));
    }
    Ok(HttpResponse::build(status).json(answer))
}

impl<'a> AnswerItem<'a> {
    /// Takes over what the engine says, and gives back why it refused.
    fn apply_receipt(&mut self, receipt: &'a EmitReceipt) -> Option<&'a Rejection> {
        match receipt {
            EmitReceipt::Queued => self.status = ItemStatus::Queued,
            EmitReceipt::Stored { position } => {
                self.status = ItemStatus::Stored;
                self.position = Some(*position);
            }
            EmitReceipt::Duplicate { position } => {
                self.status = ItemStatus::Duplicate;
                self.position = Some(*position);
            }
            EmitReceipt::Rejected(rejection) => return Some(rejection),
        }
        None
    }
}

/// The status of a request that is refused for `reason`.
pub(super) fn refusal_status(reason: RejectionReason) -> StatusCode {
    match reason {
        RejectionReason::Syntax | RejectionReason::InvalidUtf8 => StatusCode::BAD_REQUEST,
        RejectionReason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RejectionReason::IdConflict => StatusCode::CONFLICT,
        RejectionReason::TooDeep
        | RejectionReason::DuplicateMember
        | RejectionReason::NumberOutOfRange
        | RejectionReason::MissingMember
        | RejectionReason::WrongType
        | RejectionReason::InvalidMember
        | RejectionReason::InvalidTime
        | RejectionReason::InvalidTopic
        | RejectionReason::NotDecoded
        | RejectionReason::TenantRequired
        | RejectionReason::UnknownTenant
        | RejectionReason::ChannelRefused
        | RejectionReason::CausationDepth => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn single_status(answer: &ReceiveAnswer<'_>, rejection: Option<&Rejection>) -> StatusCode {
    match rejection {
        Some(rejection) => refusal_status(rejection.reason),
        None if answer.duplicates > 0 => StatusCode::OK,
        None => StatusCode::CREATED,
    }
}

fn batch_status(answer: &ReceiveAnswer<'_>) -> StatusCode {
    if answer.rejected == 0 {
        StatusCode::OK
    } else if answer.accepted + answer.duplicates > 0 {
        StatusCode::MULTI_STATUS
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

fn explain_rejection(rejection: &Rejection, kind: RequestKind) -> ProblemExplanation {
    match kind {
        RequestKind::Single => ProblemExplanation {
            code: rejection.reason.code(),
            message: rejection.to_string(),
            help: None,
        },
        RequestKind::Batch => ProblemExplanation {
            code: "all_rejected",
            message: format!(
                "no event of the batch was accepted; the first because of {rejection}"
            ),
            help: Some("each item has its own reason".to_owned()),
        },
    }
}

fn missing_receipt_problem() -> HttpProblem {
    tracing::error!("the engine gave fewer receipts than it was given events");
    HttpProblem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the engine did not say what became of every event",
    )
    .with_help("send the same events again; those that are stored count as duplicates")
}
