//! Request bodies: read whole, within limits, unpacked.
//!
//! Owns the memory that bodies take; what a body means is the job of `receive`.
//! Invariant: never more is held than the limit of one body, packed or unpacked, nor more than the
//! limit of all bodies together. A client that sends more is refused before the rest is read.

use std::io::Read;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{self, Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::HttpConfig;
use crate::problem::HttpProblem;

/// Room is counted in pieces of so many bytes.
const PIECE_BYTES: usize = 1024;
/// Room taken for a body before its first byte, so that many small ones are counted in one step.
const FIRST_PIECES: usize = 64;

/// How bodies are read.
#[derive(Debug)]
pub(crate) struct BodyReader {
    room: Arc<Semaphore>,
    most_bytes: usize,
    patience: std::time::Duration,
}

/// A body. The room that it takes is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct RequestBody {
    pub(crate) bytes: Bytes,
    _room: BodyRoom,
}

#[derive(Debug)]
struct BodyRoom {
    held: OwnedSemaphorePermit,
    all: Arc<Semaphore>,
}

impl BodyReader {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        let pieces = (config.bodies_bytes / PIECE_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(pieces)),
            most_bytes: config.body_bytes,
            patience: config.patience,
        }
    }

    /// Reads and unpacks the body of a request with these headers.
    pub(crate) async fn read_body(
        &self,
        headers: &HeaderMap,
        mut payload: web::Payload,
    ) -> Result<RequestBody, HttpProblem> {
        let packing = BodyPacking::from_headers(headers)?;
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<usize>().ok());
        // A declared length is refused before room is taken, and a client need not send what would
        // be refused.
        if declared.is_some_and(|declared| declared > self.most_bytes) {
            return Err(too_large_problem(self.most_bytes));
        }
        let mut room = BodyRoom::reserve_first(&self.room)?;
        let mut bytes =
            BytesMut::with_capacity(declared.unwrap_or(0).min(FIRST_PIECES * PIECE_BYTES));
        loop {
            let chunk = tokio::time::timeout(self.patience, payload.next())
                .await
                .map_err(|_| stalled_problem())?;
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|error| {
                HttpProblem::bad_request(
                    "body_broken",
                    format!("the body could not be read: {error}"),
                )
            })?;
            if bytes.len() + chunk.len() > self.most_bytes {
                return Err(too_large_problem(self.most_bytes));
            }
            // Room before bytes: the memory of all bodies together must never exceed its limit, not
            // even for one chunk.
            room.grow_to(bytes.len() + chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        match packing {
            BodyPacking::None => Ok(RequestBody {
                bytes: bytes.freeze(),
                _room: room,
            }),
            BodyPacking::Gzip => self.unpack(bytes.freeze(), room).await,
        }
    }

    async fn unpack(&self, packed: Bytes, mut room: BodyRoom) -> Result<RequestBody, HttpProblem> {
        let most_bytes = self.most_bytes;
        let unpacked = web::block(move || {
            let mut bytes = Vec::new();
            let mut packed = MultiGzDecoder::new(packed.as_ref());
            let mut held = packed.get_ref().len();
            let mut chunk = vec![0; 64 * 1024];
            loop {
                let read = packed.read(&mut chunk).map_err(|error| {
                    HttpProblem::bad_request(
                        "body_broken",
                        format!("the body is not gzip: {error}"),
                    )
                })?;
                if read == 0 {
                    return Ok((bytes, room));
                }
                if bytes.len() + read > most_bytes {
                    return Err(too_large_problem(most_bytes));
                }
                // The packed bytes are held until unpacking ends, so they count too.
                held += read;
                room.grow_to(held)?;
                bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
            }
        });
        let (bytes, room) = unpacked.await.map_err(|_| interrupted_problem())??;
        Ok(RequestBody {
            bytes: bytes.into(),
            _room: room,
        })
    }
}

impl BodyRoom {
    fn reserve_first(all: &Arc<Semaphore>) -> Result<Self, HttpProblem> {
        let held = Arc::clone(all)
            .try_acquire_many_owned(FIRST_PIECES as u32)
            .map_err(|_| crowded_problem())?;
        Ok(Self {
            held,
            all: Arc::clone(all),
        })
    }

    /// Holds room for at least `bytes`.
    fn grow_to(&mut self, bytes: usize) -> Result<(), HttpProblem> {
        let pieces = bytes
            .div_ceil(PIECE_BYTES)
            .saturating_sub(self.held.num_permits());
        let missing = u32::try_from(pieces).map_err(|_| crowded_problem())?;
        if missing > 0 {
            let more = Arc::clone(&self.all)
                .try_acquire_many_owned(missing)
                .map_err(|_| crowded_problem())?;
            self.held.merge(more);
        }
        Ok(())
    }
}

enum BodyPacking {
    None,
    Gzip,
}

impl BodyPacking {
    fn from_headers(headers: &HeaderMap) -> Result<Self, HttpProblem> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else {
            return Ok(Self::None);
        };
        match value
            .to_str()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "" | "identity" => Ok(Self::None),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            other => Err(HttpProblem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_encoding",
                format!("bodies packed with {other:?} are not read"),
            )
            .with_help("send the body as it is, or with Content-Encoding: gzip")),
        }
    }
}

fn too_large_problem(most_bytes: usize) -> HttpProblem {
    HttpProblem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the body is larger than {most_bytes} bytes, unpacked"),
    )
    .with_help("send the events in smaller batches")
}

fn crowded_problem() -> HttpProblem {
    HttpProblem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "too many request bodies are being read at once; nothing of this one was stored",
    )
    .with_help("try again after the time in Retry-After")
    .with_retry_after(1)
}

fn stalled_problem() -> HttpProblem {
    HttpProblem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_stalled",
        "the body did not come in time; nothing of it was stored",
    )
}

/// The thread pool did not finish a piece of work, which happens while the process ends.
pub(crate) fn interrupted_problem() -> HttpProblem {
    HttpProblem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "stopping",
        "the server is shutting down; nothing of the request was stored",
    )
    .with_retry_after(1)
}
