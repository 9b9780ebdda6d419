//! What the log has written, and who gets the answer.
//!
//! Owns the step from what a transaction did to records and answers. Sending them on is the log
//! actor's job.

use std::sync::Arc;

use larum_event::{Event, Position, Record, RecordBody, Timestamp};
use larum_log::{AppendOutcome, LogError, WriteReceipt};
use tracing::error;

use crate::api::EmitError;
use crate::messages::{CommitEpoch, ReplySender};

/// One piece of work that is being written: what it was, and where the answer goes.
pub(super) enum InFlightWrite {
    Append(
        Arc<[(Event, Timestamp)]>,
        Option<ReplySender<Result<Vec<AppendOutcome>, EmitError>>>,
    ),
    Control(
        Vec<RecordBody>,
        ReplySender<Result<Vec<Position>, Arc<LogError>>>,
    ),
    Epoch(CommitEpoch),
}

/// Adds the records that one piece of work became.
pub(super) fn collect_records(
    written: &InFlightWrite,
    done: &WriteReceipt,
    records: &mut Vec<Record>,
) {
    let mut add = |position: &Position, body: RecordBody| {
        records.push(Record {
            position: *position,
            body,
        });
    };
    match (written, done) {
        (InFlightWrite::Append(events, _), WriteReceipt::Appended(appended)) => {
            for ((event, arrived), appended) in events.iter().zip(appended) {
                if let AppendOutcome::Stored(position) = appended {
                    let (event, arrived) = (event.clone(), *arrived);
                    add(position, RecordBody::Event { event, arrived });
                }
            }
        }
        (InFlightWrite::Control(bodies, _), WriteReceipt::Control(positions)) => {
            for (body, position) in bodies.iter().zip(positions) {
                add(position, body.clone());
            }
        }
        (InFlightWrite::Epoch(epoch), WriteReceipt::Epoch(receipt)) => {
            for (event, position) in epoch.derived.iter().zip(&receipt.derived) {
                let event = event.clone();
                add(position, RecordBody::Derived { event });
            }
            for (body, position) in epoch.unit_changes.iter().zip(&receipt.controls) {
                add(position, body.clone());
            }
            let commit = RecordBody::EpochCommit(epoch.commit.clone());
            add(&receipt.commit, commit);
        }
        _ => error!("the log answered out of order"),
    }
}

/// Answers one write. Where the receipt is of another kind the channel is dropped, which says that
/// there is no answer.
pub(super) fn answer_write(written: InFlightWrite, done: WriteReceipt) {
    match (written, done) {
        (InFlightWrite::Append(_, reply), WriteReceipt::Appended(appended)) => {
            send_reply(reply, Ok(appended))
        }
        (InFlightWrite::Control(_, reply), WriteReceipt::Control(positions)) => {
            send_reply(Some(reply), Ok(positions));
        }
        (InFlightWrite::Epoch(epoch), WriteReceipt::Epoch(receipt)) => {
            send_reply(epoch.reply, Ok(receipt.derived));
        }
        _ => {}
    }
}

/// Answers; an asker that has gone away needs none.
pub(super) fn send_reply<T>(reply: Option<ReplySender<T>>, value: T) {
    if let Some(reply) = reply {
        drop(reply.send(value));
    }
}
