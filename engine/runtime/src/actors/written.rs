//! What the log has written, and who is to be told.
//!
//! Owns the step from what a transaction did to records and answers. Sending them on is the log actor's job.

use std::sync::Arc;

use larum_event::{Event, Position, Record, RecordBody, Timestamp};
use larum_log::{Appended, LogDone, LogError};
use tracing::error;

use crate::api::EmitError;
use crate::messages::{CommitEpoch, Reply};

/// One piece of work that is being written: what it was, and who is to be told.
pub(super) enum Written {
    Append(
        Arc<[(Event, Timestamp)]>,
        Option<Reply<Result<Vec<Appended>, EmitError>>>,
    ),
    Control(Vec<RecordBody>, Reply<Result<Vec<Position>, Arc<LogError>>>),
    Epoch(CommitEpoch),
}

/// Adds the records that one piece of work became.
pub(super) fn collect(written: &Written, done: &LogDone, records: &mut Vec<Record>) {
    let mut add = |position: &Position, body: RecordBody| {
        records.push(Record {
            position: *position,
            body,
        });
    };
    match (written, done) {
        (Written::Append(events, _), LogDone::Appended(appended)) => {
            for ((event, arrived), appended) in events.iter().zip(appended) {
                if let Appended::Stored(position) = appended {
                    let (event, arrived) = (event.clone(), *arrived);
                    add(position, RecordBody::Event { event, arrived });
                }
            }
        }
        (Written::Control(bodies, _), LogDone::Control(positions)) => {
            for (body, position) in bodies.iter().zip(positions) {
                add(position, body.clone());
            }
        }
        (Written::Epoch(epoch), LogDone::Epoch(receipt)) => {
            for (event, position) in epoch.derived.iter().zip(&receipt.derived) {
                let event = event.clone();
                add(position, RecordBody::Derived { event });
            }
            for (body, position) in epoch.also.iter().zip(&receipt.also) {
                add(position, body.clone());
            }
            let commit = RecordBody::EpochCommit(epoch.commit.clone());
            add(&receipt.commit, commit);
        }
        _ => error!("the log answered out of order"),
    }
}

/// Tells one asker. Where the answer is of another kind its channel is dropped: nobody knows.
pub(super) fn tell_asker(written: Written, done: LogDone) {
    match (written, done) {
        (Written::Append(_, reply), LogDone::Appended(appended)) => answer(reply, Ok(appended)),
        (Written::Control(_, reply), LogDone::Control(positions)) => {
            answer(Some(reply), Ok(positions));
        }
        (Written::Epoch(epoch), LogDone::Epoch(receipt)) => {
            answer(epoch.reply, Ok(receipt.derived));
        }
        _ => {}
    }
}

/// Answers; an asker that has gone away needs none.
pub(super) fn answer<T>(reply: Option<Reply<T>>, value: T) {
    if let Some(reply) = reply {
        drop(reply.send(value));
    }
}
