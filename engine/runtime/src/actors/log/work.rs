//! Work for the log: what waits for a commit, what it becomes, and who is told.
//!
//! Owns the answers; writing is the log's actor's job. An asker whose channel is dropped knows that nobody
//! will answer.

use std::sync::Arc;

use larum_event::{Event, Position, Record, RecordBody, Timestamp};
use larum_log::{Appended, LogDone, LogError};
use tracing::error;

use crate::api::EmitError;
use crate::messages::{AppendBatch, AppendControl, CommitEpoch, Reply};

/// One piece of work that waits for the next commit.
pub(super) enum Pending {
    /// Events from outside.
    Append(AppendBatch),
    /// Records of the engine's own.
    Control(AppendControl),
    /// The outcome of an epoch.
    Epoch(CommitEpoch),
}

impl Pending {
    /// Where the epoch begins, if it is one.
    pub(super) fn begin(&self) -> Option<Position> {
        match self {
            Self::Epoch(epoch) => Some(epoch.commit.from),
            Self::Append(_) | Self::Control(_) => None,
        }
    }
}

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

/// Tells those who wait that nothing of theirs was written.
pub(super) fn refuse(pending: Vec<Pending>, cause: &str) {
    for pending in pending {
        match pending {
            Pending::Append(batch) => {
                answer(
                    batch.head.reply,
                    Err(EmitError::LogFailed {
                        cause: cause.to_owned(),
                    }),
                );
            }
            // Dropping the channel is the answer: nobody will.
            Pending::Control(_) | Pending::Epoch(_) => {}
        }
    }
}

/// Answers; an asker that has gone away needs none.
pub(super) fn answer<T>(reply: Option<Reply<T>>, value: T) {
    if let Some(reply) = reply {
        drop(reply.send(value));
    }
}
