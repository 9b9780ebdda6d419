//! The load on its way: batches over connections, at a stated rate or as fast as they are taken.
//!
//! At a stated rate the loop is open: every batch has its time on a schedule, however slow the
//! answers are, and latencies count from the schedule. What waits in the client is waiting too.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use larum_engine::Engine;
use larum_event::{Event, Timestamp};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Answer, Client};
use crate::error::BenchError;
use crate::latency::Latency;
use crate::traffic::{Traffic, parse_all};

/// How long a client waits that was told that the engine is overloaded.
const PAUSE: Duration = Duration::from_millis(20);
/// Time from event to event of a load that is made beforehand.
const STEP_NANOS: i64 = 20_000;

/// What load.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Events of one request.
    pub batch: usize,
    /// Connections.
    pub connections: u64,
    /// Events per second over all connections; `None` is as fast as they are taken.
    pub rate: Option<u64>,
    /// How long.
    pub length: Duration,
    /// At the beginning, not measured.
    pub warm_up: Duration,
}

/// How the requests fared.
#[derive(Debug, Default, Clone)]
pub struct Sent {
    /// Events stored.
    pub events: u64,
    /// Bytes of them, as they were sent.
    pub bytes: u64,
    /// Requests that were turned away, and repeated.
    pub overloaded: u64,
    /// From the schedule to the answer.
    pub answers: Latency,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Sent {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.bytes += other.bytes;
        self.overloaded += other.overloaded;
        self.answers.add(&other.answers);
        self.took = self.took.max(other.took);
    }
}

/// The time of day.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Posts the load of `plan` to the door at `host`.
///
/// # Errors
/// A connection broke, or an event was refused.
pub async fn post_all(host: SocketAddr, plan: Plan) -> Result<Sent, BenchError> {
    let start = Instant::now();
    let running = (0..plan.connections).map(|stream| connection(host, plan, (stream, start)));
    let mut all = Sent::default();
    for sent in futures_util::future::join_all(running).await {
        all.add(&sent?);
    }
    Ok(all)
}

async fn connection(
    host: SocketAddr,
    plan: Plan,
    (stream, start): (u64, Instant),
) -> Result<Sent, BenchError> {
    let mut client = Client::connect(host).await?;
    let mut traffic = Traffic::new(stream);
    let mut sent = Sent::default();
    let mut lines = String::new();
    // Connections take turns.
    let every = plan
        .rate
        .map(|rate| Duration::from_secs_f64(plan.batch as f64 / rate as f64));
    let mut turn = stream;
    loop {
        let due = match every {
            Some(every) => start + every.mul_f64(turn as f64),
            None => Instant::now(),
        };
        if due.duration_since(start) >= plan.length {
            sent.took = start.elapsed();
            return Ok(sent);
        }
        tokio::time::sleep_until(due.into()).await;
        let behind = i64::try_from(due.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let first = Timestamp::from_nanos(now().as_nanos().saturating_sub(behind));
        lines.clear();
        traffic.write(plan.batch, first, &mut lines);
        while let Answer::Overloaded = client.post(&lines).await? {
            sent.overloaded += 1;
            tokio::time::sleep(PAUSE).await;
        }
        sent.events += plan.batch as u64;
        sent.bytes += lines.len() as u64;
        if due.duration_since(start) >= plan.warm_up {
            sent.answers.record(due.elapsed());
        }
        turn += plan.connections;
    }
}

/// Listens to alerts on the door's stream; yields the latencies from an event's time on the
/// schedule to its alert's arrival here, once `stop` resolves.
///
/// # Errors
/// The stream broke.
pub async fn listen(
    host: SocketAddr,
    measured_from: Timestamp,
    stop: tokio::sync::oneshot::Receiver<()>,
) -> Result<Latency, BenchError> {
    let (stream, _) = tokio_tungstenite::connect_async(format!("ws://{host}/v1/stream")).await?;
    let (mut say, mut hear) = stream.split();
    let subscribe = r#"{"type":"subscribe","filters":{"topics":"alerts.#"}}"#;
    say.send(Message::text(subscribe)).await?;
    let mut latency = Latency::new();
    tokio::pin!(stop);
    loop {
        let message = tokio::select! {
            message = hear.next() => message,
            _ = &mut stop => return Ok(latency),
        };
        let Some(message) = message else {
            return Ok(latency);
        };
        let Message::Text(text) = message? else {
            continue;
        };
        // Later revisions have the time of the first; an alert's time is its trigger's.
        if let Some(time) = alert_time(&text).filter(|time| *time >= measured_from) {
            let nanos = now().duration_since(time).as_nanos().max(0).unsigned_abs();
            latency.record(Duration::from_nanos(nanos));
        }
    }
}

/// The time of an alert's first revision.
fn alert_time(text: &str) -> Option<Timestamp> {
    if !text.contains(r#""revision":1,"#) {
        return None;
    }
    let (_, rest) = text.split_once(r#""timestamp":""#)?;
    let (time, _) = rest.split_once('"')?;
    Timestamp::parse(time).ok()
}

/// A load made and read beforehand, so that what is measured is the engine alone.
pub fn prepared(number: usize, plan: Plan) -> Vec<Vec<Vec<Event>>> {
    let each = number / plan.connections.max(1) as usize;
    let began = now().as_nanos() - number as i64 * STEP_NANOS;
    (0..plan.connections)
        .map(|stream| {
            let mut traffic = Traffic::new(stream);
            let mut batches = Vec::new();
            for first in (0..each).step_by(plan.batch.max(1)) {
                let time = began + first as i64 * plan.connections as i64 * STEP_NANOS;
                let mut lines = String::new();
                traffic.write(plan.batch, Timestamp::from_nanos(time), &mut lines);
                batches.push(parse_all(&lines));
            }
            batches
        })
        .collect()
}

/// Gives the engine a load made beforehand, as fast as it takes it.
///
/// # Errors
/// The engine refused events.
pub async fn emit_all(engine: &Engine, load: Vec<Vec<Vec<Event>>>) -> Result<Sent, BenchError> {
    let start = Instant::now();
    let mut all = Sent::default();
    let running = load
        .into_iter()
        .map(|batches| emit_each(engine, batches, start));
    for sent in futures_util::future::join_all(running).await {
        all.add(&sent?);
    }
    Ok(all)
}

async fn emit_each(
    engine: &Engine,
    batches: Vec<Vec<Event>>,
    start: Instant,
) -> Result<Sent, BenchError> {
    let mut sent = Sent::default();
    for batch in batches {
        let asked = Instant::now();
        let number = batch.len() as u64;
        let bytes: usize = batch.iter().map(|event| event.json().len()).sum();
        loop {
            match engine
                .emit_with_guarantee(batch.clone(), Default::default())
                .await
            {
                Ok(_) => break,
                Err(larum_engine::EmitError::Overloaded { .. }) => {
                    sent.overloaded += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    return Err(BenchError::Refused {
                        answer: error.to_string(),
                    });
                }
            }
        }
        sent.events += number;
        sent.bytes += bytes as u64;
        sent.answers.record(asked.elapsed());
    }
    sent.took = start.elapsed();
    Ok(sent)
}
